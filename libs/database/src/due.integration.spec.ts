import { randomUUID } from 'node:crypto';
import type { FlowId, OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { DueRepository, type DueKind, type DueWork } from './due.repository';

const MINUTE = 60_000;

describe('what falls due', () => {
  let database: OwnDatabase;
  let due: DueRepository;
  let dueSyncs: DueRepository;

  beforeEach(async () => {
    database = await cloneDatabase();
    due = new DueRepository(await database.as('refreshWorker'));
    dueSyncs = new DueRepository(await database.as('syncWorker'));
  });
  afterEach(() => database.drop());

  /** Stores a row of its own org; times are SQL. */
  async function integration(columns: Record<string, string>): Promise<{ id: string; orgId: OrgId }> {
    const [id, orgId] = [randomUUID(), randomUUID() as OrgId];
    const all = { id: `'${id}'`, org_id: `'${orgId}'`, provider: "'notion'", access_token: "'x'", ...columns };
    await database.sql(
      `insert into public.integrations (${Object.keys(all).join(', ')}) values (${Object.values(all).join(', ')})`,
    );
    return { id, orgId };
  }
  /** As the worker whose work it is. */
  const by = (kind: DueKind): DueRepository => (kind === 'sync' ? dueSyncs : due);
  const ids = (work: readonly DueWork[]): string[] => work.map(({ id }) => id);

  it.each([
    ['refresh', 'next_refresh_at'],
    ['sync', 'next_sync_at'],
  ] as [DueKind, string][])('for a %s comes from every org, the earliest first', async (kind, column) => {
    const later = await integration({ [column]: "now() + interval '5 minutes'" });
    const overdue = await integration({ [column]: "now() - interval '1 minute'" });
    await integration({ [column]: "now() + interval '1 hour'" });
    await integration({ [column]: 'null' });
    await integration({ [column]: 'now()', status: "'reauth_required'" });
    const found = await by(kind).due(kind, 10 * MINUTE, 100);
    expect(ids(found)).toEqual([overdue.id, later.id]);
    expect(found[0]).toMatchObject({ orgId: overdue.orgId, provider: 'notion', epoch: 0, overdue: true });
    expect(found[0]?.dueInMs).toBeLessThanOrEqual(-MINUTE);
    expect(found[1]).toMatchObject({ overdue: false });
    expect(found[1]?.dueInMs).toBeGreaterThan(4 * MINUTE);
  });

  it('for a refresh tells who is at it, and how long the token still lives', async () => {
    await integration({
      next_refresh_at: "now() - interval '3 minutes'",
      lease_until: "now() + interval '30 seconds'",
      expires_at: "now() + interval '5 minutes'",
      epoch: '7',
    });
    await integration({ next_refresh_at: "now() - interval '2 minutes'", lease_until: "now() - interval '1 second'" });
    const [leased, free] = await due.due('refresh', 0, 10);
    expect(leased?.epoch).toBe(7);
    expect(leased?.leasedForMs).toBeGreaterThan(25_000);
    expect(leased?.lifeLeftMs).toBeGreaterThan(4 * MINUTE);
    expect(free).toMatchObject({ leasedForMs: null, lifeLeftMs: null });
  });

  it('for a revocation comes from the outbox, without dead letters', async () => {
    const insert = (next: string) =>
      database.sql<{ id: string }>(
        `insert into public.revocations (org_id, provider, integration_id, access_token, reason, next_attempt_at)
         values (gen_random_uuid(), 'notion', gen_random_uuid(), 'x', 'disconnect', ${next}) returning id`,
      );
    const [now] = await insert('now()');
    await insert('null');
    await insert("now() + interval '1 hour'");
    expect(ids(await due.due('revocation', MINUTE, 10))).toEqual([now?.id]);
  });

  it('comes page by page, each row once, also where many are due at the same moment', async () => {
    await database.sql(
      `insert into public.integrations (org_id, provider, access_token, next_refresh_at)
       select gen_random_uuid(), 'notion', 'x', now() - (i / 10) * interval '1 microsecond' from generate_series(1, 57) as i`,
    );
    const pages: number[] = [];
    const seen = new Set<string>();
    for await (const page of due.duePages('refresh', 0, 10)) {
      pages.push(page.length);
      for (const { id } of page) seen.add(id);
    }
    expect(pages).toEqual([10, 10, 10, 10, 10, 7]);
    expect(seen.size).toBe(57);
  });

  describe('of each provider', () => {
    const many = (provider: string, count: number, overdue: string) =>
      database.sql(
        `insert into public.integrations (org_id, provider, access_token, next_refresh_at, next_sync_at)
         select gen_random_uuid(), $1, 'x', now() - interval '${overdue}', now() - interval '${overdue}' from generate_series(1, $2)`,
        [provider, count],
      );
    const countsOf = (work: readonly DueWork[]): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const { provider } of work) counts[provider] = (counts[provider] ?? 0) + 1;
      return counts;
    };

    it.each(['refresh', 'sync'] as const)(
      'for a %s comes a share, however much of another is overdue for longer',
      async (kind) => {
        await many('notion', 300, '1 hour');
        await many('shopify', 3, '1 second');
        const shares = await by(kind).shares(kind, 0, 100);
        expect(countsOf(shares)).toEqual({ notion: 100, shopify: 3 });
        expect(shares.at(-1)?.provider).toBe('shopify'); // the earliest first
        expect(shares[0]?.dueInMs).toBeLessThan(-50 * MINUTE);
      },
    );

    it('for a revocation, too', async () => {
      await database.sql(
        `insert into public.revocations (org_id, provider, integration_id, access_token, reason, next_attempt_at)
         select gen_random_uuid(), case when i = 30 then 'shopify' else 'notion' end, gen_random_uuid(), 'x', 'disconnect', now() - (60 - i) * interval '1 minute'
         from generate_series(1, 30) as i`,
      );
      expect(countsOf(await due.shares('revocation', 0, 10))).toEqual({ notion: 10, shopify: 1 });
    });

    it('the earliest come, and nothing of what is not due or needs a person', async () => {
      const later = await integration({ next_refresh_at: "now() - interval '1 minute'" });
      const earlier = await integration({ next_refresh_at: "now() - interval '2 minutes'" });
      await integration({ next_refresh_at: 'now()' });
      await integration({ next_refresh_at: "now() + interval '1 hour'" });
      await integration({ next_refresh_at: "now() - interval '1 hour'", status: "'reauth_required'" });
      expect(ids(await due.shares('refresh', MINUTE, 2))).toEqual([earlier.id, later.id]);
    });

    it('one refresh is enough behind an open breaker until its probe is due: the others would be put off', async () => {
      await many('notion', 5, '1 hour');
      await many('shopify', 5, '1 hour');
      const breaker = (probe: string) =>
        database.sql(
          `insert into public.provider_breakers (provider, client_id, reason, probe_at) values ('notion', 'c', 'outage', ${probe})
           on conflict (provider, client_id) do update set probe_at = excluded.probe_at`,
        );
      await breaker("now() + interval '5 seconds'");
      expect(countsOf(await due.shares('refresh', 0, 5))).toEqual({ notion: 1, shopify: 5 });
      expect(countsOf(await dueSyncs.shares('sync', 0, 5))).toEqual({ notion: 5, shopify: 5 });
      await breaker('now()');
      expect(countsOf(await due.shares('refresh', 0, 5))).toEqual({ notion: 5, shopify: 5 });
    });

    it('behind an open breaker all come beside it, up to the share, for whom a grant waits that may replace their own', async () => {
      const past = { next_refresh_at: "now() - interval '1 minute'", issued_at: "now() - interval '1 hour'" };
      const old = { ...past, connected_at: "now() - interval '1 day'" };
      const first = await integration({ ...old, next_refresh_at: "now() - interval '1 hour'" });
      const waiting = await Promise.all(Array.from({ length: 3 }, () => integration(old)));
      const renewed = await integration({ ...old, issued_at: 'now()' });
      const reconnected = await integration({ ...old, connected_epoch: '2' });
      const later = await integration({ ...old, next_refresh_at: "now() + interval '1 hour'" });
      const judged = await integration({ ...old, status: "'reauth_required'" });
      for (const { id, orgId } of [first, ...waiting, renewed, reconnected, later, judged])
        await database.sql(
          `insert into public.token_inbox (org_id, provider, integration_id, epoch, access_token, issued_at)
           values ($1, 'notion', $2, 1, 'x', now() - interval '10 minutes'), ($1, 'notion', $2, 1, 'x', now() - interval '9 minutes')`,
          [orgId, id],
        );
      await integration({ ...old, next_refresh_at: "now() - interval '2 hours'" });
      await database.sql(
        `insert into public.provider_breakers (provider, client_id, reason, probe_at)
         values ('notion', 'c', 'mass_verdict', now() + interval '1 minute')`,
      );
      const found = ids(await due.shares('refresh', 0, 10));
      expect(found).toHaveLength(5);
      expect(found.slice(1).sort()).toEqual([first, ...waiting].map(({ id }) => id).sort());
      expect(found[1]).toBe(first.id);
      expect(await due.shares('refresh', 0, 2)).toHaveLength(3);
    });
  });

  it('is shown to the workers whose work it is alone', async () => {
    for (const kind of ['refresh', 'revocation'] as const)
      await expect(dueSyncs.shares(kind, 0, 1)).rejects.toMatchObject({ code: '42501' });
    await expect(due.shares('sync', 0, 1)).rejects.toMatchObject({ code: '42501' });
    const gateway = new DueRepository(await database.as('gateway'));
    for (const kind of ['refresh', 'sync', 'revocation'] as const)
      await expect(gateway.shares(kind, 0, 1)).rejects.toMatchObject({ code: '42501' });
    await expect(gateway.due('refresh', 0, 1)).rejects.toMatchObject({ code: '42501' });
    await expect(gateway.sweepFlows()).rejects.toMatchObject({ code: '42501' });
  });

  it('is shown without any token: the functions give ids, provider, schedule and lease', async () => {
    await integration({
      next_refresh_at: 'now()',
      next_sync_at: 'now()',
      access_token: "'canary'",
      refresh_token: "'canary'",
    });
    const shown = [];
    for (const kind of ['refresh', 'sync'] as const)
      shown.push(...(await by(kind).due(kind, MINUTE, 1)), ...(await by(kind).shares(kind, MINUTE, 1)));
    expect(shown).toHaveLength(4);
    expect(JSON.stringify(shown)).not.toContain('canary');
  });

  it('sweeps flows a day after their end, no earlier', async () => {
    const flow = async (expired: string): Promise<FlowId> => {
      const id = randomUUID() as FlowId;
      await database.sql(
        `insert into public.flows (id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at)
         values ($1, gen_random_uuid(), 'notion', 'ada', 'open', 'https://a.example', 'c', 'x', now() - interval '${expired}')`,
        [id],
      );
      return id;
    };
    await flow('25 hours');
    const kept = [await flow('23 hours'), await flow('-5 minutes')];
    expect(await due.sweepFlows()).toBe(1);
    const left = await database.sql<{ id: FlowId }>('select id from public.flows');
    expect(left.map(({ id }) => id).sort()).toEqual(kept.sort());
  });
});
