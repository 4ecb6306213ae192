import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { dataKeysInMemory } from '../../../test/support/data-keys';
import { DataKeys } from './data-keys';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
import { KeyProviders } from './key-providers';
import { LocalKeyProvider } from './local-key-provider';
import type { VaultKey } from './message-seal';

const MINUTE_MS = 60_000;
const KEYRING: VaultKey[] = [{ id: 'k1', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1)) }];

/** A key provider that counts who asks, and may be away or say no. */
class WatchedKeyProvider implements KeyProvider {
  readonly name = 'local';
  state: 'well' | 'away' | 'refuses' = 'well';
  unwraps = 0;
  readonly opened: Buffer[] = [];
  private readonly inner = new LocalKeyProvider(KEYRING);

  async wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey> {
    this.answer();
    return this.inner.wrap(of, plainKey);
  }

  async unwrap(of: DataKeyName, wrapped: WrappedKey): Promise<Buffer> {
    this.unwraps += 1;
    this.answer();
    const key = await this.inner.unwrap(of, wrapped);
    this.opened.push(key);
    return key;
  }

  rewrap(of: DataKeyName, wrapped: WrappedKey): Promise<WrappedKey> {
    return this.inner.rewrap(of, wrapped);
  }

  async health(): Promise<void> {
    this.answer();
  }

  private answer(): void {
    if (this.state === 'away') throw new KeyUnavailable(this.name);
    if (this.state === 'refuses') throw new KeyRefused(this.name, 'forbidden');
  }
}

/** Two processes over one database, each with a clock that a test moves. */
function setUp({ mostKept }: { mostKept?: number } = {}) {
  const store = dataKeysInMemory();
  const provider = new WatchedKeyProvider();
  const clock = { ms: 0 };
  const nowMs = () => clock.ms;
  const ring = () =>
    new DataKeys(store, new KeyProviders('local', () => Promise.resolve(provider), nowMs), nowMs, mostKept);
  const org = () => randomUUID() as OrgId;
  return { store, provider, clock, keys: ring(), another: ring, org };
}

const hex = ({ key }: VaultKey) => key.toString('hex');

