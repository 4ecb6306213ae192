import { setTimeout as sleep } from 'node:timers/promises';
import { REFRESH_SCAN_QUEUE } from '@hub/queues';
import { Queue } from 'bullmq';
import { TcpProxy } from '../faults/tcp-proxy';
import type { ProveHub } from '../fleet/prove-hub';
import type { Findings } from '../history/check-history';
import type { Claim, Row, Scenario, Surroundings } from '../scenario';
import type { OwnServers } from '../servers/own-servers';
import { LIMITS_OF_A_MINUTE, noFlaps, rowOf, Trial } from '../trial';

const LIFE_SECONDS = 60;
const TOKENS = 200;
/** Slow enough that at any moment somebody waits for an answer. */
const ANSWER_MS = 400;
/** The fleet runs undisturbed for a while first, so that queues and timers are as in a hub that has run for long. */
const WARM_UP_MS = 5_000;
/** A Redis that is back sooner than a worker knocks again was never away for it: it knocks first after 100 ms. */
const CRASHED_MS = 1_000;
/** Longer than the 12 s in which an answer of PostgreSQL is waited for (libs/database), and shorter than the margin. */
const HALF_OPEN_MS = 15_000;
/** A worker looks after the scheduler every quarter of a minute at the latest (apps/refresh-worker); twice that for a busy machine. */
const BACK_WITHIN_MS = 30_000;

interface Disturbance {
  /** A strict provider where no answer may be lost, since servers alone are struck. */
  readonly strict: boolean;
  /** The server that workers reach over a line which may fall silent. */
  readonly lineTo?: 'redis' | 'postgres';
  /** Answers must come while PostgreSQL is away: then something was parked, or nothing was shown. */
  readonly parks?: boolean;
  /** Workers must tell that Redis was away; without it nothing is asked of them. */
  readonly missesRedis?: boolean;
  /** What else shows that the fault struck and is over: looked at after the recovery, the workers still at work. */
  readonly shows?: (trial: Trial, servers: OwnServers) => Promise<readonly Claim[]>;
  /** Does the harm. @returns how often */
  readonly disturb: (trial: Trial, servers: OwnServers, line: TcpProxy | undefined) => Promise<number>;
}

async function runDisturbed(
  surroundings: Surroundings,
  { strict, lineTo, parks, missesRedis, shows, disturb }: Disturbance,
): Promise<Row> {
  const servers = await surroundings.ownServers();
  const url = lineTo === 'redis' ? servers.redisUrl : servers.adminUrl;
  const line = lineTo && (await TcpProxy.start(addressOf(url)));
  if (line) surroundings.atEnd(() => line.stop());
  const trial = await Trial.prepare(surroundings, {
    servers,
    workers: 2,
    ...(line && { reach: { [lineTo === 'redis' ? 'redisPort' : 'postgresPort']: line.port } }),
  });
  await trial.hub.sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: ANSWER_MS, jitterMs: ANSWER_MS });
  await trial.seed({
    provider: 'shopify',
    count: TOKENS,
    lifeSeconds: LIFE_SECONDS,
    due: 'spread',
    knobs: { rotationGrace: strict ? 0 : 30 },
  });
  await trial.begin();
  await sleep(WARM_UP_MS);
  const faults = await disturb(trial, servers, line);
  const recoveryMs = await trial.recovery();
  await sleep(WARM_UP_MS); // what a fault left behind shows a little later
  const shown = (await shows?.(trial, servers)) ?? [];
  await trial.settle();
  const findings = await trial.findings('shopify', LIMITS_OF_A_MINUTE);
  const parked = trial.toldOf('hub.refresh.commit_failed');
  const claims = [
    { holds: findings.familiesLost.length === 0, what: 'no family is lost, whatever was away' },
    noFlaps(findings),
    ...(parks ? parkClaims(findings, parked) : []),
    ...(missesRedis ? [missedRedis(trial)] : []),
    ...shown,
  ];
  const note = `${findings.inDoubt} in doubt${parks ? `, ${parked} answers parked until PostgreSQL was back` : ''}`;
  return rowOf(findings, { faults, recoveryMs, claims, note });
}

function missedRedis(trial: Trial): Claim {
  const told = trial.toldOf('redis.unavailable') + trial.toldOf('queue.ring_lost');
  return { holds: told > 0, what: 'the workers noticed that Redis was away' };
}

