import { setTimeout as sleep } from 'node:timers/promises';
import { bearerOf } from '../../support/bearer';
import type { Member } from '../fleet/fleet';
import { chances } from '../model/world';
import { readPresentations, readTrail } from '../history/collect';
import type { Scenario } from '../scenario';
import { limitsFor, LIMITS_OF_A_MINUTE, rowOf, Trial } from '../trial';

const CALLERS = 1_000;
/** Longer than it takes to send a thousand calls; and so short that most of them arrive after the answer. */
const SLOW_ANSWER_MS = 4_000;
const QUICK_ANSWER_MS = 50;
/** What the shops' plan is called from the middle of the race on: metadata of before is too old in the end. */
const LATER_PLAN = 'Advanced';

/** Calls the gateway for an integration's org. @returns the HTTP status */
async function call(base: string, { orgId, provider }: Member, method: string, path: string): Promise<number> {
  const answer = await fetch(`${base}/functions/v1/integrations/${provider}${path}`, {
    method,
    headers: { authorization: `Bearer ${await bearerOf({ org: orgId })}` },
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** A thousand forced refreshes and token reads of one integration at once, over all gateways. */
async function thousandCalls(trial: Trial, member: Member): Promise<{ answered: number; providerCalls: number }> {
  // past the first third of its life, in which a read does not refresh
  await trial.hub.database.rows("update public.integrations set issued_at = issued_at - interval '30 minutes'");
  const callsBefore = (await readPresentations(trial.hub, member.provider)).length;
  const bases = trial.hub.gateways.map(({ base }) => base);
  const statuses = await Promise.all(
    Array.from({ length: CALLERS }, (_, caller) => {
      const base = bases[caller % bases.length] ?? '';
      return caller % 4 < 2 ? call(base, member, 'POST', '/refresh') : call(base, member, 'GET', '/token?minTtl=3600');
    }),
  );
  const providerCalls = (await readPresentations(trial.hub, member.provider)).length - callsBefore;
  return { answered: statuses.filter((status) => status === 200).length, providerCalls };
}

export const races: readonly Scenario[] = [
  {
    name: 'thousand-callers',
    proves: '1,000 forced refreshes and token reads at once, two gateways, two workers: one call at the provider',
    weight: 2,
    run: async (surroundings) => {
      const trial = await Trial.prepare(surroundings, {
        servers: await surroundings.sharedServers(),
        workers: 2,
        gateways: 2,
      });
      const { sandbox } = trial.hub;
      const hurry = await sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: SLOW_ANSWER_MS });
      const [member] = await trial.seed({
        provider: 'shopify',
        count: 1,
        lifeSeconds: 3_600,
        due: 'fresh',
        knobs: { rotationGrace: 0 },
      });
      if (!member) throw new Error('nothing was seeded');
      await trial.begin();
      const slow = await thousandCalls(trial, member);
      await hurry();
      await sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: QUICK_ANSWER_MS });
      const quick = await thousandCalls(trial, member);
      await trial.settle();
      const findings = await trial.findings('shopify', limitsFor(3_600));
      const waves = [
        { ...slow, ms: SLOW_ANSWER_MS },
        { ...quick, ms: QUICK_ANSWER_MS },
      ];
      return rowOf(findings, {
        faults: 2 * CALLERS,
        note: waves.map(({ answered, ms }) => `${answered} callers got 200 with answers of ${ms} ms`).join(', '),
        claims: waves.flatMap(({ answered, providerCalls, ms }) => [
          { holds: providerCalls === 1, what: `one call at the provider that answers in ${ms} ms (${providerCalls})` },
          { holds: answered === CALLERS, what: `every caller got 200 (${answered} of ${CALLERS})` },
        ]),
      });
    },
  },
  {
    name: 'sync-and-disconnect',
    proves: 'syncs, forced refreshes and disconnects race with refreshes: nothing comes back, nothing else is hurt',
    weight: 2,
    run: async (surroundings) => {
      const trial = await Trial.prepare(surroundings, {
        servers: await surroundings.sharedServers(),
        workers: 2,
        syncWorkers: 1,
        gateways: 1,
        settings: { SYNC_EVERY: '10s' },
      });
      // after the provider has rotated, so that what races finds a grant on its way
      const slow = { on: 'refresh', kind: 'latency', ms: 300, jitterMs: 300, afterWork: true } as const;
      await trial.hub.sandbox.fault('shopify', slow);
      const fleet = await trial.seed({
        provider: 'shopify',
        count: 80,
        lifeSeconds: 60,
        due: 'spread',
        knobs: { rotationGrace: 0 },
        syncInSeconds: 1,
      });
      await trial.begin();
      const base = trial.hub.gateways[0]?.base ?? '';
      const chance = chances(surroundings.seed);
      const leaving = fleet.filter((_, place) => place % 2 === 0);
      const lengthMs = surroundings.isLong ? 300_000 : 60_000;
      const endsAt = performance.now() + lengthMs;
      const troubles: string[] = [];
      const post = async (member: Member, path: '/sync' | '/refresh'): Promise<void> => {
        const status = await call(base, member, 'POST', path);
        if (status !== 200 && status !== 202) troubles.push(`${path} of ${member.id} was answered ${status}`);
      };
      const one = async (member: Member): Promise<void> => {
        const disconnectsAt = performance.now() + chance() * 50_000;
        while (performance.now() < endsAt) {
          await sleep(1_000 + chance() * 6_000);
          if (leaving.includes(member) && performance.now() > disconnectsAt) {
            const due = call(base, member, 'POST', '/refresh');
            await sleep(chance() * 600); // somewhere inside the refresh
            const status = await call(base, member, 'DELETE', '');
            if (status !== 204) troubles.push(`disconnect of ${member.id} was answered ${status}`);
            await due;
            return;
          }
          const refreshed = chance() < 0.3 ? post(member, '/refresh') : undefined;
          if (refreshed) await sleep(chance() * 400); // somewhere inside the refresh
          await post(member, '/sync');
          await refreshed;
        }
      };
      const rename = async (): Promise<void> => {
        await sleep(lengthMs / 2);
        await trial.hub.sandbox.set('shopify', { plan: LATER_PLAN });
      };
      await Promise.all([rename(), ...fleet.map(one)]);
      await trial.settle();
      const findings = await trial.findings('shopify', LIMITS_OF_A_MINUTE);
      const trail = await readTrail(trial.hub);
      const ghosts = leaving.filter((member) => hasGhost(member, trail));
      const rows = await trial.hub.database.rows<StoredMetadata>(
        `select id, metadata->>'plan' as plan, metadata->>'primaryDomain' as domain from public.integrations`,
      );
      const left = rows.filter(({ id }) => leaving.some((member) => member.id === id)).length;
      const staying = fleet.filter((member) => !leaving.includes(member));
      const unsynced = staying.filter(({ id }) => !wasSynced(id, trail)).length;
      const stale = staying.filter((member) => !rows.some((row) => isCurrent(row, member))).length;
      const kept = await keptGrants(trial, leaving);
      const beside = findings.syncsBesideRefresh;
      return rowOf(findings, {
        faults: leaving.length,
        note: `${leaving.length} disconnected, ${kept} of them while a refresh was under way, whose grant was not stored; ${beside} syncs written between a grant and its commit`,
        claims: [
          { holds: left === 0, what: `rows of disconnected integrations are gone (${left} are not)` },
          { holds: ghosts.length === 0, what: `nothing is stored after a disconnect (${ghosts.length} were)` },
          { holds: kept > 0, what: `some were disconnected while a refresh was under way (${kept})` },
          { holds: unsynced === 0, what: `syncs of all others came to their end (${unsynced} have none)` },
          { holds: beside > 0, what: `some of them between the grant of a refresh and its commit (${beside})` },
          { holds: stale === 0, what: `all others have the metadata that their provider tells (${stale} have not)` },
          {
            holds: troubles.length === 0,
            what: troubles[0] ?? 'every disconnect is answered 204, all else 200 or 202',
          },
          { holds: findings.familiesLost.length === 0, what: 'no family is lost' },
        ],
      });
    },
  },
];

