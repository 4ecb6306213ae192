import { randomUUID } from 'node:crypto';
import type { DueNotice, DueNotices, DueRepository, DueWork } from '@hub/database';
import type { OrgId } from '@hub/domain';
import type { JobConsumer, JobOutcome, JobProducer, RedisConnections, RingOutcome, Work } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { OverdueWatch } from './overdue-watch.service';

const EVERY_MS = 15_000;

function aDue(different: Partial<DueWork> = {}): DueWork {
  return {
    id: randomUUID(),
    orgId: randomUUID() as OrgId,
    provider: 'notion',
    epoch: 1,
    dueAt: new Date(),
    overdue: true,
    dueInMs: -1_000,
    leasedForMs: null,
    lifeLeftMs: null,
    ...different,
  };
}
const many = (count: number, different: Partial<DueWork> = {}) => Array.from({ length: count }, () => aDue(different));
/** More than three quarters of its margin are gone. */
const urgent = (different: Partial<DueWork> = {}) => aDue({ dueInMs: -10_000, lifeLeftMs: 1_000, ...different });

/** A watch over these rows, beside a Redis that answers each round of rings as told. */
function watchOver(
  due: readonly DueWork[],
  answer: (works: readonly Work[]) => Promise<RingOutcome>,
  {
    runOutcome = 'done',
    isAvailable = true,
    idleMs = 0,
    runs = () => Promise.resolve(runOutcome),
    look = () => Promise.resolve([...due]),
  }: {
    runOutcome?: JobOutcome;
    isAvailable?: boolean;
    idleMs?: number;
    runs?: () => Promise<JobOutcome>;
    look?: () => Promise<DueWork[]>;
  } = {},
) {
  const ran: string[] = [];
  const held: string[] = [];
  const rungFor: string[] = [];
  let looks = 0;
  const shares = () => {
    looks += 1;
    return look();
  };
  const producer: Pick<JobProducer, 'ringAll' | 'scheduleAll' | 'hold'> = {
    ringAll: async (_kind, _provider, works) => {
      rungFor.push(...works.map(({ id }) => id));
      const outcome = await answer(works);
      return works.map(() => outcome);
    },
    scheduleAll: () => Promise.resolve(true),
    hold: (kind, provider, forMs) => Promise.resolve(held.push(`${kind} ${provider} ${forMs}`) > 0),
  };
  const hearers: ((notice: DueNotice) => void)[] = [];
  const watch = new OverdueWatch(
    { shares } as unknown as DueRepository,
    {
      listen: (hear: (notice: DueNotice) => void) => hearers.push(hear),
      whenTried: () => undefined,
    } as unknown as DueNotices,
    producer as unknown as JobProducer,
    { idleMs: () => idleMs } as unknown as JobConsumer,
    { available: isAvailable } as RedisConnections,
    HubLogger.forApp('test', 'silent'),
  );
  watch.start({
    kind: 'refresh',
    everyMs: EVERY_MS,
    hasLease: true,
    runHere: ({ id }) => {
      ran.push(id);
      return runs();
    },
  });
  const notice = (work: DueWork, kind: DueNotice['kind'] = 'refresh') =>
    hearers.forEach((hear) => hear({ ...work, kind }));
  return { watch, ran, held, rungFor, notice, looks: () => looks };
}

const never = (): Promise<RingOutcome> => new Promise(() => undefined);
const late = (): Promise<RingOutcome> => new Promise((resolve) => setTimeout(() => resolve('rung'), 3_000));
const ids = (due: readonly DueWork[]): string[] => due.map(({ id }) => id);

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] }));
afterEach(() => jest.useRealTimers());

describe('beside a Redis that answers slowly', () => {
  it('what has little left is done before anybody waits for an answer', async () => {
    const [calm, hasty] = [many(50), urgent()];
    const { watch, ran, rungFor } = watchOver([...calm, hasty], never);
    await jest.advanceTimersByTimeAsync(100);
    expect(ran).toEqual([hasty.id]);
    expect(rungFor).toEqual(ids(calm));
    await watch.stop();
  });

  it('a look gives up ringing after some seconds, and the next one goes on', async () => {
    const due = many(1_000);
    const { watch, rungFor, looks } = watchOver(due, late);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(rungFor).toEqual(ids(due).slice(0, 200));
    await jest.advanceTimersByTimeAsync(EVERY_MS * 1.1);
    expect(looks()).toBe(2);
    expect(rungFor.slice(200, 300)).toEqual(ids(due).slice(200, 300));
    await watch.stop();
  });

  it('a lane waits for no other', async () => {
    const due = [...many(1_000), aDue({ provider: 'shopify' })];
    const { watch, rungFor } = watchOver(due, never);
    await jest.advanceTimersByTimeAsync(100);
    expect(rungFor).toContain(due.at(-1)?.id);
    await watch.stop();
  });
});

