import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../support/sandbox-admin';
import type { Member } from '../fleet/fleet';
import type { Findings } from '../history/check-history';
import type { Claim, Row, Scenario, Surroundings } from '../scenario';
import { limitsFor, PROVIDER_RECOVERED_WITHIN_MS, rowOf, Trial } from '../trial';

/** A fleet at one provider, and a trouble of that provider. */
interface Illness {
  readonly provider?: string;
  readonly tokens?: number;
  /** `null`: no end is announced, so that none can lapse. */
  readonly lifeSeconds: number | null;
  /** As in a fleet order; `spread` unless given. */
  readonly due?: 'spread' | 'fresh' | number;
  readonly knobs?: Readonly<Record<string, unknown>>;
  readonly isLasting?: boolean;
  /** The trouble is there before any worker is: `strike` begins the trial. Else some of those due at once are refreshed first. */
  readonly isThereFirst?: boolean;
  /** Does the harm and ends it. @returns how often it struck, as far as that can be told */
  readonly strike: (trial: Trial, fleet: readonly Member[]) => Promise<number>;
  /** Whether a time to recover is claimed. */
  readonly recovers?: boolean;
  readonly claims?: (findings: Findings, trial: Trial) => readonly Claim[];
  readonly note?: (findings: Findings, trial: Trial) => string;
}

async function runIll(surroundings: Surroundings, illness: Illness): Promise<Row> {
  const { provider = 'shopify', tokens = 60, lifeSeconds, due = 'spread', knobs = {}, recovers = true } = illness;
  const trial = await Trial.prepare(surroundings, { servers: await surroundings.sharedServers(), workers: 2 });
  const fleet = await trial.seed({ provider, count: tokens, lifeSeconds, due, knobs });
  if (!illness.isThereFirst) await trial.begin();
  const faults = await illness.strike(trial, fleet);
  const recoveryMs = await trial.recovery();
  await sleep(3_000);
  await trial.settle();
  const limits = limitsFor(lifeSeconds ?? HOUR_SECONDS, PROVIDER_RECOVERED_WITHIN_MS);
  const findings = await trial.findings(provider, limits, illness.isLasting ? 'lasting' : 'rotating');
  return rowOf(findings, {
    faults,
    recoveredWithinMs: PROVIDER_RECOVERED_WITHIN_MS,
    ...(recovers && { recoveryMs }),
    claims: [
      { holds: faults > 0, what: `the fault struck somebody (${faults}): else nothing was shown` },
      ...(illness.claims?.(findings, trial) ?? []),
    ],
    note: illness.note?.(findings, trial) ?? `${findings.inDoubt} in doubt, ${findings.attempts} attempts`,
  });
}

/** A fault for a while. @returns how often it fired */
async function faultFor(trial: Trial, provider: string, fault: Fault, forMs: number): Promise<number> {
  const [fired = 0] = await faultsFor(trial, provider, [fault], () => sleep(forMs));
  return fired;
}

/** Begins the trial, and comes back so long after. */
async function begun(trial: Trial, forMs: number): Promise<void> {
  await trial.begin();
  await sleep(forMs);
}

/** Faults while something lasts, of which the first that fires has the call. @returns how often each of them fired */
async function faultsFor(
  trial: Trial,
  provider: string,
  faults: readonly Fault[],
  length: () => Promise<void>,
): Promise<number[]> {
  const { sandbox } = trial.hub;
  const rules = (): Promise<{ fired: number }[]> => sandbox.call('GET', `/faults/${provider}`);
  const before = (await rules()).length;
  const mends: (() => Promise<void>)[] = [];
  for (const fault of faults) mends.push(await sandbox.fault(provider, { on: 'refresh', ...fault }));
  await length();
  const fired = (await rules()).slice(before).map((rule) => rule.fired);
  for (const mend of mends) await mend();
  return fired;
}

