import { randomUUID } from 'node:crypto';
import type { Change, IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { aConnect, ADA, aFreshGrant } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import type { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';

const PROVIDER = 'google_drive' as ProviderId;
const anOrg = (): OrgId => randomUUID() as OrgId;
const anId = (): IntegrationId => randomUUID() as IntegrationId;
const finish = () => Promise.resolve(true);

describe('integrations as the gateway keeps them', () => {
  let database: OwnDatabase;
  let gateway: HubDatabase;
  let integrations: IntegrationRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    gateway = await database.as('gateway');
    integrations = new IntegrationRepository(gateway);
  });
  afterAll(() => database.drop());

  const store = (orgId: OrgId, id: IntegrationId, change: Change = aConnect(), provider = PROVIDER) =>
    integrations.storeConnect({ orgId, provider, id, change, actor: ADA }, finish);

  async function connected(change: Change = aConnect()): Promise<{ orgId: OrgId; id: IntegrationId; change: Change }> {
    const [orgId, id] = [anOrg(), anId()];
    expect(await store(orgId, id, change)).toMatchObject({ kind: 'stored' });
    return { orgId, id, change };
  }

  const row = async (id: IntegrationId): Promise<Record<string, unknown> | undefined> => {
    const [found] = await database.sql<Record<string, unknown>>('select * from public.integrations where id = $1', [
      id,
    ]);
    return found && { ...found, epoch: Number(found.epoch), settled_epoch: Number(found.settled_epoch) };
  };
  const eventsOf = async (orgId: OrgId): Promise<string[]> =>
    (
      await database.sql<{ name: string }>('select name from public.audit_events where org_id = $1 order by seq', [
        orgId,
      ])
    ).map(({ name }) => name);

  describe('a connect', () => {
    it('makes the row, with the event in the same transaction', async () => {
      const change = aConnect({ inputs: { shop: 'ada' }, metadata: { plan: 'basic' } });
      const { orgId, id } = await connected(change);
      expect(await row(id)).toMatchObject({
        org_id: orgId,
        provider: PROVIDER,
        access_token: change.patch.grant?.accessToken,
        refresh_token: change.patch.grant?.refreshToken,
        scope: change.patch.grant?.scope,
        issued_at: change.patch.grant?.issuedAt,
        expires_at: change.patch.grant?.expiresAt,
        status: 'connected',
        account_id: 'account-1',
        account_label: 'ada@example.com',
        inputs: { shop: 'ada' },
        metadata: { plan: 'basic' },
        next_refresh_at: change.patch.nextRefreshAt,
        next_sync_at: change.patch.nextSyncAt,
        phase: 'idle',
      });
      expect(await eventsOf(orgId)).toEqual(['integration.connected']);
    });

    it('again keeps row and birthday, and nothing of the old grant', async () => {
      const { orgId, id } = await connected();
      const before = await row(id);
      const grant = aFreshGrant({ refreshToken: undefined, expiresAt: null, scope: undefined });
      const again = await store(orgId, id, aConnect({ grant, account: null, again: true, refreshable: false }));
      expect(again).toMatchObject({
        kind: 'stored',
        integration: { id, createdAt: before?.created_at, account: null },
      });
      expect(await row(id)).toMatchObject({
        access_token: grant.accessToken,
        refresh_token: null,
        refresh_expires_at: null,
        scope: null,
        expires_at: null,
        next_refresh_at: null,
        account_id: null,
        account_label: null,
        created_at: before?.created_at,
      });
      expect(await eventsOf(orgId)).toEqual(['integration.connected', 'integration.connected']);
    });

    it('again lifts a verdict and every failure', async () => {
      const { orgId, id } = await connected();
      await database.sql(
        `update public.integrations set status = 'reauth_required', next_refresh_at = null, next_sync_at = null, failed_refreshes = 3,
           refresh_failure_code = 'invalid_grant', refresh_failure_at = now(), failed_syncs = 2, sync_failure_code = 'rate_limited', sync_failure_at = now()
         where id = $1`,
        [id],
      );
      expect(await store(orgId, id)).toMatchObject({
        kind: 'stored',
        integration: {
          status: 'connected',
          failedRefreshes: 0,
          refreshFailure: null,
          failedSyncs: 0,
          syncFailure: null,
          nextRefreshAt: expect.any(Date),
          nextSyncAt: expect.any(Date),
        },
      });
    });

    it('again fences out a refresh under way', async () => {
      const { orgId, id } = await connected();
      await database.sql(
        `update public.integrations set epoch = 4, settled_epoch = 3, phase = 'sending', lease_owner = 'w', lease_until = now() + interval '1 minute' where id = $1`,
        [id],
      );
      await store(orgId, id);
      expect(await row(id)).toMatchObject({
        epoch: 5,
        settled_epoch: 5,
        phase: 'idle',
        lease_owner: null,
        lease_until: null,
      });
    });

    it('is told to a millisecond, so that a sync can tell this connect from the next', async () => {
      const { id } = await connected();
      const [exact] = await database.sql(
        "select 1 from public.integrations where id = $1 and connected_at = date_trunc('milliseconds', connected_at)",
        [id],
      );
      expect(exact).toBeDefined();
    });

    it('stores nothing where its flow has ended', async () => {
      const [orgId, id] = [anOrg(), anId()];
      const outcome = await integrations.storeConnect(
        { orgId, provider: PROVIDER, id, change: aConnect(), actor: ADA },
        () => Promise.resolve(false),
      );
      expect(outcome).toEqual({ kind: 'flow_ended' });
      expect(await row(id)).toBeUndefined();
      expect(await eventsOf(orgId)).toEqual([]);
    });

    it('takes back what belongs to it where another connect was quicker', async () => {
      const { orgId } = await connected();
      const late = anId();
      const outcome = await integrations.storeConnect(
        { orgId, provider: PROVIDER, id: late, change: aConnect(), actor: ADA },
        async (manager) => {
          await manager.query("select hub.append_event('flow.confirmed', null, null, 'user', 'ada', '{}')");
          return true;
        },
      );
      expect(outcome).toEqual({ kind: 'overtaken' });
      expect(await row(late)).toBeUndefined();
      expect(await eventsOf(orgId)).toEqual(['integration.connected']);
    });

    it('of ten at once, each with a row of its own, one makes the org’s row', async () => {
      const orgId = anOrg();
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => store(orgId, anId())));
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual([...Array(9).fill('overtaken'), 'stored']);
      expect(await integrations.list(orgId)).toHaveLength(1);
      expect(await eventsOf(orgId)).toEqual(['integration.connected']);
    });

    it('cannot write into another org’s row, though it knows its id', async () => {
      const { id, change } = await connected();
      const stranger = anOrg();
      await expect(store(stranger, id)).rejects.toMatchObject({ code: '23505' }); // the id is taken: an error, never a write
      expect((await row(id))?.access_token).toBe(change.patch.grant?.accessToken);
    });
  });

  describe('a read', () => {
    it('lists an org’s integrations by provider, and no one else’s', async () => {
      const { orgId } = await connected();
      await store(orgId, anId(), aConnect(), 'notion' as ProviderId);
      await connected();
      expect((await integrations.list(orgId)).map(({ provider }) => provider)).toEqual(['google_drive', 'notion']);
      expect(await integrations.list(anOrg())).toEqual([]);
    });

    it('finds one by its provider', async () => {
      const { orgId, id } = await connected();
      expect(await integrations.find(orgId, PROVIDER)).toMatchObject({ id, orgId, status: 'connected' });
      expect(await integrations.find(orgId, 'notion' as ProviderId)).toBeUndefined();
    });

    it('gives no sealed token, which only the token read does', async () => {
      const { orgId, change } = await connected();
      expect(JSON.stringify(await integrations.list(orgId))).not.toContain(change.patch.grant?.accessToken);
    });
  });

  describe('the token read', () => {
    it('gives what a caller is served, with the database’s time', async () => {
      const { orgId, id, change } = await connected();
      expect(await integrations.readToken(orgId, PROVIDER)).toEqual({
        id,
        status: 'connected',
        accessToken: change.patch.grant?.accessToken,
        scope: change.patch.grant?.scope,
        issuedAt: change.patch.grant?.issuedAt,
        expiresAt: change.patch.grant?.expiresAt,
        account: { id: 'account-1', label: 'ada@example.com' },
        failureCode: null,
        nextRefreshAt: change.patch.nextRefreshAt,
        readAt: expect.any(Date),
      });
    });

    it('gives nothing where there is nothing, or only another org’s', async () => {
      const { orgId } = await connected();
      expect(await integrations.readToken(orgId, 'notion' as ProviderId)).toBeUndefined();
      expect(await integrations.readToken(anOrg(), PROVIDER)).toBeUndefined();
    });

    it('is one statement, outside any transaction: one round trip', async () => {
      const { orgId } = await connected();
      const transaction = jest.spyOn(gateway.dataSource, 'transaction');
      const query = jest.spyOn(gateway.dataSource.manager, 'query');
      await integrations.readToken(orgId, PROVIDER);
      expect(query.mock.calls).toEqual([['select * from hub.read_token($1, $2)', [orgId, PROVIDER]]]);
      expect(transaction).not.toHaveBeenCalled();
      jest.restoreAllMocks();
    });

    it('keeps a thousand reads of many orgs apart', async () => {
      const orgs = await Promise.all(Array.from({ length: 10 }, () => connected()));
      const reads = await Promise.all(
        Array.from({ length: 1_000 }, async (_, place) => {
          const { orgId, change } = orgs[place % orgs.length] ?? { orgId: anOrg(), change: aConnect() };
          return (await integrations.readToken(orgId, PROVIDER))?.accessToken === change.patch.grant?.accessToken;
        }),
      );
      expect(reads).not.toContain(false);
    });
  });

  describe('a demand for work', () => {
    it('for a refresh makes it due now and tells how far the work has come', async () => {
      const { orgId, id } = await connected();
      const request = await integrations.requestRefresh(orgId, PROVIDER);
      expect(request).toMatchObject({
        kind: 'requested',
        integration: { id },
        progress: { epoch: 0, settledEpoch: 0, status: 'connected', syncSettledAt: null },
        at: expect.any(Date),
      });
      const [due] = await database.sql('select 1 from public.integrations where id = $1 and next_refresh_at <= now()', [
        id,
      ]);
      expect(due).toBeDefined();
    });

    it('for a refresh of what never ends makes it due as well', async () => {
      const { orgId, id } = await connected(aConnect({ refreshable: false }));
      await integrations.requestRefresh(orgId, PROVIDER);
      expect((await row(id))?.next_refresh_at).toBeInstanceOf(Date);
    });

    it('does not put off what is overdue', async () => {
      const { orgId, id } = await connected();
      const long = new Date(Date.now() - 3_600_000);
      await database.sql('update public.integrations set next_refresh_at = $2, next_sync_at = $2 where id = $1', [
        id,
        long,
      ]);
      await integrations.requestRefresh(orgId, PROVIDER);
      await integrations.requestSync(orgId, PROVIDER);
      expect(await row(id)).toMatchObject({ next_refresh_at: long, next_sync_at: long });
    });

    it('for a refresh leaves the schedule of one that is under way alone', async () => {
      const { orgId, id } = await connected();
      await database.sql(
        `update public.integrations set epoch = 1, phase = 'sending', lease_until = now() + interval '1 minute' where id = $1`,
        [id],
      );
      const before = await row(id);
      expect(await integrations.requestRefresh(orgId, PROVIDER)).toMatchObject({
        kind: 'requested',
        progress: { epoch: 1, settledEpoch: 0 },
      });
      expect((await row(id))?.next_refresh_at).toEqual(before?.next_refresh_at);
    });

    it('for a sync makes that due, whatever the refresh is at', async () => {
      const { orgId, id } = await connected();
      await database.sql(
        `update public.integrations set next_sync_at = now() + interval '1 hour', phase = 'sending', lease_until = now() + interval '1 minute' where id = $1`,
        [id],
      );
      await integrations.requestSync(orgId, PROVIDER);
      const [due] = await database.sql('select 1 from public.integrations where id = $1 and next_sync_at <= now()', [
        id,
      ]);
      expect(due).toBeDefined();
    });

    it.each([
      ['refresh', 'settled_at', 'next_refresh_at'],
      ['sync', 'sync_settled_at', 'next_sync_at'],
    ] as const)(
      'for a %s is met by one that settled since its caller came, whoever asked for that',
      async (kind, settled, next) => {
        const { orgId, id } = await connected();
        const ask = (arrivedAgoMs: number) =>
          kind === 'refresh'
            ? integrations.requestRefresh(orgId, PROVIDER, arrivedAgoMs)
            : integrations.requestSync(orgId, PROVIDER, arrivedAgoMs);
        await database.sql(
          `update public.integrations set ${settled} = now() - interval '2 seconds', ${next} = now() + interval '1 hour' where id = $1`,
          [id],
        );
        const before = await row(id);
        expect(await ask(60_000)).toMatchObject({ kind: 'requested', isMet: true });
        expect((await row(id))?.[next]).toEqual(before?.[next]);
        expect(await ask(1_000)).toMatchObject({ kind: 'requested', isMet: false }); // it settled before that caller came
        expect((await row(id))?.[next]).not.toEqual(before?.[next]);
        expect(await ask(60_000)).toMatchObject({ kind: 'requested', isMet: false }); // it is due again
      },
    );

    it('asks nothing where only a person can mend it', async () => {
      const { orgId, id } = await connected();
      await database.sql(
        "update public.integrations set status = 'reauth_required', next_refresh_at = null, next_sync_at = null where id = $1",
        [id],
      );
      expect(await integrations.requestRefresh(orgId, PROVIDER)).toMatchObject({
        kind: 'reauth_required',
        integration: { id },
      });
      expect(await integrations.requestSync(orgId, PROVIDER)).toMatchObject({ kind: 'reauth_required' });
      expect(await row(id)).toMatchObject({ next_refresh_at: null, next_sync_at: null });
    });

    it('finds nothing where nothing is connected', async () => {
      expect(await integrations.requestRefresh(anOrg(), PROVIDER)).toEqual({ kind: 'not_connected' });
      expect(await integrations.progress(anOrg(), anId())).toBeUndefined();
    });
  });

  describe('a disconnect', () => {
    const options = { revoke: true, reason: 'disconnect', actor: ADA, detail: { why: 'test' } } as const;
    const revocations = (orgId: OrgId) =>
      database.sql<Record<string, unknown>>('select * from public.revocations where org_id = $1', [orgId]);

    it('takes the row away and moves its tokens, still sealed for their cell, to revocation', async () => {
      const { orgId, id, change } = await connected(aConnect({ inputs: { shop: 'ada' } }));
      const outcome = await integrations.disconnect(orgId, PROVIDER, options);
      expect(await row(id)).toBeUndefined();
      const [revocation] = await revocations(orgId);
      expect(outcome).toEqual({ id, revocationId: revocation?.id });
      expect(revocation).toMatchObject({
        provider: PROVIDER,
        integration_id: id,
        account_id: 'account-1',
        inputs: { shop: 'ada' },
        access_token: change.patch.grant?.accessToken,
        refresh_token: change.patch.grant?.refreshToken,
        reason: 'disconnect',
        next_attempt_at: expect.any(Date),
      });
      const [event] = await database.sql<{ detail: unknown }>(
        "select detail from public.audit_events where org_id = $1 and name = 'integration.disconnected'",
        [orgId],
      );
      expect(event?.detail).toEqual({ why: 'test', account: { withheld: true } });
    });

    it('leaves a grant alone that others stand on', async () => {
      const { orgId, id } = await connected();
      expect(await integrations.disconnect(orgId, PROVIDER, { ...options, revoke: false })).toEqual({
        id,
        revocationId: null,
      });
      expect(await row(id)).toBeUndefined();
      expect(await revocations(orgId)).toEqual([]);
    });

    it('ends every open flow of that provider, and no other', async () => {
      const { orgId } = await connected();
      const flow = (status: string, provider: string, org = orgId) =>
        database.sql(
          `insert into public.flows (id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at)
           values (gen_random_uuid(), $1, $2, 'ada', $3, 'https://a.example', 'c', 'x', now() + interval '1 minute')`,
          [org, provider, status],
        );
      for (const status of ['awaiting_input', 'open', 'taken', 'parked', 'completed', 'refused'])
        await flow(status, PROVIDER);
      await flow('open', 'notion');
      const neighbour = anOrg();
      await flow('open', PROVIDER, neighbour);
      await integrations.disconnect(orgId, PROVIDER, options);
      const statuses = await database.sql<{ at: string }>(
        "select provider || ' ' || status as at from public.flows where org_id = any($1) order by 1",
        [[orgId, neighbour]],
      );
      expect(statuses.map(({ at }) => at)).toEqual([
        'google_drive cancelled',
        'google_drive cancelled',
        'google_drive cancelled',
        'google_drive cancelled',
        'google_drive completed',
        'google_drive open',
        'google_drive refused',
        'notion open',
      ]);
    });

    it('ends open flows also where nothing is connected yet, and says so', async () => {
      expect(await integrations.disconnect(anOrg(), PROVIDER, options)).toBeUndefined();
    });

    it('does not touch another org', async () => {
      const { id } = await connected();
      await integrations.disconnect(anOrg(), PROVIDER, options);
      expect(await row(id)).toBeDefined();
    });

    it('of ten at once happens once', async () => {
      const { orgId } = await connected();
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, () => integrations.disconnect(orgId, PROVIDER, options)),
      );
      expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
      expect(await revocations(orgId)).toHaveLength(1);
      expect((await eventsOf(orgId)).filter((name) => name === 'integration.disconnected')).toHaveLength(1);
    });
  });

  it('counts the integrations of all orgs that stand on an account', async () => {
    const account = { id: `account-${randomUUID()}`, label: 'shared' };
    await connected(aConnect({ account }));
    await connected(aConnect({ account }));
    expect(await integrations.standingOnAccount(PROVIDER, account.id)).toBe(2);
    expect(await integrations.standingOnAccount('notion' as ProviderId, account.id)).toBe(0);
  });
});
