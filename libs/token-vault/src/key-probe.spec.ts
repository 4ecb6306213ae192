import { SYSTEM_ORG } from '@hub/domain';
import { probe } from './key-probe';
import { KeyRefused, KeyUnavailable, type DataKeyName, type WrappedKey } from './key-provider';

const WRAPPED: WrappedKey = { wrappingKeyId: 'w1', wrapped: 'wrapped' };

/** A key provider that keeps what it is given, and gives back what a test says. */
function keeping(unwrap: (kept: Buffer) => Promise<Buffer>) {
  const asked: DataKeyName[] = [];
  let kept = Buffer.alloc(0);
  return {
    asked,
    name: 'elsewhere',
    wrap: (of: DataKeyName, plainKey: Buffer) => {
      asked.push(of);
      kept = Buffer.from(plainKey);
      return Promise.resolve(WRAPPED);
    },
    unwrap: (of: DataKeyName, wrapped: WrappedKey) => {
      asked.push(of);
      expect(wrapped).toBe(WRAPPED);
      return unwrap(kept);
    },
  };
}

describe('the probe of a key provider', () => {
  it('wraps and unwraps a key that is nobody’s', async () => {
    const keys: string[] = [];
    const provider = keeping((kept) => {
      keys.push(kept.toString('hex'));
      return Promise.resolve(kept);
    });
    await probe(provider);
    await probe(provider);
    expect(new Set(keys).size).toBe(2);
    expect(keys[0]).toHaveLength(64);
    expect(provider.asked[0]).toEqual({ orgId: SYSTEM_ORG, id: '00000000-0000-4000-8000-000000000000' });
    expect(provider.asked[1]).toEqual(provider.asked[0]);
  });

  it('finds one that gives back another key', async () => {
    const broken = keeping(() => Promise.resolve(Buffer.alloc(32)));
    await expect(probe(broken)).rejects.toMatchObject({
      name: 'KeyUnavailable',
      provider: 'elsewhere',
      cause: { message: 'another key came back' },
    });
  });

  it('takes a no for an outage: what it wrapped itself is nobody’s forgery', async () => {
    const no = new KeyRefused('elsewhere', 'forbidden');
    await expect(probe(keeping(() => Promise.reject(no)))).rejects.toMatchObject({ name: 'KeyUnavailable', cause: no });
  });

  it('tells an outage as it is', async () => {
    const outage = new KeyUnavailable('elsewhere');
    await expect(probe(keeping(() => Promise.reject(outage)))).rejects.toBe(outage);
  });
});