/** So many meet the trouble that the breaker is bound to open, and nobody is refreshed afterwards unless a probe has got through. */
function breakerTurned(trial: Trial): Claim {
  const opened = trial.toldOf('hub.provider.circuit_opened');
  const closed = trial.toldOf('hub.provider.circuit_closed');
  return {
    holds: opened > 0 && closed === opened,
    what: `the breaker opened, and closed each time (${opened} and ${closed} times)`,
  };
}

/** Nobody may need a person who was not refused for good, and all those have a live token again in the end. */
function nobodyLost({ familiesLost, unwell }: Findings): Claim {
  const lost = familiesLost.filter(({ cause }) => cause !== 'ended').length;
  return {
    holds: lost === 0 && unwell === 0,
    what: `nobody needs a person for the provider's own trouble (${lost} do), and all are connected by a live token (${unwell} are not)`,
  };
}

function noDoubt({ inDoubt }: Findings): Claim {
  return { holds: inDoubt === 0, what: `a slow answer is waited for, not asked for again (${inDoubt} were)` };
}

/** Two rounds of refreshes with answers that take almost as long as a call may. */
async function twoSlowRounds(trial: Trial, fault: Fault): Promise<number> {
  await trial.hub.sandbox.fault('shopify', { on: 'refresh', ...fault });
  await trial.recovery(120_000);
  await trial.hub.database.rows('update public.integrations set next_refresh_at = now()');
  await trial.recovery(120_000);
  return (await trial.hub.sandbox.log({ provider: 'shopify', kind: 'fault' })).length;
}

const HOUR_SECONDS = 3_600;

/** Every second call gets the one, the others the other. */
const EDGE_PAGES: readonly Fault[] = [
  { kind: 'html', status: 502, everyNth: 2 },
  { kind: 'html', status: 403 },
];