describe('an org’s data key', () => {
  it('is made by the first seal, wrapped, and used from then on', async () => {
    const { keys, store, org } = setUp();
    const orgId = org();
    const first = await keys.active(orgId);
    expect(await keys.active(orgId)).toEqual(first);
    expect(store.keys).toEqual([
      { orgId, id: first.id, keyProvider: 'local', wrappingKeyId: 'k1', wrapped: expect.any(String), status: 'active' },
    ]);
    expect(store.keys[0]?.wrapped).not.toContain(first.key.toString('base64url'));
  });

  it('is its own alone', async () => {
    const { keys, org } = setUp();
    const [one, other] = [await keys.active(org()), await keys.active(org())];
    expect(one.id).not.toBe(other.id);
    expect(hex(one)).not.toBe(hex(other));
  });

  it('is one and the same for processes that make it at once', async () => {
    const { keys, another, store, org } = setUp();
    const orgId = org();
    const made = await Promise.all(
      [keys, another(), another()].flatMap((one) => [one.active(orgId), one.active(orgId)]),
    );
    expect(new Set(made.map(hex)).size).toBe(1);
    expect(store.keys).toHaveLength(1);
  });

  it('is not that of another org, whoever asks for it by its id', async () => {
    const { keys, org } = setUp();
    const [ours, theirs] = [org(), org()];
    const { id } = await keys.active(theirs);
    expect(await keys.byId({ orgId: ours, id })).toBeUndefined();
  });

  it('is not opened under another name, org or key provider', async () => {
    const local = new LocalKeyProvider(KEYRING);
    const name = { orgId: randomUUID() as OrgId, id: randomUUID() };
    const wrapped = await local.wrap(name, Buffer.alloc(32, 9));
    expect(await local.unwrap(name, wrapped)).toEqual(Buffer.alloc(32, 9));
    for (const other of [{ id: randomUUID() }, { orgId: randomUUID() as OrgId }])
      await expect(local.unwrap({ ...name, ...other }, wrapped)).rejects.toMatchObject({ reason: 'not_authentic' });
    const foreign = Object.assign(Object.create(local) as LocalKeyProvider, { name: 'elsewhere' });
    await expect(foreign.unwrap(name, wrapped)).rejects.toMatchObject({ reason: 'not_authentic' });
    await expect(local.unwrap(name, { ...wrapped, wrappingKeyId: 'k2' })).rejects.toThrow(KeyRefused);
    await expect(local.unwrap(name, { ...wrapped, wrapped: 'x' })).rejects.toThrow(KeyRefused);
  });

  it('that is wrapped anew is wiped where it was unwrapped', async () => {
    const name = { orgId: randomUUID() as OrgId, id: randomUUID() };
    const local = new LocalKeyProvider(KEYRING);
    const wrapped = await local.wrap(name, Buffer.alloc(32, 9));
    const plain = Buffer.alloc(32, 9);
    jest.spyOn(local, 'unwrap').mockResolvedValueOnce(plain);
    const again = await local.rewrap(name, wrapped);
    expect(plain).toEqual(Buffer.alloc(32));
    expect(await local.unwrap(name, again)).toEqual(Buffer.alloc(32, 9));
  });

  it('is wrapped anew by the first key of the keyring, and opens with no other then', async () => {
    const name = { orgId: randomUUID() as OrgId, id: randomUUID() };
    const second = { id: 'k2', key: Buffer.from(KEYRING[0]!.key).reverse() };
    const before = await new LocalKeyProvider(KEYRING).wrap(name, Buffer.alloc(32, 9));
    const after = await new LocalKeyProvider([second, ...KEYRING]).rewrap(name, before);
    expect(after.wrappingKeyId).toBe('k2');
    expect(await new LocalKeyProvider([second]).unwrap(name, after)).toEqual(Buffer.alloc(32, 9));
    await expect(new LocalKeyProvider(KEYRING).unwrap(name, after)).rejects.toMatchObject({ reason: 'unknown_key' });
  });

  it('of an unknown key provider is refused', async () => {
    const { store, org } = setUp();
    const orgId = org();
    await store.add({ orgId, id: randomUUID(), keyProvider: 'gone', wrappingKeyId: 'x', wrapped: 'x' });
    const providers = new KeyProviders('local', (name) =>
      name === 'local' ? Promise.resolve(new WatchedKeyProvider()) : undefined,
    );
    await expect(new DataKeys(store, providers).active(orgId)).rejects.toMatchObject({ reason: 'unknown_provider' });
  });
});

