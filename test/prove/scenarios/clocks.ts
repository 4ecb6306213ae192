import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario';
import { LIMITS_OF_A_MINUTE, rowOf, Trial } from '../trial';

const LIFE_SECONDS = 60;
const TEN_MINUTES_MS = 600_000;
/** A record is heard a little after it was written; on a busy machine, later. */
const HEARD_WITHIN_MS = 60_000;
/** BullMQ holds a job's lock for a minute (libs/queues), and looks for lost ones every 30 s. */
const BLOCK_MS = 95_000;

export const clocks: readonly Scenario[] = [
  {
    name: 'clock-off',
    proves: 'workers whose clocks are ten minutes fast and slow: nothing lapses, nothing is refreshed in a loop',
    weight: 0.5,
    run: async (surroundings) => {
      const offsets = [TEN_MINUTES_MS, -TEN_MINUTES_MS, 0];
      const trial = await Trial.prepare(surroundings, {
        servers: await surroundings.sharedServers(),
        workers: offsets.length,
        spoiled: (worker) => ({
          preload: 'shift-clock.cjs',
          settings: { PROVE_CLOCK_OFFSET_MS: String(offsets[worker]) },
        }),
      });
      const fleet = await trial.seed({
        provider: 'shopify',
        count: 90,
        lifeSeconds: LIFE_SECONDS,
        due: 'spread',
        knobs: { rotationGrace: 0 },
      });
      await trial.begin();
      const runMs = surroundings.isLong ? 600_000 : 90_000;
      await sleep(runMs);
      await trial.settle();
      const findings = await trial.findings('shopify', LIMITS_OF_A_MINUTE);
      // no token more than once in half of its life, and one that was due at the start
      const most = fleet.length * (1 + Math.ceil(runMs / ((LIFE_SECONDS * 1000) / 2)));
      const seen = trial.hub.workers.map(({ clockOffMs = 0 }) => clockOffMs);
      const asSet = seen.filter((off, worker) => Math.abs(off - (offsets[worker] ?? 0)) < HEARD_WITHIN_MS).length;
      return rowOf(findings, {
        faults: seen.filter((off) => Math.abs(off) > HEARD_WITHIN_MS).length,
        note: `${findings.attempts} attempts, clocks off by ${seen.map((off) => `${(off / 1000).toFixed(0)} s`).join(', ')}`,
        claims: [
          { holds: asSet === offsets.length, what: `workers' own records tell the time that was set (${asSet} do)` },
          { holds: findings.attempts <= most, what: `at most ${most} attempts (${findings.attempts})` },
          { holds: findings.familiesLost.length === 0, what: 'no family is lost' },
        ],
      });
    },
  },
  {
    name: 'loop-blocked',
    proves: "a worker stands still for longer than its queue's locks live: others take over, nothing is spent twice",
    weight: 0.5,
    run: async (surroundings) => {
      const trial = await Trial.prepare(surroundings, {
        servers: await surroundings.sharedServers(),
        workers: 2,
        spoiled: (worker) =>
          worker === 0 ? { preload: 'block-loop.cjs', settings: { PROVE_BLOCK_MS: String(BLOCK_MS) } } : undefined,
      });
      await trial.hub.sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: 1_000, jitterMs: 1_000 });
      await trial.seed({
        provider: 'shopify',
        count: 150,
        lifeSeconds: LIFE_SECONDS,
        due: 'spread',
        knobs: { rotationGrace: 30 },
      });
      await trial.begin();
      await trial.untilBusy(8);
      const [blocked] = trial.hub.workers;
      if (!blocked) throw new Error('there is no worker to block');
      await trial.standstill(blocked, async () => {
        blocked.signal('SIGUSR2');
        await sleep(BLOCK_MS + 2_000);
      });
      const recoveryMs = await trial.recovery();
      await sleep(20_000); // it wakes up with answers in its hands
      await trial.settle();
      const findings = await trial.findings('shopify', LIMITS_OF_A_MINUTE);
      const stalled = trial.toldOf('worker.job_stalled');
      return rowOf(findings, {
        faults: 1,
        recoveryMs,
        note: `${findings.inDoubt} in doubt, ${stalled} jobs taken over from it`,
        claims: [
          { holds: findings.familiesLost.length === 0, what: 'no family is lost' },
          { holds: stalled > 0, what: 'locks were lost: else nothing was shown' },
        ],
      });
    },
  },
];
