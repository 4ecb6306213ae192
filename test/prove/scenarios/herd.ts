import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario';
import { limitsFor, LIMITS_OF_A_MINUTE, rowOf, Trial } from '../trial';
import { tokenCalls } from './provider';

const LIMIT_PER_SECOND = 50;
const MOST_ATTEMPTS = 1.2;

export const herd: readonly Scenario[] = [
  {
    name: 'herd',
    proves: `thousands of tokens due at once, a provider that allows ${LIMIT_PER_SECOND}/s: no lapse, few attempts`,
    weight: 3, // it waits for the limit most of the time, but has half a minute to spare and no more
    run: async (surroundings) => {
      const tokens = surroundings.isLong ? 100_000 : 5_000;
      const needsSeconds = tokens / LIMIT_PER_SECOND;
      const leftSeconds = needsSeconds * 1.6;
      const lifeSeconds = Math.ceil(leftSeconds * 3);
      const trial = await Trial.prepare(surroundings, { servers: await surroundings.sharedServers(), workers: 2 });
      await trial.seed({
        provider: 'shopify',
        count: tokens,
        lifeSeconds,
        due: leftSeconds,
        knobs: { tokenLimitPerSecond: LIMIT_PER_SECOND, rotationGrace: 'until_used' },
      });
      await trial.begin();
      const tookMs = await untilAllAreRefreshed(trial, leftSeconds * 1_000 * 1.25);
      await trial.settle();
      const findings = await trial.findings('shopify', limitsFor(lifeSeconds));
      const { calls, rateLimited, peakPerSecond } = await tokenCalls(trial, 'shopify');
      return rowOf(findings, {
        faults: rateLimited,
        note: [
          `${needsSeconds} s at the limit, ${leftSeconds} s left, done in ${(tookMs / 1000).toFixed(0)} s`,
          `${(calls / tokens).toFixed(2)} attempts per token, peak ${peakPerSecond}/s, ${rateLimited} x 429`,
        ].join('; '),
        claims: [
          { holds: calls <= MOST_ATTEMPTS * tokens, what: `at most ${MOST_ATTEMPTS} attempts per token` },
          { holds: peakPerSecond <= LIMIT_PER_SECOND, what: `peak within ${LIMIT_PER_SECOND}/s (${peakPerSecond})` },
          { holds: findings.familiesLost.length === 0, what: 'no family is lost' },
        ],
      });
    },
  },
];

export const neighbours: readonly Scenario[] = [
  {
    name: 'sick-neighbour',
    proves: 'one provider hangs with hundreds of tokens overdue: the tokens of another do not even come late',
    weight: 1,
    run: async (surroundings) => {
      const trial = await Trial.prepare(surroundings, { servers: await surroundings.sharedServers(), workers: 2 });
      await trial.hub.sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: 30_000 });
      await trial.seed({
        provider: 'shopify',
        count: 400,
        lifeSeconds: 3_600,
        due: 1_200,
        knobs: { rotationGrace: 'until_used' },
      });
      await trial.seed({ provider: 'google_drive', count: 100, lifeSeconds: 60, due: 'spread' });
      await trial.begin();
      const late: number[] = [];
      const endsAt = performance.now() + (surroundings.isLong ? 300_000 : 75_000);
      while (performance.now() < endsAt) {
        const [look] = await trial.hub.database.rows<{ ms: number | null }>(
          `select extract(epoch from now() - min(next_refresh_at))::float8 * 1000 as ms
           from public.integrations where provider = 'google_drive'`,
        );
        late.push(look?.ms ?? 0);
        await sleep(250);
      }
      const sick = await tokenCalls(trial, 'shopify');
      await trial.hub.stopWorkers();
      await trial.watch.stop();
      const findings = await trial.findings('google_drive', LIMITS_OF_A_MINUTE, 'lasting');
      const latest = Math.max(0, ...late.slice(20)); // the first seconds belong to the start
      return rowOf(findings, {
        faults: sick.calls,
        note: `the other's tokens came at most ${(latest / 1000).toFixed(1)} s late`,
        claims: [
          { holds: latest < 10_000, what: `never more than 10 s late (${(latest / 1000).toFixed(1)} s)` },
          { holds: sick.calls > 0, what: 'the sick provider was asked' },
        ],
      });
    },
  },
];

/** @returns how long it took until each token was granted anew, in milliseconds; Infinity if that took longer than a while */
async function untilAllAreRefreshed(trial: Trial, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinMs) {
    const [left] = await trial.hub.database.rows<{ count: string }>(
      'select count(*) from public.integrations where settled_epoch = 0 or refresh_failure_code is not null',
    );
    if (Number(left?.count) === 0) return performance.now() - startedMs;
    await sleep(250);
  }
  return Infinity;
}
