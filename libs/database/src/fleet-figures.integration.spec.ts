import { randomUUID } from 'node:crypto';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { FleetFiguresRepository, type ProviderFigures } from './fleet-figures.repository';

const HOUR_MS = 3_600_000;

describe('the figures of all integrations together', () => {
  let database: OwnDatabase;
  let fleet: FleetFiguresRepository;

  beforeEach(async () => {
    database = await cloneDatabase();
    fleet = new FleetFiguresRepository(() => database.as('refreshWorker'));
  });
  afterEach(() => database.drop());

  /** Stores a row of its own org; values are SQL. */
  async function integration(columns: Record<string, string>): Promise<{ id: string; orgId: string }> {
    const [id, orgId] = [randomUUID(), randomUUID()];
    const all = { id: `'${id}'`, org_id: `'${orgId}'`, provider: "'notion'", access_token: "'x'", ...columns };
    await database.sql(
      `insert into public.integrations (${Object.keys(all).join(', ')}) values (${Object.values(all).join(', ')})`,
    );
    return { id, orgId };
  }

  async function notion(): Promise<ProviderFigures> {
    const { providers } = await fleet.read(HOUR_MS);
    return providers.find(({ provider }) => provider === 'notion')!;
  }

  it('are 0 for every provider of the catalog while there is nothing', async () => {
    const { providers, worst, rotations } = await fleet.read(HOUR_MS);
    expect(providers.map(({ provider }) => provider).sort()).toEqual(['google_drive', 'notion', 'shopify', 'zapier']);
    expect(providers[0]).toEqual({
      provider: providers[0]?.provider,
      byStatus: { connected: 0, refresh_failing: 0, reauth_required: 0 },
      lapsed: 0,
      byStreak: { '1': 0, '2': 0, '3': 0, gt3: 0 },
      windowElapsed: 0,
      minRemaining: null,
      syncStaleness: 0,
      syncOverdue: 0,
      deadLetters: { refresh: 0, sync: 0, revocation: 0 },
      oldest: { refresh: 0, sync: 0, revocation: 0 },
      oldestGrant: 0,
    });
    expect(worst).toEqual([]);
    expect(rotations).toEqual({ waiting: 0, resealing: 0, retiring: 0 });
  });

  it.each([
    ['connected', "'connected'", "now() - interval '1 second'", 1],
    ['failing', "'refresh_failing'", "now() - interval '1 second'", 1],
    ['waiting for a person', "'reauth_required'", "now() - interval '1 hour'", 0],
    ['alive', "'connected'", "now() + interval '1 minute'", 0],
    ['without a known end', "'connected'", 'null', 0],
  ])('count as lapsed one that is over, unless a person has to mend it: %s', async (_name, status, expires, lapsed) => {
    await integration({ status, expires_at: expires });
    expect((await notion()).lapsed).toBe(lapsed);
  });

  it('count failures in a row up to three and beyond, but for those that wait for a person', async () => {
    for (const failures of [0, 1, 2, 3, 4, 9])
      await integration({
        status: failures === 0 ? "'connected'" : "'refresh_failing'",
        failed_refreshes: String(failures),
      });
    await integration({ status: "'reauth_required'", failed_refreshes: '7' });
    const { byStreak, byStatus, deadLetters } = await notion();
    expect(byStreak).toEqual({ '1': 1, '2': 1, '3': 1, gt3: 2 });
    expect(byStatus).toEqual({ connected: 1, refresh_failing: 5, reauth_required: 1 });
    expect(deadLetters.refresh).toBe(1); // four failures are the last rung, five are beyond it
  });

  it('name the longest streaks of more than three, a hundred at most', async () => {
    const worst = await integration({ status: "'refresh_failing'", failed_refreshes: '9' });
    await integration({ status: "'refresh_failing'", failed_refreshes: '3' });
    await database.sql(
      `insert into public.integrations (org_id, provider, access_token, status, failed_refreshes)
       select gen_random_uuid(), 'notion', 'x', 'refresh_failing', 4 from generate_series(1, 120)`,
    );
    const found = (await fleet.read(HOUR_MS)).worst;
    expect(found).toHaveLength(100);
    expect(found[0]).toEqual({ id: worst.id, orgId: worst.orgId, provider: 'notion', failures: 9 });
    expect(new Set(found.slice(1).map(({ failures }) => failures))).toEqual(new Set([4]));
  });

  describe('tell how much of the time between due and end has gone by', () => {
    it('from the first failure on, however often the next try was put off', async () => {
      await integration({
        status: "'refresh_failing'",
        failed_refreshes: '3',
        refresh_first_failed_at: "now() - interval '15 minutes'",
        next_refresh_at: "now() + interval '4 minutes'",
        expires_at: "now() + interval '5 minutes'",
      });
      expect((await notion()).windowElapsed).toBeCloseTo(0.75, 2);
    });

    it('from the due time on while nothing has failed, and 0 before it', async () => {
      await integration({ next_refresh_at: "now() + interval '1 minute'", expires_at: "now() + interval '9 minutes'" });
      expect((await notion()).windowElapsed).toBe(0);
      await integration({ next_refresh_at: "now() - interval '1 minute'", expires_at: "now() + interval '1 minute'" });
      expect((await notion()).windowElapsed).toBeCloseTo(0.5, 2);
    });

    it('beyond 1 once it is over', async () => {
      await integration({ next_refresh_at: "now() - interval '3 minutes'", expires_at: "now() - interval '1 minute'" });
      expect((await notion()).windowElapsed).toBeCloseTo(1.5, 1);
    });

    it('and nothing of one that waits for a person', async () => {
      await integration({
        status: "'reauth_required'",
        refresh_first_failed_at: "now() - interval '1 hour'",
        expires_at: "now() - interval '1 minute'",
      });
      expect(await notion()).toMatchObject({ windowElapsed: 0, minRemaining: null });
    });
  });

  it('tell the life of the token that ends next', async () => {
    await integration({ expires_at: "now() + interval '10 minutes'" });
    await integration({ expires_at: "now() + interval '100 seconds'" });
    const { minRemaining } = await notion();
    expect(minRemaining).toBeGreaterThan(60);
    expect(minRemaining).toBeLessThanOrEqual(100);
  });

  it('take a refresh that was done for no sync, and a failed sync for none either', async () => {
    const connected = "now() - interval '10 hours'";
    // a refresh moves last_sync_at, too
    await integration({
      connected_at: connected,
      last_sync_at: 'now()',
      sync_settled_at: "now() - interval '3 hours'",
    });
    await integration({
      provider: "'shopify'",
      connected_at: connected,
      sync_settled_at: "now() - interval '1 minute'",
      failed_syncs: '3',
      sync_first_failed_at: "now() - interval '2 hours'",
    });
    await integration({ provider: "'google_drive'", connected_at: connected, sync_settled_at: 'now()' });
    const { providers } = await fleet.read(HOUR_MS);
    const of = (name: string): ProviderFigures => providers.find(({ provider }) => provider === name)!;
    expect(of('notion')).toMatchObject({ syncOverdue: 1 });
    expect(of('notion').syncStaleness / 3600).toBeCloseTo(3, 1);
    expect(of('shopify')).toMatchObject({ syncOverdue: 1 });
    expect(of('shopify').syncStaleness / 3600).toBeCloseTo(3, 1);
    expect(of('google_drive')).toMatchObject({ syncOverdue: 0 });
    expect(of('google_drive').syncStaleness).toBeLessThan(60);
  });

  it('tell since when work is due that nobody is at', async () => {
    await integration({
      next_refresh_at: "now() - interval '9 minutes'",
      lease_until: "now() + interval '20 seconds'",
    });
    await integration({
      next_refresh_at: "now() - interval '100 seconds'",
      lease_until: "now() - interval '1 second'",
    });
    await integration({ next_sync_at: "now() - interval '50 seconds'" });
    const { oldest } = await notion();
    expect(oldest.refresh).toBeGreaterThanOrEqual(100);
    expect(oldest.refresh).toBeLessThan(160);
    expect(oldest.sync).toBeGreaterThanOrEqual(50);
  });

  it('take what waits behind a breaker for no backlog, as long as somebody looks after the breaker', async () => {
    await integration({ next_refresh_at: "now() - interval '9 minutes'" });
    await database.sql(
      `insert into public.provider_breakers (provider, client_id, reason, probe_at)
       values ('notion', 'client', 'outage', now() + interval '20 seconds')`,
    );
    expect((await notion()).oldest.refresh).toBe(0);
    await database.sql("update public.provider_breakers set probe_at = now() - interval '10 minutes'");
    expect((await notion()).oldest.refresh).toBeGreaterThanOrEqual(540);
    await database.sql('update public.provider_breakers set closed_at = now(), probe_at = now()');
    expect((await notion()).oldest.refresh).toBeGreaterThanOrEqual(540);
  });

  it('tell grants on their way back apart from those that were given up', async () => {
    const insert = (next: string) =>
      database.sql(
        `insert into public.revocations (org_id, provider, integration_id, access_token, reason, next_attempt_at, created_at)
         values (gen_random_uuid(), 'notion', gen_random_uuid(), 'x', 'disconnect', ${next}, now() - interval '200 seconds')`,
      );
    await insert('null');
    expect(await notion()).toMatchObject({ deadLetters: { revocation: 1 }, oldestGrant: 0, oldest: { revocation: 0 } });
    await insert("now() - interval '30 seconds'");
    const { oldestGrant, oldest } = await notion();
    expect(oldestGrant).toBeGreaterThanOrEqual(200);
    expect(oldest.revocation).toBeGreaterThanOrEqual(30);
    expect(oldest.revocation).toBeLessThan(200);
  });

  it('are for the refresh worker alone', async () => {
    for (const login of ['gateway', 'syncWorker'] as const) {
      const others = new FleetFiguresRepository(() => database.as(login));
      await expect(others.read(HOUR_MS)).rejects.toThrow('permission denied');
    }
  });
});
