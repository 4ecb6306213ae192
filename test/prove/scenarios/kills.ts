import { setTimeout as sleep } from 'node:timers/promises';
import { KillLoop, type KillOptions } from '../faults/kill-loop';
import type { Row, Scenario, Surroundings } from '../scenario';
import { LIMITS_OF_A_MINUTE, noFlaps, rowOf, Trial } from '../trial';

/** A provider answers after a while, so that kills strike refreshes under way. */
const ANSWER_MS = 40;
/** Where workers end in good order nothing shows afterwards: at each signal some must wait for an answer. */
const SLOW_ANSWER_MS = 400;
/** From the provider's decision to the commit it takes a tenth of a second; while workers start beside it, more. */
const ANSWERED_WITHIN_MS = 2_000;
const LIFE_SECONDS = 60;
/** Workers are killed for a token's whole life: each token falls due meanwhile, and one that nobody refreshed would lapse. */
const KILLING_SECONDS = LIFE_SECONDS;
/** A start takes a second of a processor and more, and one starts for every two processors: a loop slower than this has shown little. */
const SECONDS_FOR_A_KILL = 3;

interface Killing {
  readonly manner: KillOptions['manner'];
  /** Seconds for which a spent refresh token may come again. */
  readonly graceSeconds: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Shopify's definition with the sandbox's grace turned as the scenario needs it: the hub's manners stay the same. */
async function runKilling(surroundings: Surroundings, killing: Killing): Promise<Row> {
  const trial = await Trial.prepare(surroundings, { servers: await surroundings.sharedServers(), workers: 4 });
  const ms = killing.manner === 'SIGTERM' ? SLOW_ANSWER_MS : ANSWER_MS;
  await trial.hub.sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms, jitterMs: ms });
  await trial.seed({
    provider: 'shopify',
    count: killing.tokens,
    lifeSeconds: LIFE_SECONDS,
    due: 'spread',
    knobs: { rotationGrace: killing.graceSeconds },
  });
  await trial.begin();
  const kills = new KillLoop(trial.hub.workers, { everyMs: 200, manner: killing.manner });
  kills.start();
  await sleep(killing.seconds * 1000);
  await kills.stop();
  const recoveryMs = await trial.recovery();
  await trial.settle();
  // an orderly end may not cost an answer, so it explains nothing
  if (killing.manner === 'SIGKILL')
    trial.interruptions.push(...kills.interruptions.map((kill) => ({ ...kill, answeredWithinMs: ANSWERED_WITHIN_MS })));
  const findings = await trial.findings('shopify', LIMITS_OF_A_MINUTE);
  const ends = kills.interruptions.length;
  const reported = Math.max(0, ...findings.familiesLost.map(({ reportedAfterMs }) => reportedAfterMs));
  const note = [
    `${findings.inDoubt} in doubt`,
    ...(killing.manner === 'SIGTERM' ? [`${kills.underWay} refreshes under way at the signals`] : []),
    ...(findings.familiesLost.length > 0
      ? [
          `${(findings.familiesLost.length / ends).toFixed(2)} lost per kill, told within ${(reported / 1000).toFixed(1)} s`,
        ]
      : []),
  ].join(', ');
  const mayLose = killing.manner === 'SIGKILL' && killing.graceSeconds === 0;
  const fewest = Math.floor(killing.seconds / SECONDS_FOR_A_KILL);
  const claims = [
    { holds: ends >= fewest, what: `at least ${fewest} workers were ended (${ends}): else little was shown` },
    // answers are under way for a thousandth of the time: with a grace each that was struck shows as a doubt
    ...(killing.manner === 'SIGKILL'
      ? [{ holds: findings.inDoubt > 0, what: 'some answers were struck' }]
      : [{ holds: kills.underWay > 0, what: `some were asked to end during a refresh (${kills.underWay} were)` }]),
    ...(mayLose
      ? []
      : [
          { holds: findings.familiesLost.length === 0, what: 'no family is lost, whatever was struck' },
          noFlaps(findings),
        ]),
  ];
  return rowOf(findings, { faults: ends, recoveryMs, note, claims });
}

export const kills: readonly Scenario[] = [
  {
    name: 'kill-grace',
    proves: 'workers killed every 200 ms, provider with a grace window: nothing lapses, is lost or spent twice',
    weight: 4,
    run: async (surroundings) => {
      const size = surroundings.isLong ? { tokens: 2_000, seconds: 600 } : { tokens: 600, seconds: KILLING_SECONDS };
      return runKilling(surroundings, { manner: 'SIGKILL', graceSeconds: 30, ...size });
    },
  },
  {
    name: 'kill-strict',
    proves: 'the same with a strict provider: every lost family was struck by a kill, and all are told of in 60 s',
    weight: 4,
    run: async (surroundings) => {
      const size = surroundings.isLong ? { tokens: 2_000, seconds: 600 } : { tokens: 600, seconds: KILLING_SECONDS };
      return runKilling(surroundings, { manner: 'SIGKILL', graceSeconds: 0, ...size });
    },
  },
  {
    name: 'stop-strict',
    proves: 'workers asked to end all the time, strict provider: nothing is lost',
    weight: 4,
    run: async (surroundings) => {
      const size = surroundings.isLong ? { tokens: 1_000, seconds: 300 } : { tokens: 400, seconds: 40 };
      return runKilling(surroundings, { manner: 'SIGTERM', graceSeconds: 0, ...size });
    },
  },
];