describe('an opened key', () => {
  /** An org whose key another process has made. */
  async function known(options?: { mostKept?: number }) {
    const setting = setUp(options);
    const orgId = setting.org();
    const { id } = await setting.another().active(orgId);
    return { ...setting, orgId, id, open: () => setting.keys.byId({ orgId, id }) };
  }

  it('is asked for once, however many want it at the same time', async () => {
    const { provider, open } = await known();
    const copies = await Promise.all(Array.from({ length: 50 }, open));
    expect(new Set(copies.map((copy) => copy && hex(copy))).size).toBe(1);
    expect(provider.unwraps).toBe(1);
  });

  it('that is active tells so when it opens a value: sealing asks for nothing more', async () => {
    const { keys, store, provider, orgId, id, open } = await known();
    await open();
    store.active = () => Promise.reject(new Error('nobody was to ask'));
    expect((await keys.active(orgId)).id).toBe(id);
    expect(provider.unwraps).toBe(1);
  });

  it('is a copy for whoever asks: wiping it does the others no harm', async () => {
    const { open } = await known();
    const copy = await open();
    copy?.key.fill(0);
    expect((await open())?.key.every((byte) => byte === 0)).toBe(false);
  });

  it('is asked for again after five minutes, and the old bytes are wiped', async () => {
    const { provider, clock, open } = await known();
    await open();
    clock.ms = 5 * MINUTE_MS - 1;
    await open();
    expect(provider.unwraps).toBe(1);
    clock.ms = 5 * MINUTE_MS;
    await open();
    expect(provider.unwraps).toBe(2);
    expect(provider.opened[0]).toEqual(Buffer.alloc(32));
  });

  it('is gone once its row is gone, and once its provider says no', async () => {
    const { store, provider, clock, open } = await known();
    await open();
    clock.ms = 5 * MINUTE_MS;
    provider.state = 'refuses';
    await expect(open()).rejects.toThrow(KeyRefused);
    expect(provider.opened[0]).toEqual(Buffer.alloc(32));
    provider.state = 'well';
    await open();
    store.keys.splice(0);
    clock.ms = 10 * MINUTE_MS;
    expect(await open()).toBeUndefined();
  });

  it('is one of so many: the one that was used the longest time ago makes room, wiped', async () => {
    const { keys, provider, org } = setUp({ mostKept: 2 });
    const orgs = [org(), org(), org()] as const;
    for (const orgId of orgs) await keys.active(orgId);
    expect(provider.unwraps).toBe(0);
    await keys.active(orgs[2]);
    await keys.active(orgs[1]);
    expect(provider.unwraps).toBe(0);
    await keys.active(orgs[0]);
    expect(provider.unwraps).toBe(1);
    await keys.active(orgs[1]);
    expect(provider.unwraps).toBe(1);
    await keys.active(orgs[2]);
    expect(provider.unwraps).toBe(2);
    expect(provider.opened[0]).toEqual(Buffer.alloc(32));
    expect(provider.opened[1]).not.toEqual(Buffer.alloc(32));
  });

  it('is wiped by the sweep once its time is over, and at the end', async () => {
    const { keys, provider, clock, open } = await known();
    await open();
    await keys.sweep();
    expect(provider.opened[0]).not.toEqual(Buffer.alloc(32));
    clock.ms = 5 * MINUTE_MS;
    await keys.sweep();
    expect(provider.opened[0]).toEqual(Buffer.alloc(32));
    await open();
    keys.close();
    expect(provider.opened[1]).toEqual(Buffer.alloc(32));
  });
});

