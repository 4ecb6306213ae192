import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { aConnect, ADA } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { AuditChainRepository } from './audit-chain.repository';
import { AuditVerificationService } from './audit-verification.service';
import { AuditRepository } from './audit.repository';
import { BreakerRepository } from './breaker.repository';
import type { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';
import { allInPieces } from './statements';
import { SyncRepository } from './sync.repository';

interface Stored {
  readonly orgId: OrgId;
  readonly id: IntegrationId;
  readonly provider: ProviderId;
}

const REOPENED = {
  name: 'integration.reopened',
  actor_type: 'worker',
  actor_id: 'refresh-worker',
  detail: { from: 'reauth_required', reason: 'refused_with_many_others' },
};

describe('verdicts of a mass refusal', () => {
  let database: OwnDatabase;
  let worker: HubDatabase;
  let integrations: IntegrationRepository;
  let breakers: BreakerRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    worker = await database.as('refreshWorker');
    integrations = new IntegrationRepository(await database.as('gateway'));
    breakers = new BreakerRepository(worker);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.sql('delete from public.integrations; delete from public.provider_breakers'));

  async function stored(provider = 'shopify', orgId = randomUUID() as OrgId): Promise<Stored> {
    const made = { orgId, id: randomUUID() as IntegrationId, provider: provider as ProviderId };
    await integrations.storeConnect({ ...made, change: aConnect(), actor: ADA }, () => Promise.resolve(true));
    return made;
  }

  async function judged(provider?: string, orgId?: OrgId, more = ''): Promise<Stored> {
    const made = await stored(provider, orgId);
    await database.sql(
      `update public.integrations set status = 'reauth_required', next_refresh_at = null, refresh_failure_code = 'invalid_grant',
         refresh_failure_at = now()${more} where id = $1`,
      [made.id],
    );
    return made;
  }

  const several = (count: number, provider?: string) =>
    Promise.all(Array.from({ length: count }, () => judged(provider)));

  /** A breaker opens on a mass of verdicts, and closes. */
  async function breakerCloses(provider = 'shopify'): Promise<number | undefined> {
    await breakers.open({ provider, clientId: 'ours' }, 'mass_verdict');
    return breakers.close({ provider, clientId: 'ours' });
  }

  const statusOf = async ({ id }: Stored) =>
    (await database.sql<{ status: string }>('select status from public.integrations where id = $1', [id]))[0]?.status;
  const toldTo = ({ orgId }: Stored) =>
    database.sql<{ integration_id: string }>(
      `select name, provider, integration_id, actor_type, actor_id, detail from public.audit_events
       where org_id = $1 and name <> 'integration.connected' order by seq`,
      [orgId],
    );

  async function expectWholeTrails(): Promise<void> {
    const verification = new AuditVerificationService(new AuditChainRepository(worker), undefined);
    expect((await verification.verify()).findings).toEqual([]);
  }

  it('are told to each org when the breaker closes and takes them back, in its own trail', async () => {
    const those = await several(30);
    const twice = await judged('notion', those[0]?.orgId);
    const confirmed = await judged('shopify', undefined, ', refusal_held_at = now()');
    const well = await stored();
    expect(await breakerCloses()).toBe(30);
    for (const one of those) {
      expect(await statusOf(one)).toBe('refresh_failing');
      expect(await toldTo(one)).toEqual([{ ...REOPENED, provider: 'shopify', integration_id: one.id }]);
    }
    for (const other of [confirmed, well]) expect(await toldTo(other)).toEqual([]);
    expect(await statusOf(twice)).toBe('reauth_required');
    expect(await breakerCloses('notion')).toBe(1);
    expect((await toldTo(twice)).map(({ integration_id: id }) => id)).toEqual([those[0]?.id, twice.id]);
    await expectWholeTrails();
  });

  it('are taken back and told of together, or not at all', async () => {
    const one = await judged();
    const broken = worker.dataSource.transaction(async (manager) => {
      await manager.query("select hub.reopen_verdicts('shopify', now() - interval '1 minute', null)");
      throw new Error('crashed');
    });
    await expect(broken).rejects.toThrow('crashed');
    expect(await statusOf(one)).toBe('reauth_required');
    expect(await toldTo(one)).toEqual([]);
  });

  it('are taken back in pieces, the longest line as well', async () => {
    const those = await several(7);
    const most: unknown[] = [];
    const pieces = await allInPieces(async (wanted) => {
      most.push(wanted);
      const [row] = await worker.asSystem('a test', (manager) =>
        manager.query<{ n: number }[]>("select hub.reopen_verdicts('shopify', now() - interval '1 minute', $1) as n", [
          wanted,
        ]),
      );
      return row?.n ?? 0;
    }, 3);
    expect([pieces, most]).toEqual([7, [3, 3, 3]]);
    for (const one of those) expect(await toldTo(one)).toHaveLength(1);
    await expectWholeTrails();
  });

  it('are taken back for the release before as well', async () => {
    const [one, two] = [await judged(), await judged('notion', undefined, BY_SYNC)];
    await worker.asSystem('a test', (manager) =>
      manager.query("select hub.reopen_verdicts('shopify', now() - interval '1 minute')"),
    );
    const sync = await database.as('syncWorker');
    await sync.asSystem('a test', (manager) =>
      manager.query("select hub.reopen_sync_verdicts('notion', interval '1 minute')"),
    );
    for (const each of [one, two]) expect(await toldTo(each)).toHaveLength(1);
  });

  it.each(['gateway', 'syncWorker'] as const)(
    'are taken back by the refresh worker alone, not by %s',
    async (login) => {
      const theirs = new BreakerRepository(await database.as(login));
      await expect(theirs.close({ provider: 'shopify', clientId: 'ours' })).rejects.toMatchObject({ code: '42501' });
    },
  );

  it('leave the org of whoever took them back as it was', async () => {
    const [one, other] = [await judged(), await stored()];
    const org = "select current_setting('hub.org_id', true) as org";
    const reopen = "select hub.reopen_verdicts('shopify', now() - interval '1 minute', null)";
    await worker.withOrg(other.orgId, async (manager) => {
      await manager.query(reopen);
      expect(await manager.query(org)).toEqual([{ org: other.orgId }]);
    });
    expect(await toldTo(one)).toHaveLength(1);
    await worker.asSystem('a test', async (manager) => {
      await manager.query(reopen);
      expect(['', null]).toContain((await manager.query<{ org: string | null }[]>(org))[0]?.org);
    });
  });

  it('of two providers are taken back at the same time, beside everything else that is told to the same orgs', async () => {
    const orgs = Array.from({ length: 40 }, () => randomUUID() as OrgId);
    const shopify = await Promise.all(orgs.map((orgId) => judged('shopify', orgId)));
    const notion = await Promise.all([...orgs].reverse().map((orgId) => judged('notion', orgId, BY_SYNC)));
    const trail = new AuditRepository(await database.as('gateway'));
    const read = { name: 'token.read', provider: null, integrationId: null, actor: ADA } as const;
    const syncs = new SyncRepository(await database.as('syncWorker'));
    const [first, second] = await Promise.all([
      breakerCloses('shopify'),
      syncs.reopenVerdicts('notion', 3_600_000),
      ...orgs.map((orgId) => trail.append(orgId, [read])),
    ]);
    expect([first, second]).toEqual([40, 40]);
    for (const one of [...shopify, ...notion])
      expect((await toldTo(one)).filter(({ integration_id: id }) => id === one.id)).toHaveLength(1);
    await expectWholeTrails();
  });
});

/** As a sync leaves it that has passed the verdict. */
const BY_SYNC = ", sync_failure_code = 'invalid_grant', sync_failure_at = now()";
