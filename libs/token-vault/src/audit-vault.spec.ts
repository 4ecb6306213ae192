import { createHmac, hkdfSync, randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { dataKeysInMemory } from '../../../test/support/data-keys';
import { asSealedDetail, AuditVault, type DetailSealer } from './audit-vault';
import { DataKeys, type DataKey } from './data-keys';
import { KeyUnavailable } from './key-provider';
import { KeyProviders } from './key-providers';
import { LocalKeyProvider } from './local-key-provider';
import { TokenVault } from './token-vault';

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

/** An opened key of nobody's. */
const aKey = (): DataKey => ({ id: 'd1', key: Buffer.alloc(32, 9), wrapped: {} as DataKey['wrapped'] });

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
    expect(JSON.stringify(sealed)).not.toContain('example');
    expect(await aVault().open(orgId, event, 'account', sealed)).toEqual({ value: 'ada@example.com' });
  });

  it('withholds a value while the key provider is away, and does the work all the same', async () => {
    const { aVault, seal, keyring } = setUp();
    keyring.state = 'away';
    expect(await seal(aVault())).toEqual({ withheld: true });
  });

  describe('makes a pseudonym', () => {
    const mark = (vault: AuditVault, orgId: OrgId, field = 'address', value = '203.0.113.7') =>
      vault.withSealer(orgId, (sealer) => Promise.resolve(sealer.mark(field, value)));

    it('that is the same for alike values of an org, in every process, and another for all else', async () => {
      const { aVault, orgId } = setUp();
      const first = await mark(aVault(), orgId);
      expect(first).toMatch(/^[0-9a-f]{16}$/);
      expect(await mark(aVault(), orgId)).toBe(first);
      const others = await Promise.all([
        mark(aVault(), orgId, 'address', '203.0.113.8'),
        mark(aVault(), orgId, 'label'),
        mark(aVault(), randomUUID() as OrgId),
      ]);
      expect(new Set([first, ...others]).size).toBe(4);
    });

    it('by the key of the org for its trail: HMAC-SHA256 under HKDF-SHA256 of it', async () => {
      const key = Buffer.alloc(32, 9);
      const vault = new AuditVault({ active: () => Promise.resolve(aKey()) } as unknown as DataKeys);
      const derived = Buffer.from(hkdfSync('sha256', key, '', 'hub audit pseudonym address', 32));
      const expected = createHmac('sha256', derived).update('203.0.113.7').digest('hex').slice(0, 16);
      expect(await mark(vault, randomUUID() as OrgId)).toBe(expected);
    });

    it('not at all while the key is away, nor once the work is done', async () => {
      const { aVault, orgId, keyring } = setUp();
      let kept: DetailSealer | undefined;
      await aVault().withSealer(orgId, (sealer) => Promise.resolve((kept = sealer)));
      expect(kept?.mark('address', '203.0.113.7')).toEqual({ withheld: true });
      keyring.state = 'away';
      expect(await mark(aVault(), orgId)).toEqual({ withheld: true });
    });
  });

  describe('waits for a key', () => {
    beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] }));
    afterEach(() => jest.useRealTimers());

    it('that does not come for two seconds, and no longer', async () => {
      const { aVault, seal, keyring } = setUp();
      keyring.state = 'silent';
      let sealed: unknown;
      const sealing = seal(aVault()).then((detail) => (sealed = detail));
      await jest.advanceTimersByTimeAsync(1_999);
      expect(sealed).toBeUndefined();
      await jest.advanceTimersByTimeAsync(1);
      expect(await sealing).toEqual({ withheld: true });
    });

    it('and leaves no timer behind once it has come', async () => {
      const { aVault, seal } = setUp();
      const vault = aVault();
      const timers = jest.getTimerCount();
      await seal(vault);
      expect(jest.getTimerCount()).toBe(timers);
    });

    it('that comes too late, and wipes it', async () => {
      const { seal } = setUp();
      const key = aKey();
      const late = { active: () => new Promise((resolve) => setTimeout(() => resolve(key), 2_001)) };
      const sealing = seal(new AuditVault(late as unknown as DataKeys));
      await jest.advanceTimersByTimeAsync(2_000);
      expect(await sealing).toEqual({ withheld: true });
      expect(key.key).not.toEqual(Buffer.alloc(32));
      await jest.advanceTimersByTimeAsync(1);
      expect(key.key).toEqual(Buffer.alloc(32));
    });
  });

  it('wipes its copy of a key, whether the value opens or not', async () => {
    const { seal, orgId, event } = setUp();
    const key = aKey();
    const copies: Buffer[] = [];
    const copy = async () => {
      copies.push(Buffer.from(key.key));
      return Promise.resolve({ ...key, key: copies.at(-1) });
    };
    const vault = new AuditVault({ active: copy, byId: copy } as unknown as DataKeys);
    const sealed = await seal(vault);
    expect(await vault.open(orgId, event, 'account', sealed)).toEqual({ value: 'ada@example.com' });
    expect(await vault.open(orgId, event, 'name', sealed)).toBe('unreadable');
    expect(copies).toEqual(Array(3).fill(Buffer.alloc(32)));
  });

  it('binds a value to its field and its event', async () => {
    const { aVault, orgId, store, keyring } = setUp();
    const event = { id: randomUUID(), provider: null };
    const detail = await aVault().withSealer(orgId, (sealer) => Promise.resolve(sealer.seal(event, 'account', 'ada')));
    const vault = new TokenVault([], new DataKeys(store, new KeyProviders('local', () => Promise.resolve(keyring))));
    const cell = { table: 'audit_events', column: 'detail.account', orgId, provider: '', rowId: event.id } as const;
    expect((await vault.open(cell, 'sealed' in detail ? detail.sealed : '')).reveal()).toBe('ada');
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

  it('leaves in peace for that org alone, by its own clock too', async () => {
    const { seal, keyring, store } = setUp();
    const vault = new AuditVault(new DataKeys(store, new KeyProviders('local', () => Promise.resolve(keyring))));
    const another = (): Promise<unknown> =>
      vault.withSealer(randomUUID() as OrgId, (sealer) =>
        Promise.resolve(sealer.seal({ id: randomUUID(), provider: null }, 'account', 'bob')),
      );
    keyring.state = 'away';
    expect(await seal(vault)).toEqual({ withheld: true });
    expect(await another()).toEqual({ withheld: true });
    keyring.state = 'well';
    store.active = store.find = () => Promise.reject(new Error('nobody was to ask'));
    expect(await seal(vault)).toEqual({ withheld: true });
  });

  it('seals again at once with a key that came', async () => {
    const { aVault, seal } = setUp();
    const vault = aVault();
    expect(await seal(vault)).toHaveProperty('sealed');
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
  [{ other: true }, undefined],
  [{ sealed: 'hub1.x.y', more: 1 }, undefined],
  [{}, undefined],
  [['hub1.x.y'], undefined],
  ['hub1.x.y', undefined],
  [null, undefined],
])('%j is read as the sealed detail %j', (value, sealed) => expect(asSealedDetail(value)).toEqual(sealed));
