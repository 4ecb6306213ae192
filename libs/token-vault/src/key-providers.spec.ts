import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider } from './key-provider';
import { KeyProviders, keyProvidersElsewhere } from './key-providers';
import { LocalKeyProvider } from './local-key-provider';

const KEYS = [{ id: 'k1', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1)) }];
const name: DataKeyName = { orgId: randomUUID() as OrgId, id: randomUUID() };
const KEY = Buffer.alloc(32, 9);

/** One provider that counts how often it is asked and how often it is made, with a clock that a test moves. */
function setUp() {
  const counts = { asked: 0, made: 0 };
  const clock = { ms: 0 };
  const failing: { with: Error | undefined } = { with: undefined };
  const local = new LocalKeyProvider(KEYS);
  const answer = async <T>(work: () => Promise<T>): Promise<T> => {
    counts.asked += 1;
    if (failing.with) throw failing.with;
    return work();
  };
  const provider: KeyProvider = {
    name: 'local',
    wrap: (of, key) => answer(() => local.wrap(of, key)),
    unwrap: (of, wrapped) => answer(() => local.unwrap(of, wrapped)),
    rewrap: (of, wrapped) => answer(() => local.rewrap(of, wrapped)),
    health: () => answer(() => local.health()),
  };
  const providers = new KeyProviders(
    'local',
    (wanted) => {
      if (wanted !== 'local') return undefined;
      counts.made += 1;
      return counts.made === 1 && failing.with ? Promise.reject(failing.with) : Promise.resolve(provider);
    },
    () => clock.ms,
  );
  return { providers, counts, clock, failing };
}

