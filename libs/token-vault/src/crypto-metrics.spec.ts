import { randomUUID } from 'node:crypto';
import { METRICS } from '@hub/telemetry';
import type { OrgId } from '@hub/domain';
import { metrics, type Attributes, type Meter } from '@opentelemetry/api';
import { dataKeysInMemory } from '../../../test/support/data-keys';
import { AuditVault } from './audit-vault';
import type { Cell } from './cell';
import { presetCrypto, recordDone, recordedOpening, recordFailed } from './crypto-metrics';
import { type DataKeys } from './data-keys';
import { KeyRefused, KeyUnavailable } from './key-provider';
import { PlainToken } from './plain-token';
import { OpenFailed, TokenVault } from './token-vault';

interface Recorded {
  readonly metric: string;
  readonly value: number;
  readonly attributes: Attributes;
}

/** What an SDK would have been told. None is loaded here: these tests run hundreds of times while mutants are sought. */
const recorded: Recorded[] = [];

function recordingMeter(): Meter {
  const instrument = (metric: string) => {
    const note = (value: number, attributes: Attributes = {}) => void recorded.push({ metric, value, attributes });
    return { add: note, record: note };
  };
  return { createCounter: instrument, createHistogram: instrument } as unknown as Meter;
}

metrics.setGlobalMeterProvider({ getMeter: recordingMeter });
afterAll(() => metrics.disable());

const { name: DURATION } = METRICS.cryptoDuration;
const { name: FAILURES } = METRICS.cryptoFailures;

const KEYRING = [{ id: 'k1', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 11 + 2)) }];
const LONGEST_SECONDS = 60;

const cell: Cell = {
  table: 'integrations',
  column: 'access_token',
  orgId: randomUUID() as OrgId,
  provider: 'notion',
  rowId: randomUUID(),
};
const event = { id: randomUUID(), provider: 'notion' };

/** What work has had recorded. @returns operation, outcome and failures, in their order */
async function recordedBy(work: () => unknown): Promise<string[]> {
  recorded.length = 0;
  await work();
  for (const { metric, value } of recorded)
    if (metric === DURATION) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(LONGEST_SECONDS);
    } else expect(value).toBe(1);
  return recorded.map(({ metric, attributes: { 'hub.operation': operation, 'hub.outcome': outcome, ...more } }) => {
    expect(more).toEqual({});
    return metric === FAILURES
      ? `${String(operation)} failure${outcome === undefined ? '' : '?'}`
      : `${String(operation)} ${String(outcome)}`;
  });
}

const away = (): Promise<never> => Promise.reject(new KeyUnavailable('local'));

describe('a vault of tokens records', () => {
  const vault = TokenVault.over({ tokenKeys: KEYRING, keyProvider: 'local' }, dataKeysInMemory());

  it('each seal and each opening', async () => {
    let sealed = '';
    expect(await recordedBy(async () => (sealed = await vault.seal(cell, new PlainToken('secret'))))).toEqual([
      'seal ok',
    ]);
    expect(await recordedBy(() => vault.open(cell, sealed))).toEqual(['open ok']);
  });

  it('an opening that fails, and counts it', async () => {
    const opening = () => expect(vault.open(cell, 'hub1.x')).rejects.toBeInstanceOf(OpenFailed);
    expect(await recordedBy(opening)).toEqual(['open failed', 'open failure']);
  });

  it('a seal without its key, and passes the error on', async () => {
    const keyless = new TokenVault([], { active: away } as unknown as DataKeys);
    const sealing = () => expect(keyless.seal(cell, new PlainToken('secret'))).rejects.toBeInstanceOf(KeyUnavailable);
    expect(await recordedBy(sealing)).toEqual(['seal failed', 'seal failure']);
  });

  it('the way to the key as part of the first seal alone', async () => {
    const slow = new TokenVault([], {
      active: () => new Promise((resolve) => setTimeout(() => resolve(aKey()), 30)),
    } as unknown as DataKeys);
    await recordedBy(() =>
      slow.withSealer(cell.orgId, (sealer) => [1, 2].map(() => sealer.seal(cell, new PlainToken('secret')))),
    );
    const [first, second] = recorded.map(({ value }) => value);
    expect(first).toBeGreaterThanOrEqual(0.025);
    expect(recorded).toHaveLength(2);
    expect(second).toBeLessThan(first ?? 0);
  });
});

