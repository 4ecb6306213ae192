import { randomUUID } from 'node:crypto';
import { SYSTEM_ORG, type AuditEntry, type IntegrationId, type OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { appendEvents, AuditRepository } from './audit.repository';
import type { HubDatabase } from './hub-database';

const anOrg = (): OrgId => randomUUID() as OrgId;
const anEntry = (different: Partial<AuditEntry> = {}): AuditEntry => ({
  name: 'token.read',
  provider: 'notion',
  integrationId: randomUUID() as IntegrationId,
  actor: { type: 'user', id: 'ada' },
  ...different,
});

describe('the audit trail', () => {
  let database: OwnDatabase;
  let gateway: HubDatabase;
  let trail: AuditRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    gateway = await database.as('gateway');
    trail = new AuditRepository(gateway);
  });
  afterAll(() => database.drop());

  const sequence = async (orgId: OrgId): Promise<number[]> =>
    (
      await database.sql<{ seq: string }>('select seq from public.audit_events where org_id = $1 order by seq', [orgId])
    ).map(({ seq }) => Number(seq));

  it('keeps a line as it was told, with an id, a number and the database’s time', async () => {
    const orgId = anOrg();
    const entry = anEntry({ detail: { count: 3, nested: { why: 'because' } } });
    await trail.append(orgId, [entry]);
    const { events } = await trail.page(orgId, { limit: 10 });
    expect(events).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        seq: 1,
        at: expect.any(Date),
        name: 'token.read',
        provider: 'notion',
        integrationId: entry.integrationId,
        actor: { type: 'user', id: 'ada' },
        detail: { count: 3, nested: { why: 'because' } },
      },
    ]);
    expect(Math.abs((events[0]?.at.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  it('numbers each org by itself, from 1', async () => {
    const [one, other] = [anOrg(), anOrg()];
    await trail.append(one, [anEntry(), anEntry()]);
    await trail.append(other, [anEntry()]);
    await trail.append(one, [anEntry()]);
    expect(await sequence(one)).toEqual([1, 2, 3]);
    expect(await sequence(other)).toEqual([1]);
  });

  it('has no gap and no double under 50 writers at once, some of whom give up', async () => {
    const orgId = anOrg();
    const worker = await database.as('refreshWorker');
    await Promise.all(
      Array.from({ length: 50 }, (_, place) =>
        (place % 2 ? gateway : worker)
          .withOrg(orgId, async (manager) => {
            await appendEvents(manager, [anEntry(), anEntry()]);
            if (place % 5 === 0) throw new Error('undone');
          })
          .catch((error: Error) => expect(error.message).toBe('undone')),
      ),
    );
    expect(await sequence(orgId)).toEqual(Array.from({ length: 80 }, (_, place) => place + 1));
  });

  it('shows numbers in the order of their commits: whoever waits for the head comes later', async () => {
    const orgId = anOrg();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const written = new Promise<void>((resolve) => {
      void gateway.withOrg(orgId, async (manager) => {
        await appendEvents(manager, [anEntry({ actor: { type: 'user', id: 'slow' } })]);
        resolve();
        await held;
      });
    });
    await written;
    const second = trail.append(orgId, [anEntry({ actor: { type: 'user', id: 'quick' } })]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await sequence(orgId)).toEqual([]); // neither is to be seen: no reader can skip the first
    release();
    await second;
    const { events } = await trail.page(orgId, { limit: 10 });
    expect(events.map(({ seq, actor }) => `${seq} ${actor.id}`)).toEqual(['2 quick', '1 slow']);
  });

  it('keeps what belongs to no org with the system, which no caller can be', async () => {
    await trail.appendToSystem(anEntry({ name: 'flow.state_unknown', provider: null, integrationId: null }));
    const { events } = await trail.page(SYSTEM_ORG, { limit: 10, provider: undefined });
    expect(events.map(({ name }) => name)).toContain('flow.state_unknown');
  });

  it('shows an org nothing of another', async () => {
    const [one, other] = [anOrg(), anOrg()];
    await trail.append(one, [anEntry()]);
    expect(await trail.page(other, { limit: 10 })).toEqual({ events: [], nextCursor: null });
  });

  describe('page by page', () => {
    const orgId = anOrg();
    beforeAll(() =>
      trail.append(
        orgId,
        Array.from({ length: 7 }, (_, place) => anEntry({ provider: place % 2 ? 'shopify' : 'notion' })),
      ),
    );

    const walk = async (options: { limit: number; provider?: string }): Promise<number[][]> => {
      const pages: number[][] = [];
      for (let before: number | null | undefined; before !== null;) {
        const page = await trail.page(orgId, { ...options, before });
        pages.push(page.events.map(({ seq }) => seq));
        before = page.nextCursor;
      }
      return pages;
    };

    it('goes from the newest to the oldest, and ends', async () => {
      expect(await walk({ limit: 3 })).toEqual([[7, 6, 5], [4, 3, 2], [1]]);
    });

    it('ends as well where the last page is full', async () => {
      expect(await walk({ limit: 7 })).toEqual([[7, 6, 5, 4, 3, 2, 1]]);
    });

    it('shows one provider’s lines alone', async () => {
      expect(await walk({ limit: 2, provider: 'shopify' })).toEqual([[6, 4], [2]]);
    });
  });

  describe('is insert-only', () => {
    const orgId = anOrg();
    beforeAll(() => trail.append(orgId, [anEntry()]));

    it.each([
      ['update', "update public.audit_events set name = 'token.read'"],
      ['delete', 'delete from public.audit_events'],
      ['truncate', 'truncate public.audit_events'],
    ])('also for its owner and a superuser: %s', async (_command, sql) => {
      for (const role of ['hub_owner', 'postgres'])
        await expect(
          database.sql(
            `do $$ begin set local role ${role}; perform set_config('hub.org_id', '${orgId}', true); ${sql}; end $$`,
          ),
        ).rejects.toMatchObject({ code: '42501', message: expect.stringMatching(/insert-only|policy/) });
      expect(await sequence(orgId)).toEqual([1]);
    });
  });
});
