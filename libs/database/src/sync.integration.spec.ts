import { randomUUID } from 'node:crypto';
import {
  afterSync,
  afterSyncFailure,
  type Integration,
  type IntegrationId,
  type OrgId,
  type ProviderId,
} from '@hub/domain';
import { aConnect, ADA, WORKER } from '../../../test/factories/change';
import { FAILURES } from '../../../test/factories/integration';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { IntegrationRepository } from './integration.repository';
import { SyncRepository, type SyncTarget } from './sync.repository';

const PROVIDER = 'notion' as ProviderId;
const HOUR = 3_600_000;

describe('a metadata sync', () => {
  let database: OwnDatabase;
  let integrations: IntegrationRepository;
  let syncs: SyncRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    integrations = new IntegrationRepository(await database.as('gateway'));
    syncs = new SyncRepository(await database.as('syncWorker'));
  });
  afterAll(() => database.drop());

  interface Stored {
    readonly orgId: OrgId;
    readonly id: IntegrationId;
  }

  const connect = ({ orgId, id }: Stored) =>
    integrations.storeConnect({ orgId, id, provider: PROVIDER, change: aConnect(), actor: ADA }, () =>
      Promise.resolve(true),
    );
  const change = ({ id }: Stored, assignments: string) =>
    database.sql(`update public.integrations set ${assignments} where id = $1`, [id]);
  const row = async ({ id }: Stored): Promise<Record<string, unknown>> =>
    (await database.sql<Record<string, unknown>>('select * from public.integrations where id = $1', [id]))[0] ?? {};
  async function stored(): Promise<Stored> {
    const made = { orgId: randomUUID() as OrgId, id: randomUUID() as IntegrationId };
    await connect(made);
    return made;
  }
  async function loaded(of: Stored): Promise<SyncTarget> {
    const target = await syncs.load(of.orgId, of.id);
    if (!target) throw new Error('gone');
    return target;
  }
  const synced = () => () => afterSync({ metadata: { workspaceName: 'Ada' }, account: null }, new Date(), HOUR, 0);

  const revoked = (current: Integration, at: Date) => afterSyncFailure(current, FAILURES.revoked, at, HOUR);

  it('loads the integration with its sealed access token, and whether there is a refresh token', async () => {
    const of = await stored();
    expect(await loaded(of)).toMatchObject({
      integration: { id: of.id, orgId: of.orgId },
      accessToken: (await row(of)).access_token,
      hasRefreshToken: true,
      connectedAt: (await row(of)).connected_at,
      loadedAt: expect.any(Date),
    });
    await change(of, 'refresh_token = null');
    expect((await loaded(of)).hasRefreshToken).toBe(false);
  });

  it('finds nothing where the row is gone, or another org’s', async () => {
    const of = await stored();
    expect(await syncs.load(of.orgId, randomUUID() as IntegrationId)).toBeUndefined();
    expect(await syncs.load(randomUUID() as OrgId, of.id)).toBeUndefined();
  });

  it('writes metadata and schedule, and nothing of the refresh', async () => {
    const of = await stored();
    const before = await row(of);
    const settled = await syncs.settle(await loaded(of), synced(), WORKER);
    expect(settled?.integration).toMatchObject({ metadata: { workspaceName: 'Ada' }, lastSyncAt: expect.any(Date) });
    const after = await row(of);
    for (const column of [
      'access_token',
      'refresh_token',
      'status',
      'epoch',
      'phase',
      'next_refresh_at',
      'failed_refreshes',
    ])
      expect([column, after[column]]).toEqual([column, before[column]]);
    expect(after.sync_settled_at).toBeInstanceOf(Date);
  });

  it('does not hinder a refresh under way, nor is hindered', async () => {
    const of = await stored();
    const target = await loaded(of);
    await change(of, "epoch = 3, phase = 'sending', lease_until = now() + interval '1 minute'");
    expect(await syncs.settle(target, synced(), WORKER)).toBeDefined();
    expect(await row(of)).toMatchObject({ epoch: 3, phase: 'sending' });
  });

  it('of an earlier connect writes nothing: the metadata may be another account’s', async () => {
    const of = await stored();
    const target = await loaded(of);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await connect(of);
    expect(await syncs.settle(target, synced(), WORKER)).toBeUndefined();
    expect((await row(of)).metadata).toEqual({});
  });

  it('writes also where the time of the connect has microseconds', async () => {
    const of = await stored();
    await change(of, "connected_at = '2026-11-22T12:00:00.123456Z'");
    expect(await syncs.settle(await loaded(of), synced(), WORKER)).toBeDefined();
  });

  it('of a disconnected org writes nothing', async () => {
    const of = await stored();
    const target = await loaded(of);
    await integrations.disconnect(of.orgId, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });
    expect(await syncs.settle(target, synced(), WORKER)).toBeUndefined();
  });

  it('may end the grant by the provider’s definite word', async () => {
    const of = await stored();
    const target = await loaded(of);
    await syncs.settle(target, revoked, WORKER);
    expect(await row(of)).toMatchObject({ status: 'reauth_required', next_sync_at: null, next_refresh_at: null });
  });

  it('whose refused token was refreshed meanwhile ends nothing', async () => {
    const of = await stored();
    const target = await loaded(of);
    await change(of, "access_token = 'sealed-newer'");
    expect(await syncs.settle(target, revoked, WORKER)).toBeUndefined();
    expect((await row(of)).status).toBe('connected');
  });

  describe('refused by an API that refuses many', () => {
    const at = (minutesAgo: number) => `now() - interval '${minutesAgo} minutes'`;
    const refused = async (minutesAgo: number, code: string, more = '') => {
      const of = await stored();
      await change(
        of,
        `sync_settled_at = ${at(minutesAgo)}, sync_failure_code = ${code}, sync_failure_at = ${at(minutesAgo)}${more}`,
      );
      return of;
    };

    const trailOf = ({ orgId }: Stored) =>
      database.sql(
        `select name, provider, integration_id, actor_type, actor_id, detail from public.audit_events
         where org_id = $1 and name <> 'integration.connected' order by seq`,
        [orgId],
      );

    beforeEach(() => database.sql('delete from public.integrations'));

    it('is counted among the latest, without the one that asks', async () => {
      const asking = { id: (await refused(0, "'invalid_grant'")).id, provider: PROVIDER };
      await refused(1, "'invalid_grant'");
      await refused(2, "'provider_unavailable'");
      await refused(3, "'rate_limited'");
      await refused(4, 'null');
      await refused(5, "'invalid_grant'");
      await refused(90, "'invalid_grant'");
      expect(await syncs.recentRefusals(asking, HOUR, 4)).toEqual({ refused: 2, synced: 4 });
      expect(await syncs.recentRefusals(asking, HOUR, 20)).toEqual({ refused: 3, synced: 5 });
      expect(await syncs.recentRefusals({ ...asking, provider: 'shopify' as ProviderId }, HOUR, 20)).toEqual({
        refused: 0,
        synced: 0,
      });
    });

    it('is tried once more if a sync has judged it lately, and only then', async () => {
      const judged = (minutesAgo: number, bySync: boolean) =>
        refused(
          minutesAgo,
          "'invalid_grant'",
          `, status = 'reauth_required', next_sync_at = null, next_refresh_at = null, refresh_failure_at = ${at(bySync ? minutesAgo : minutesAgo + 1)}`,
        );
      const [lately, before, byRefresh] = [await judged(5, true), await judged(90, true), await judged(5, false)];
      expect(await syncs.reopenVerdicts(PROVIDER, HOUR)).toBe(1);
      expect(await row(lately)).toMatchObject({
        status: 'refresh_failing',
        next_refresh_at: expect.any(Date),
        next_sync_at: expect.any(Date),
      });
      expect(await trailOf(lately)).toEqual([
        {
          name: 'integration.reopened',
          provider: PROVIDER,
          integration_id: lately.id,
          actor_type: 'worker',
          actor_id: 'metadata-sync-worker',
          detail: { from: 'reauth_required', reason: 'refused_with_many_others' },
        },
      ]);
      for (const kept of [before, byRefresh]) expect(await trailOf(kept)).toEqual([]);
      for (const kept of [before, byRefresh]) expect(await row(kept)).toMatchObject({ status: 'reauth_required' });
    });

    it('is seen by workers alone', async () => {
      const gateway = new SyncRepository(await database.as('gateway'));
      const nobody = { id: randomUUID() as IntegrationId, provider: PROVIDER };
      await expect(gateway.recentRefusals(nobody, HOUR, 1)).rejects.toMatchObject({ code: '42501' });
      await expect(gateway.reopenVerdicts(PROVIDER, HOUR)).rejects.toMatchObject({ code: '42501' });
    });
  });
});