/** With a strict provider an answer that waits for PostgreSQL is the only one: whoever holds it commits it, and nobody asks again. */
function parkClaims({ verdicts, spentInSpiteOfAnswer: spent }: Findings, parked: number): Claim[] {
  return [
    { holds: parked > 0, what: 'answers came while PostgreSQL was away: else nothing was shown' },
    { holds: verdicts === 0, what: `nobody is ever told to sign in again: ${verdicts} were` },
    { holds: spent === 0, what: `no token is presented again whose answer has come: ${spent} were, and refused` },
  ];
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** Waits until the clock of the scan is in Redis. @returns false if it does not come */
async function hasScheduler({ servers, database }: ProveHub, withinMs: number): Promise<boolean> {
  const queue = new Queue(REFRESH_SCAN_QUEUE, { prefix: database.name, connection: { url: servers.redisUrl } });
  const endsAt = performance.now() + withinMs;
  try {
    while ((await queue.getJobSchedulersCount()) === 0) {
      if (performance.now() > endsAt) return false;
      await sleep(200);
    }
    return true;
  } finally {
    await queue.close();
  }
}

/** Takes servers away in the middle of refreshes. */
async function busyAway(trial: Trial, length: () => Promise<void>): Promise<void> {
  await trial.untilBusy(3, 20_000);
  await trial.away(length);
}

/** Does something again and again, and comes back right after the last time: recovery counts from there. @returns how often */
async function repeated(times: number, everyMs: number, act: () => Promise<void>): Promise<number> {
  for (let done = 1; done <= times; done += 1) {
    const startedMs = performance.now();
    await act();
    if (done < times) await sleep(Math.max(0, everyMs - (performance.now() - startedMs)));
  }
  return times;
}

export const stores: readonly Scenario[] = [
  {
    name: 'redis-flushed',
    proves: 'FLUSHALL every 30 s: every job and scheduler is gone, nothing lapses',
    weight: 1,
    run: (surroundings) => {
      const flushed: number[] = [];
      const flush = async (servers: OwnServers): Promise<void> => void flushed.push(await servers.flushRedis());
      return runDisturbed(surroundings, {
        strict: true,
        disturb: (_trial, servers) => repeated(surroundings.isLong ? 20 : 3, 30_000, () => flush(servers)),
        shows: async ({ hub }) => [
          {
            holds: flushed.every((keys) => keys > 0),
            what: `each time there were keys to forget (${flushed.join(', ')})`,
          },
          { holds: await hasScheduler(hub, BACK_WITHIN_MS), what: "the scan's scheduler is there again in the end" },
        ],
      });
    },
  },
  {
    name: 'redis-down',
    proves: 'Redis is away for most of a token life: nothing lapses',
    weight: 1,
    run: (surroundings) =>
      runDisturbed(surroundings, {
        strict: true,
        missesRedis: true,
        disturb: async (_trial, servers) => {
          await servers.killRedis();
          await sleep(surroundings.isLong ? 300_000 : 50_000);
          await servers.startRedis();
          return 1;
        },
      }),
  },
  {
    name: 'redis-wiped',
    proves: 'Redis crashes and comes back empty, again and again: nothing lapses',
    weight: 1,
    run: (surroundings) =>
      runDisturbed(surroundings, {
        strict: true,
        missesRedis: true,
        disturb: (_trial, servers) =>
          repeated(surroundings.isLong ? 20 : 4, 15_000, () => servers.wipeRedis(CRASHED_MS)),
      }),
  },
  {
    name: 'redis-half-open',
    proves: 'the line to Redis stands and nothing comes through: nothing lapses',
    weight: 1,
    run: (surroundings) =>
      runDisturbed(surroundings, {
        strict: true,
        missesRedis: true,
        lineTo: 'redis',
        disturb: async (_trial, _servers, line) => {
          line?.become('half_open');
          await sleep(surroundings.isLong ? 300_000 : 50_000);
          line?.become('open');
          line?.reset();
          return 1;
        },
      }),
  },
  {
    name: 'postgres-half-open',
    proves:
      'the line to PostgreSQL stands and nothing comes through for less than the margin, strict provider: nothing lapses',
    weight: 1,
    run: (surroundings) =>
      runDisturbed(surroundings, {
        strict: true,
        parks: true,
        lineTo: 'postgres',
        disturb: (trial, _servers, line) =>
          repeated(surroundings.isLong ? 10 : 1, 60_000, async () => {
            await trial.untilBusy(3, 20_000);
            line?.become('half_open');
            await sleep(HALF_OPEN_MS);
            line?.become('open');
            line?.reset();
          }),
      }),
  },
];

/** The longest of them: servers that go and recover again and again. */
export const restarts: readonly Scenario[] = [
  {
    name: 'postgres-restarts',
    proves: 'PostgreSQL crashes again and again, strict provider: no answer is lost, nothing lapses',
    weight: 1,
    run: (surroundings) =>
      runDisturbed(surroundings, {
        strict: true,
        parks: true,
        disturb: (trial, servers) =>
          repeated(surroundings.isLong ? 20 : 6, 10_000, () =>
            busyAway(trial, async () => {
              await servers.crashPostgres();
              await servers.startPostgres();
            }),
          ),
      }),
  },
  {
    name: 'both-down',
    proves: 'PostgreSQL and Redis are away together for a good part of the margin: nothing lapses',
    weight: 1,
    run: (surroundings) =>
      runDisturbed(surroundings, {
        strict: true,
        parks: true,
        missesRedis: true,
        disturb: (trial, servers) =>
          repeated(surroundings.isLong ? 6 : 2, 40_000, () =>
            busyAway(trial, async () => {
              await Promise.all([servers.crashPostgres(), servers.killRedis()]);
              await sleep(8_000); // two of fifteen minutes, scaled to a minute
              await Promise.all([servers.startPostgres(), servers.startRedis()]);
            }),
          ),
      }),
  },
];
