import { randomUUID } from 'node:crypto';
import {
  afterDelivery,
  afterDeliveryFailure,
  failure,
  HOOKS_HELD_FOR_MS,
  notBelieved,
  TALLY_WINDOW_MS,
  type DeliveryChange,
  type DeliverySituation,
  type IntegrationId,
  type OrgId,
  type ProviderId,
  type Sealed,
} from '@hub/domain';
import { Client } from 'pg';
import { aConnect, ADA, WORKER } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { eventually } from '../../../test/support/eventually';
import type { SettingsOwner } from './delivery-settings.repository';
import { DeliveryRepository } from './delivery.repository';
import { HookVerdictRepository } from './hook-verdict.repository';
import { IntegrationRepository } from './integration.repository';

const PROVIDER = 'zapier' as ProviderId;
const gone = failure('invalid_grant', 'hook_gone');

type Decide = (situation: DeliverySituation, at: Date) => DeliveryChange;
const isGone: Decide = (situation, at) => afterDeliveryFailure(situation, gone, at, 410);
const isHeld: Decide = (situation, at) => afterDeliveryFailure(situation, notBelieved(gone), at, 410);
const isTaken: Decide = (situation, at) => afterDelivery(situation, at, 200);

describe('what a provider says of hooks that are gone', () => {
  let database: OwnDatabase;
  let verdicts: HookVerdictRepository;
  let byGateway: DeliveryRepository;
  let byWorker: DeliveryRepository;
  let integrations: IntegrationRepository;

  beforeEach(async () => {
    database = await cloneDatabase();
    const [gateway, worker] = [await database.as('gateway'), await database.as('deliveryWorker')];
    byGateway = new DeliveryRepository(gateway);
    byWorker = new DeliveryRepository(worker);
    verdicts = new HookVerdictRepository(worker);
    integrations = new IntegrationRepository(gateway);
  });
  afterEach(() => database.drop());

  async function connect(owner: SettingsOwner): Promise<void> {
    await integrations.storeConnect(
      { orgId: owner.orgId, provider: PROVIDER, id: owner.integrationId, change: aConnect(), actor: ADA },
      () => Promise.resolve(true),
    );
  }
  async function connected(): Promise<SettingsOwner> {
    const owner = {
      orgId: randomUUID() as OrgId,
      integrationId: randomUUID() as IntegrationId,
      provider: PROVIDER,
      secret: 'hub1.key.secret' as Sealed,
    };
    await connect(owner);
    await database.sql('update public.integrations set account_id = $2 where id = $1', [
      owner.integrationId,
      owner.orgId,
    ]);
    return owner;
  }
  async function accepted(owner: SettingsOwner): Promise<string> {
    const id = randomUUID();
    const delivery = {
      id,
      eventId: randomUUID(),
      type: 'x',
      data: 'hub1.key.data' as Sealed,
      source: 'posted',
    } as const;
    expect((await byGateway.accept(owner, delivery)).kind).toBe('accepted');
    return id;
  }
  async function send(owner: SettingsOwner, decide: Decide, id?: string): Promise<string> {
    const row = id ?? (await accepted(owner));
    const found = await byWorker.claim(owner.orgId, row, { leaseMs: 30_000, atOnce: 2 });
    if (found.kind !== 'claimed') throw new Error(found.kind);
    expect(await byWorker.settle(found.claim, decide, WORKER)).toBeDefined();
    return row;
  }
  const hook = async ({ integrationId }: SettingsOwner): Promise<Record<string, unknown>> => {
    const [row] = await database.sql<Record<string, unknown>>(
      `select i.status, i.metadata, i.refresh_failure_code, i.failed_refreshes, s.gone_at, s.gone_held_at
       from public.integrations i left join public.delivery_settings s on s.id = i.id where i.id = $1`,
      [integrationId],
    );
    return row ?? {};
  };
  const delivery = async (id: string): Promise<Record<string, unknown>> =>
    (await database.sql<Record<string, unknown>>('select * from public.deliveries where id = $1', [id]))[0] ?? {};
  const names = async ({ orgId }: SettingsOwner): Promise<string[]> =>
    (
      await database.sql<{ name: string }>('select name from public.audit_events where org_id = $1 order by seq', [
        orgId,
      ])
    ).map(({ name }) => name);

  it('is counted by hooks, beside all that were sent to in the last while', async () => {
    const owners = [await connected(), await connected(), await connected(), await connected()] as const;
    await connected();
    await send(owners[0], isGone);
    await send(owners[1], isGone);
    await send(owners[2], isTaken);
    await send(owners[2], isTaken);
    await send(owners[3], isHeld);
    expect(await verdicts.recent(PROVIDER)).toEqual({ definite: 2, settled: 4, accounts: 2 });
    await database.sql('update public.integrations set account_id = $1', ['one']);
    expect(await verdicts.recent(PROVIDER)).toEqual({ definite: 2, settled: 4, accounts: 1 });
    await database.sql('update public.delivery_settings set settled_at = settled_at - make_interval(secs => $1)', [
      TALLY_WINDOW_MS / 1000,
    ]);
    expect(await verdicts.recent(PROVIDER)).toEqual({ definite: 0, settled: 0, accounts: 0 });
  });

  it('is no news once it was confirmed, and none of it is of a new URL', async () => {
    const [confirmed, replaced] = [await connected(), await connected()];
    const held = await send(confirmed, isHeld);
    await database.sql('update public.deliveries set next_attempt_at = now() where id = $1', [held]);
    await send(confirmed, isGone, held);
    await send(replaced, isGone);
    expect(await verdicts.recent(PROVIDER)).toEqual({ definite: 1, settled: 1, accounts: 1 });
    await connect(replaced);
    expect(await hook(replaced)).toMatchObject({ gone_at: null, gone_held_at: null });
    expect(await verdicts.recent(PROVIDER)).toEqual({ definite: 0, settled: 0, accounts: 0 });
  });

  it('is held by one hold, which is over after a while', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => verdicts.open(PROVIDER)));
    expect(opened.filter(Boolean)).toHaveLength(1);
    expect(await verdicts.holds()).toEqual([
      { provider: PROVIDER, openedAt: expect.any(Date), closedAt: null, isOver: false },
    ]);
    await database.sql('update public.hook_holds set opened_at = now() - make_interval(secs => $1)', [
      HOOKS_HELD_FOR_MS / 1000,
    ]);
    expect(await verdicts.holds()).toEqual([
      { provider: PROVIDER, openedAt: expect.any(Date), closedAt: null, isOver: true },
    ]);
    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 0, revived: 0 });
    expect(await verdicts.close(PROVIDER)).toBeUndefined();
    expect(await verdicts.holds()).toEqual([
      { provider: PROVIDER, openedAt: expect.any(Date), closedAt: expect.any(Date), isOver: false },
    ]);
    expect(await verdicts.open(PROVIDER)).toBe(true);
    expect(await verdicts.holds()).toEqual([
      { provider: PROVIDER, openedAt: expect.any(Date), closedAt: null, isOver: false },
    ]);
  });

  it('just before it is held is tried once more after it, with what was refused and what waits; and only once', async () => {
    const [judged, long, well, held] = [await connected(), await connected(), await connected(), await connected()];
    const refusedLong = await send(long, isGone);
    await database.sql("update public.delivery_settings set gone_at = gone_at - interval '1 hour' where id = $1", [
      long.integrationId,
    ]);
    const refused = await send(judged, isGone);
    const waiting = await accepted(judged);
    const older = await accepted(judged);
    await database.sql(
      `update public.deliveries set state = 'dead', failure_code = 'provider_misconfigured', failed_attempts = 1,
         first_failed_at = now(), last_failed_at = now(), ended_at = now() where id = $1`,
      [older],
    );
    await send(well, isTaken);
    await verdicts.open(PROVIDER);
    await send(held, isHeld);
    expect(await hook(held)).toMatchObject({
      status: 'connected',
      metadata: { webhookStatus: 'failing' },
      gone_held_at: expect.any(Date),
    });
    expect(await delivery(waiting)).toMatchObject({ state: 'pending', next_attempt_at: null });

    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 1, revived: 0 });
    expect(await hook(judged)).toMatchObject({
      status: 'connected',
      metadata: { webhookStatus: 'failing' },
      refresh_failure_code: null,
      failed_refreshes: 0,
      gone_at: null,
      gone_held_at: expect.any(Date),
    });
    expect(await delivery(refused)).toMatchObject({
      state: 'pending',
      failed_attempts: 0,
      next_attempt_at: expect.any(Date),
    });
    expect(await delivery(waiting)).toMatchObject({ state: 'pending', next_attempt_at: expect.any(Date) });
    expect(await delivery(older)).toMatchObject({ state: 'dead' });
    expect((await names(judged)).slice(-2)).toEqual(['integration.reopened', 'dead_letter.replayed']);
    expect(await hook(long)).toMatchObject({ status: 'reauth_required' });
    expect(await delivery(refusedLong)).toMatchObject({ state: 'dead' });
    expect(await hook(well)).toMatchObject({ status: 'connected', metadata: { webhookStatus: 'reachable' } });

    await send(judged, isGone, refused);
    await verdicts.open(PROVIDER);
    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 0, revived: 0 });
    expect(await hook(judged)).toMatchObject({ status: 'reauth_required' });
  });

  it('is opened again in pieces, each hook of a great many once', async () => {
    const owners: SettingsOwner[] = [];
    for (let made = 0; made < 25; made += 1) {
      const owner = await connected();
      await send(owner, isGone);
      owners.push(owner);
    }
    await verdicts.open(PROVIDER);
    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 25, revived: 0 });
    for (const owner of owners)
      expect((await names(owner)).filter((name) => name === 'integration.reopened')).toHaveLength(1);
  });

  it('is opened again with what is taken in or claimed while that waits for the hooks', async () => {
    const [posted, followed, asked] = [await connected(), await connected(), await connected()];
    for (const owner of [posted, followed, asked]) await send(owner, isGone);
    const due = await accepted(asked);
    await database.sql('update public.deliveries set next_attempt_at = now() where id = $1', [due]);
    await verdicts.open(PROVIDER);
    const event = () => ({ id: randomUUID(), eventId: randomUUID(), type: 'x', data: 'hub1.key.data' as Sealed });
    const [late, fromTrail] = [{ ...event(), source: 'posted' } as const, { ...event(), source: 'hub' } as const];
    const waiting = (count: number) =>
      eventually(`${count} that wait for a lock`, async () => {
        const [found] = await database.sql<{ waiting: number }>(
          "select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return found?.waiting === count;
      });

    // each has read that its hook is gone, holds its settings, and waits behind this one for its row
    const before = new Client({ connectionString: database.adminUrl });
    await before.connect();
    await before.query('begin');
    for (const [owner, { eventId }] of [
      [posted, late],
      [followed, fromTrail],
    ] as const)
      await before.query(
        `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source)
         values ($1, $2, 'zapier', $3, 9, 'x', now(), 'posted')`,
        [owner.orgId, owner.integrationId, eventId],
      );
    await before.query('select from public.deliveries where id = $1 for update', [due]);
    const under = Promise.all([
      byGateway.accept(posted, late),
      byWorker.acceptFromTrail(followed, { from: 0, to: 1, wanted: [], events: [fromTrail] }),
      byWorker.claim(asked.orgId, due, { leaseMs: 30_000, atOnce: 2 }),
    ]);
    await waiting(3);
    const closing = verdicts.close(PROVIDER);
    await waiting(4);
    await before.query('rollback');
    await before.end();

    expect(await under).toEqual([
      expect.objectContaining({ kind: 'accepted', waits: true }),
      { kind: 'taken', taken: [fromTrail.id] },
      { kind: 'waits' },
    ]);
    expect(await closing).toEqual({ reopened: 3, revived: 0 });
    for (const id of [late.id, fromTrail.id, due])
      expect(await delivery(id)).toMatchObject({ state: 'pending', next_attempt_at: expect.any(Date) });
  });

  it('is opened again hook by hook where very much waits for each', async () => {
    const owners = [await connected(), await connected()];
    for (const owner of owners) {
      await send(owner, isGone);
      await database.sql(
        `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source)
         select $1, $2, 'zapier', gen_random_uuid(), n, 'x', now(), 'posted' from generate_series(101, 6100) as n`,
        [owner.orgId, owner.integrationId],
      );
    }
    await verdicts.open(PROVIDER);
    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 2, revived: 0 });
    const woken = await database.sql<{ times: number; waiting: number }>(
      `select count(distinct d.next_attempt_at)::int as times, count(*) filter (where d.next_attempt_at is null)::int as waiting
       from public.deliveries d where d.state = 'pending'`,
    );
    expect(woken).toEqual([{ times: 2, waiting: 0 }]);
  });

  it('has what died of it while it was held tried again once it is over, and nothing else', async () => {
    const owner = await connected();
    /** The last try of a ladder. */
    const dies = async (decide: Decide): Promise<string> => {
      const id = await accepted(owner);
      await database.sql('update public.deliveries set failed_attempts = 4 where id = $1', [id]);
      await database.sql('update public.delivery_settings set failures = 0, open_until = null');
      await send(owner, decide, id);
      expect(await delivery(id)).toMatchObject({ state: 'dead' });
      return id;
    };
    const before = await dies(isHeld);
    await verdicts.open(PROVIDER);
    const [held, down] = [
      await dies(isHeld),
      await dies((situation, at) =>
        afterDeliveryFailure(situation, failure('provider_unavailable', 'http_503'), at, 503),
      ),
    ];
    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 0, revived: 1 });
    expect(await delivery(held)).toMatchObject({
      state: 'pending',
      failed_attempts: 0,
      next_attempt_at: expect.any(Date),
      ended_at: null,
    });
    for (const id of [before, down]) expect(await delivery(id)).toMatchObject({ state: 'dead' });
    expect((await names(owner)).filter((name) => name === 'dead_letter.replayed')).toHaveLength(1);

    await database.sql('update public.deliveries set failed_attempts = 4 where id = $1', [held]);
    await send(owner, isHeld, held);
    expect(await delivery(held)).toMatchObject({ state: 'dead' });
    await verdicts.open(PROVIDER);
    expect(await verdicts.close(PROVIDER)).toEqual({ reopened: 0, revived: 0 });
  });

  it('is forgotten once that hook takes a delivery', async () => {
    const owner = await connected();
    await send(owner, isHeld);
    await send(owner, isTaken);
    expect(await hook(owner)).toMatchObject({ gone_held_at: null, metadata: { webhookStatus: 'reachable' } });
  });
});