describe('a key of an org', () => {
  it('that is only kept for what it has sealed seals nothing more', async () => {
    const { keys, another, store, org } = setUp();
    const orgId = org();
    const old = await another().active(orgId);
    const [stored] = store.keys;
    if (!stored) throw new Error('it is stored');
    store.keys[0] = { ...stored, status: 'retiring' };
    expect((await keys.byId({ orgId, id: old.id }))?.id).toBe(old.id);
    expect((await keys.active(orgId)).id).not.toBe(old.id);
    expect(store.keys.map(({ status }) => status)).toEqual(['retiring', 'active']);
  });

  it('that somebody has deleted is followed by a new one, once it is asked for again', async () => {
    const { keys, store, org } = setUp({ mostKept: 1 });
    const orgId = org();
    const first = await keys.active(orgId);
    await keys.active(org()); // takes the only place
    store.keys.splice(0);
    const next = await keys.active(orgId);
    expect(next.id).not.toBe(first.id);
    expect(store.keys.map(({ id }) => id)).toEqual([next.id]);
  });

  it('whose row is gone is wiped as soon as that is seen', async () => {
    const { keys, another, store, provider, clock, org } = setUp();
    const orgId = org();
    const { id } = await another().active(orgId);
    await keys.byId({ orgId, id });
    store.keys.splice(0);
    clock.ms = 5 * MINUTE_MS;
    expect(await keys.byId({ orgId, id })).toBeUndefined();
    expect(provider.opened[0]).toEqual(Buffer.alloc(32));
  });

  it('of another length than it was made with is refused', async () => {
    const { keys, another, provider, org } = setUp();
    const orgId = org();
    const { id } = await another().active(orgId);
    provider.unwrap = () => Promise.resolve(Buffer.alloc(16, 7));
    await expect(keys.byId({ orgId, id })).rejects.toMatchObject({ reason: 'not_authentic', provider: 'local' });
  });

  it('that its provider refuses seals no more, once it is past its time', async () => {
    const { keys, provider, clock, org } = setUp();
    const orgId = org();
    await keys.active(orgId);
    provider.state = 'refuses';
    clock.ms = 5 * MINUTE_MS - 1;
    await keys.active(orgId);
    clock.ms = 5 * MINUTE_MS;
    await expect(keys.active(orgId)).rejects.toThrow(KeyRefused);
  });

  it('is asked for at the store again after five minutes: another may seal by then', async () => {
    const { keys, store, clock, org } = setUp();
    const orgId = org();
    const first = await keys.active(orgId);
    let asked = 0;
    const active = store.active.bind(store);
    store.active = (of) => {
      asked += 1;
      return active(of);
    };
    clock.ms = 5 * MINUTE_MS - 1;
    await keys.active(orgId);
    expect(asked).toBe(0);
    clock.ms = 5 * MINUTE_MS;
    expect((await keys.active(orgId)).id).toBe(first.id);
    expect(asked).toBe(1);
  });

  it('comes with what wraps it, to be kept beside what it seals', async () => {
    const { keys, store, org } = setUp();
    const { wrapped } = await keys.active(org());
    const [stored] = store.keys;
    const { status: _status, ...kept } = stored ?? { status: undefined };
    expect(wrapped).toEqual(kept);
  });

  it('that another process made first is used, and the own bytes are wiped', async () => {
    const { keys, another, store, provider, org } = setUp();
    const orgId = org();
    const theirs = await another().active(orgId);
    const wrap = jest.spyOn(provider, 'wrap');
    const lookedTooEarly = store.active.bind(store);
    store.active = () => Promise.resolve(undefined);
    const ours = await keys.active(orgId);
    store.active = lookedTooEarly;
    expect([ours.id, hex(ours)]).toEqual([theirs.id, hex(theirs)]);
    expect(wrap.mock.calls.map(([, key]) => key)).toEqual([Buffer.alloc(32)]);
    expect(store.keys).toHaveLength(1);
  });

  it('is drafted for a rotation: wrapped under its name, stored nowhere, its bytes wiped', async () => {
    const { keys, store, provider, org } = setUp();
    const orgId = org();
    const wrap = jest.spyOn(provider, 'wrap');
    const draft = await keys.draft(orgId);
    const other = await keys.draft(orgId);
    expect(draft).toEqual({
      orgId,
      id: expect.any(String),
      keyProvider: 'local',
      wrappingKeyId: 'k1',
      wrapped: expect.any(String),
    });
    expect(other.id).not.toBe(draft.id);
    expect(wrap.mock.calls.map(([, key]) => key)).toEqual([Buffer.alloc(32), Buffer.alloc(32)]);
    expect(store.keys).toEqual([]);
    expect(await provider.unwrap(draft, draft)).not.toEqual(await provider.unwrap(other, other));
  });

  it('is wrapped anew under the name that it has', async () => {
    const { keys, store, provider, org } = setUp();
    const key = await keys.active(org());
    const [stored] = store.keys;
    if (!stored) throw new Error('it is stored');
    const { status: _status, ...before } = stored;
    const after = await keys.rewrap(before);
    expect(after).toEqual({ ...before, wrapped: expect.any(String) });
    expect(after.wrapped).not.toBe(before.wrapped);
    expect((await provider.unwrap(after, after)).toString('hex')).toBe(hex(key));
  });

  it('that was replaced seals nothing more, as soon as that is told', async () => {
    const { keys, store, org } = setUp();
    const orgId = org();
    const old = await keys.active(orgId);
    const draft = await keys.draft(orgId);
    store.keys.splice(0, 1, ...store.keys.map((key) => ({ ...key, status: 'retiring' as const })));
    await store.add(draft);
    expect((await keys.active(orgId)).id).toBe(old.id);
    keys.noteReplaced(orgId);
    expect((await keys.active(orgId)).id).toBe(draft.id);
  });

  it('is swept every minute, and no more once the vault is closed', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance'] });
    try {
      const { keys, provider, clock, another, org } = setUp();
      const orgId = org();
      const { id } = await another().active(orgId);
      await keys.byId({ orgId, id });
      clock.ms = 5 * MINUTE_MS;
      jest.advanceTimersByTime(MINUTE_MS - 1);
      await new Promise(setImmediate);
      expect(provider.opened[0]).not.toEqual(Buffer.alloc(32));
      jest.advanceTimersByTime(1);
      await new Promise(setImmediate);
      expect(provider.opened[0]).toEqual(Buffer.alloc(32));
      const timers = jest.getTimerCount();
      keys.close();
      expect(jest.getTimerCount()).toBe(timers - 1);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('the sweep', () => {
  it('forgets which key seals where the key itself is gone', async () => {
    const { keys, store, clock, org } = setUp();
    const [ours, theirs] = [org(), org()];
    await keys.active(ours);
    clock.ms = MINUTE_MS;
    await keys.active(theirs);
    let asked = 0;
    const active = store.active.bind(store);
    store.active = (of) => {
      asked += 1;
      return active(of);
    };
    clock.ms = 5 * MINUTE_MS;
    await keys.sweep();
    await keys.active(theirs);
    expect(asked).toBe(0);
    await keys.active(ours);
    expect(asked).toBe(1);
  });

  it('leaves a key whose provider is away, and takes those of another provider that is well', async () => {
    const { store, clock, org } = setUp();
    const [one, other] = [new WatchedKeyProvider(), new WatchedKeyProvider()];
    const ring = (wrapping: string) =>
      new DataKeys(
        store,
        new KeyProviders(
          wrapping,
          (name) => Promise.resolve(name === 'one' ? one : other),
          () => clock.ms,
        ),
        () => clock.ms,
      );
    const [ours, theirs] = [org(), org()];
    const made = [
      { orgId: ours, id: (await ring('one').active(ours)).id },
      { orgId: theirs, id: (await ring('other').active(theirs)).id },
    ];
    const keys = ring('one');
    for (const name of made) await keys.byId(name);
    one.state = 'away';
    clock.ms = 5 * MINUTE_MS;
    await keys.sweep();
    expect(one.opened[0]).not.toEqual(Buffer.alloc(32));
    expect(other.opened[0]).toEqual(Buffer.alloc(32));
  });
});

describe('while the key provider is away', () => {
  async function away() {
    const setting = setUp();
    const orgId = setting.org();
    const { id } = await setting.keys.active(orgId);
    setting.provider.state = 'away';
    return { ...setting, orgId, id, open: () => setting.keys.byId({ orgId, id }) };
  }

  it('a key at hand goes on past its time, to open and to seal', async () => {
    const { keys, provider, clock, orgId, id, open } = await away();
    for (const ms of [6 * MINUTE_MS, 60 * MINUTE_MS, 600 * MINUTE_MS]) {
      clock.ms = ms;
      expect((await open())?.id).toBe(id);
      expect((await keys.active(orgId)).id).toBe(id);
      await keys.sweep();
    }
    provider.state = 'well';
    clock.ms += MINUTE_MS;
    await open();
    await new Promise(setImmediate);
    expect((await open())?.id).toBe(id);
  });

  it('it is asked again every few seconds only', async () => {
    const { provider, clock, open } = await away();
    clock.ms = 6 * MINUTE_MS;
    for (let second = 0; second < 60; second += 1) {
      clock.ms += 1_000;
      await Promise.all([open(), open(), open()]);
      await new Promise(setImmediate);
    }
    expect(provider.unwraps).toBeGreaterThan(5);
    expect(provider.unwraps).toBeLessThanOrEqual(13);
  });

  it('a key that is not at hand is unavailable, not unknown; nobody asks for it all the time', async () => {
    const { another, provider, orgId, id } = await away();
    const other = another();
    for (let times = 0; times < 20; times += 1) await expect(other.byId({ orgId, id })).rejects.toThrow(KeyUnavailable);
    expect(provider.unwraps).toBe(1);
  });

  it('an org without a key gets none', async () => {
    const { keys, store, org } = await away();
    const before = store.keys.length;
    await expect(keys.active(org())).rejects.toThrow(KeyUnavailable);
    expect(store.keys).toHaveLength(before);
  });

  it('what failed then works once it is back', async () => {
    const { keys, provider, clock, org } = await away();
    const orgId = org();
    await expect(keys.active(orgId)).rejects.toThrow(KeyUnavailable);
    provider.state = 'well';
    clock.ms += 2_000;
    await keys.active(orgId);
  });

  it('a store that is away as well does no harm to a key at hand', async () => {
    const { keys, store, clock, orgId, id, open } = await away();
    store.find = store.active = () => Promise.reject(new Error('the database is away'));
    for (const ms of [6 * MINUTE_MS, 60 * MINUTE_MS, 600 * MINUTE_MS]) {
      clock.ms = ms;
      expect((await open())?.id).toBe(id);
      expect((await keys.active(orgId)).id).toBe(id);
    }
  });

  describe('a key that was replaced', () => {
    /** Another process has made the key that seals now; this one has seen the old key confirmed for the last time at zero. */
    async function replaced() {
      const setting = await away();
      const { store, provider, orgId, another } = setting;
      provider.state = 'well';
      const draft = await another().draft(orgId);
      provider.state = 'away';
      store.keys.splice(0, 1, ...store.keys.map((key) => ({ ...key, status: 'retiring' as const })));
      await store.add(draft);
      return { ...setting, newId: draft.id };
    }

    it('seals for eight minutes after the store has said for the last time that it seals, and opens for longer', async () => {
      const { keys, clock, orgId, id, open } = await replaced();
      for (const ms of [5 * MINUTE_MS, 7 * MINUTE_MS, 8 * MINUTE_MS - 1]) {
        clock.ms = ms;
        expect((await keys.active(orgId)).id).toBe(id);
      }
      for (const ms of [8 * MINUTE_MS, 9 * MINUTE_MS, 60 * MINUTE_MS]) {
        clock.ms = ms;
        await expect(keys.active(orgId)).rejects.toThrow(KeyUnavailable);
        expect((await open())?.id).toBe(id);
        await keys.sweep();
      }
    });

    it('seals no more although it was never asked for in these eight minutes', async () => {
      const { keys, clock, orgId } = await replaced();
      clock.ms = 30 * MINUTE_MS;
      await expect(keys.active(orgId)).rejects.toThrow(KeyUnavailable);
    });

    it('is followed by the new one as soon as the provider is back', async () => {
      const { keys, provider, clock, orgId, newId } = await replaced();
      clock.ms = 9 * MINUTE_MS;
      await expect(keys.active(orgId)).rejects.toThrow(KeyUnavailable);
      provider.state = 'well';
      clock.ms += 2_000;
      expect((await keys.active(orgId)).id).toBe(newId);
    });

    it('is not taken up again because the store goes away as well', async () => {
      const { keys, store, clock, orgId, id } = await replaced();
      clock.ms = 6 * MINUTE_MS;
      expect((await keys.active(orgId)).id).toBe(id);
      store.find = store.active = () => Promise.reject(new Error('the database is away'));
      clock.ms = 7 * MINUTE_MS;
      expect((await keys.active(orgId)).id).toBe(id);
      clock.ms = 8 * MINUTE_MS;
      await expect(keys.active(orgId)).rejects.toThrow('the database is away');
    });
  });
});