it('what Redis does not take is done here, and Redis is not asked again in that look', async () => {
  const due = many(250);
  const { watch, ran, rungFor } = watchOver(due, () => Promise.resolve('lost'));
  await jest.advanceTimersByTimeAsync(100);
  expect(rungFor).toHaveLength(100);
  expect(new Set(ran)).toEqual(new Set(ids(due)));
  await watch.stop();
});

it('a job that runs although the row says that nobody is at it is done here', async () => {
  const due = many(2);
  const { watch, ran } = watchOver(due, () => Promise.resolve('under_way'));
  await jest.advanceTimersByTimeAsync(100);
  expect(ran).toEqual(ids(due));
  await watch.stop();
});

it('a provider that asks for patience is given it: its lane starts nothing for a while, here and in the queue', async () => {
  const due = many(20);
  const { watch, ran, held } = watchOver(due, () => Promise.resolve('lost'), { runOutcome: { holdLaneMs: 3_000 } });
  await jest.advanceTimersByTimeAsync(1_000);
  expect(ran).toEqual(ids(due).slice(0, 8)); // those that ran side by side when it was said
  expect(held[0]).toBe('refresh notion 3000');
  await jest.advanceTimersByTimeAsync(3_000);
  expect(ran.length).toBeGreaterThan(8);
  await watch.stop();
});

describe('what somebody waits for', () => {
  it('is done at once while Redis is away, once for any number of notices', async () => {
    const { watch, ran, rungFor, notice } = watchOver([], never, { isAvailable: false });
    const work = aDue();
    for (let time = 0; time < 10; time += 1) notice(work);
    await jest.advanceTimersByTimeAsync(100);
    expect([ran, rungFor]).toEqual([[work.id], []]);
    await watch.stop();
  });

  it('is rung for where Redis is there, and left to whoever is at it', async () => {
    const { watch, ran, rungFor, notice } = watchOver([], () => Promise.resolve('under_way'));
    const work = aDue();
    notice(work);
    notice(aDue(), 'sync'); // of another duty
    await jest.advanceTimersByTimeAsync(100);
    expect([ran, rungFor]).toEqual([[], [work.id]]);
    await watch.stop();
  });

  it('is done here if Redis takes no ring', async () => {
    const { watch, ran, notice } = watchOver([], () => Promise.resolve('lost'));
    const work = aDue();
    notice(work);
    await jest.advanceTimersByTimeAsync(100);
    expect(ran).toEqual([work.id]);
    await watch.stop();
  });
});

describe('a watch over itself', () => {
  const SIX_MINUTES_MS = 6 * 60_000;
  const longDue = () => many(1, { dueInMs: -SIX_MINUTES_MS });
  const lost = (): Promise<RingOutcome> => Promise.resolve('lost');

  it('finds nothing to complain of where work gets done, however late it is', async () => {
    const { watch } = watchOver(longDue(), lost);
    await jest.advanceTimersByTimeAsync(SIX_MINUTES_MS);
    expect(watch.wedge()).toBeUndefined();
    await watch.stop();
  });

  it('finds nothing to complain of where there is no work', async () => {
    const { watch } = watchOver([], lost, { idleMs: Infinity });
    await jest.advanceTimersByTimeAsync(SIX_MINUTES_MS);
    expect(watch.wedge()).toBeUndefined();
    await watch.stop();
  });

  it('complains once what was begun comes to no end and nothing else of that provider begins', async () => {
    const { watch } = watchOver(longDue(), lost, { runs: () => new Promise(() => undefined), idleMs: Infinity });
    await jest.advanceTimersByTimeAsync(SIX_MINUTES_MS - 120_000);
    expect(watch.wedge()).toBeUndefined();
    await jest.advanceTimersByTimeAsync(120_000);
    expect(watch.wedge()).toMatch(/notion/);
  });

  it('complains once a look comes to no end, and no more after it was told to stop', async () => {
    const { watch } = watchOver([], lost, { look: () => new Promise(() => undefined) });
    await jest.advanceTimersByTimeAsync(SIX_MINUTES_MS);
    expect(watch.wedge()).toMatch(/looked/);
    await watch.stop();
    expect(watch.wedge()).toBeUndefined();
  });

  it('takes a database that is away for no fault of its own', async () => {
    const { watch } = watchOver([], lost, { look: () => Promise.reject(new Error('away')) });
    await jest.advanceTimersByTimeAsync(SIX_MINUTES_MS);
    expect(watch.wedge()).toBeUndefined();
    await watch.stop();
  });
});
