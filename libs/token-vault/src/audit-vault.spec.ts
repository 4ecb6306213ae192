import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { dataKeysInMemory } from '../../../test/support/data-keys';
import { asSealedDetail, AuditVault, type DetailSealer } from './audit-vault';
import { DataKeys } from './data-keys';
import { KeyUnavailable } from './key-provider';
import { KeyProviders } from './key-providers';
import { LocalKeyProvider } from './local-key-provider';

const KEYRING = [{ id: 'k1', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1)) }];

/** The local keyring, which may be away, or never answer. */
class Keyring extends LocalKeyProvider {
  state: 'well' | 'away' | 'silent' = 'well';
  asked = 0;

  override async wrap(...of: Parameters<LocalKeyProvider['wrap']>): ReturnType<LocalKeyProvider['wrap']> {
    await this.answer();
    return super.wrap(...of);
  }

  override async unwrap(...of: Parameters<LocalKeyProvider['unwrap']>): ReturnType<LocalKeyProvider['unwrap']> {
    await this.answer();
    return super.unwrap(...of);
  }

  private async answer(): Promise<void> {
    this.asked += 1;
    if (this.state === 'away') throw new KeyUnavailable(this.name);
    if (this.state === 'silent') await new Promise(() => undefined);
  }
}

function setUp() {
  const clock = { ms: 0 };
  const nowMs = () => clock.ms;
  const store = dataKeysInMemory();
  const keyring = new Keyring(KEYRING);
  const aVault = () =>
    new AuditVault(new DataKeys(store, new KeyProviders('local', () => Promise.resolve(keyring), nowMs), nowMs), nowMs);
  const orgId = randomUUID() as OrgId;
  const event = { id: randomUUID(), provider: 'notion' };
  const seal = (vault: AuditVault) =>
    vault.withSealer(orgId, (sealer) => Promise.resolve(sealer.seal(event, 'account', 'ada@example.com')));
  return { clock, store, keyring, aVault, orgId, event, seal };
}

describe('the audit vault', () => {
  it('seals a value that another process opens, and no part of it is in the text', async () => {
    const { aVault, seal, orgId, event } = setUp();
    const sealed = await seal(aVault());
    expect(JSON.stringify(sealed)).toMatch(/^\{"sealed":"hub1\.[^"]+"\}$/);
    expect(JSON.stringify(sealed)).not.toContain('ada');
    expect(await aVault().open(orgId, event, 'account', sealed)).toEqual({ value: 'ada@example.com' });
  });

  it('withholds a value while the key provider is away, and does the work all the same', async () => {
    const { aVault, seal, keyring } = setUp();
    keyring.state = 'away';
    expect(await seal(aVault())).toEqual({ withheld: true });
  });

  it('waits two seconds for a key that does not come, and no longer', async () => {
    const { aVault, seal, keyring } = setUp();
    keyring.state = 'silent';
    const startedMs = performance.now();
    expect(await seal(aVault())).toEqual({ withheld: true });
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(1_900);
    expect(tookMs).toBeLessThan(6_000);
  });

  it('leaves a key provider in peace for ten seconds after it was away', async () => {
    const { aVault, seal, keyring, clock } = setUp();
    const vault = aVault();
    keyring.state = 'away';
    await seal(vault);
    keyring.state = 'well';
    const { asked } = keyring;
    clock.ms = 9_999;
    expect(await seal(vault)).toEqual({ withheld: true });
    expect(keyring.asked).toBe(asked);
    clock.ms = 10_000;
    expect(await seal(vault)).toHaveProperty('sealed');
  });

  it('goes on sealing with an opened key while its provider is away', async () => {
    const { aVault, seal, keyring, clock } = setUp();
    const vault = aVault();
    await seal(vault);
    keyring.state = 'away';
    clock.ms = 6 * 60_000;
    expect(await seal(vault)).toHaveProperty('sealed');
  });

  it('has a sealer that withholds once its work is done', async () => {
    const { aVault, orgId, event } = setUp();
    let kept: DetailSealer | undefined;
    await aVault().withSealer(orgId, async (sealer) => {
      kept = sealer;
      return Promise.resolve();
    });
    expect(kept?.seal(event, 'account', 'ada')).toEqual({ withheld: true });
  });

  it('says why a value cannot be shown', async () => {
    const { aVault, seal, orgId, event, keyring, store } = setUp();
    const sealed = await seal(aVault());
    const opened = (of = sealed, field = 'account') => aVault().open(orgId, event, field, of);
    expect(await opened({ withheld: true })).toBe('withheld');
    expect(await opened({ sealed: 'hub2.x.y' })).toBe('unreadable');
    expect(await opened(sealed, 'name')).toBe('unreadable');
    keyring.state = 'away';
    expect(await opened()).toBe('key_unavailable');
    keyring.state = 'well';
    store.keys.splice(0, 1, ...store.keys.map((key) => ({ ...key, wrapped: '' })));
    expect(await opened()).toBe('forgotten');
    store.keys.length = 0;
    expect(await opened()).toBe('forgotten');
  });

  it('withholds in an org whose key is shredded', async () => {
    const { aVault, seal, store, clock } = setUp();
    const vault = aVault();
    await seal(vault);
    store.keys.splice(0, 1, ...store.keys.map((key) => ({ ...key, wrapped: '' })));
    expect(await seal(aVault())).toEqual({ withheld: true });
    clock.ms = 6 * 60_000;
    expect(await seal(vault)).toEqual({ withheld: true });
  });
});

it.each([
  [{ sealed: 'hub1.x.y' }, { sealed: 'hub1.x.y' }],
  [{ withheld: true }, { withheld: true }],
  [{ withheld: false }, undefined],
  [{ sealed: 7 }, undefined],
  [{ sealed: 'hub1.x.y', more: 1 }, undefined],
  [{}, undefined],
  [['hub1.x.y'], undefined],
  ['hub1.x.y', undefined],
  [null, undefined],
])('%j is read as the sealed detail %j', (value, sealed) => expect(asSealedDetail(value)).toEqual(sealed));
