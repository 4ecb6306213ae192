import type { RefreshRules } from '@hub/providers';
import type { Fault } from '../../support/sandbox-admin';
import type { Member } from '../fleet/fleet';
import { readPresentations } from '../history/collect';
import type { Presentation } from '../history/history';
import { grouped } from '../history/timeline';
import type { Claim, Row, Scenario, Surroundings } from '../scenario';
import { limitsFor, rowOf, Trial } from '../trial';

const PROVIDER = 'notion';
const TOKENS = 60;
/** Every tenth of the fleet has a fate, three at most; the others are well, so that no breaker opens. */
const FATES_APART = 10;
const GRACE_SECONDS = 20;

/** The connection is cut after the provider has rotated. */
const LOST_ANSWER: Fault = { kind: 'lost_response' };
/** It is cut before the provider has done anything. */
const LOST_QUESTION: Fault = { kind: 'drop_before' };

/** What happens to some of a fleet, and how their rows must stand in the end. */
interface Fate {
  readonly what: string;
  /** What becomes of their first calls, one after another; then all is well. */
  readonly faults: readonly Fault[];
  /** Once the faults are over, their provider refuses them, and nothing about their tokens changes. */
  readonly isRefused?: boolean;
  /** `connected`, or the code with which they need a person. */
  readonly ends: 'connected' | 'invalid_grant' | 'token_refresh_failed';
}

/** A provider that refreshes in one of the manners of libs/providers, and answers that are lost there. */
interface Manner {
  /** What the definition says instead; its own rules unless given. */
  readonly refresh?: RefreshRules;
  /** Life of an access token: by rule the next try comes within it. `null`: none is announced. */
  readonly lifeSeconds: number | null;
  /** Seconds that are left when all fall due. */
  readonly due: number;
  readonly knobs: Readonly<Record<string, unknown>>;
  readonly fates: readonly Fate[];
  readonly claims?: (presentations: readonly Presentation[]) => readonly Claim[];
}

async function runManner(surroundings: Surroundings, manner: Manner): Promise<Row> {
  const { refresh, lifeSeconds, due, knobs, fates } = manner;
  const trial = await Trial.prepare(surroundings, {
    servers: await surroundings.sharedServers(),
    workers: 2,
    spoiled: () => refresh && { preload: 'refresh-manner.cjs', settings: { PROVE_REFRESH: JSON.stringify(refresh) } },
  });
  const { sandbox, database } = trial.hub;
  const fleet = await trial.seed({ provider: PROVIDER, count: TOKENS, lifeSeconds, due, knobs });
  const fated = fates.map((fate, place) => ({
    fate,
    members: fleet.filter((_, index) => index % FATES_APART === 3 * place + 1),
  }));
  for (const { fate, members } of fated) for (const member of members) await bring(trial, fate, member);
  if (lifeSeconds === null) {
    await sandbox.call('POST', `/expire/${PROVIDER}`, { kind: 'access' });
    await database.rows('update public.integrations set next_refresh_at = now()'); // as a sync does that is answered 401
  }
  await trial.begin();
  const recoveryMs = await trial.recovery();
  await trial.settle();
  const findings = await trial.findings(PROVIDER, limitsFor(lifeSeconds ?? 3_600));
  const presentations = await readPresentations(trial.hub, PROVIDER);
  const faults = await sandbox.log({ provider: PROVIDER, kind: 'fault' });
  const lost = fated.flatMap(({ fate, members }) => (fate.ends === 'connected' ? [] : members)).length;
  return rowOf(findings, {
    faults: faults.length,
    recoveryMs,
    note: `${findings.inDoubt} in doubt, ${findings.attempts} attempts`,
    claims: [
      { holds: faults.length === wanted(fated), what: `every fault struck once (${faults.length})` },
      ...(await Promise.all(fated.map(({ fate, members }) => endsAs(trial, fate, members)))),
      {
        holds: findings.familiesLost.length === lost,
        what: `nobody else needs a person (${findings.familiesLost.length} do, ${lost} must)`,
      },
      ...(manner.claims?.(presentations) ?? []),
    ],
  });
}

