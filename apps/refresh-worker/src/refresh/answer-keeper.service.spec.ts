import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubConfig } from '@hub/config';
import {
  DatabaseBusy,
  type Fence,
  type HubDatabase,
  type RefreshLeaseRepository,
  type Settlement,
} from '@hub/database';
import { HubLogger } from '@hub/telemetry';
import { anIntegration } from '../../../../test/factories/integration';
import { eventually } from '../../../../test/support/eventually';
import { anAnswer } from '../../testing/answers';
import type { SpooledAnswer } from '../spool/spooled-answer';
import { JournalRepository } from '../spool/journal.repository';
import { SpoolRepository } from '../spool/spool.repository';
import { formatAnswer } from '../spool/spooled-answer';
import { AnswerKeeper } from './answer-keeper.service';

/** Far longer than a test takes. */
const LONG_MS = 60_000;
const SAVED: Settlement = {
  kind: 'saved',
  integration: anIntegration(),
  before: { status: 'connected', expiresAt: null, failedRefreshes: 0, at: new Date() },
};

let folder: string;
let keeper: AnswerKeeper;
let records: Record<string, unknown>[];
/** How the database takes a settlement; changed as a test goes on. */
let settle: (fence: Fence) => Promise<Settlement>;
let settled: string[];
/** What the journal has, and how the database takes it back. */
let journalled: SpooledAnswer[];
let recall: (integrationId: string) => Promise<number | undefined>;
let troubles: number;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'spool-'));
  records = [];
  settled = [];
  journalled = [];
  troubles = 0;
  const logger = HubLogger.forApp('test', 'info', {
    write: (line) => records.push(JSON.parse(line) as Record<string, unknown>),
  });
  const leases: Pick<RefreshLeaseRepository, 'settle' | 'recall'> = {
    recall: ({ integrationId }) => recall(integrationId),
    settle: async (fence) => {
      const settlement = await settle(fence);
      settled.push(fence.integrationId);
      return settlement;
    },
  };
  const journal: Pick<JournalRepository, 'note' | 'newest' | 'written'> = {
    newest: () => Promise.resolve(journalled),
    note: () => undefined,
    written: () => Promise.resolve(),
  };
  const database: Pick<HubDatabase, 'troubles' | 'wasAwaySince'> = {
    get troubles() {
      return troubles;
    },
    wasAwaySince: (before) => troubles > before,
  };
  keeper = new AnswerKeeper(
    database as HubDatabase,
    leases as RefreshLeaseRepository,
    new SpoolRepository({ spoolDir: folder } as HubConfig, logger),
    journal as JournalRepository,
    logger,
  );
});
afterEach(async () => {
  await keeper.stop(0);
  rmSync(folder, { recursive: true, force: true });
});