export const provider: readonly Scenario[] = [
  {
    name: 'answers-of-11-s',
    proves: 'a provider that answers after 11 s is waited for',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 40,
        lifeSeconds: HOUR_SECONDS,
        due: 1_200,
        knobs: { rotationGrace: 0 },
        recovers: false,
        strike: (trial) => twoSlowRounds(trial, { kind: 'latency', ms: 11_000 }),
        claims: (findings) => [noDoubt(findings), nobodyLost(findings), allTwice(findings)],
      }),
  },
  {
    name: 'answers-in-drips',
    proves: 'an answer that drips in over 10 s is read to its end',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 40,
        lifeSeconds: HOUR_SECONDS,
        due: 1_200,
        knobs: { rotationGrace: 0 },
        recovers: false,
        strike: (trial) => twoSlowRounds(trial, { kind: 'drip', ms: 10_000 }),
        claims: (findings) => [noDoubt(findings), nobodyLost(findings), allTwice(findings)],
      }),
  },
  {
    name: 'outage-short',
    proves: 'a provider that is down for part of the margin costs nothing',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 180,
        due: 60, // the breaker's probes are five seconds apart and more, whatever the lives
        isThereFirst: true,
        strike: async (trial) => {
          const outage: Fault = { kind: 'status', status: 503 };
          const [fired = 0] = await faultsFor(trial, 'shopify', [outage], () => begun(trial, 25_000));
          return fired;
        },
        claims: (findings, trial) => [nobodyLost(findings), breakerTurned(trial)],
      }),
  },
  {
    name: 'outage-whole-ladder',
    proves: 'a provider that answers 5xx for the whole ladder and longer costs nobody the connection',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 60,
        strike: async (trial) => {
          let fired = 0;
          await sleep(5_000);
          await trial.outage(async () => {
            fired = await faultFor(trial, 'shopify', { kind: 'status', status: 500 }, 75_000);
          });
          return fired;
        },
        claims: (findings, trial) => [nobodyLost(findings), breakerTurned(trial)],
      }),
  },
  {
    name: 'throttled',
    proves: 'a provider that allows half as much again as is needed, with 429 beyond it: nothing lapses',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 100,
        lifeSeconds: 60,
        knobs: { tokenLimitPerSecond: 5 },
        strike: async (trial) => {
          await sleep(75_000);
          const { rateLimited } = await tokenCalls(trial, 'shopify');
          await trial.hub.sandbox.set('shopify', { tokenLimitPerSecond: null }); // else somebody may always be told to wait
          return rateLimited;
        },
        claims: (findings) => [nobodyLost(findings)],
      }),
  },
  {
    name: 'throttle-storm',
    proves: 'every call is answered 429 with a long Retry-After for a while: nobody is lost, all come back',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 180,
        due: 70, // half of it is what a wish to wait may take
        strike: (trial) => faultFor(trial, 'shopify', { kind: 'rate_limit', retryAfter: 120 }, 10_000),
        claims: (findings) => [nobodyLost(findings)],
      }),
  },
  {
    name: 'lost-answers-grace',
    proves: 'every third answer is lost after the provider rotated, with a grace: nothing lapses or is lost',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 60,
        knobs: { rotationGrace: 'until_used' },
        strike: (trial) => faultFor(trial, 'shopify', { kind: 'lost_response', everyNth: 3 }, 60_000),
        claims: (findings) => [{ holds: findings.familiesLost.length === 0, what: 'no family is lost' }],
      }),
  },
  {
    name: 'lost-answers-strict',
    proves: 'answers lost by a strict provider: each loss is one of them and told of in 60 s',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 60,
        knobs: { rotationGrace: 0 },
        strike: (trial) => faultFor(trial, 'shopify', { kind: 'lost_response', everyNth: 10 }, 50_000),
        note: ({ familiesLost, inDoubt }) =>
          `${inDoubt} in doubt, told within ${seconds(Math.max(0, ...familiesLost.map((loss) => loss.reportedAfterMs)))}`,
      }),
  },
  {
    name: 'html-errors',
    proves: "an edge's pages instead of answers say nothing about any grant",
    weight: 0.5,
    run: (surroundings) => {
      const fired: number[] = [];
      return runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 180,
        due: 70, // as for outage-short
        knobs: { rotationGrace: 'until_used' },
        isThereFirst: true,
        strike: async (trial) => {
          // by turns: soon the breaker stands open, and a page that came after the other would meet nobody
          fired.push(...(await faultsFor(trial, 'shopify', EDGE_PAGES, () => begun(trial, 15_000))));
          fired.push(await faultFor(trial, 'shopify', { kind: 'garbled', everyNth: 2 }, 15_000));
          return fired.reduce((sum, count) => sum + count, 0);
        },
        claims: (findings) => [
          { holds: findings.familiesLost.length === 0, what: 'no family is lost' },
          {
            holds: fired.length === 3 && fired.every((count) => count > 0),
            what: `pages with 502, pages with 403 and half answers each struck somebody (${fired.join(', ')})`,
          },
        ],
      });
    },
  },
  {
    name: 'wrong-client-secret',
    proves: 'the hub has a wrong client secret for three token lives: no grant is blamed, all come back',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        provider: 'google_drive',
        tokens: 60,
        lifeSeconds: 30,
        due: 'fresh', // none falls due before the secret is wrong
        isLasting: true,
        strike: async (trial) => {
          const { sandbox } = trial.hub;
          const { clientSecrets } = await sandbox.call<{ clientSecrets: string[] }>('GET', '/settings/google_drive');
          await sleep(3_000);
          await trial.outage(async () => {
            await sandbox.set('google_drive', { clientSecrets: ['another'] });
            await sleep(90_000);
            await sandbox.set('google_drive', { clientSecrets });
          });
          return (await sandbox.log({ provider: 'google_drive', kind: 'refresh' })).filter(
            ({ reason }) => reason === 'invalid_client',
          ).length;
        },
        claims: (findings, trial) => [nobodyLost(findings), breakerTurned(trial)],
      }),
  },
  {
    name: 'some-refused',
    proves: 'some grants end at the provider: just those need a person, and are told of',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 60,
        strike: async (trial, fleet) => {
          await trial.end(fleet.filter((_, place) => place % 7 === 0));
          await sleep(50_000);
          return trial.ended.size;
        },
        recovers: false,
        claims: (findings, trial) => [
          nobodyLost(findings),
          {
            holds: findings.familiesLost.length === trial.ended.size,
            what: `${trial.ended.size} ended, ${findings.familiesLost.length} need a person`,
          },
        ],
      }),
  },
  {
    name: 'all-refused',
    proves: 'a provider that refuses every grant by its own fault is not believed: nobody needs a person in the end',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        tokens: 70,
        lifeSeconds: 60,
        strike: async (trial) => {
          const { sandbox } = trial.hub;
          await sleep(3_000);
          await trial.outage(async () => {
            await sandbox.set('shopify', { refuseRefreshes: true });
            await sleep(75_000);
            await sandbox.set('shopify', { refuseRefreshes: false });
          });
          await untilNobodyIsJudged(trial, 70_000);
          return (await sandbox.log({ provider: 'shopify', kind: 'refresh' })).filter(
            ({ reason }) => reason === 'setting',
          ).length;
        },
        claims: (findings) => [nobodyLost(findings)],
      }),
  },
  {
    name: 'all-refused-reactive',
    proves: 'the same by a provider that is asked only after a 401 (Notion): nobody needs a person in the end',
    weight: 0.5,
    run: (surroundings) =>
      runIll(surroundings, {
        provider: 'notion',
        lifeSeconds: null,
        strike: async (trial) => {
          const { sandbox } = trial.hub;
          await sandbox.set('notion', { refuseRefreshes: true });
          await sandbox.call('POST', '/expire/notion', { kind: 'access' });
          await allAreWanted(trial);
          await untilBreakerOpens(trial, 20_000);
          await sleep(10_000);
          await sandbox.set('notion', { refuseRefreshes: false });
          await allAreWanted(trial);
          await untilNobodyIsJudged(trial, 70_000);
          return (await sandbox.log({ provider: 'notion', kind: 'refresh' })).filter(
            ({ reason }) => reason === 'setting',
          ).length;
        },
        claims: (findings) => [
          nobodyLost(findings),
          {
            holds: findings.flaps > 0,
            what: `some were judged before that was seen: else little was shown (${findings.flaps})`,
          },
          {
            holds: findings.refreshes === findings.tokens,
            what: `each of ${findings.tokens} was refreshed once (${findings.refreshes})`,
          },
        ],
      }),
  },
];