/** The rules fire in their order, each once: the first call of an account gets the first, the next one the next. */
async function bring(trial: Trial, { faults, isRefused }: Fate, { account }: Member): Promise<void> {
  const { sandbox } = trial.hub;
  for (const fault of faults) await sandbox.fault(PROVIDER, { on: 'refresh', account, times: 1, ...fault });
  if (!isRefused) return;
  await sandbox.set(PROVIDER, { refuseRefreshes: true }, account);
  trial.ended.set(account, Date.now());
}

function wanted(fated: readonly { fate: Fate; members: readonly Member[] }[]): number {
  return fated.reduce((sum, { fate, members }) => sum + fate.faults.length * members.length, 0);
}

async function endsAs(trial: Trial, { what, ends }: Fate, members: readonly Member[]): Promise<Claim> {
  const rows = await trial.hub.database.rows<{ end: string; count: string }>(
    `select coalesce(refresh_failure_code, status::text) as end, count(*) from public.integrations
     where id = any($1) group by 1`,
    [members.map(({ id }) => id)],
  );
  return {
    holds: rows.length === 1 && rows[0]?.end === ends,
    what: `${members.length} ${what}: ${ends} (${rows.map(({ end, count }) => `${count} ${end}`).join(', ')})`,
  };
}

/** By how much the last time that a refresh token was presented comes after the first, in milliseconds; and how often one was. */
function repeats(presentations: readonly Presentation[]): { readonly longestMs: number; readonly most: number } {
  const ofOne = [...grouped(presentations, ({ presented }) => presented).values()];
  return {
    longestMs: Math.max(0, ...ofOne.map((all) => (all.at(-1)?.at ?? 0) - (all[0]?.at ?? 0))),
    most: Math.max(0, ...ofOne.map(({ length }) => length)),
  };
}

export const manners: readonly Scenario[] = [
  {
    name: 'manner-none',
    proves: 'no grace, no expiry (Notion as it is): a lost answer is asked for once more, then the refusal is believed',
    weight: 0.5,
    run: (surroundings) =>
      runManner(surroundings, {
        lifeSeconds: null,
        due: 0,
        knobs: { rotationGrace: 0 },
        fates: [
          { what: 'whose answer was lost', faults: [LOST_ANSWER], ends: 'token_refresh_failed' },
          { what: 'whose question was lost', faults: [LOST_QUESTION], ends: 'connected' },
        ],
        claims: (presentations) => {
          const { most } = repeats(presentations);
          return [{ holds: most === 2, what: `no refresh token is presented more than twice (${most})` }];
        },
      }),
  },
  {
    name: 'manner-grace',
    proves: `a grace of ${GRACE_SECONDS} s and lives of an hour: every repeat comes within the grace, nobody is lost`,
    weight: 0.5,
    run: (surroundings) =>
      runManner(surroundings, {
        refresh: { mode: 'proactive', retry: `grace:${GRACE_SECONDS}` },
        lifeSeconds: 3_600,
        due: 600,
        knobs: { rotationGrace: GRACE_SECONDS },
        fates: [1, 2, 3].map((times) => ({
          what: `whose answer was lost ${times} times`,
          faults: Array<Fault>(times).fill(LOST_ANSWER),
          ends: 'connected',
        })),
        claims: (presentations) => {
          const { longestMs, most } = repeats(presentations);
          const seconds = (longestMs / 1_000).toFixed(1);
          return [
            { holds: most === 4, what: `who lost three answers asks four times (${most})` },
            { holds: longestMs < GRACE_SECONDS * 1_000, what: `all repeats are within the grace (${seconds} s)` },
          ];
        },
      }),
  },
  {
    name: 'manner-probe',
    proves:
      'a probe before the next try: an access token that works says that none was spent, one that is dead that it was',
    weight: 0.5,
    run: (surroundings) =>
      runManner(surroundings, {
        refresh: { mode: 'proactive', retry: 'probe' },
        lifeSeconds: 60,
        due: 25,
        knobs: { rotationGrace: 0, oldAccessToken: 'dies' },
        fates: [
          { what: 'whose questions were lost', faults: [LOST_QUESTION, LOST_QUESTION], ends: 'connected' },
          {
            what: 'whose questions were lost before a refusal',
            faults: [LOST_QUESTION, LOST_QUESTION],
            isRefused: true,
            ends: 'invalid_grant',
          },
          {
            what: 'whose answer was lost, and then a question',
            faults: [LOST_ANSWER, LOST_QUESTION],
            ends: 'token_refresh_failed',
          },
        ],
      }),
  },
];
