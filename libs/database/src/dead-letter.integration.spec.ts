import { randomUUID } from 'node:crypto';
import {
  afterFailure,
  afterRefresh,
  afterSync,
  afterSyncFailure,
  deadLetterKindsOf,
  STATUSES,
  type Change,
  type Integration,
  type IntegrationId,
  type OrgId,
  type ProviderId,
} from '@hub/domain';
import { aConnect, ADA, aFreshGrant, WORKER } from '../../../test/factories/change';
import { FAILURES } from '../../../test/factories/integration';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { migrationDataSource } from './data-source';
import { DeadLetterRepository, ReplayBrokenOff, type DeadLetterPlace } from './dead-letter.repository';
import type { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';
import { AddFirstFailures1795392600000 } from './migrations/1795392600000-add-first-failures';
import { GrantByColumn1795392900000 } from './migrations/1795392900000-grant-by-column';
import { RefreshLeaseRepository } from './refresh-lease.repository';
import { RevocationRepository } from './revocation.repository';
import { SyncRepository } from './sync.repository';

const HOUR = 3_600_000;

interface Event {
  readonly name: string;
  readonly provider: string;
  readonly integration_id: string;
  readonly actor_type: string;
  readonly actor_id: string;
  readonly detail: Record<string, unknown>;
}

let database: OwnDatabase;
let gateway: HubDatabase;
let worker: HubDatabase;
let syncWorker: HubDatabase;
let letters: DeadLetterRepository;

beforeAll(async () => {
  database = await cloneDatabase();
  gateway = await database.as('gateway');
  worker = await database.as('refreshWorker');
  syncWorker = await database.as('syncWorker');
  letters = new DeadLetterRepository(gateway);
});
afterAll(() => database.drop());

const anOrg = (): OrgId => randomUUID() as OrgId;

/** Stores a row; values are SQL. */
async function stored(table: 'integrations' | 'revocations', columns: Record<string, string>): Promise<string> {
  const all = { provider: "'notion'", access_token: "'x'", ...columns };
  const [row] = await database.sql<{ id: string }>(
    `insert into public.${table} (${Object.keys(all).join(', ')}) values (${Object.values(all).join(', ')}) returning id`,
  );
  return row?.id ?? '';
}

/** An integration whose refreshes have failed so often, `minutes` ago for the first time. */
const failing = (orgId: OrgId, minutes = 30, different: Record<string, string> = {}): Promise<string> =>
  stored('integrations', {
    org_id: `'${orgId}'`,
    status: "'refresh_failing'",
    failed_refreshes: '5',
    refresh_failure_code: "'provider_unavailable'",
    refresh_first_failed_at: `now() - interval '${minutes} minutes'`,
    refresh_failure_at: "now() - interval '1 minute'",
    next_refresh_at: "now() + interval '8 minutes'",
    ...different,
  });

const unsynced = (orgId: OrgId, minutes = 30, different: Record<string, string> = {}): Promise<string> =>
  stored('integrations', {
    org_id: `'${orgId}'`,
    failed_syncs: '5',
    sync_failure_code: "'rate_limited'",
    sync_first_failed_at: `now() - interval '${minutes} minutes'`,
    sync_failure_at: "now() - interval '1 minute'",
    next_sync_at: "now() + interval '1 hour'",
    ...different,
  });

const givenUp = (orgId: OrgId, minutes = 30, different: Record<string, string> = {}): Promise<string> =>
  stored('revocations', {
    org_id: `'${orgId}'`,
    integration_id: 'gen_random_uuid()',
    reason: "'disconnect'",
    failed_attempts: '5',
    failure_code: "'provider_unavailable'",
    first_failed_at: `now() - interval '${minutes} minutes'`,
    last_failed_at: "now() - interval '1 minute'",
    ...different,
  });

async function row(table: 'integrations' | 'revocations', id: string): Promise<Record<string, unknown>> {
  return (await database.sql<Record<string, unknown>>(`select * from public.${table} where id = $1`, [id]))[0] ?? {};
}
const eventsOf = (orgId: OrgId): Promise<Event[]> =>
  database.sql('select * from public.audit_events where org_id = $1 order by seq', [orgId]);
const idsOf = async (orgId: OrgId): Promise<string[]> =>
  (await letters.page(orgId, { limit: 200 })).deadLetters.map(({ id }) => id);
/** Milliseconds from now on, by the clock of this machine, which is the database's too. */
const inMs = (time: unknown): number => (time as Date).getTime() - Date.now();

describe('the first failure of an integration', () => {
  const PROVIDER = 'notion' as ProviderId;

  async function connected(): Promise<{ orgId: OrgId; id: IntegrationId }> {
    const made = { orgId: anOrg(), id: randomUUID() as IntegrationId };
    await connect(made);
    return made;
  }
  const connect = (of: { orgId: OrgId; id: IntegrationId }) =>
    new IntegrationRepository(gateway).storeConnect({ ...of, provider: PROVIDER, change: aConnect(), actor: ADA }, () =>
      Promise.resolve(true),
    );

  type Decide = (before: Integration, now: Date) => Change;
  /** One refresh from claim to settlement, decided at a time of its own. */
  async function refresh(of: { orgId: OrgId; id: IntegrationId }, at: Date, decide: Decide) {
    await database.sql('update public.integrations set next_refresh_at = now() where id = $1', [of.id]);
    const leases = new RefreshLeaseRepository(worker);
    const lease = await leases.claim(of.orgId, of.id, 'test');
    if ('reason' in lease) throw new Error(lease.reason);
    await leases.settle(lease, decide(lease.integration, at), WORKER);
  }
  async function sync(of: { orgId: OrgId; id: IntegrationId }, at: Date, decide: Decide) {
    const syncs = new SyncRepository(syncWorker);
    const target = await syncs.load(of.orgId, of.id);
    if (!target) throw new Error('gone');
    await syncs.settle(target, (current) => decide(current, at), WORKER);
  }
  const down: Decide = (before, now) => afterFailure(before, FAILURES.down, now);
  const granted: Decide = (before, now) => afterRefresh(before, aFreshGrant(), now, 0);
  const read: Decide = (_before, now) => afterSync({ metadata: {}, account: null }, now, HOUR, 0);
  const unread: Decide = (before, now) => afterSyncFailure(before, FAILURES.down, now, HOUR);
  const minute = (minutes: number): Date => new Date(Date.UTC(2026, 10, 22, 12, minutes));

  it.each([
    ['refresh', refresh, down, granted],
    ['sync', sync, unread, read],
  ] as const)(
    'of a %s is kept while others follow, cleared by a success, and set anew',
    async (job, attempt, fail, succeed) => {
      const of = await connected();
      const first = async () => (await row('integrations', of.id))[`${job}_first_failed_at`];
      const last = async () => (await row('integrations', of.id))[`${job}_failure_at`];
      expect(await first()).toBeNull();
      for (const minutes of [1, 2, 4]) {
        await attempt(of, minute(minutes), fail);
        expect([await first(), await last()]).toEqual([minute(1), minute(minutes)]);
      }
      await attempt(of, minute(5), succeed);
      expect([await first(), await last()]).toEqual([null, null]);
      await attempt(of, minute(8), fail);
      expect(await first()).toEqual(minute(8));
    },
  );

  it('is forgotten by a new connect', async () => {
    const of = await connected();
    await refresh(of, minute(1), down);
    await sync(of, minute(2), unread);
    expect(await row('integrations', of.id)).toMatchObject({
      refresh_first_failed_at: minute(1),
      sync_first_failed_at: minute(2),
    });
    await connect(of);
    expect(await row('integrations', of.id)).toMatchObject({
      refresh_first_failed_at: null,
      sync_first_failed_at: null,
    });
  });

  it('of a refresh is none of the sync, nor the reverse', async () => {
    const [one, other] = [await connected(), await connected()];
    await refresh(one, minute(1), down);
    await sync(other, minute(1), unread);
    expect((await row('integrations', one.id))['sync_first_failed_at']).toBeNull();
    expect((await row('integrations', other.id))['refresh_first_failed_at']).toBeNull();
  });

  it('is found in the trail for rows that are older than its column', async () => {
    const orgId = anOrg();
    const owner = await migrationDataSource(database.adminUrl).initialize();
    const migration = new AddFirstFailures1795392600000();
    const grants = new GrantByColumn1795392900000();
    const runner = owner.createQueryRunner();
    const event = (id: string, seq: number, name: string, at: Date) =>
      database.sql(
        `insert into public.audit_events (org_id, seq, at, name, provider, integration_id, actor_type, actor_id, prev_hash, hash)
         select org_id, $2, $3, $4, provider, id, 'worker', 'refresh-worker', '', '' from public.integrations where id = $1`,
        [id, seq, at, name],
      );
    await grants.down(runner);
    await migration.down(runner);
    try {
      const at = `'${minute(40).toISOString()}'`;
      const columns = { org_id: `'${orgId}'`, refresh_failure_at: at, sync_failure_at: at };
      const told = await stored('integrations', columns);
      for (const [seq, name, minutes] of [
        [1, 'refresh.failed', 1],
        [2, 'refresh.succeeded', 2],
        [3, 'sync.failed', 3],
        [4, 'refresh.failed', 10],
        [5, 'sync.completed', 11],
        [6, 'refresh.failed', 12],
        [7, 'sync.failed', 20],
      ] as const)
        await event(told, seq, name, minute(minutes));
      const again = await stored('integrations', { ...columns, provider: "'shopify'" });
      await event(again, 8, 'refresh.failed', minute(1));
      await event(again, 9, 'integration.connected', minute(2));
      await event(again, 10, 'refresh.failed', minute(30));
      const untold = await stored('integrations', { ...columns, provider: "'zapier'" });
      const well = await stored('integrations', { org_id: `'${orgId}'`, provider: "'google_drive'" });
      await event(well, 11, 'refresh.failed', minute(1));
      await migration.up(runner);
      await grants.up(runner);
      const firsts = async (id: string) => {
        const { refresh_first_failed_at: refreshed, sync_first_failed_at: synced } = await row('integrations', id);
        return [refreshed, synced];
      };
      expect(await firsts(told)).toEqual([minute(10), minute(20)]);
      expect(await firsts(again)).toEqual([minute(30), minute(40)]);
      expect(await firsts(untold)).toEqual([minute(40), minute(40)]);
      expect(await firsts(well)).toEqual([null, null]);
      const forced = await database.sql(
        "select relname from pg_class where relname in ('integrations', 'audit_events') and relforcerowsecurity",
      );
      expect(forced).toHaveLength(2);
    } finally {
      await runner.release();
      await owner.destroy();
    }
  });
});

describe('dead letters', () => {
  it('are told as callers read them', async () => {
    const orgId = anOrg();
    const [sync, refresh, revocation] = [
      await unsynced(orgId, 30),
      await failing(orgId, 20, { provider: "'shopify'", failed_refreshes: '7' }),
      await givenUp(orgId, 10),
    ];
    const { deadLetters, next } = await letters.page(orgId, { limit: 50 });
    const integrationId = (await row('revocations', revocation))['integration_id'];
    expect(deadLetters).toEqual([
      {
        id: `sync-${sync}`,
        kind: 'sync',
        provider: 'notion',
        integrationId: sync,
        reason: 'rate_limited',
        attempts: 5,
        firstFailedAt: (await row('integrations', sync))['sync_first_failed_at'],
        lastFailedAt: (await row('integrations', sync))['sync_failure_at'],
      },
      {
        id: `refresh-${refresh}`,
        kind: 'refresh',
        provider: 'shopify',
        integrationId: refresh,
        reason: 'provider_unavailable',
        attempts: 7,
        firstFailedAt: (await row('integrations', refresh))['refresh_first_failed_at'],
        lastFailedAt: (await row('integrations', refresh))['refresh_failure_at'],
      },
      {
        id: `revocation-${revocation}`,
        kind: 'revocation',
        provider: 'notion',
        integrationId,
        reason: 'provider_unavailable',
        attempts: 5,
        firstFailedAt: (await row('revocations', revocation))['first_failed_at'],
        lastFailedAt: (await row('revocations', revocation))['last_failed_at'],
      },
    ]);
    expect(next).toBeNull();
  });

  it('of integrations are exactly those of the domain’s rule', async () => {
    for (const status of STATUSES)
      for (const failedRefreshes of [0, 4, 5])
        for (const failedSyncs of [0, 4, 5]) {
          const orgId = anOrg();
          const times = { refresh_failure_at: 'now()', sync_failure_at: 'now()' };
          const counts = { failed_refreshes: `${failedRefreshes}`, failed_syncs: `${failedSyncs}` };
          const id = await stored('integrations', { org_id: `'${orgId}'`, status: `'${status}'`, ...counts, ...times });
          const ruled = deadLetterKindsOf({ status, failedRefreshes, failedSyncs }).map((kind) => `${kind}-${id}`);
          expect([status, failedRefreshes, failedSyncs, await idsOf(orgId)]).toEqual([
            status,
            failedRefreshes,
            failedSyncs,
            ruled,
          ]);
        }
  });

  it('are no revocations that are still tried', async () => {
    const orgId = anOrg();
    await givenUp(orgId, 30, { next_attempt_at: "now() + interval '8 minutes'" });
    expect(await idsOf(orgId)).toEqual([]);
  });

  it('tell their last failure where an earlier release has noted no first one', async () => {
    const orgId = anOrg();
    const id = await failing(orgId, 30, { refresh_first_failed_at: 'null' });
    const { deadLetters } = await letters.page(orgId, { limit: 1 });
    expect(deadLetters[0]?.firstFailedAt).toEqual((await row('integrations', id))['refresh_failure_at']);
  });

  it('come page by page, the oldest failure first, each once, also where many failed in the same microsecond', async () => {
    const orgId = anOrg();
    await database.sql(
      `insert into public.revocations (org_id, provider, integration_id, access_token, reason, failed_attempts, failure_code, first_failed_at, last_failed_at)
       select $1, 'notion', gen_random_uuid(), 'x', 'disconnect', 5, 'internal', now() - (i / 4) * interval '1 microsecond', now() from generate_series(1, 21) as i`,
      [orgId],
    );
    const newest = `refresh-${await failing(orgId, -1)}`;
    const oldest = `sync-${await unsynced(orgId, 60, { provider: "'shopify'" })}`;
    const sizes: number[] = [];
    const seen: string[] = [];
    for (let after: DeadLetterPlace | null | undefined; after !== null;) {
      const page: Awaited<ReturnType<typeof letters.page>> = await letters.page(orgId, { limit: 5, after });
      sizes.push(page.deadLetters.length);
      seen.push(...page.deadLetters.map(({ id }) => id));
      after = page.next;
    }
    expect(sizes).toEqual([5, 5, 5, 5, 3]);
    expect(new Set(seen).size).toBe(23);
    expect([seen[0], seen.at(-1)]).toEqual([oldest, newest]);
    expect(seen).toEqual(await idsOf(orgId));
    const order = await database.sql<{ id: string }>(
      "select 'revocation-' || id as id from public.revocations where org_id = $1 order by first_failed_at, id",
      [orgId],
    );
    expect(seen.slice(1, -1)).toEqual(order.map(({ id }) => id));
  });

  it('end with a page that is full', async () => {
    const orgId = anOrg();
    await givenUp(orgId);
    await givenUp(orgId);
    expect(await letters.page(orgId, { limit: 2 })).toMatchObject({ deadLetters: [{}, {}], next: null });
  });

  it('are shown by kind and by provider', async () => {
    const orgId = anOrg();
    const [refresh, sync, revocation] = [
      await failing(orgId, 30),
      await unsynced(orgId, 20, { provider: "'shopify'" }),
      await givenUp(orgId, 10),
    ];
    const found = async (filter: object) =>
      (await letters.page(orgId, { limit: 50, ...filter })).deadLetters.map(({ id }) => id);
    expect(await found({ kind: 'refresh' })).toEqual([`refresh-${refresh}`]);
    expect(await found({ kind: 'delivery' })).toEqual([]);
    expect(await found({ provider: 'notion' })).toEqual([`refresh-${refresh}`, `revocation-${revocation}`]);
    expect(await found({ provider: 'shopify', kind: 'sync' })).toEqual([`sync-${sync}`]);
    expect(await found({ provider: 'shopify', kind: 'refresh' })).toEqual([]);
  });

  it('tell deliveries apart by their events, to the gateway and to the command line', async () => {
    const orgId = anOrg();
    const [row] = await database.sql<{ id: string; event_id: string }>(
      `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, state, failed_attempts,
         failure_code, first_failed_at, last_failed_at, ended_at)
       values ($1, gen_random_uuid(), 'zapier', gen_random_uuid(), 7, 'order.paid', '2026-11-28T12:00:00Z', 'posted', 'dead', 5,
         'provider_unavailable', now(), now(), now()) returning id, event_id`,
      [orgId],
    );
    const event = { id: row?.event_id, seq: 7, type: 'order.paid', at: new Date('2026-11-28T12:00:00Z') };
    for (const reader of [letters, new DeadLetterRepository(worker)])
      expect((await reader.page(orgId, { limit: 50 })).deadLetters).toEqual([
        expect.objectContaining({ id: `delivery-${row?.id}`, provider: 'zapier', attempts: 5, event }),
      ]);
    expect(await letters.replay(orgId, {}, ADA)).toMatchObject([{ kind: 'delivery', id: row?.id }]);
  });

  it('of another org are as if they did not exist', async () => {
    const [owner, stranger] = [anOrg(), anOrg()];
    const ids = [
      `refresh-${await failing(owner)}`,
      `sync-${await unsynced(owner, 30, { provider: "'shopify'" })}`,
      `revocation-${await givenUp(owner)}`,
    ];
    expect(await idsOf(stranger)).toEqual([]);
    expect(await letters.replay(stranger, {}, ADA)).toEqual([]);
    for (const id of ids) expect(await letters.replayOne(stranger, id, ADA)).toBeUndefined();
    expect([await eventsOf(stranger), await eventsOf(owner)]).toEqual([[], []]);
    expect((await idsOf(owner)).sort()).toEqual(ids.sort());
  });
});

describe('a replay', () => {
  it('makes a refresh due now and leaves its failures to be counted on', async () => {
    const orgId = anOrg();
    const id = await failing(orgId, 30, { epoch: '9' });
    expect(await letters.replayOne(orgId, `refresh-${id}`, ADA)).toEqual({
      kind: 'refresh',
      id,
      orgId,
      provider: 'notion',
      epoch: 9,
    });
    const after = await row('integrations', id);
    expect(inMs(after['next_refresh_at'])).toBeLessThanOrEqual(0);
    expect(after).toMatchObject({ failed_refreshes: 5, status: 'refresh_failing', epoch: 9 });
    expect(await idsOf(orgId)).toEqual([`refresh-${id}`]);
  });

  it('leaves a refresh to the worker that is at it, and says so in the trail all the same', async () => {
    const orgId = anOrg();
    const id = await failing(orgId, 30, { lease_until: "now() + interval '1 minute'" });
    expect(await letters.replayOne(orgId, `refresh-${id}`, ADA)).toBeDefined();
    expect(inMs((await row('integrations', id))['next_refresh_at'])).toBeGreaterThan(60_000);
    expect(await eventsOf(orgId)).toHaveLength(1);
  });

  it('does not hold back a refresh that is overdue, nor stop at a lease that is over', async () => {
    const orgId = anOrg();
    const next = { next_refresh_at: "now() - interval '1 hour'", lease_until: "now() - interval '1 second'" };
    const id = await failing(orgId, 30, next);
    await letters.replayOne(orgId, `refresh-${id}`, ADA);
    expect(inMs((await row('integrations', id))['next_refresh_at'])).toBeLessThan(-1_800_000);
  });

  it.each([
    ['later', "now() + interval '1 hour'"],
    ['never', 'null'],
  ])('makes a sync due now that was due %s', async (_when, next) => {
    const orgId = anOrg();
    const id = await unsynced(orgId, 30, { next_sync_at: next, next_refresh_at: "now() + interval '1 hour'" });
    expect(await letters.replayOne(orgId, `sync-${id}`, ADA)).toMatchObject({ kind: 'sync', id });
    const after = await row('integrations', id);
    expect(inMs(after['next_sync_at'])).toBeLessThanOrEqual(0);
    expect(inMs(after['next_refresh_at'])).toBeGreaterThan(0);
    expect(after['failed_syncs']).toBe(5);
  });

  it('has a revocation begin its ladder anew, and remember since when it fails', async () => {
    const orgId = anOrg();
    const id = await givenUp(orgId);
    const before = await row('revocations', id);
    expect(await letters.replayOne(orgId, `revocation-${id}`, ADA)).toMatchObject({ kind: 'revocation', id, epoch: 0 });
    expect(await row('revocations', id)).toMatchObject({
      failed_attempts: 0,
      first_failed_at: before['first_failed_at'],
    });
    const revocations = new RevocationRepository(worker);
    const loaded = await revocations.load(orgId, id);
    if (!loaded) throw new Error('gone');
    expect(loaded).toMatchObject({ isDue: true, failedAttempts: 0 });
    expect(await idsOf(orgId)).toEqual([]);
    expect(await letters.replayOne(orgId, `revocation-${id}`, ADA)).toBeUndefined();
    await revocations.postpone(
      loaded,
      { code: 'rate_limited', retryInMs: null },
      [{ name: 'revocation.failed' }],
      WORKER,
    );
    expect((await letters.page(orgId, { limit: 1 })).deadLetters).toMatchObject([
      { reason: 'rate_limited', attempts: 1, firstFailedAt: before['first_failed_at'] },
    ]);
  });

  it('is an event that says who, which letter, and what had come of it so far', async () => {
    const orgId = anOrg();
    const id = await givenUp(orgId);
    const { integration_id: integrationId, first_failed_at: first } = await row('revocations', id);
    await letters.replayOne(orgId, `revocation-${id}`, ADA);
    expect(await eventsOf(orgId)).toMatchObject([
      {
        name: 'dead_letter.replayed',
        provider: 'notion',
        integration_id: integrationId,
        actor_type: 'user',
        actor_id: 'ada',
        detail: {
          deadLetter: `revocation-${id}`,
          kind: 'revocation',
          reason: 'provider_unavailable',
          attempts: 5,
          firstFailedAt: (first as Date).toISOString(),
        },
      },
    ]);
  });

  it('of all takes each letter once, with an event for each', async () => {
    const orgId = anOrg();
    const both = await failing(orgId, 30, {
      failed_syncs: '5',
      sync_failure_code: "'internal'",
      sync_failure_at: 'now()',
    });
    const revocations = [await givenUp(orgId), await givenUp(orgId)];
    const replayed = await letters.replay(orgId, {}, ADA);
    const expected = [`refresh ${both}`, `sync ${both}`, ...revocations.map((id) => `revocation ${id}`)].sort();
    expect(replayed.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(expected);
    const events = await eventsOf(orgId);
    expect(events.map(({ name }) => name)).toEqual(Array.from({ length: 4 }, () => 'dead_letter.replayed'));
    expect(events.map(({ detail }) => String(detail['deadLetter']).replace('-', ' ')).sort()).toEqual(expected);
  });

  it('of some takes those of the kind and provider, and no other', async () => {
    const orgId = anOrg();
    const refresh = await failing(orgId);
    const revocation = await givenUp(orgId, 10, { provider: "'shopify'" });
    const taken = async (filter: object) => (await letters.replay(orgId, filter, ADA)).map(({ id }) => id);
    expect(await taken({ kind: 'delivery' })).toEqual([]);
    expect(await taken({ kind: 'sync' })).toEqual([]);
    expect(await taken({ kind: 'revocation', provider: 'notion' })).toEqual([]);
    expect(await taken({ provider: 'notion' })).toEqual([refresh]);
    expect(await taken({ kind: 'revocation' })).toEqual([revocation]);
  });

  it.each(['refresh-1', 'refresh', '', `refresh-${randomUUID()}`, `delivery-${randomUUID()}`, `sync-' or true --`])(
    'of %j, which is no letter, is none',
    async (id) => {
      const orgId = anOrg();
      await failing(orgId);
      expect(await letters.replayOne(orgId, id, ADA)).toBeUndefined();
      expect(await eventsOf(orgId)).toEqual([]);
    },
  );

  it('of an integration that is dead no more is none', async () => {
    const orgId = anOrg();
    const well = await failing(orgId, 30, { status: "'connected'", failed_refreshes: '0' });
    expect(await letters.replayOne(orgId, `refresh-${well}`, ADA)).toBeUndefined();
    const judged = await unsynced(orgId, 30, {
      status: "'reauth_required'",
      provider: "'shopify'",
      next_sync_at: 'null',
    });
    expect(await letters.replayOne(orgId, `sync-${judged}`, ADA)).toBeUndefined();
    expect((await row('integrations', judged))['next_sync_at']).toBeNull();
  });

  it('is nothing at all where its event cannot be written', async () => {
    const orgId = anOrg();
    const id = await givenUp(orgId);
    const append = 'hub.append_event(uuid, text, text, uuid, text, text, jsonb)';
    await database.sql(`revoke execute on function ${append} from hub_gateway`);
    try {
      await expect(letters.replay(orgId, {}, ADA)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await database.sql(`grant execute on function ${append} to hub_gateway`);
    }
    expect(await row('revocations', id)).toMatchObject({ next_attempt_at: null, failed_attempts: 5 });
  });

  /** A great many revocations that were given up. */
  const veryMany = (orgId: OrgId, count: number) =>
    database.sql(
      `insert into public.revocations (org_id, provider, integration_id, access_token, reason, failed_attempts, failure_code, first_failed_at, last_failed_at)
       select $1, 'notion', gen_random_uuid(), 'x', 'disconnect', 5, 'provider_unavailable', now(), now() from generate_series(1, $2::int)`,
      [orgId, count],
    );

  it('of very many goes in pieces, between which the trail goes on, and takes each letter once', async () => {
    const orgId = anOrg();
    await veryMany(orgId, 1200);
    const replayed = await letters.replay(orgId, {}, ADA);
    expect(new Set(replayed.map(({ id }) => id)).size).toBe(1200);
    expect(replayed).toHaveLength(1200);
    expect(await eventsOf(orgId)).toHaveLength(1200);
    const pieces = await database.sql<{ size: number }>(
      'select count(*)::int as size from public.revocations where org_id = $1 group by xmin::text order by size',
      [orgId],
    );
    expect(pieces.map(({ size }) => size)).toEqual([200, 500, 500]);
  });

  it('of very many that breaks off tells which are due, and goes on with the rest', async () => {
    const orgId = anOrg();
    await veryMany(orgId, 700);
    await stored('revocations', {
      id: "'ffffffff-ffff-4fff-bfff-ffffffffffff'",
      org_id: `'${orgId}'`,
      integration_id: 'gen_random_uuid()',
      reason: "'disconnect'",
      failed_attempts: '5',
      failure_code: "'provider_unavailable'",
      first_failed_at: 'now()',
      last_failed_at: 'now()',
    });
    await database.sql(`
      create function public.refuse_one() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
      create trigger refuse_one before update on public.revocations for each row
        when (new.id = 'ffffffff-ffff-4fff-bfff-ffffffffffff') execute function public.refuse_one()`);
    const broken: unknown = await letters.replay(orgId, {}, ADA).catch((error: unknown) => error);
    await database.sql('drop trigger refuse_one on public.revocations');
    if (!(broken instanceof ReplayBrokenOff)) throw broken;
    expect(broken.message).toContain('500 dead letters are due now');
    expect(broken.replayed).toHaveLength(500);
    expect(await eventsOf(orgId)).toHaveLength(500);
    const rest = await letters.replay(orgId, {}, ADA);
    expect(new Set([...broken.replayed, ...rest].map(({ id }) => id)).size).toBe(701);
    expect(await eventsOf(orgId)).toHaveLength(701);
  });

  it('of many callers at the same moment takes a revocation once', async () => {
    const orgId = anOrg();
    for (let count = 0; count < 5; count += 1) await givenUp(orgId);
    const taken = await Promise.all(Array.from({ length: 4 }, () => letters.replay(orgId, {}, ADA)));
    expect(taken.flat()).toHaveLength(5);
    expect(await eventsOf(orgId)).toHaveLength(5);
  });

  it('works with a worker’s login as well', async () => {
    const orgId = anOrg();
    const id = await givenUp(orgId);
    const byWorker = new DeadLetterRepository(worker);
    expect((await byWorker.page(orgId, { limit: 1 })).deadLetters).toMatchObject([{ id: `revocation-${id}` }]);
    expect(await byWorker.replay(orgId, {}, ADA)).toMatchObject([{ id }]);
  });
});