function allTwice({ refreshes, tokens }: Findings): Claim {
  return { holds: refreshes === 2 * tokens, what: `each of ${tokens} tokens was refreshed twice (${refreshes})` };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

interface TokenCalls {
  readonly calls: number;
  readonly rateLimited: number;
  readonly peakPerSecond: number;
}

/** What the provider counted at its token endpoint. */
export async function tokenCalls(trial: Trial, name: string): Promise<TokenCalls> {
  interface Stats {
    readonly providers: Readonly<Record<string, { readonly endpoints: Readonly<Record<string, TokenCalls>> }>>;
  }
  const { providers } = await trial.hub.sandbox.call<Stats>('GET', '/stats');
  return providers[name]?.endpoints['refresh'] ?? { calls: 0, rateLimited: 0, peakPerSecond: 0 };
}

/** Somebody wants to use each of them and is answered 401, so that all are to be looked at now. */
async function allAreWanted(trial: Trial): Promise<void> {
  await trial.hub.database.rows(
    "update public.integrations set next_refresh_at = now() where status <> 'reauth_required'",
  );
}

/** Waits until the provider has refused so many that the hub must wonder. */
async function untilBreakerOpens(trial: Trial, withinMs: number): Promise<void> {
  const endsAt = performance.now() + withinMs;
  while (performance.now() < endsAt && trial.toldOf('hub.provider.circuit_opened') === 0) await sleep(200);
}

async function untilNobodyIsJudged(trial: Trial, withinMs: number): Promise<void> {
  const endsAt = performance.now() + withinMs;
  while (performance.now() < endsAt) {
    const [left] = await trial.hub.database.rows<{ count: string }>(
      "select count(*) from public.integrations where status = 'reauth_required'",
    );
    if (Number(left?.count) === 0) return;
    await sleep(500);
  }
}