const taken = () => Promise.resolve(SAVED);
const away = () => Promise.reject(Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' }));
const files = () => readdirSync(folder);
const told = (name: string) => records.filter((record) => record['event.name'] === name);
const allSettled = (count: number) => eventually(`${count} commits`, () => Promise.resolve(settled.length >= count));

it('commits an answer at once, and leaves nothing on the disk', async () => {
  settle = taken;
  expect(await keeper.keep(anAnswer())).toEqual(SAVED);
  expect(files()).toEqual([]);
});

it('has an answer on the disk before a commit that hangs has failed', async () => {
  let answer = (): void => undefined;
  settle = () => new Promise((resolve) => (answer = () => resolve(SAVED)));
  const keeping = keeper.keep(anAnswer());
  await eventually('its file', () => Promise.resolve(files().some((file) => file.endsWith('.json'))), {
    withinMs: 1_500,
  });
  answer();
  expect(await keeping).toEqual(SAVED);
  expect(files()).toEqual([]);
});

it('commits what was parked soon after the database is back, however long it was away', async () => {
  settle = away;
  const answer = anAnswer();
  expect(await keeper.keep(answer)).toEqual({ kind: 'parked' });
  expect(keeper.holds(answer.integrationId)).toBe(true);
  await sleep(3_000);
  settle = taken;
  const backMs = performance.now();
  await allSettled(1);
  expect(performance.now() - backMs).toBeLessThan(1_300);
  expect(keeper.holds(answer.integrationId)).toBe(false);
  await eventually('an empty folder', () => Promise.resolve(files().length === 0));
});

it('commits several at once, and not all', async () => {
  settle = away;
  await Promise.all(Array.from({ length: 40 }, () => keeper.keep(anAnswer())));
  let running = 0;
  let most = 0;
  settle = async () => {
    running += 1;
    most = Math.max(most, running);
    await sleep(20);
    running -= 1;
    return SAVED;
  };
  await allSettled(40);
  expect(most).toBe(4);
});

it('lets an answer that can never be committed block no other', async () => {
  const poisoned = Array.from({ length: 5 }, () => anAnswer());
  const bad = new Set<string>(poisoned.map(({ integrationId }) => integrationId));
  settle = away;
  await Promise.all(poisoned.map((answer) => keeper.keep(answer)));
  await Promise.all(Array.from({ length: 20 }, () => keeper.keep(anAnswer())));
  settle = ({ integrationId }) =>
    bad.has(integrationId) ? Promise.reject(Object.assign(new Error('no'), { code: '23502' })) : taken();
  await allSettled(20);
  for (const { integrationId } of poisoned) expect(keeper.holds(integrationId)).toBe(true);
});

it('tells why an answer still waits: of each reason once in a while', async () => {
  settle = away;
  await keeper.keep(anAnswer());
  await sleep(1_500);
  expect(told('hub.refresh.commit_waits')).toMatchObject([{ 'error.code': 'ECONNREFUSED', waiting: 1 }]);
  settle = () => Promise.reject(Object.assign(new Error('null value'), { code: '23502' }));
  await sleep(2_500);
  expect(told('hub.refresh.commit_waits').map((record) => record['error.code'])).toEqual(['ECONNREFUSED', '23502']);
});

it('commits what waits before the process ends, if the database comes back meanwhile', async () => {
  settle = away;
  await Promise.all(Array.from({ length: 3 }, () => keeper.keep(anAnswer())));
  const stopping = keeper.stop(LONG_MS);
  await sleep(1_500);
  expect(settled).toEqual([]);
  settle = taken;
  await stopping;
  expect(settled).toHaveLength(3);
  expect(files()).toEqual([]);
  expect(told('hub.refresh.left_in_spool')).toEqual([]);
});

it('leaves what still waits in its file when the process ends, and does not wait for the database for ever', async () => {
  settle = away;
  await keeper.keep(anAnswer());
  const stoppingMs = performance.now();
  await keeper.stop(1_500);
  expect(performance.now() - stoppingMs).toBeGreaterThan(1_400);
  expect(files()).toHaveLength(1);
  expect(told('hub.refresh.left_in_spool')).toMatchObject([{ waiting: 1 }]);
});

it('ends at once where nothing waits', async () => {
  settle = taken;
  await keeper.keep(anAnswer());
  expect(await Promise.race([keeper.stop(LONG_MS).then(() => 'ended'), sleep(LONG_MS / 2, 'waits')])).toBe('ended');
});

describe('puts back what the database has forgotten', () => {
  const refuses = (error: Error, bad: SpooledAnswer, atOnce?: () => void) => {
    recall = (integrationId) => {
      if (integrationId !== bad.integrationId) return Promise.resolve(7);
      atOnce?.();
      return Promise.reject(error);
    };
  };
  beforeEach(() => {
    journalled = Array.from({ length: 20 }, () => anAnswer());
  });

  it('all but an answer that it never takes, which is told', async () => {
    const bad = journalled[3]!;
    refuses(Object.assign(new Error('null value'), { code: '23502' }), bad);
    const forgotten = await keeper.putBack();
    expect(forgotten.map(({ id }) => id).sort()).toEqual(
      journalled
        .filter((one) => one !== bad)
        .map(({ integrationId }) => integrationId)
        .sort(),
    );
    expect(told('hub.database.not_put_back')).toMatchObject([
      { org: bad.orgId, integration: bad.integrationId, epoch: bad.epoch, 'error.code': '23502' },
    ]);
    expect(told('hub.database.put_back')).toMatchObject([{ answers: 20, forgotten: 19 }]);
  });

  it.each([
    ['the database is away', Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' }), 1],
    ['no connection comes free', new DatabaseBusy(), 0],
  ])('later, if %s', async (_why, error, troubled) => {
    refuses(error, journalled[3]!, () => {
      troubles += troubled;
    });
    await expect(keeper.putBack()).rejects.toBe(error);
    expect(told('hub.database.not_put_back')).toEqual([]);
    refuses(error, anAnswer());
    expect(await keeper.putBack()).toHaveLength(20);
  });
});

it('sees that the database was set back by an answer of the hour before, where the row of the newest is gone', async () => {
  const [forgotten, gone] = [anAnswer(), anAnswer()];
  const issuedAt = new Date(forgotten.grant.issuedAt.getTime() + 60_000);
  mkdirSync(path.join(folder, 'journal'));
  const write = (hour: string, answer: typeof gone) =>
    writeFileSync(path.join(folder, 'journal', `${hour}.jsonl`), `${formatAnswer(answer)}\n`);
  write('2026-11-22T12', forgotten);
  write('2026-11-22T13', { ...gone, grant: { ...gone.grant, issuedAt } });

  const config = { spoolDir: folder } as HubConfig;
  const logger = HubLogger.forApp('test', 'info', { write: () => undefined });
  /** A row that is gone has forgotten nothing. */
  const isSetBack = (hasForgotten: (id: string) => boolean) => {
    const leases: Pick<RefreshLeaseRepository, 'hasForgotten'> = {
      hasForgotten: ({ integrationId }) => Promise.resolve(hasForgotten(integrationId)),
    };
    const [spool, journal] = [new SpoolRepository(config, logger), new JournalRepository(config, logger)];
    return new AnswerKeeper({} as HubDatabase, leases as RefreshLeaseRepository, spool, journal, logger).isSetBack();
  };
  expect(await isSetBack((id) => id === forgotten.integrationId)).toBe(true);
  expect(await isSetBack(() => false)).toBe(false);
});
