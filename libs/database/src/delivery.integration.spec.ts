import { randomUUID } from 'node:crypto';
import {
  afterDelivery,
  afterDeliveryFailure,
  failure,
  KEPT_DEAD_DAYS,
  MOST_DEAD,
  MOST_PENDING,
  type DeliveredEvent,
  type DeliveryChange,
  type DeliverySituation,
  type IntegrationId,
  type OrgId,
  type ProviderId,
  type Sealed,
} from '@hub/domain';
import { aConnect, ADA, WORKER } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { eventually } from '../../../test/support/eventually';
import { DeadLetterRepository } from './dead-letter.repository';
import { DeliverySettingsRepository, type SettingsOwner } from './delivery-settings.repository';
import { DeliveryRepository, sendWhatWaits, type DeliveryClaim, type NewDelivery } from './delivery.repository';
import { DueRepository } from './due.repository';
import type { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';
import { OrgErasureRepository } from './org-erasure.repository';

const PROVIDER = 'zapier' as ProviderId;
const MINUTE = 60_000;
const daysAgo = (days: number): Date => new Date(Date.now() - days * 24 * 60 * MINUTE);
const LEASE = { leaseMs: 30_000, atOnce: 2 };

const down = failure('provider_unavailable', 'http_503');
const gone = failure('invalid_grant', 'hook_gone');
const tooLarge = failure('provider_misconfigured', 'http_413');

const fails =
  (cause = down, status: number | null = 503) =>
  (situation: DeliverySituation, at: Date): DeliveryChange =>
    afterDeliveryFailure(situation, cause, at, status);
const taken = (situation: DeliverySituation, at: Date): DeliveryChange => afterDelivery(situation, at, 200);

describe('deliveries', () => {
  let database: OwnDatabase;
  let gateway: HubDatabase;
  let byGateway: DeliveryRepository;
  let byWorker: DeliveryRepository;
  let integrations: IntegrationRepository;
  let due: DueRepository;
  let letters: DeadLetterRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    gateway = await database.as('gateway');
    const worker = await database.as('deliveryWorker');
    byGateway = new DeliveryRepository(gateway);
    byWorker = new DeliveryRepository(worker);
    integrations = new IntegrationRepository(gateway);
    due = new DueRepository(worker);
    letters = new DeadLetterRepository(gateway);
  });
  afterAll(() => database.drop());

  async function connect(owner: Pick<SettingsOwner, 'orgId' | 'integrationId'>): Promise<void> {
    const stored = await integrations.storeConnect(
      { orgId: owner.orgId, provider: PROVIDER, id: owner.integrationId, change: aConnect(), actor: ADA },
      () => Promise.resolve(true),
    );
    expect(stored.kind).toBe('stored');
  }
  async function connected(orgId = randomUUID() as OrgId): Promise<SettingsOwner> {
    const owner = {
      orgId,
      integrationId: randomUUID() as IntegrationId,
      provider: PROVIDER,
      secret: `hub1.${orgId}.secret` as Sealed,
    };
    await connect(owner);
    return owner;
  }
  const aDelivery = (different: Partial<NewDelivery> = {}): NewDelivery => ({
    id: randomUUID(),
    eventId: randomUUID(),
    type: 'order.paid',
    data: 'hub1.key.data' as Sealed,
    source: 'posted',
    ...different,
  });
  async function accepted(owner: SettingsOwner, different: Partial<NewDelivery> = {}): Promise<NewDelivery> {
    const delivery = aDelivery(different);
    expect((await byGateway.accept(owner, delivery)).kind).toBe('accepted');
    return delivery;
  }
  async function claimed({ orgId }: SettingsOwner, { id }: { id: string }): Promise<DeliveryClaim> {
    const outcome = await byWorker.claim(orgId, id, LEASE);
    if (outcome.kind !== 'claimed') throw new Error(outcome.kind);
    return outcome.claim;
  }
  /** So many rows of one state and source. */
  const many = (owner: SettingsOwner, state: string, source: string, count: number) =>
    database.sql(
      `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, state, failure_code, first_failed_at, last_failed_at, ended_at)
       select $1, $2, 'zapier', gen_random_uuid(), n, 'x', now(), $4, $3, 'internal', now(), now(), now() from generate_series(1001, 1000 + $5::int) as n`,
      [owner.orgId, owner.integrationId, state, source, count],
    );
  /** Accepts and sends one. */
  async function sent(owner: SettingsOwner, decide = taken): Promise<NewDelivery> {
    const delivery = await accepted(owner);
    await byWorker.settle(await claimed(owner, delivery), decide, WORKER);
    return delivery;
  }
  const row = async (id: string): Promise<Record<string, unknown>> =>
    (await database.sql<Record<string, unknown>>('select * from public.deliveries where id = $1', [id]))[0] ?? {};
  const settings = async ({ integrationId }: SettingsOwner): Promise<Record<string, unknown> | undefined> =>
    (
      await database.sql<Record<string, unknown>>('select * from public.delivery_settings where id = $1', [
        integrationId,
      ])
    )[0];
  const hook = async ({ integrationId }: SettingsOwner): Promise<Record<string, unknown>> =>
    (
      await database.sql<Record<string, unknown>>('select * from public.integrations where id = $1', [integrationId])
    )[0] ?? {};
  const eventsOf = async ({ orgId }: SettingsOwner): Promise<{ name: string; detail: Record<string, unknown> }[]> =>
    database.sql(
      "select name, detail from public.audit_events where org_id = $1 and name not like 'integration.connected' order by seq",
      [orgId],
    );
  const namesOf = async (owner: SettingsOwner): Promise<string[]> => (await eventsOf(owner)).map(({ name }) => name);
  const pullForward = (...ids: string[]) =>
    database.sql('update public.deliveries set next_attempt_at = now() where id = any($1)', [ids]);
  const closeIn = ({ integrationId }: SettingsOwner, interval: string) =>
    database.sql(`update public.delivery_settings set open_until = now() + interval '${interval}' where id = $1`, [
      integrationId,
    ]);

  describe('that are taken in', () => {
    it('have numbers in the order of their coming, keep what they send sealed, and are due at once', async () => {
      const owner = await connected();
      const seqs: number[] = [];
      for (let count = 0; count < 3; count += 1) {
        const outcome = await byGateway.accept(owner, aDelivery());
        if (outcome.kind === 'accepted') seqs.push(outcome.seq);
      }
      expect(seqs).toEqual([1, 2, 3]);
      const delivery = await accepted(owner);
      const stored = await row(delivery.id);
      expect(stored).toMatchObject({
        seq: 4,
        state: 'pending',
        data: delivery.data,
        event_id: delivery.eventId,
        ended_at: null,
      });
      expect((stored['next_attempt_at'] as Date).getTime()).toBeLessThanOrEqual(Date.now());
      expect(await namesOf(owner)).toEqual([]);
    });

    it('at once have numbers of their own, without a gap', async () => {
      const owner = await connected();
      const outcomes = await Promise.all(Array.from({ length: 12 }, () => byGateway.accept(owner, aDelivery())));
      const seqs = outcomes.map((outcome) => (outcome.kind === 'accepted' ? outcome.seq : 0));
      expect(seqs.sort((one, other) => one - other)).toEqual(Array.from({ length: 12 }, (_, place) => place + 1));
    });

    it('are taken once for each id of an integration, also at once, and in other orgs as if nobody had it', async () => {
      const [owner, stranger] = [await connected(), await connected()];
      const eventId = randomUUID();
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, () => byGateway.accept(owner, aDelivery({ eventId }))),
      );
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['accepted', 'known', 'known', 'known', 'known']);
      expect((await byGateway.accept(stranger, aDelivery({ eventId }))).kind).toBe('accepted');
      expect((await accepted(owner)).eventId).not.toBe(eventId);
      expect(await settings(owner)).toMatchObject({ next_seq: 3 });
    });

    it('are known still once they are delivered', async () => {
      const owner = await connected();
      const { eventId } = await sent(owner);
      expect((await byGateway.accept(owner, aDelivery({ eventId }))).kind).toBe('known');
    });

    it('keep the first secret, whoever brings another', async () => {
      const owner = await connected();
      await accepted(owner);
      await accepted({ ...owner, secret: 'hub1.key.another' as Sealed });
      expect(await settings(owner)).toMatchObject({ secret: owner.secret });
    });

    it('are refused without an integration', async () => {
      const owner = await connected();
      expect(await byGateway.accept({ ...owner, integrationId: randomUUID() as IntegrationId }, aDelivery())).toEqual({
        kind: 'not_connected',
      });
      expect(await byGateway.accept({ ...owner, orgId: randomUUID() as OrgId }, aDelivery())).toEqual({
        kind: 'not_connected',
      });
    });

    it('are as many as may wait, and no more until there is room', async () => {
      const owner = await connected();
      const { id } = await accepted(owner);
      await database.sql(
        `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source)
         select $1, $2, 'zapier', gen_random_uuid(), n, 'x', now(), 'posted' from generate_series(2, $3::int) as n`,
        [owner.orgId, owner.integrationId, MOST_PENDING],
      );
      expect(await byGateway.accept(owner, aDelivery())).toEqual({ kind: 'full', of: 'pending' });
      await byWorker.settle(await claimed(owner, { id }), taken, WORKER);
      expect((await byGateway.accept(owner, aDelivery())).kind).toBe('accepted');
    });

    it('are refused while too many are dead letters, until those are replayed or end', async () => {
      const owner = await connected();
      const known = await accepted(owner);
      await many(owner, 'dead', 'posted', MOST_DEAD);
      expect(await byGateway.accept(owner, aDelivery())).toEqual({ kind: 'full', of: 'dead' });
      expect(await byGateway.accept(owner, known)).toMatchObject({ kind: 'known' });
      await database.sql(
        "update public.deliveries set state = 'pending' where id = (select id from public.deliveries where integration_id = $1 and state = 'dead' limit 1)",
        [owner.integrationId],
      );
      expect((await byGateway.accept(owner, aDelivery())).kind).toBe('accepted');
    });

    it('that are known tell how they stand', async () => {
      const owner = await connected();
      const [waiting, delivered, dead] = [
        await accepted(owner),
        await sent(owner),
        await sent(owner, fails(tooLarge, 413)),
      ];
      expect(await byGateway.accept(owner, waiting)).toEqual({ kind: 'known', rowId: waiting.id, state: 'pending' });
      expect(await byGateway.accept(owner, delivered)).toMatchObject({ state: 'delivered' });
      expect(await byGateway.accept(owner, { ...dead, id: randomUUID() })).toEqual({
        kind: 'known',
        rowId: dead.id,
        state: 'dead',
      });
    });
  });

  describe('of the hub’s own events', () => {
    it('are taken with the cursor, and by whoever comes late not again', async () => {
      const owner = await connected();
      await accepted(owner);
      const at = new Date('2026-11-22T11:59:59.123Z');
      const event = aDelivery({ type: 'sync.completed', source: 'hub', at });
      const step = { from: 0, to: 9, wanted: [], events: [event] };
      const outcomes = await Promise.all([
        byWorker.acceptFromTrail(owner, step),
        byWorker.acceptFromTrail(owner, { ...step, events: [{ ...event, id: randomUUID() }] }),
      ]);
      expect(outcomes.filter(({ kind }) => kind === 'passed_over')).toHaveLength(1);
      expect(await settings(owner)).toMatchObject({ outbox_seq: 9, next_seq: 3 });
      const rows = await database.sql<Record<string, unknown>>('select * from public.deliveries where event_id = $1', [
        event.eventId,
      ]);
      expect(rows).toEqual([expect.objectContaining({ at, source: 'hub', seq: 2, type: 'sync.completed' })]);
    });

    it('are not taken twice though the cursor was set back', async () => {
      const owner = await connected();
      await accepted(owner);
      const event = aDelivery({ source: 'hub' });
      expect(await byWorker.acceptFromTrail(owner, { from: 0, to: 5, wanted: [], events: [event] })).toEqual({
        kind: 'taken',
        taken: [event.id],
      });
      await database.sql('update public.delivery_settings set outbox_seq = 0 where id = $1', [owner.integrationId]);
      const again = [{ ...event, id: randomUUID() }, aDelivery({ source: 'hub' })];
      expect(await byWorker.acceptFromTrail(owner, { from: 0, to: 6, wanted: [], events: again })).toEqual({
        kind: 'taken',
        taken: [again[1]?.id],
      });
    });

    it('move the cursor on where none of them is wanted', async () => {
      const owner = await connected();
      await accepted(owner);
      expect(await byWorker.acceptFromTrail(owner, { from: 0, to: 40, wanted: [], events: [] })).toEqual({
        kind: 'taken',
        taken: [],
      });
      expect(await settings(owner)).toMatchObject({ outbox_seq: 40, next_seq: 2 });
    });

    it('leave the cursor where it is if the org wants others by now, so that none of those is left out', async () => {
      const owner = await connected();
      const wants = (...events: DeliveredEvent[]) =>
        new DeliverySettingsRepository(gateway).setEvents(owner, events, ADA);
      await wants('sync.completed');
      const from = Number((await settings(owner))?.['outbox_seq']);
      const step = { from, to: from + 9, events: [aDelivery({ source: 'hub' })] };
      await wants('integration.connected', 'sync.completed');
      expect(await byWorker.acceptFromTrail(owner, { ...step, wanted: ['sync.completed'] })).toEqual({
        kind: 'passed_over',
      });
      expect(await settings(owner)).toMatchObject({ outbox_seq: from, next_seq: 1 });
      const wanted = ['sync.completed', 'integration.connected'] as const;
      expect(await byWorker.acceptFromTrail(owner, { ...step, wanted })).toEqual({
        kind: 'taken',
        taken: [step.events[0]?.id],
      });
    });

    it.each(['pending', 'dead'] as const)(
      'wait in the trail while as many are %s as may be, and take no place of those that are posted, nor those theirs',
      async (of) => {
        const owner = await connected();
        const { id } = await accepted(owner);
        await many(owner, of, 'hub', of === 'pending' ? MOST_PENDING - 1 : MOST_DEAD);
        const step = { from: 0, to: 9, wanted: [], events: [1, 2].map(() => aDelivery({ source: 'hub' })) };
        expect(await byWorker.acceptFromTrail(owner, step)).toEqual({ kind: 'full', of, isNew: true });
        expect(await byWorker.acceptFromTrail(owner, step)).toEqual({ kind: 'full', of, isNew: false });
        expect(await settings(owner)).toMatchObject({
          outbox_seq: 0,
          next_seq: 2,
          outbox_full_since: expect.any(Date),
        });
        expect((await byGateway.accept(owner, aDelivery())).kind).toBe('accepted');
        // what is not wanted needs no place
        expect(await byWorker.acceptFromTrail(owner, { ...step, to: 4, events: [] })).toMatchObject({ kind: 'taken' });

        await many(owner, 'pending', 'posted', MOST_PENDING);
        expect(await byGateway.accept(owner, aDelivery())).toEqual({ kind: 'full', of: 'pending' });
        await database.sql(
          "delete from public.deliveries where integration_id = $1 and id in (select id from public.deliveries where integration_id = $1 and source = 'hub' limit 2)",
          [owner.integrationId],
        );
        const taken = await byWorker.acceptFromTrail(owner, { ...step, from: 4 });
        expect(taken).toEqual({ kind: 'taken', taken: step.events.map((event) => event.id) });
        expect(await settings(owner)).toMatchObject({ outbox_seq: 9, outbox_full_since: null });
        expect((await row(id))['source']).toBe('posted');
      },
    );
  });

  describe('that are claimed', () => {
    it('come with all that a send needs, to one worker alone', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      const outcomes = await Promise.all(
        Array.from({ length: 4 }, () => byWorker.claim(owner.orgId, delivery.id, LEASE)),
      );
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['claimed', 'leased', 'leased', 'leased']);
      const won = outcomes.find((outcome) => outcome.kind === 'claimed');
      expect(won?.claim).toEqual({
        id: delivery.id,
        orgId: owner.orgId,
        integrationId: owner.integrationId,
        provider: PROVIDER,
        epoch: 1,
        eventId: delivery.eventId,
        seq: 1,
        type: 'order.paid',
        at: expect.any(Date),
        source: 'posted',
        data: delivery.data,
        webhookUrl: (await hook(owner))['access_token'],
        secrets: [owner.secret],
        failedAttempts: 0,
        isTrial: false,
        connectedAt: expect.any(String),
        goneHeldAt: null,
      });
    });

    it('come with the secret before as long as that signs', async () => {
      const owner = await connected();
      const [first, later] = [await accepted(owner), await accepted(owner)];
      const set = (until: string) =>
        database.sql(
          `update public.delivery_settings set previous_secret = 'hub1.key.before', previous_until = now() + interval '${until}' where id = $1`,
          [owner.integrationId],
        );
      await set('1 hour');
      expect((await claimed(owner, first)).secrets).toEqual([owner.secret, 'hub1.key.before']);
      await set('-1 second');
      expect((await claimed(owner, later)).secrets).toEqual([owner.secret]);
    });

    it('are two of a receiver at once', async () => {
      const owner = await connected();
      const [one, two, three] = [await accepted(owner), await accepted(owner), await accepted(owner)];
      const claim = await claimed(owner, one);
      await claimed(owner, two);
      expect(await byWorker.claim(owner.orgId, three.id, LEASE)).toEqual({ kind: 'busy' });
      await byWorker.settle(claim, taken, WORKER);
      await claimed(owner, three);
    });

    it('go to somebody else once the lease is over, and what its holder writes then is refused', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      const lost = await claimed(owner, delivery);
      await database.sql("update public.deliveries set lease_until = now() - interval '1 second' where id = $1", [
        delivery.id,
      ]);
      const claim = await claimed(owner, delivery);
      expect(claim.epoch).toBe(2);
      expect(await byWorker.settle(lost, taken, WORKER)).toBeUndefined();
      expect(await byWorker.release(lost, 0)).toBe(false);
      expect(await namesOf(owner)).toEqual([]);
      expect(await byWorker.settle(claim, taken, WORKER)).toBeDefined();
      expect(await namesOf(owner)).toEqual(['delivery.succeeded']);
    });

    it('are not claimed before their time, nor of another org, nor once they have ended', async () => {
      const owner = await connected();
      const delivery = await sent(owner, fails());
      const early = await byWorker.claim(owner.orgId, delivery.id, LEASE);
      expect(early).toEqual({ kind: 'not_due', inMs: expect.any(Number) });
      expect(early.kind === 'not_due' && early.inMs).toBeGreaterThan(MINUTE / 2);
      await pullForward(delivery.id);
      expect(await byWorker.claim(randomUUID() as OrgId, delivery.id, LEASE)).toEqual({ kind: 'ended' });
      await byWorker.settle(await claimed(owner, delivery), taken, WORKER);
      expect(await byWorker.claim(owner.orgId, delivery.id, LEASE)).toEqual({ kind: 'ended' });
      expect(await byWorker.claim(owner.orgId, randomUUID(), LEASE)).toEqual({ kind: 'ended' });
    });

    it('and given back are due when that was said, with nothing counted', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      expect(await byWorker.release(await claimed(owner, delivery), 0)).toBe(true);
      const claim = await claimed(owner, delivery);
      expect(claim.failedAttempts).toBe(0);
      expect(await byWorker.release(claim, 10 * MINUTE)).toBe(true);
      expect((await byWorker.claim(owner.orgId, delivery.id, LEASE)).kind).toBe('not_due');
    });
  });

  describe('that are settled', () => {
    it('once delivered leave a line without what was sent, an event, and what is known of the hook', async () => {
      const owner = await connected();
      const delivery = await sent(owner);
      expect(await row(delivery.id)).toMatchObject({
        state: 'delivered',
        data: null,
        next_attempt_at: null,
        lease_until: null,
        last_status: 200,
        ended_at: expect.any(Date),
      });
      expect(await eventsOf(owner)).toEqual([
        {
          name: 'delivery.succeeded',
          detail: { delivery: delivery.eventId, seq: 1, type: 'order.paid', attempts: 1, status: 200 },
        },
      ]);
      const { metadata, status } = await hook(owner);
      expect(metadata).toMatchObject({ webhookStatus: 'reachable', lastDeliveryAt: expect.stringMatching(/Z$/) });
      expect(status).toBe('connected');
    });

    it('go up the ladder by the database’s clock, and remember when they failed first and last', async () => {
      const owner = await connected();
      const delivery = await sent(owner, fails());
      const first = await row(delivery.id);
      expect(first).toMatchObject({ state: 'pending', failed_attempts: 1, failure_code: 'provider_unavailable' });
      expect((first['next_attempt_at'] as Date).getTime() - (first['last_failed_at'] as Date).getTime()).toBe(MINUTE);
      await pullForward(delivery.id);
      await byWorker.settle(await claimed(owner, delivery), fails(down, null), WORKER);
      const second = await row(delivery.id);
      expect(second).toMatchObject({ failed_attempts: 2, last_status: 503, first_failed_at: first['first_failed_at'] });
      expect((second['next_attempt_at'] as Date).getTime() - (second['last_failed_at'] as Date).getTime()).toBe(
        2 * MINUTE,
      );
      expect((await hook(owner))['metadata']).toMatchObject({ webhookStatus: 'failing' });
    });

    it('are written once, however often that is asked', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      const claim = await claimed(owner, delivery);
      expect(await byWorker.settle(claim, fails(), WORKER)).toBeDefined();
      expect(await byWorker.settle(claim, fails(), WORKER)).toBeUndefined();
      expect(await row(delivery.id)).toMatchObject({ state: 'pending', failed_attempts: 1 });
      expect(await namesOf(owner)).toEqual(['delivery.failed']);
    });

    it('with no tries left are dead letters that keep what they send, and are sent anew by a replay', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      await database.sql('update public.deliveries set failed_attempts = 4 where id = $1', [delivery.id]);
      await byWorker.settle(await claimed(owner, delivery), fails(), WORKER);
      expect(await row(delivery.id)).toMatchObject({ state: 'dead', data: delivery.data, next_attempt_at: null });
      const { deadLetters } = await letters.page(owner.orgId, { limit: 10, kind: 'delivery' });
      expect(deadLetters).toEqual([
        {
          id: `delivery-${delivery.id}`,
          kind: 'delivery',
          provider: 'zapier',
          integrationId: owner.integrationId,
          reason: 'provider_unavailable',
          attempts: 5,
          firstFailedAt: expect.any(Date),
          lastFailedAt: expect.any(Date),
          event: { id: delivery.eventId, seq: 1, type: 'order.paid', at: expect.any(Date) },
        },
      ]);
      const letter = await letters.replayOne(owner.orgId, `delivery-${delivery.id}`, ADA);
      expect(letter).toMatchObject({ kind: 'delivery', id: delivery.id, epoch: 1 });
      expect((await letters.page(owner.orgId, { limit: 10 })).deadLetters).toEqual([]);
      const claim = await claimed(owner, delivery);
      expect(claim).toMatchObject({ eventId: delivery.eventId, seq: 1, failedAttempts: 0, data: delivery.data });
      await byWorker.settle(claim, taken, WORKER);
      expect(await namesOf(owner)).toEqual(['delivery.failed', 'dead_letter.replayed', 'delivery.succeeded']);
    });

    it('as refused for good are dead letters at once, which the command line replays as well', async () => {
      const owner = await connected();
      const delivery = await sent(owner, fails(tooLarge, 413));
      expect(await row(delivery.id)).toMatchObject({ state: 'dead', failed_attempts: 1, last_status: 413 });
      const byOperator = new DeadLetterRepository(await database.as('refreshWorker'));
      const { deadLetters } = await byOperator.page(owner.orgId, { limit: 10, kind: 'delivery' });
      expect(deadLetters.map(({ id, reason }) => [id, reason])).toEqual([
        [`delivery-${delivery.id}`, 'provider_misconfigured'],
      ]);
      const replayed = await byOperator.replay(owner.orgId, { kind: 'delivery', provider: 'zapier' }, ADA);
      expect(replayed.map(({ id }) => id)).toEqual([delivery.id]);
      expect(await claimed(owner, delivery)).toMatchObject({ failedAttempts: 0, data: delivery.data });
    });
  });

  describe('of a hook that is gone', () => {
    it('wait, old and new ones, until a new URL is connected, and spend no try', async () => {
      const owner = await connected();
      const waiting = await accepted(owner);
      const ended = await sent(owner, fails(gone, 410));
      expect(await hook(owner)).toMatchObject({
        status: 'reauth_required',
        refresh_failure_code: 'invalid_grant',
        next_sync_at: null,
        metadata: { webhookStatus: 'gone' },
      });
      expect(await namesOf(owner)).toEqual(['delivery.failed', 'integration.reauth_required']);
      const late = aDelivery();
      expect(await byGateway.accept(owner, late)).toEqual({ kind: 'accepted', seq: 3, waits: true });
      expect(await byWorker.claim(owner.orgId, waiting.id, LEASE)).toEqual({ kind: 'waits' });
      expect(await byWorker.claim(owner.orgId, late.id, LEASE)).toEqual({ kind: 'waits' });
      const dueOf = async () => (await due.due('delivery', 0, 1000)).filter(({ orgId }) => orgId === owner.orgId);
      expect(await dueOf()).toEqual([]);

      await connect(owner);
      expect((await dueOf()).map(({ id }) => id).sort()).toEqual([waiting.id, late.id].sort());
      expect(await claimed(owner, waiting)).toMatchObject({ failedAttempts: 0 });
      expect(await row(ended.id)).toMatchObject({ state: 'dead', failure_code: 'invalid_grant' });
    });

    it('that was replaced while it was asked leave the new one alone, and are sent there', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      const claim = await claimed(owner, delivery);
      await connect(owner);
      await byWorker.settle(claim, fails(gone, 410), WORKER);
      expect(await hook(owner)).toMatchObject({ status: 'connected' });
      expect((await claimed(owner, delivery)).failedAttempts).toBe(0);
      expect(await namesOf(owner)).toEqual([]);
    });

    it('and are taken in or claimed just as a new URL is connected are sent there', async () => {
      const owner = await connected();
      const before = await accepted(owner);
      await sent(owner, fails(gone, 410));
      const late = aDelivery();
      const fromTrail = aDelivery({ source: 'hub' });
      const beside = await gateway.withOrg(owner.orgId, async (manager) => {
        await manager.query("update public.integrations set status = 'connected' where id = $1", [owner.integrationId]);
        await sendWhatWaits(manager, owner.integrationId);
        const under = [
          byGateway.accept(owner, late),
          byWorker.acceptFromTrail(owner, { from: 0, to: 1, wanted: [], events: [fromTrail] }),
          byWorker.claim(owner.orgId, before.id, LEASE),
        ];
        await eventually('three that wait for the connect', async () => {
          const [found] = await database.sql<{ waiting: number }>(
            "select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
          );
          return found?.waiting === under.length;
        });
        return under; // behind the commit they go on
      });
      expect(await Promise.all(beside)).toEqual([
        expect.objectContaining({ kind: 'accepted', waits: false }),
        { kind: 'taken', taken: [fromTrail.id] },
        expect.objectContaining({ kind: 'claimed' }),
      ]);
      for (const { id } of [late, fromTrail]) expect((await row(id))['next_attempt_at']).toEqual(expect.any(Date));
    });

    it('and replayed too early wait as well', async () => {
      const owner = await connected();
      const delivery = await sent(owner, fails(gone, 410));
      await letters.replay(owner.orgId, { kind: 'delivery' }, ADA);
      expect(await byWorker.claim(owner.orgId, delivery.id, LEASE)).toEqual({ kind: 'waits' });
      await connect(owner);
      await claimed(owner, delivery);
    });
  });

  describe('to a receiver that is dead', () => {
    /** Five failures in a row, each of another delivery. */
    async function opened(): Promise<SettingsOwner> {
      const owner = await connected();
      for (let count = 0; count < 5; count += 1) await sent(owner, fails());
      return owner;
    }
    const sharesOf = async ({ orgId }: SettingsOwner): Promise<string[]> =>
      (await due.shares('delivery', 0, 1000)).filter((one) => one.orgId === orgId).map(({ id }) => id);

    it('are held back by its circuit, and spend no try', async () => {
      const owner = await opened();
      const delivery = await accepted(owner);
      const held = await byWorker.claim(owner.orgId, delivery.id, LEASE);
      expect(held).toEqual({ kind: 'circuit_open', inMs: expect.any(Number) });
      expect(held.kind === 'circuit_open' && held.inMs).toBeLessThanOrEqual(MINUTE);
      expect(await sharesOf(owner)).toEqual([]);
      expect(await row(delivery.id)).toMatchObject({ failed_attempts: 0, state: 'pending' });
    });

    it('are tried one at a time once the pause is over, and all of them after a success', async () => {
      const owner = await opened();
      const [trial, other] = [await accepted(owner), await accepted(owner)];
      await closeIn(owner, '-1 second');
      expect(await sharesOf(owner)).toHaveLength(1);
      const claim = await claimed(owner, trial);
      expect(claim.isTrial).toBe(true);
      expect((await byWorker.claim(owner.orgId, other.id, LEASE)).kind).toBe('circuit_open');
      expect(await sharesOf(owner)).toEqual([]);
      await byWorker.settle(claim, taken, WORKER);
      expect(await settings(owner)).toMatchObject({ failures: 0, open_until: null });
      expect((await claimed(owner, other)).isTrial).toBe(false);
    });

    it('wait longer after a trial that has failed, and are tried at once after one that was given back', async () => {
      const owner = await opened();
      const trial = await accepted(owner);
      await closeIn(owner, '-1 second');
      expect(await byWorker.release(await claimed(owner, trial), 0)).toBe(true);
      const claim = await claimed(owner, trial);
      expect(claim.isTrial).toBe(true);
      const change = await byWorker.settle(claim, fails(), WORKER);
      expect(change?.circuit.failures).toBe(6);
      const { open_until: until } = (await settings(owner)) as { open_until: Date };
      expect(until.getTime() - Date.now()).toBeGreaterThan(MINUTE);
    });

    it('stay held back though a trial is given back whose claim is over', async () => {
      const owner = await opened();
      const trial = await accepted(owner);
      await closeIn(owner, '-1 second');
      const late = await claimed(owner, trial);
      await closeIn(owner, '-1 second');
      await database.sql('update public.deliveries set lease_until = now() where id = $1', [trial.id]);
      await byWorker.settle(await claimed(owner, trial), fails(), WORKER);
      expect(await byWorker.release(late, 0)).toBe(false);
      const { open_until: until } = (await settings(owner)) as { open_until: Date };
      expect(until.getTime() - Date.now()).toBeGreaterThan(MINUTE);
    });

    it('are sent at once where a new URL is connected', async () => {
      const owner = await opened();
      const delivery = await accepted(owner);
      await connect(owner);
      await claimed(owner, delivery);
    });
  });

  describe('that are due', () => {
    it('come of every receiver alike, however many one of them has', async () => {
      const own = await cloneDatabase();
      const worker = new DueRepository(await own.as('deliveryWorker'));
      await own.sql(
        `with orgs as (select gen_random_uuid() as org_id, gen_random_uuid() as id, n from generate_series(1, 3) as n),
           set as (insert into public.delivery_settings (id, org_id, provider, secret) select id, org_id, 'zapier', 'x' from orgs)
         insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, next_attempt_at)
           select org_id, id, 'zapier', gen_random_uuid(), m, 'x', now(), 'posted', now() - (600 - m) * interval '1 second'
           from orgs, lateral generate_series(1, case n when 1 then 500 else 3 end) as m`,
      );
      const counts = async (share: number): Promise<number[]> => {
        const found = new Map<string, number>();
        for (const { orgId } of await worker.shares('delivery', 0, share))
          found.set(orgId, (found.get(orgId) ?? 0) + 1);
        return [...found.values()].sort((one, other) => one - other);
      };
      expect(await counts(9)).toEqual([3, 3, 3]);
      expect(await counts(1000)).toEqual([3, 3, 100]);
      expect(await worker.due('delivery', 0, 10)).toHaveLength(10);
      let paged = 0;
      for await (const page of worker.duePages('delivery', 0, 100)) paged += page.length;
      expect(paged).toBe(506);
      await own.drop();
    });

    it('tell who is at them, and which claim comes next', async () => {
      const owner = await connected();
      const delivery = await accepted(owner);
      await claimed(owner, delivery);
      const found = (await due.due('delivery', 0, 1000)).find(({ id }) => id === delivery.id);
      expect(found).toMatchObject({ orgId: owner.orgId, provider: 'zapier', epoch: 1, lifeLeftMs: null });
      expect(found?.leasedForMs).toBeGreaterThan(0);
    });
  });

  describe('of an integration that is disconnected', () => {
    const disconnect = ({ orgId }: SettingsOwner) =>
      integrations.disconnect(orgId, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });

    it('are cancelled, dead letters too, and keep nothing of what they would have sent', async () => {
      const owner = await connected();
      const done = await sent(owner);
      const [pending, dead] = [await accepted(owner), await sent(owner, fails(tooLarge, 413))];
      await disconnect(owner);
      for (const { id } of [pending, dead])
        expect(await row(id)).toMatchObject({
          state: 'cancelled',
          data: null,
          next_attempt_at: null,
          ended_at: expect.any(Date),
        });
      expect(await row(done.id)).toMatchObject({ state: 'delivered' });
      expect(await settings(owner)).toBeUndefined();
      expect((await letters.page(owner.orgId, { limit: 10 })).deadLetters).toEqual([]);
    });

    it('write nothing that was under way, and those of the next connect begin anew', async () => {
      const owner = await connected();
      const claim = await claimed(owner, await accepted(owner));
      await disconnect(owner);
      expect(await byWorker.settle(claim, taken, WORKER)).toBeUndefined();
      const next = await connected(owner.orgId);
      expect(await byGateway.accept(next, aDelivery({ eventId: claim.eventId }))).toMatchObject({ seq: 1 });
    });

    it('are not taken in beside it: whichever comes first, none is left behind', async () => {
      for (let round = 0; round < 5; round += 1) {
        const owner = await connected();
        const delivery = aDelivery();
        await Promise.all([disconnect(owner), byGateway.accept(owner, delivery)]);
        expect([undefined, 'cancelled']).toContain((await row(delivery.id))['state']);
        expect(await settings(owner)).toBeUndefined();
      }
    });
  });

  describe('in the log', () => {
    it('stand newest first, page by page, in each state and of the own org alone', async () => {
      const owner = await connected();
      const all: string[] = [];
      for (const decide of [taken, fails(tooLarge, 413), taken]) all.unshift((await sent(owner, decide)).eventId);
      all.unshift((await accepted(owner)).eventId);
      const idsOf = async (state?: 'delivered' | 'dead' | 'pending') =>
        (await byGateway.log(owner.orgId, { provider: PROVIDER, state, limit: 10 })).deliveries.map(
          ({ eventId }) => eventId,
        );
      expect(await idsOf()).toEqual(all);
      expect(await idsOf('delivered')).toEqual([all[1], all[3]]);
      expect(await idsOf('dead')).toEqual([all[2]]);

      const pages: string[][] = [];
      let after;
      do {
        const page = await byGateway.log(owner.orgId, { provider: PROVIDER, after, limit: 3 });
        pages.push(page.deliveries.map(({ eventId }) => eventId));
        after = page.next ?? undefined;
      } while (after);
      expect(pages).toEqual([all.slice(0, 3), all.slice(3)]);
      expect((await byGateway.log(randomUUID() as OrgId, { provider: PROVIDER, limit: 10 })).deliveries).toEqual([]);
    });

    it('tell how it went', async () => {
      const owner = await connected();
      const delivery = await sent(owner, fails());
      const [line] = (await byGateway.log(owner.orgId, { provider: PROVIDER, limit: 1 })).deliveries;
      expect(line).toEqual({
        id: delivery.id,
        eventId: delivery.eventId,
        integrationId: owner.integrationId,
        seq: 1,
        type: 'order.paid',
        at: expect.any(Date),
        source: 'posted',
        state: 'pending',
        failedAttempts: 1,
        nextAttemptAt: expect.any(Date),
        failure: { code: 'provider_unavailable', at: expect.any(Date) },
        lastStatus: 503,
        endedAt: null,
      });
    });

    it('are forgotten once they are old, or too many of an integration; what has not ended stays', async () => {
      const own = await cloneDatabase();
      const pruner = new DeliveryRepository(await own.as('deliveryWorker'));
      const [busy, quiet] = [randomUUID(), randomUUID()];
      await own.sql(
        `insert into public.delivery_settings (id, org_id, provider, secret, next_seq)
         values ($1, gen_random_uuid(), 'zapier', 'x', 100021), ($2, gen_random_uuid(), 'zapier', 'x', 40)`,
        [busy, quiet],
      );
      const lines = (of: string, state: string, seqs: string, days: number) =>
        own.sql(
          `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, state, ended_at)
           select (select org_id from public.delivery_settings where id = $1), $1, 'zapier', gen_random_uuid(), n, 'x', now(), 'posted',
             $2, case when $2 <> 'pending' then now() - $3 * interval '1 day' end from unnest($4::bigint[]) as n`,
          [of, state, days, `{${seqs}}`],
        );
      await lines(busy, 'delivered', '5,6,7,100019', 1); // 5 to 7 are behind a hundred thousand
      await lines(busy, 'pending', '8', 1);
      await lines(quiet, 'delivered', '1,2', 31);
      await lines(quiet, 'cancelled', '3', 31);
      await lines(quiet, 'delivered', '4', 29);
      await lines(quiet, 'dead', '5', 31);
      let pruned = 0;
      for (let batch; (batch = await pruner.prune(2)) > 0;) pruned += batch;
      expect(pruned).toBe(6);
      const left = await own.sql<{ seq: number }>('select seq from public.deliveries order by seq');
      expect(left.map(({ seq }) => Number(seq))).toEqual([4, 5, 8, 100_019]);
      await own.drop();
    });
  });

  it('that were dead for too long end, with an event and without what they would have sent; others stay', async () => {
    const owner = await connected();
    const [old, young] = [await sent(owner, fails(tooLarge, 413)), await sent(owner, fails(tooLarge, 413))];
    const [waiting] = [await accepted(owner)];
    await database.sql('update public.deliveries set ended_at = now() - make_interval(days => $2) where id = $1', [
      old.id,
      KEPT_DEAD_DAYS,
    ]);
    expect(await byWorker.expire(10)).toBe(1);
    expect(await byWorker.expire(10)).toBe(0);
    expect(await row(old.id)).toMatchObject({ state: 'cancelled', data: null });
    expect(await row(young.id)).toMatchObject({ state: 'dead', data: 'hub1.key.data' });
    expect(await row(waiting.id)).toMatchObject({ state: 'pending' });
    const told = (await eventsOf(owner)).filter(({ name }) => name === 'dead_letter.expired');
    expect(told).toEqual([
      {
        name: 'dead_letter.expired',
        detail: {
          deadLetter: `delivery-${old.id}`,
          kind: 'delivery',
          reason: 'provider_misconfigured',
          attempts: 1,
          firstFailedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          delivery: old.eventId,
          seq: 1,
          type: 'order.paid',
        },
      },
    ]);
    expect(await byGateway.accept(owner, { ...old, id: randomUUID() })).toMatchObject({ state: 'cancelled' });
  });

  it('that have waited too long for a new URL end like dead letters, so that the trail goes on; others wait', async () => {
    const owner = await connected();
    await sent(owner, fails(gone, 410));
    const [old, young] = [await accepted(owner), await accepted(owner)];
    const [past, present] = [
      aDelivery({ source: 'hub', at: daysAgo(KEPT_DEAD_DAYS + 1) }),
      aDelivery({ source: 'hub' }),
    ];
    await byWorker.acceptFromTrail(owner, { from: 0, to: 2, wanted: [], events: [past, present] });
    await database.sql('update public.deliveries set created_at = $2 where id = $1', [
      old.id,
      daysAgo(KEPT_DEAD_DAYS + 1),
    ]);
    expect(await byWorker.expire(10)).toBe(0); // the hook has not been gone for so long
    const since = daysAgo(KEPT_DEAD_DAYS + 0.5);
    await database.sql('update public.integrations set refresh_failure_at = $2 where id = $1', [
      owner.integrationId,
      since,
    ]);
    expect(await byWorker.expire(1)).toBe(1);
    expect(await byWorker.expire(10)).toBe(1);
    expect(await byWorker.expire(10)).toBe(0);
    for (const { id } of [old, past]) expect(await row(id)).toMatchObject({ state: 'cancelled', data: null });
    for (const { id } of [young, present])
      expect(await row(id)).toMatchObject({ state: 'pending', next_attempt_at: null, data: 'hub1.key.data' });
    const told = (await eventsOf(owner)).filter(({ name }) => name === 'dead_letter.expired');
    expect(told.map(({ detail }) => detail)).toEqual(
      expect.arrayContaining(
        [old, past].map(({ id, eventId }) =>
          expect.objectContaining({
            deadLetter: `delivery-${id}`,
            kind: 'delivery',
            reason: 'reauth_required',
            attempts: 0,
            firstFailedAt: since.toISOString(),
            delivery: eventId,
          }),
        ),
      ),
    );
    await connect(owner);
    expect(await row(old.id)).toMatchObject({ state: 'cancelled' });
    expect(await row(young.id)).toMatchObject({ next_attempt_at: expect.any(Date) });
  });

  it('of an org that is forgotten go with it, and none is taken any more', async () => {
    const owner = await connected();
    await sent(owner);
    await accepted(owner);
    const eraser = await OrgErasureRepository.open(database.adminUrl);
    await eraser.begin(owner.orgId, ADA);
    await eraser.disconnect(owner.orgId, () => undefined, ADA);
    await eraser.shred(owner.orgId, ADA);
    await eraser.close();
    expect(await database.sql('select from public.deliveries where org_id = $1', [owner.orgId])).toEqual([]);
    expect(await database.sql('select from public.delivery_settings where org_id = $1', [owner.orgId])).toEqual([]);
  });
});