describe('the key providers', () => {
  it('make each once', async () => {
    const { providers, counts } = setUp();
    expect(providers.wrapping).toBe('local');
    expect(await providers.unwrap('local', name, await providers.wrap(name, KEY))).toEqual(KEY);
    expect(counts).toEqual({ made: 1, asked: 2 });
  });

  it('make anew what could not be made', async () => {
    const { providers, counts, failing } = setUp();
    failing.with = new Error('no client');
    await expect(providers.wrap(name, KEY)).rejects.toThrow('no client');
    failing.with = undefined;
    await providers.wrap(name, KEY);
    expect(counts.made).toBe(2);
  });

  it('leave one that was away alone for two seconds: who needs it hears at once that it is away', async () => {
    const { providers, counts, clock, failing } = setUp();
    await providers.wrap(name, KEY);
    const outage = new KeyUnavailable('local');
    failing.with = outage;
    await expect(providers.wrap(name, KEY)).rejects.toBe(outage);
    failing.with = undefined;
    clock.ms = 1_999;
    await expect(providers.wrap(name, KEY)).rejects.toBe(outage);
    expect(await providers.isWell('local')).toBe(false);
    expect(counts.asked).toBe(2);
    clock.ms = 2_000;
    expect(await providers.isWell('local')).toBe(true);
    await providers.wrap(name, KEY);
  });

  it('go on asking one whose answer is about a single key: the others have nothing to do with it', async () => {
    const { providers, counts, failing } = setUp();
    failing.with = new KeyUnavailable('local', { isOfOneKey: true });
    const wrapped = { wrappingKeyId: 'k0', wrapped: 'x' };
    counts.made = 1; // it is made well
    await expect(providers.unwrap('local', name, wrapped)).rejects.toBe(failing.with);
    failing.with = undefined;
    await providers.wrap(name, KEY);
  });

  it.each([
    [new KeyUnavailable('local', { cause: new Error('Vault answers 403') }), 'Vault answers 403'],
    [new KeyUnavailable('local'), 'the key provider local cannot be reached'],
    [new KeyUnavailable('local', { cause: new Error('') }), 'the key provider local cannot be reached'],
    [new KeyRefused('local', 'forbidden'), 'the key provider local refuses a key: forbidden'],
    [new Error('s.root'), 'unknown reason'],
  ])('tell why one is ill: %s', async (error, told) => {
    const { providers, failing } = setUp();
    expect(await providers.whyIll('local')).toBeUndefined();
    failing.with = error;
    expect(await providers.whyIll('local')).toEqual({ why: told, mend: 'check TOKEN_KEYS' });
  });

  it('tell what mends one that is ill: its own answer, else what is usual for it', async () => {
    const { providers, failing } = setUp();
    expect(await providers.whyIll('local')).toBeUndefined();
    failing.with = new KeyUnavailable('local', { cause: new Error('cut'), mend: 'mend the wire' });
    expect(await providers.whyIll('local')).toEqual({ why: 'cut', mend: 'mend the wire' });
    expect(await providers.whyIll('toString')).toMatchObject({ mend: 'check KEY_PROVIDER' });
    const kms = { keyId: 'alias/hub', region: 'eu-central-1', endpoint: 'http://127.0.0.1:1' };
    const settings = { tokenKeys: KEYS, keyProvider: 'aws-kms', awsKms: kms } as const;
    expect(keyProvidersElsewhere(settings)).toEqual(['aws-kms']);
    expect(keyProvidersElsewhere({ ...settings, awsKms: null })).toEqual([]);
  });

  it('wrap anew by the one that wraps: what another has wrapped is unwrapped by that, and wiped', async () => {
    const [before, now] = [new LocalKeyProvider(KEYS), new LocalKeyProvider([{ id: 'k2', key: Buffer.alloc(32, 5) }])];
    const providers = new KeyProviders('now', (wanted) => Promise.resolve(wanted === 'now' ? now : before));
    const plain = Buffer.from(KEY);
    const unwrap = jest.spyOn(before, 'unwrap').mockResolvedValueOnce(plain);
    const first = await providers.rewrap('before', name, { wrappingKeyId: 'k1', wrapped: 'x' });
    expect(unwrap).toHaveBeenCalledTimes(1);
    expect(plain).toEqual(Buffer.alloc(32));
    expect(await now.unwrap(name, first)).toEqual(KEY);
    const rewrap = jest.spyOn(now, 'rewrap');
    const second = await providers.rewrap('now', name, first);
    expect(rewrap).toHaveBeenCalledWith(name, first);
    expect(await now.unwrap(name, second)).toEqual(KEY);
  });

  it('go on asking one that says no', async () => {
    const { providers, counts, failing } = setUp();
    await providers.wrap(name, KEY);
    failing.with = new KeyRefused('local', 'forbidden');
    for (let times = 0; times < 3; times += 1) await expect(providers.wrap(name, KEY)).rejects.toThrow(KeyRefused);
    expect(counts.asked).toBe(4);
    expect(await providers.isWell('local')).toBe(false);
  });

  it('of the settings are those that have them', async () => {
    const local = KeyProviders.of({ tokenKeys: KEYS, keyProvider: 'local' });
    expect(local.wrapping).toBe('local');
    expect((await local.wrap(name, KEY)).wrappingKeyId).toBe('k1');
    for (const absent of ['vault-transit', 'aws-kms', 'drawer', 'constructor', 'toString']) {
      await expect(local.unwrap(absent, name, { wrappingKeyId: 'x', wrapped: 'x' })).rejects.toMatchObject({
        name: 'KeyRefused',
        provider: absent,
        reason: 'unknown_provider',
      });
      expect(await local.isWell(absent)).toBe(false);
    }
  });

  it('refuse to be a keyring without keys', () => {
    expect(() => new LocalKeyProvider([])).toThrow('the local key provider needs at least one key');
  });

  it('tell their errors apart, with the provider and the reason', () => {
    expect(new KeyUnavailable('x')).toMatchObject({
      name: 'KeyUnavailable',
      message: 'the key provider x cannot be reached',
    });
    const mended = { cause: new Error('cut'), mend: 'mend the wire', isOfOneKey: true };
    expect(new KeyUnavailable('x', mended).facts).toEqual({ key_provider: 'x', reason: 'cut', fix: 'mend the wire' });
    expect(new KeyUnavailable('x', mended)).toMatchObject({ isOfOneKey: true, cause: { message: 'cut' } });
    expect(new KeyUnavailable('x').facts).toEqual({ key_provider: 'x', reason: undefined, fix: undefined });
    expect(new KeyUnavailable('x').isOfOneKey).toBe(false);
    expect(new KeyUnavailable('x', { cause: new Error('') }).reason).toBeUndefined();
    expect(new KeyRefused('x', 'unknown_key')).toMatchObject({
      name: 'KeyRefused',
      message: 'the key provider x refuses a key: unknown_key',
    });
  });
});