const aKey = () => ({ id: randomUUID(), key: Buffer.alloc(32, 9), wrapped: {} });

describe('a vault of the trail records', () => {
  const vault = AuditVault.over({ tokenKeys: KEYRING, keyProvider: 'local' }, dataKeysInMemory());
  afterAll(() => vault.close());

  it('each seal and each opening', async () => {
    let sealed: { sealed: string } | { withheld: true } = { withheld: true };
    const sealing = () =>
      vault.withSealer(cell.orgId, (sealer) =>
        Promise.resolve((sealed = sealer.seal(event, 'account', 'ada@example.com'))),
      );
    expect(await recordedBy(sealing)).toEqual(['seal ok']);
    expect(await recordedBy(() => vault.open(cell.orgId, event, 'account', sealed))).toEqual(['open ok']);
    expect(await recordedBy(() => vault.open(cell.orgId, event, 'name', sealed))).toEqual([
      'open failed',
      'open failure',
    ]);
    const keyless = new AuditVault({ byId: away } as unknown as DataKeys);
    expect(await recordedBy(() => keyless.open(cell.orgId, event, 'account', sealed))).toEqual([
      'open failed',
      'open failure',
    ]);
    const shredded = new AuditVault({ byId: () => Promise.resolve(undefined) } as unknown as DataKeys);
    expect(await recordedBy(() => shredded.open(cell.orgId, event, 'account', sealed))).toEqual(['open ok']);
  });

  it('nothing of a value that was withheld', async () => {
    expect(await recordedBy(() => vault.open(cell.orgId, event, 'account', { withheld: true }))).toEqual([]);
  });

  it('a seal without its key', async () => {
    const keyless = new AuditVault({ active: away } as unknown as DataKeys);
    expect(await recordedBy(() => keyless.withSealer(cell.orgId, () => Promise.resolve()))).toEqual([
      'seal failed',
      'seal failure',
    ]);
  });
});

describe('of what failed', () => {
  it.each([
    ['a value that does not open', new OpenFailed(cell, 'malformed'), true],
    ['a key provider that is away', new KeyUnavailable('local'), true],
    ['a key provider that says no', new KeyRefused('local', 'not_authentic'), true],
    ['a database that is away', new Error('connection refused'), false],
    ['something without a name', undefined, true],
  ])('%s is a failure of cryptography or not', async (_what, error, isCounted) => {
    const failures = isCounted ? ['seal failure'] : [];
    expect(await recordedBy(() => recordFailed('seal', 5, error))).toEqual(['seal failed', ...failures]);
    expect(recorded[0]?.value).toBe(0.005);
  });

  it('an answer is a failure only where the caller says so', async () => {
    const open = () => Promise.resolve('gone');
    expect(await recordedBy(() => recordedOpening(open, (answer) => answer === 'gone'))).toEqual([
      'open failed',
      'open failure',
    ]);
    expect(await recordedBy(() => recordedOpening(open))).toEqual(['open ok']);
  });

  it('a duration is told in seconds', async () => {
    await recordedBy(() => recordDone('open', 250));
    expect(recorded).toEqual([
      { metric: DURATION, value: 0.25, attributes: { 'hub.operation': 'open', 'hub.outcome': 'ok' } },
    ]);
  });
});

it('counters of failures are known before anything fails', () => {
  recorded.length = 0;
  presetCrypto();
  expect(recorded).toEqual(
    ['seal', 'open'].map((operation) => ({
      metric: FAILURES,
      value: 0,
      attributes: { 'hub.operation': operation },
    })),
  );
});

it('a vault gives its keys to a rotation, and wipes them when it closes', async () => {
  const dataKeys = { close: jest.fn() } as unknown as DataKeys;
  const vault = new TokenVault([], dataKeys);
  expect(vault.keys).toBe(dataKeys);
  vault.close();
  expect(dataKeys.close).toHaveBeenCalledTimes(1);
  new AuditVault(dataKeys).close();
  expect(dataKeys.close).toHaveBeenCalledTimes(2);
});
