import { randomUUID } from 'node:crypto';
import {
  afterFailure,
  afterRefresh,
  afterVerification,
  type Integration,
  type IntegrationId,
  type OrgId,
  type ProviderId,
  type SealedGrant,
} from '@hub/domain';
import { aConnect, ADA, aFreshGrant, WORKER } from '../../../test/factories/change';
import { FAILURES } from '../../../test/factories/integration';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { eventually } from '../../../test/support/eventually';
import { TcpProxy } from '../../../test/support/tcp-proxy';
import { appDataSource, migrationDataSource, SETTLE_SERVER_TIMEOUTS, settleDataSource } from './data-source';
import { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';
import { KeepLateGrantsOnce1795393900000 } from './migrations/1795393900000-keep-late-grants-once';
import { RefreshLeaseRepository, type Lease } from './refresh-lease.repository';

const PROVIDER = 'google_drive' as ProviderId;

describe('the lease of a refresh', () => {
  let database: OwnDatabase;
  let integrations: IntegrationRepository;
  let leases: RefreshLeaseRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    integrations = new IntegrationRepository(await database.as('gateway'));
    leases = new RefreshLeaseRepository(await database.as('refreshWorker'));
    await database.longUp();
  });
  afterAll(() => database.drop());

  interface Stored {
    readonly orgId: OrgId;
    readonly id: IntegrationId;
  }

  /** A connected integration that is due, changed by these assignments. */
  async function due(assignments = ''): Promise<Stored> {
    const stored = { orgId: randomUUID() as OrgId, id: randomUUID() as IntegrationId };
    await connect(stored);
    await change(stored, "next_refresh_at = now() - interval '1 second'");
    if (assignments !== '') await change(stored, assignments);
    return stored;
  }

  const connect = ({ orgId, id }: Stored) =>
    integrations.storeConnect({ orgId, id, provider: PROVIDER, change: aConnect(), actor: ADA }, () =>
      Promise.resolve(true),
    );
  const disconnect = ({ orgId }: Stored) =>
    integrations.disconnect(orgId, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });
  const change = ({ id }: Stored, assignments: string) =>
    database.sql(`update public.integrations set ${assignments} where id = $1`, [id]);
  const claim = ({ orgId, id }: Stored, owner = 'worker-1') => leases.claim(orgId, id, owner);
  const row = async ({ id }: Stored): Promise<Record<string, unknown> | undefined> => {
    const [found] = await database.sql<Record<string, unknown>>('select * from public.integrations where id = $1', [
      id,
    ]);
    return found && { ...found, epoch: Number(found.epoch), settled_epoch: Number(found.settled_epoch) };
  };
  const eventsOf = async ({ id }: Stored): Promise<string[]> =>
    (
      await database.sql<{ name: string }>(
        'select name from public.audit_events where integration_id = $1 order by seq',
        [id],
      )
    )
      .map(({ name }) => name)
      .filter((name) => name !== 'integration.connected');
  const inbox = ({ id }: Stored) => database.sql('select * from public.token_inbox where integration_id = $1', [id]);
  const revocations = ({ id }: Stored) =>
    database.sql<Record<string, unknown>>('select * from public.revocations where integration_id = $1', [id]);

  /** A claim that must succeed. */
  async function held(stored: Stored, owner?: string): Promise<Lease> {
    const lease = await claim(stored, owner);
    if ('reason' in lease) throw new Error(lease.reason);
    return lease;
  }

  const granted = (integration: Integration, grant: SealedGrant) => afterRefresh(integration, grant, new Date(), 0.5);
  const refused = (integration: Integration, cause: (typeof FAILURES)[keyof typeof FAILURES]) =>
    afterFailure(integration, cause, new Date());

  describe('settles an answer that comes late, with the key beside it', () => {
    const aDataKey = ({ orgId }: Stored) =>
      ({ orgId, id: randomUUID(), keyProvider: 'local', wrappingKeyId: 'k1', wrapped: 'wrapped' }) as const;
    const keysOf = ({ orgId }: Stored) =>
      database.sql<{ id: string; status: string; unneeded_since: Date | null }>(
        'select id, status, unneeded_since from public.data_keys where org_id = $1',
        [orgId],
      );
    const restoredOf = async ({ orgId }: Stored) =>
      database.sql(
        "select actor_id, detail from public.audit_events where org_id = $1 and name = 'key.restored' order by seq",
        [orgId],
      );

    it('and the key that the database has forgotten is there again, told once', async () => {
      const stored = await due();
      const lease = await held(stored);
      const dataKey = aDataKey(stored);
      for (let times = 0; times < 2; times += 1)
        await leases.settle({ ...lease, dataKey }, granted(lease.integration, aFreshGrant()), WORKER);
      expect(await keysOf(stored)).toEqual([{ id: dataKey.id, status: 'retiring', unneeded_since: null }]);
      const detail = { key: dataKey.id, purpose: 'tokens', was: 'gone', keyProvider: 'local', wrappingKey: 'k1' };
      expect(await restoredOf(stored)).toEqual([{ actor_id: WORKER.id, detail }]);
    });

    it('and the key that has retired meanwhile is retiring again: ten minutes begin anew', async () => {
      const stored = await due();
      const lease = await held(stored);
      const dataKey = aDataKey(stored);
      await database.sql(
        `insert into public.data_keys (id, org_id, key_provider, wrapping_key_id, wrapped_key, status, unneeded_since)
         values ($1, $2, 'local', 'k1', 'wrapped', 'retired', now() - interval '1 hour')`,
        [dataKey.id, stored.orgId],
      );
      await leases.settle({ ...lease, dataKey }, granted(lease.integration, aFreshGrant()), WORKER);
      expect(await keysOf(stored)).toEqual([{ id: dataKey.id, status: 'retiring', unneeded_since: null }]);
      expect(await restoredOf(stored)).toMatchObject([{ detail: { key: dataKey.id, was: 'retired' } }]);
    });

    it.each(['active', 'retiring', 'shredded'])('and a key that is %s stays so, untold', async (status) => {
      const stored = await due();
      const lease = await held(stored);
      const dataKey = aDataKey(stored);
      await database.sql(
        `insert into public.data_keys (id, org_id, key_provider, wrapping_key_id, wrapped_key, status)
         values ($1, $2, 'local', 'k1', $3, $4)`,
        [dataKey.id, stored.orgId, status === 'shredded' ? '' : 'wrapped', status],
      );
      await leases.settle({ ...lease, dataKey }, granted(lease.integration, aFreshGrant()), WORKER);
      expect(await keysOf(stored)).toMatchObject([{ id: dataKey.id, status }]);
      expect(await restoredOf(stored)).toEqual([]);
    });
  });

  describe('is claimed', () => {
    it('with the row as it stands, its sealed tokens, a new epoch and a time by the database’s clock', async () => {
      const stored = await due();
      const before = await row(stored);
      expect(await claim(stored)).toMatchObject({
        orgId: stored.orgId,
        integrationId: stored.id,
        epoch: 1,
        owner: 'worker-1',
        integration: { id: stored.id, status: 'connected' },
        accessToken: before?.access_token,
        refreshToken: before?.refresh_token,
        inDoubtSince: null,
        neverRecorded: false,
        lateGrant: null,
        claimedAt: expect.any(Date),
        leaseMs: expect.any(Number),
      });
      expect(await row(stored)).toMatchObject({
        epoch: 1,
        settled_epoch: 0,
        phase: 'claimed',
        lease_owner: 'worker-1',
        lease_until: expect.any(Date),
      });
    });

    it('by one of fifty workers at once', async () => {
      const stored = await due();
      const outcomes = await Promise.all(Array.from({ length: 50 }, (_, place) => claim(stored, `worker-${place}`)));
      expect(outcomes.filter((outcome) => !('reason' in outcome))).toHaveLength(1);
      for (const outcome of outcomes) if ('reason' in outcome) expect(outcome.reason).toBe('busy');
      expect((await row(stored))?.epoch).toBe(1);
    });

    it.each([
      ['not_due', "next_refresh_at = now() + interval '1 minute'"],
      ['not_due', 'next_refresh_at = null'],
      ['not_due', "status = 'reauth_required'"],
      ['busy', "phase = 'claimed', lease_owner = 'x', lease_until = now() + interval '1 minute'"],
    ])('not, since it is %s: %s', async (reason, assignments) => {
      const stored = await due(assignments);
      const before = await row(stored);
      expect(await claim(stored)).toMatchObject({ reason });
      expect(await row(stored)).toEqual(before);
    });

    it('not where the row is gone, or another org’s', async () => {
      const stored = await due();
      expect(await claim({ ...stored, id: randomUUID() as IntegrationId })).toMatchObject({ reason: 'gone' });
      expect(await claim({ ...stored, orgId: randomUUID() as OrgId })).toMatchObject({ reason: 'gone' });
    });

    it('again once the lease before is over, knowing whether an answer may be lost', async () => {
      const crashed = await due("phase = 'claimed', epoch = 1, lease_until = now() - interval '1 second'");
      expect(await claim(crashed)).toMatchObject({ epoch: 2, inDoubtSince: null, neverRecorded: false });
      const sent = await due("phase = 'sending', epoch = 1, lease_until = now() - interval '1 second'");
      expect(await claim(sent)).toMatchObject({ epoch: 2, inDoubtSince: expect.any(Date), neverRecorded: true });
    });
  });

  describe('is marked as sending', () => {
    it('once the provider is about to be asked, and begins anew', async () => {
      const stored = await due();
      const lease = await held(stored);
      await change(stored, "lease_until = now() + interval '1 second'");
      const marked = await leases.markSending(lease);
      expect(marked?.claimedMs).toBeGreaterThanOrEqual(lease.claimedMs);
      expect(await row(stored)).toMatchObject({ phase: 'sending', epoch: 1 });
      const [longer] = await database.sql(
        "select 1 from public.integrations where id = $1 and lease_until > now() + interval '3 seconds'",
        [stored.id],
      );
      expect(longer).toBeDefined();
    });

    it.each([
      [
        'somebody else claims it',
        (stored: Stored) =>
          change(stored, "lease_until = now() - interval '1 second'").then(() => held(stored, 'other')),
      ],
      ['the org connects anew', connect],
      ['the row goes', disconnect],
    ] as [string, (stored: Stored) => Promise<unknown>][])('no more after %s', async (_what, happens) => {
      const stored = await due();
      const lease = await held(stored);
      await happens(stored);
      expect(await leases.markSending(lease)).toBeUndefined();
    });

    it('for as long as is wished, and not longer', async () => {
      const stored = await due();
      const marked = await leases.markSending(await held(stored), 4_000);
      expect(marked).toMatchObject({ leaseMs: 4_000 });
      const [short] = await database.sql(
        "select 1 from public.integrations where id = $1 and lease_until < now() + interval '5 seconds'",
        [stored.id],
      );
      expect(short).toBeDefined();
    });

    it('no more after it was given back', async () => {
      const lease = await held(await due());
      await leases.release(lease);
      expect(await leases.markSending(lease)).toBeUndefined();
    });
  });

  describe('whose answer may be lost', () => {
    const since = async (stored: Stored) => (await row(stored))?.in_doubt_since as Date | null;
    /** The first presentation of the refresh token is recorded, and its worker dies. */
    const crashed = async () => {
      const stored = await due();
      await leases.markSending(await held(stored));
      await change(stored, "lease_until = now() - interval '1 second'");
      return stored;
    };
    const claimed = async (stored: Stored) => {
      await change(stored, 'next_refresh_at = now()');
      return held(stored);
    };

    it('is in doubt from the moment at which the provider is asked', async () => {
      const stored = await crashed();
      const first = await since(stored);
      expect(first).toBeInstanceOf(Date);
      expect(await held(stored)).toMatchObject({ inDoubtSince: first, neverRecorded: true });
    });

    it('stays so through later failures, with the time of the first presentation', async () => {
      const stored = await crashed();
      const first = await since(stored);
      for (const cause of [FAILURES.down, FAILURES.lost, FAILURES.throttled, FAILURES.wrongSecret]) {
        const lease = await claimed(stored);
        await leases.markSending(lease);
        await leases.settle(lease, refused(lease.integration, cause), WORKER);
        expect(await since(stored)).toEqual(first);
      }
      expect(await claimed(stored)).toMatchObject({ inDoubtSince: first, neverRecorded: false });
    });

    it.each([
      ['a grant', (lease: Lease) => granted(lease.integration, aFreshGrant())],
      ['a verdict', (lease: Lease) => refused(lease.integration, FAILURES.revoked)],
    ])('is so no more after %s', async (_what, decide) => {
      const stored = await crashed();
      const lease = await held(stored);
      await leases.markSending(lease);
      await leases.settle(lease, decide(lease), WORKER);
      expect(await since(stored)).toBeNull();
    });

    it('is so no more after a new connect', async () => {
      const stored = await crashed();
      await connect(stored);
      expect(await since(stored)).toBeNull();
    });

    it('is not so after an answer that surely spent nothing', async () => {
      const stored = await due();
      const lease = await held(stored);
      await leases.markSending(lease);
      await leases.settle(lease, refused(lease.integration, FAILURES.down), WORKER);
      expect(await since(stored)).toBeNull();
    });

    it('is claimed for no longer than half of what is left of its provider’s grace', async () => {
      const stored = await due(
        "in_doubt_since = now() - interval '10 seconds', expires_at = now() + interval '1 hour'",
      );
      const lease = await leases.claim(stored.orgId, stored.id, 'worker-1', 30_000);
      if ('reason' in lease) throw new Error(lease.reason);
      expect(lease.leaseMs).toBeGreaterThan(9_000);
      expect(lease.leaseMs).toBeLessThanOrEqual(10_000);
    });
  });

  describe('whose sender may hold an answer that the database could not take', () => {
    const sent = () =>
      due("phase = 'sending', epoch = 1, in_doubt_since = now(), lease_until = now() - interval '1 second'");
    /** A worker that has met no trouble, and one that has. */
    async function workers(): Promise<{ calm: HubDatabase; troubled: HubDatabase; close: () => Promise<void> }> {
      const open = async () =>
        new HubDatabase(await appDataSource(database.refreshWorkerUrl, 'test-trouble', 2).initialize());
      const troubled = await open();
      await database.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test-trouble'",
      );
      await eventually('the loss of a connection', () => Promise.resolve(troubled.answeringForMs < 60_000));
      const calm = await open();
      return { calm, troubled, close: async () => void (await Promise.all([calm.close(), troubled.close()])) };
    }

    it('is left to it for a while by a worker that the database did not answer either', async () => {
      const { calm, troubled, close } = await workers();
      const stored = await sent();
      const before = await row(stored);
      const outcome = await new RefreshLeaseRepository(troubled).claim(stored.orgId, stored.id, 'other');
      expect(outcome).toMatchObject({ reason: 'awaited', epoch: 1 });
      if (!('reason' in outcome)) return;
      expect(outcome.dueInMs).toBeGreaterThan(1_000);
      expect(outcome.dueInMs).toBeLessThanOrEqual(5_000);
      expect(await row(stored)).toEqual(before);
      expect(await new RefreshLeaseRepository(calm).claim(stored.orgId, stored.id, 'calm')).toMatchObject({ epoch: 2 });
      await close();
    });

    it('is waited for no longer than half a lease, so that a short life is not waited away', async () => {
      const { troubled, close } = await workers();
      const stored = await due(
        "phase = 'sending', in_doubt_since = now(), lease_until = now() - interval '1 second', expires_at = now() + interval '18 seconds'",
      );
      const outcome = await new RefreshLeaseRepository(troubled).claim(stored.orgId, stored.id, 'other');
      expect('reason' in outcome && outcome.dueInMs).toBeLessThanOrEqual(2_250);
      await close();
    });

    it('is not waited for where nothing was sent', async () => {
      const { troubled, close } = await workers();
      const other = new RefreshLeaseRepository(troubled);
      for (const stored of [await due(), await due("phase = 'claimed', lease_until = now() - interval '1 second'")])
        expect(await other.claim(stored.orgId, stored.id, 'other')).toMatchObject({ owner: 'other' });
      await close();
    });

    it('is waited for by everybody where the server itself has just begun', async () => {
      const own = await cloneDatabase();
      // stands before the server's own function of that name
      await own.sql(`alter database ${own.name} set search_path = public, pg_catalog`);
      await own.sql(
        `create function public.pg_postmaster_start_time() returns timestamptz language sql as $$ select now() - interval '1 second' $$`,
      );
      const stored = await sent();
      await own.sql(
        'insert into public.integrations select * from jsonb_populate_record(null::public.integrations, $1)',
        [JSON.stringify(await row(stored))],
      );
      const outcome = await new RefreshLeaseRepository(await own.as('refreshWorker')).claim(
        stored.orgId,
        stored.id,
        'other',
      );
      expect(outcome).toMatchObject({ reason: 'awaited' });
      await own.drop();
    });
  });

  it('is left alone by whoever meets another server than before, until he has looked into what that one forgot', async () => {
    const own = await cloneDatabase();
    // stands before the server's own function of that name
    await own.sql(`alter database ${own.name} set search_path = public, pg_catalog`);
    await own.sql('create table public.server as select now() - make_interval(hours => 1) as began');
    await own.sql('grant select on public.server to public');
    await own.sql(
      'create function public.pg_postmaster_start_time() returns timestamptz language sql as $$ select began from public.server $$',
    );
    const stored = await due();
    await own.sql(
      'insert into public.integrations select * from jsonb_populate_record(null::public.integrations, $1)',
      [JSON.stringify(await row(stored))],
    );
    const door = await own.as('refreshWorker');
    const known = door.troubles;
    await door.withOrg(stored.orgId, () => Promise.resolve());
    await own.sql("update public.server set began = began + interval '1 minute'");
    const claim = (knownTroubles: number) =>
      new RefreshLeaseRepository(door).claim(stored.orgId, stored.id, 'worker', null, knownTroubles);
    for (let tries = 1; tries <= 2; tries += 1)
      expect(await claim(known)).toMatchObject({ reason: 'awaited', dueInMs: 0 });
    expect(await claim(door.troubles)).toMatchObject({ owner: 'worker' });
    await own.drop();
  });

  it('is settled beside everything else that waits for a connection', async () => {
    const narrow = new HubDatabase(await appDataSource(database.refreshWorkerUrl, 'test-narrow', 1).initialize());
    const stored = await due();
    const lease = await held(stored);
    let isBusy = true;
    const busy = narrow
      .asSystem('a slow question', (manager) => manager.query('select pg_sleep(9)'))
      .catch(() => undefined)
      .finally(() => (isBusy = false));
    const settled = new RefreshLeaseRepository(narrow, await database.as('refreshWorker'));
    await settled.settle(lease, granted(lease.integration, aFreshGrant()), WORKER);
    expect(isBusy).toBe(true);
    await database.sql("select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'test-narrow'");
    await busy;
    await narrow.close();
  });

  describe('is settled', () => {
    it('with the grant, the events and the end of the lease in one transaction', async () => {
      const stored = await due(
        "status = 'refresh_failing', failed_refreshes = 2, refresh_failure_code = 'rate_limited', refresh_failure_at = now()",
      );
      const lease = await held(stored);
      const grant = aFreshGrant();
      const outcome = await leases.settle(lease, granted(lease.integration, grant), WORKER);
      expect(outcome).toMatchObject({
        kind: 'saved',
        integration: { status: 'connected', failedRefreshes: 0, refreshFailure: null, expiresAt: grant.expiresAt },
      });
      expect(await row(stored)).toMatchObject({
        access_token: grant.accessToken,
        refresh_token: grant.refreshToken,
        phase: 'idle',
        lease_owner: null,
        lease_until: null,
        epoch: 1,
        settled_epoch: 1,
        settled_at: expect.any(Date),
      });
      expect(await eventsOf(stored)).toEqual(['refresh.succeeded', 'integration.recovered']);
      // a row that is put back as it was has an earlier epoch than its trail tells of
      expect(
        await database.sql(
          "select detail -> 'epoch' as epoch from public.audit_events where org_id = $1 and name = 'refresh.succeeded'",
          [stored.orgId],
        ),
      ).toEqual([{ epoch: 1 }]);
    });

    it('keeping the refresh token that the provider did not replace', async () => {
      const stored = await due();
      const lease = await held(stored);
      await leases.settle(lease, granted(lease.integration, aFreshGrant({ refreshToken: undefined })), WORKER);
      expect((await row(stored))?.refresh_token).toBe(lease.refreshToken);
    });

    it('with a failure, leaving the token in hand', async () => {
      const stored = await due();
      const lease = await held(stored);
      await leases.settle(lease, refused(lease.integration, FAILURES.down), WORKER);
      expect(await row(stored)).toMatchObject({
        access_token: lease.accessToken,
        status: 'refresh_failing',
        failed_refreshes: 1,
        refresh_failure_code: 'provider_unavailable',
        settled_epoch: 1,
      });
      expect(await eventsOf(stored)).toEqual(['refresh.failed']);
    });

    it('with a verdict', async () => {
      const stored = await due();
      const lease = await held(stored);
      await leases.settle(lease, refused(lease.integration, FAILURES.revoked), WORKER);
      expect(await row(stored)).toMatchObject({ status: 'reauth_required', next_refresh_at: null });
    });

    it('once, though it is told twice: the first word of it may have been lost', async () => {
      const stored = await due();
      const lease = await held(stored);
      const outcome = granted(lease.integration, aFreshGrant());
      await leases.settle(lease, outcome, WORKER);
      expect(await leases.settle(lease, outcome, WORKER)).toMatchObject({ kind: 'saved' });
      expect(await eventsOf(stored)).toEqual(['refresh.succeeded']);
    });

    it('by a later time each: a success moves lastSyncAt strictly forward, whatever the clocks say', async () => {
      const stored = await due("last_sync_at = now() + interval '1 hour'");
      const before = (await row(stored))?.last_sync_at as Date;
      const lease = await held(stored);
      await leases.settle(lease, granted(lease.integration, aFreshGrant()), WORKER);
      expect(((await row(stored))?.last_sync_at as Date).getTime()).toBeGreaterThan(before.getTime() - 1);
      const [later] = await database.sql('select 1 from public.integrations where id = $1 and last_sync_at > $2', [
        stored.id,
        before,
      ]);
      expect(later).toBeDefined();
    });
  });

  describe('is settled over a line that falls silent', () => {
    let line: TcpProxy;
    let door: HubDatabase;
    let settling: RefreshLeaseRepository;

    beforeEach(async () => {
      const url = new URL(database.refreshWorkerUrl);
      line = await TcpProxy.before(url.hostname, Number(url.port));
      url.hostname = '127.0.0.1';
      url.port = String(line.port);
      door = new HubDatabase(await settleDataSource(url.href, 'test-silence').initialize(), SETTLE_SERVER_TIMEOUTS);
      settling = new RefreshLeaseRepository(await database.as('refreshWorker'), door);
    });
    afterEach(async () => {
      await door.close();
      await line.shut();
    });

    /** As many connections as there may be stand idle. */
    const fillPool = async (): Promise<void> => {
      const orgId = randomUUID() as OrgId;
      const sleeping = Array.from({ length: 4 }, () =>
        door.withOrg(orgId, (manager) => manager.query('select pg_sleep(0.3)')),
      );
      await Promise.all(sleeping);
    };
    const saved = async (stored: Stored, lease: Lease, grant: SealedGrant): Promise<void> => {
      const outcome = await settling.settle(lease, granted(lease.integration, grant), WORKER);
      expect(outcome).toMatchObject({ kind: 'saved', integration: { expiresAt: grant.expiresAt } });
      expect(await row(stored)).toMatchObject({ access_token: grant.accessToken, phase: 'idle', settled_epoch: 1 });
      expect(await eventsOf(stored)).toEqual(['refresh.succeeded']);
      expect(await inbox(stored)).toEqual([]);
    };

    it('by one more try over a new connection, though all of the pool are silent', async () => {
      const stored = await due();
      const lease = await held(stored);
      await fillPool();
      line.forget();
      await saved(stored, lease, aFreshGrant());
    });

    it.each([
      ['before the row is locked', 'START TRANSACTION'],
      ['while the server holds the row for it', 'for update'],
      ['when all but the commit is done', 'hub.append_event'],
      ['when the commit is done, and its word is lost', 'COMMIT'],
    ])('once: %s', async (_when, lastWord) => {
      const stored = await due();
      const lease = await held(stored);
      line.forgetWhoSays(lastWord);
      await saved(stored, lease, aFreshGrant());
    });

    it('as late, once, if the commit was done and the next attempt has come and gone meanwhile', async () => {
      const stored = await due();
      const lease = await held(stored);
      const first = aFreshGrant();
      await settling.settle(lease, granted(lease.integration, first), WORKER);
      await change(stored, "next_refresh_at = now() - interval '1 second'");
      const next = await held(stored);
      expect(await settling.settle(lease, granted(lease.integration, first), WORKER)).toEqual({
        kind: 'late',
        epoch: 2,
      });
      expect(await inbox(stored)).toEqual([]);
      const second = aFreshGrant({ issuedAt: new Date(first.issuedAt.getTime() + 1_000) });
      await settling.settle(next, granted(next.integration, second), WORKER);
      await settling.settle(lease, granted(lease.integration, first), WORKER);
      expect(await row(stored)).toMatchObject({ access_token: second.accessToken, settled_epoch: 2 });
      await change(stored, "next_refresh_at = now() - interval '1 second'");
      expect(await held(stored)).toMatchObject({ lateGrant: null });
    });
  });

  describe('that has passed on', () => {
    /** A lease whose row somebody else has claimed since. */
    async function overtaken(): Promise<{ stored: Stored; lease: Lease; winner: Lease }> {
      const stored = await due();
      const lease = await held(stored);
      await change(stored, "lease_until = now() - interval '1 second'");
      return { stored, lease, winner: await held(stored, 'winner') };
    }

    it('writes nothing, and its failure is forgotten', async () => {
      const { stored, lease } = await overtaken();
      const before = await row(stored);
      expect(await leases.settle(lease, refused(lease.integration, FAILURES.revoked), WORKER)).toEqual({
        kind: 'late',
        epoch: 2,
      });
      expect(await row(stored)).toEqual(before);
      expect(await eventsOf(stored)).toEqual([]);
    });

    it('has its grant kept, sealed, for whoever claims next', async () => {
      const { stored, lease, winner } = await overtaken();
      const grant = aFreshGrant();
      expect(await leases.settle(lease, granted(lease.integration, grant), WORKER)).toMatchObject({ kind: 'late' });
      expect(await inbox(stored)).toMatchObject([
        { access_token: grant.accessToken, refresh_token: grant.refreshToken, issued_at: grant.issuedAt },
      ]);
      expect(await eventsOf(stored)).toEqual(['refresh.in_doubt']);
      await leases.release(winner);
      expect(await claim(stored)).toMatchObject({ lateGrant: grant });
    });

    it('holds the winner’s verdict back, so that the late grant is looked at first', async () => {
      const { stored, lease, winner } = await overtaken();
      const grant = aFreshGrant();
      await leases.settle(lease, granted(lease.integration, grant), WORKER);
      expect(await leases.settle(winner, refused(winner.integration, FAILURES.revoked), WORKER)).toMatchObject({
        kind: 'late_grant_waits',
      });
      expect(await row(stored)).toMatchObject({ status: 'connected', phase: 'idle' });
      const next = await held(stored);
      expect(next.lateGrant).toEqual(grant);
      await leases.settle(next, granted(next.integration, grant), WORKER);
      expect(await row(stored)).toMatchObject({ status: 'connected', access_token: grant.accessToken });
      expect(await inbox(stored)).toEqual([]);
    });

    it.each([
      ['an outage', (winner: Lease) => refused(winner.integration, FAILURES.down)],
      ['a throttle', (winner: Lease) => refused(winner.integration, FAILURES.throttled)],
      ['a credential that still works', (winner: Lease) => afterVerification(winner.integration, new Date())],
    ])('is looked at before %s is written, so that no rung of the ladder is waited out', async (_what, decide) => {
      const { stored, lease, winner } = await overtaken();
      const grant = aFreshGrant();
      await leases.settle(lease, granted(lease.integration, grant), WORKER);
      expect(await leases.settle(winner, decide(winner), WORKER)).toMatchObject({ kind: 'late_grant_waits' });
      expect(await row(stored)).toMatchObject({ status: 'connected', failed_refreshes: 0, phase: 'idle' });
      expect((await held(stored)).lateGrant).toEqual(grant);
    });

    it('has its grant kept and told of once, however often it is committed, and another one beside it', async () => {
      const { stored, lease } = await overtaken();
      const grant = aFreshGrant();
      const commit = (settled: SealedGrant) => leases.settle(lease, granted(lease.integration, settled), WORKER);
      await Promise.all([commit(grant), commit(grant)]);
      expect(await commit(grant)).toEqual({ kind: 'late', epoch: 2 });
      expect(await inbox(stored)).toMatchObject([{ access_token: grant.accessToken, epoch: 1 }]);
      expect(await eventsOf(stored)).toEqual(['refresh.in_doubt']);
      await commit(aFreshGrant({ issuedAt: new Date(grant.issuedAt.getTime() + 1_000) }));
      expect(await inbox(stored)).toHaveLength(2);
    });

    it('has its grant put back once, however often a journal brings it', async () => {
      const stored = await due();
      const lease = await held(stored);
      const grant = aFreshGrant({ issuedAt: new Date(Date.now() + 1_000) });
      const put = () => leases.recall({ ...lease, grant }, WORKER);
      expect([await put(), await put()]).toEqual([1, 1]);
      expect(await inbox(stored)).toHaveLength(1);
      expect(await eventsOf(stored)).toEqual(['refresh.in_doubt']);
    });

    it('keeps one of the copies that an earlier release has made, and each that is none', async () => {
      const owner = await migrationDataSource(database.adminUrl).initialize();
      const migration = new KeepLateGrantsOnce1795393900000();
      const runner = owner.createQueryRunner();
      await migration.down(runner);
      try {
        const { stored, lease } = await overtaken();
        const grant = aFreshGrant();
        const put = (more: { epoch?: number; issued?: Date; received: string }) =>
          database.sql(
            `insert into public.token_inbox (org_id, provider, integration_id, epoch, access_token, issued_at, received_at)
             values ($1, $2, $3, $4, $5, $6, $7)`,
            [
              ...[stored.orgId, PROVIDER, stored.id, more.epoch ?? lease.epoch, grant.accessToken],
              ...[more.issued ?? grant.issuedAt, more.received],
            ],
          );
        for (const received of ['2026-01-02', '2026-01-01', '2026-01-03']) await put({ received });
        await put({ received: '2026-01-04', epoch: lease.epoch + 1 });
        await put({ received: '2026-01-05', issued: new Date(grant.issuedAt.getTime() + 1) });
        await migration.up(runner);
        const left = await database.sql<{ received: string }>(
          `select received_at::date::text as received from public.token_inbox where integration_id = $1 order by 1`,
          [stored.id],
        );
        expect(left.map(({ received }) => received)).toEqual(['2026-01-01', '2026-01-04', '2026-01-05']);
        expect(
          await database.sql("select 1 from pg_class where relname = 'token_inbox' and relforcerowsecurity"),
        ).toHaveLength(1);
      } finally {
        await runner.release();
        await owner.destroy();
      }
    });

    it('lifts a verdict that has fallen without its grant', async () => {
      const { stored, lease, winner } = await overtaken();
      await leases.settle(winner, refused(winner.integration, FAILURES.revoked), WORKER);
      expect((await row(stored))?.status).toBe('reauth_required');
      await leases.settle(lease, granted(lease.integration, aFreshGrant()), WORKER);
      expect(await row(stored)).toMatchObject({ status: 'refresh_failing', next_refresh_at: expect.any(Date) });
      expect((await eventsOf(stored)).slice(-2)).toEqual(['refresh.in_doubt', 'integration.reopened']);
      expect(await claim(stored)).toMatchObject({ lateGrant: expect.any(Object) });
    });

    it('is claimed where nobody may be asked, and only where a grant that may replace the row’s own came of it', async () => {
      const { stored, lease } = await overtaken();
      await change(stored, "lease_until = now() - interval '1 second'");
      const only = () => leases.claim(stored.orgId, stored.id, 'worker-3', null, undefined, true);
      const before = await row(stored);
      expect(await only()).toMatchObject({ reason: 'no_late_grant' });
      const past = aFreshGrant({ issuedAt: new Date(Date.now() - 24 * 3_600_000) });
      await leases.settle(lease, granted(lease.integration, past), WORKER);
      expect(await only()).toMatchObject({ reason: 'no_late_grant' });
      expect(await row(stored)).toEqual(before);
      const grant = aFreshGrant();
      await leases.settle(lease, granted(lease.integration, grant), WORKER);
      expect(await only()).toMatchObject({ epoch: 3, lateGrant: grant });
    });

    it('gives way to a newer grant of the winner', async () => {
      const { stored, lease, winner } = await overtaken();
      const older = aFreshGrant({ issuedAt: new Date(Date.now() - 5_000) });
      await leases.settle(winner, granted(winner.integration, aFreshGrant()), WORKER);
      await leases.settle(lease, granted(lease.integration, older), WORKER);
      await change(stored, 'next_refresh_at = now()');
      expect(await claim(stored)).toMatchObject({ lateGrant: null });
    });

    it('to a new connect never comes back into the row', async () => {
      const stored = await due();
      const lease = await held(stored);
      const grant = aFreshGrant();
      await connect(stored);
      const connected = await row(stored);
      expect(await leases.settle(lease, granted(lease.integration, grant), WORKER)).toMatchObject({ kind: 'late' });
      expect(await row(stored)).toMatchObject({ access_token: connected?.access_token, status: 'connected' });
      await change(stored, 'next_refresh_at = now()');
      expect(await claim(stored)).toMatchObject({ lateGrant: null });
    });

    it('to a new connect never comes back into the row, though its provider was asked after that', async () => {
      const stored = await due();
      const lease = await held(stored);
      await connect(stored);
      const connected = await row(stored);
      const late = aFreshGrant({ issuedAt: new Date(Date.now() + 10_000) });
      await leases.settle(lease, granted(lease.integration, late), WORKER);
      expect(await inbox(stored)).toHaveLength(1);
      expect(await row(stored)).toMatchObject({ access_token: connected?.access_token, status: 'connected' });
      await change(stored, 'next_refresh_at = now()');
      const after = await held(stored);
      expect(after.lateGrant).toBeNull();
      // a grant of a claim after the connect does
      await change(stored, "lease_until = now() - interval '1 second'");
      const winner = await held(stored);
      const newer = aFreshGrant({ issuedAt: new Date(late.issuedAt.getTime() - 1_000) });
      await leases.settle(after, granted(after.integration, newer), WORKER);
      await leases.release(winner);
      expect(await held(stored)).toMatchObject({ lateGrant: newer });
    });

    it('to a disconnect gives its grant back to the provider', async () => {
      const stored = await due();
      const lease = await held(stored);
      const grant = aFreshGrant();
      await disconnect(stored);
      expect(await leases.settle(lease, granted(lease.integration, grant), WORKER)).toEqual({ kind: 'gone' });
      expect(await revocations(stored)).toMatchObject([
        {
          org_id: stored.orgId,
          access_token: grant.accessToken,
          refresh_token: grant.refreshToken,
          account_id: 'account-1',
          reason: 'late_grant',
          next_attempt_at: expect.any(Date),
        },
      ]);
      expect(await row(stored)).toBeUndefined();
    });

    it('to a disconnect is given back and told of once, however often it is committed, also after it has gone back', async () => {
      const stored = await due();
      const lease = await held(stored);
      const grant = aFreshGrant();
      await disconnect(stored);
      const commit = (settled: SealedGrant) => leases.settle(lease, granted(lease.integration, settled), WORKER);
      await Promise.all([commit(grant), commit(grant), commit(grant)]);
      expect(await revocations(stored)).toMatchObject([{ access_token: grant.accessToken }]);
      await database.sql('delete from public.revocations where integration_id = $1', [stored.id]);
      expect(await commit(grant)).toEqual({ kind: 'gone' });
      expect(await revocations(stored)).toEqual([]);
      expect(await eventsOf(stored)).toEqual(['integration.disconnected', 'refresh.in_doubt']);

      const another = aFreshGrant({ issuedAt: new Date(grant.issuedAt.getTime() + 1_000) });
      await commit(another);
      expect(await revocations(stored)).toMatchObject([{ access_token: another.accessToken }]);
    });

    it('to a disconnect has nothing to give back where nothing was granted', async () => {
      const stored = await due();
      const lease = await held(stored);
      await disconnect(stored);
      expect(await leases.settle(lease, refused(lease.integration, FAILURES.down), WORKER)).toEqual({ kind: 'gone' });
      expect(await revocations(stored)).toEqual([]);
    });
  });

  describe('is given back', () => {
    it('without a word about the grant', async () => {
      const stored = await due();
      const before = await row(stored);
      await leases.release(await held(stored));
      expect(await row(stored)).toMatchObject({
        status: 'connected',
        access_token: before?.access_token,
        next_refresh_at: before?.next_refresh_at,
        phase: 'idle',
        lease_owner: null,
        lease_until: null,
      });
      expect(await eventsOf(stored)).toEqual([]);
      expect(await claim(stored)).toMatchObject({ epoch: 2 });
    });

    it('and settles nothing: whoever waits would take the old token for a refreshed one', async () => {
      const stored = await due();
      await leases.release(await held(stored));
      expect(await row(stored)).toMatchObject({ epoch: 1, settled_epoch: 0, settled_at: null });
      const next = await held(stored, 'worker-2');
      await leases.settle(next, granted(next.integration, aFreshGrant()), WORKER);
      expect(await row(stored)).toMatchObject({ epoch: 2, settled_epoch: 2, settled_at: expect.any(Date) });
    });

    it('without forgetting that an earlier answer may be lost', async () => {
      const stored = await due("in_doubt_since = now() - interval '1 minute'");
      const lease = await held(stored);
      await leases.release((await leases.markSending(lease))!);
      expect(await claim(stored)).toMatchObject({ inDoubtSince: lease.inDoubtSince, neverRecorded: false });
    });

    it('and does not touch one that somebody else holds by now', async () => {
      const stored = await due();
      const lease = await held(stored);
      await change(stored, "lease_until = now() - interval '1 second'");
      await held(stored, 'winner');
      await leases.release(lease);
      expect(await row(stored)).toMatchObject({ phase: 'claimed', lease_owner: 'winner', epoch: 2 });
    });
  });
});