interface StoredMetadata {
  readonly id: string;
  readonly plan: string | null;
  readonly domain: string | null;
}

/** The sandbox tells a shop's own host as its primary domain. */
function isCurrent({ id, plan, domain }: StoredMetadata, member: Member): boolean {
  return id === member.id && plan === LATER_PLAN && domain === member.account;
}

function wasSynced(id: string, trail: readonly { integrationId: string; name: string }[]): boolean {
  return trail.some(({ integrationId, name }) => integrationId === id && name === 'sync.completed');
}

function hasGhost({ id }: Member, trail: readonly { integrationId: string; seq: number; name: string }[]): boolean {
  const gone = trail.find((event) => event.integrationId === id && event.name === 'integration.disconnected');
  return (
    gone !== undefined &&
    trail.some((event) => event.integrationId === id && event.seq > gone.seq && event.name === 'refresh.succeeded')
  );
}

/** Refreshes that were granted to an integration which was gone when the answer came. */
async function keptGrants(trial: Trial, leaving: readonly Member[]): Promise<number> {
  const trail = await readTrail(trial.hub);
  const presentations = await readPresentations(trial.hub, 'shopify');
  return leaving.filter(({ id, account }) => {
    const granted = presentations.filter((presentation) => presentation.account === account && presentation.accepted);
    const stored = trail.filter(({ integrationId, name }) => integrationId === id && name === 'refresh.succeeded');
    return granted.length > stored.length;
  }).length;
}
