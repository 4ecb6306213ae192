import {
  boundMet,
  CLOSED_CIRCUIT,
  circuitWaitMs,
  isDeliveredEvent,
  isHalfOpen,
  KEPT_DEAD_DAYS,
  MOST_DEAD,
  MOST_PENDING,
  type Actor,
  type Backlog,
  type Circuit,
  type DeliveredEvent,
  type DeliveryChange,
  type DeliverySituation,
  type DeliverySource,
  type DeliveryState,
  type FailureCode,
  type HookWord,
  type IntegrationId,
  type OrgId,
  type ProviderId,
  type Sealed,
  type Status,
} from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import { isSame, isThere, lockSettings, type SettingsOwner } from './delivery-settings.repository';
import type { HubDatabase } from './hub-database';
import { patchAssignments } from './integration-row';
import { affected, selectOne } from './statements';

/** Something to be delivered. `data` is sealed for the cell `deliveries.data` of the row `id`. */
export interface NewDelivery {
  /** Of the row: drawn by the hub, never by a caller. */
  readonly id: string;
  /** By which the receiver knows it: the same one is taken once for each integration. A UUID in lower case. */
  readonly eventId: string;
  readonly type: string;
  readonly data: Sealed;
  readonly source: DeliverySource;
  /** When it happened; absent: now. */
  readonly at?: Date;
}

/** What came of accepting: taken, or known already; or why not. */
export type Accepted =
  | {
      readonly kind: 'accepted';
      readonly seq: number;
      /** It waits for a new URL, since the hook is gone. */
      readonly waits: boolean;
    }
  /** It was taken before; `dead` and `cancelled`: it is not sent any more by itself. */
  | { readonly kind: 'known'; readonly rowId: string; readonly state: DeliveryState }
  /** As many wait, or are dead letters, as an integration may have. */
  | { readonly kind: 'full'; readonly of: keyof Backlog }
  | { readonly kind: 'not_connected' };

/** What came of taking in events of the trail. */
export type AcceptedFromTrail =
  /** The cursor has moved on. `taken`: the rows that are new. */
  | { readonly kind: 'taken'; readonly taken: readonly string[] }
  /** There is no room for all of them: the cursor stays, and the trail keeps them. `isNew`: there was until now. */
  | { readonly kind: 'full'; readonly of: keyof Backlog; readonly isNew: boolean }
  /** The cursor was moved, or other events are wanted meanwhile, or the integration or its settings are gone. */
  | { readonly kind: 'passed_over' };

/** A delivery that a worker has claimed: what it sends, where to, and by what it signs. */
export interface DeliveryClaim {
  readonly id: string;
  readonly orgId: OrgId;
  readonly integrationId: IntegrationId;
  readonly provider: ProviderId;
  /** Of this claim: a write of an older one is refused. */
  readonly epoch: number;
  readonly eventId: string;
  readonly seq: number;
  readonly type: string;
  readonly at: Date;
  readonly source: DeliverySource;
  /** Sealed for `deliveries.data` of this row. */
  readonly data: Sealed;
  /** Sealed for `integrations.access_token` of the integration. */
  readonly webhookUrl: Sealed;
  /** Sealed for `delivery_settings.secret` of the integration: the one that signs first, then that of before a rotation. */
  readonly secrets: readonly Sealed[];
  readonly failedAttempts: number;
  /** The circuit has opened, and this send is its trial. */
  readonly isTrial: boolean;
  /** Which connect the URL is of, to the microsecond. */
  readonly connectedAt: string;
  /** When the hook was last said to be gone without being believed; `null`: not since it last took a delivery. */
  readonly goneHeldAt: Date | null;
}

/** What came of a claim. Spans are by the database's clock. */
export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly claim: DeliveryClaim }
  /** There is no such delivery, or it has ended. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'not_due'; readonly inMs: number }
  /** Somebody is at it. */
  | { readonly kind: 'leased'; readonly forMs: number }
  /** So many sends to this receiver are under way that this one has to wait. */
  | { readonly kind: 'busy' }
  /** The circuit before the receiver stands open. */
  | { readonly kind: 'circuit_open'; readonly inMs: number }
  /** The hook is gone: it waits until a new URL is connected. */
  | { readonly kind: 'waits' };

/** A line of the delivery log: never what was sent. */
export interface DeliveryLine {
  readonly id: string;
  readonly eventId: string;
  readonly integrationId: string;
  readonly seq: number;
  readonly type: string;
  readonly at: Date;
  readonly source: DeliverySource;
  readonly state: DeliveryState;
  /** Failed tries in a row; of a dead letter since it was last replayed. */
  readonly failedAttempts: number;
  readonly nextAttemptAt: Date | null;
  readonly failure: { readonly code: FailureCode; readonly at: Date } | null;
  /** The status that the receiver answered with last. */
  readonly lastStatus: number | null;
  /** Since when it is no longer pending. */
  readonly endedAt: Date | null;
}

/** A place in the log: just behind the line of that row. Microseconds, which a Date cannot hold. */
export interface DeliveryPlace {
  readonly createdUs: number;
  readonly id: string;
}

export interface DeliveryPage {
  readonly deliveries: readonly DeliveryLine[];
  /** Where the next, older page begins; `null` at the end. */
  readonly next: DeliveryPlace | null;
}

/** How long the log is kept, and how many lines of each integration at most. */
const KEPT_DAYS = 30;
const KEPT_LINES = 100_000;

/**
 * Webhook sends: taken in, claimed, settled, logged. Locks are always taken in the order integration, settings, delivery,
 * and the trail's head last.
 */
export class DeliveryRepository {
  constructor(private readonly database: HubDatabase) {}

  /**
   * Takes in something to be delivered, once. While the hook is gone it waits.
   *
   * @param owner  the integration, and a fresh secret that is kept if it has none yet
   */
  async accept(owner: SettingsOwner, delivery: NewDelivery): Promise<Accepted> {
    return this.database.withOrg(owner.orgId, async (manager) => {
      if (!(await isThere(manager, owner.integrationId))) return { kind: 'not_connected' };
      const { nextSeq } = await lockSettings(manager, owner);
      const [known]: { id: string; state: DeliveryState }[] = await manager.query(
        'select id, state from public.deliveries where org_id = $1 and integration_id = $2 and event_id = $3',
        [owner.orgId, owner.integrationId, delivery.eventId],
      );
      if (known) return { kind: 'known', rowId: known.id, state: known.state };
      const met = boundMet(await backlogOf(manager, owner, delivery.source), 1);
      if (met) return { kind: 'full', of: met };
      const waits = await waitsForUrl(manager, owner.integrationId);
      await insert(manager, owner, [{ ...delivery, seq: nextSeq }], waits);
      await manager.query('update public.delivery_settings set next_seq = $2 where id = $1', [
        owner.integrationId,
        nextSeq + 1,
      ]);
      return { kind: 'accepted', seq: nextSeq, waits };
    });
  }

  /**
   * Takes in events of the org's own trail and moves the cursor on, in one transaction: whoever does it twice doubles none.
   *
   * @param from   the cursor as it was read: if somebody else has moved it, nothing is done
   * @param to     the `seq` up to which the trail was looked at
   * @param wanted the names that were looked for: if the org wants others by now, nothing is done
   * @param events those of it that are wanted, in the order of the trail; their `eventId` is the event's own
   * @returns `full`: there is no room for all of them, and nothing is done but to note that they wait
   */
  async acceptFromTrail(
    owner: Omit<SettingsOwner, 'secret'>,
    {
      from,
      to,
      wanted,
      events,
    }: { from: number; to: number; wanted: readonly DeliveredEvent[]; events: readonly NewDelivery[] },
  ): Promise<AcceptedFromTrail> {
    return this.database.withOrg(owner.orgId, async (manager) => {
      if (!(await isThere(manager, owner.integrationId))) return { kind: 'passed_over' };
      const [settings]: { nextSeq: number; outboxSeq: number; events: string[]; isFull: boolean }[] =
        await manager.query(
          `select next_seq as "nextSeq", outbox_seq as "outboxSeq", events, outbox_full_since is not null as "isFull"
           from public.delivery_settings where id = $1 for update`,
          [owner.integrationId],
        );
      if (settings?.outboxSeq !== from || !isSame(settings.events.filter(isDeliveredEvent), wanted))
        return { kind: 'passed_over' };
      const met = events.length > 0 ? boundMet(await backlogOf(manager, owner, 'hub'), events.length) : undefined;
      if (met) {
        await manager.query(
          'update public.delivery_settings set outbox_full_since = coalesce(outbox_full_since, now()) where id = $1',
          [owner.integrationId],
        );
        return { kind: 'full', of: met, isNew: !settings.isFull };
      }
      const waits = await waitsForUrl(manager, owner.integrationId);
      const { nextSeq } = settings;
      const numbered = events.map((event, place) => ({ ...event, seq: nextSeq + place }));
      const taken = await insert(manager, owner, numbered, waits);
      await manager.query(
        'update public.delivery_settings set next_seq = $2, outbox_seq = $3, outbox_full_since = null where id = $1',
        [owner.integrationId, nextSeq + events.length, to],
      );
      return { kind: 'taken', taken };
    });
  }

  /**
   * Claims a delivery that is due, so that nobody else sends it meanwhile. Of a circuit that lets a trial through, the first
   * claim is the trial, and keeps others away for as long as its lease.
   *
   * @param atOnce sends to the same receiver that may be under way together
   */
  async claim(
    orgId: OrgId,
    id: string,
    { leaseMs, atOnce }: { leaseMs: number; atOnce: number },
  ): Promise<ClaimOutcome> {
    return this.database.withOrg(orgId, async (manager): Promise<ClaimOutcome> => {
      const [found]: { integration_id: IntegrationId }[] = await manager.query(
        "select integration_id from public.deliveries where id = $1 and state = 'pending'",
        [id],
      );
      if (!found) return { kind: 'ended' };
      const [hook]: HookRow[] = await manager.query(
        'select access_token, connected_at::text as connected_at from public.integrations where id = $1 for key share',
        [found.integration_id],
      );
      const [settings]: SettingsRow[] = await manager.query(
        `select secret, case when previous_until > now() then previous_secret end as previous_secret, failures, open_until,
           gone_held_at
         from public.delivery_settings where id = $1 for update`,
        [found.integration_id],
      );
      const [row]: ClaimRow[] = await manager.query(
        `select *, clock_timestamp() as now, extract(epoch from next_attempt_at - clock_timestamp())::float8 * 1000 as due_in_ms,
           extract(epoch from lease_until - clock_timestamp())::float8 * 1000 as leased_for_ms,
           (select count(*)::int from public.deliveries o
            where o.integration_id = $2 and o.lease_until > clock_timestamp() and o.id <> $1) as under_way,
           (select ${WAITS} from public.integrations where id = $2) as hook_is_gone
         from (select ${CLAIMED} from public.deliveries where id = $1 and state = 'pending' for update) d`,
        [id, found.integration_id],
      );
      // what is disconnected meanwhile has cancelled it
      if (!row || !hook || !settings) return { kind: 'ended' };
      if (row.leased_for_ms !== null && row.leased_for_ms > 0) return { kind: 'leased', forMs: row.leased_for_ms };
      if (row.hook_is_gone) {
        await manager.query('update public.deliveries set next_attempt_at = null, lease_until = null where id = $1', [
          id,
        ]);
        return { kind: 'waits' };
      }
      if (row.due_in_ms === null) return { kind: 'waits' };
      if (row.due_in_ms > 0) return { kind: 'not_due', inMs: row.due_in_ms };
      const circuit = { failures: settings.failures, openUntil: settings.open_until };
      const waitMs = circuitWaitMs(circuit, row.now);
      if (waitMs > 0) return { kind: 'circuit_open', inMs: waitMs };
      if (row.under_way >= atOnce) return { kind: 'busy' };
      const isTrial = isHalfOpen(circuit);
      if (isTrial)
        await manager.query(
          'update public.delivery_settings set open_until = clock_timestamp() + make_interval(secs => $2) where id = $1',
          [found.integration_id, leaseMs / 1000],
        );
      const { epoch } = await selectOneUpdated(
        manager,
        `update public.deliveries set epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => $2)
         where id = $1 returning epoch`,
        [id, leaseMs / 1000],
      );
      return { kind: 'claimed', claim: toClaim(orgId, row, hook, settings, { epoch, isTrial }) };
    });
  }

  /** The next of an integration that is due and that nobody is at, in the order in which they were taken; `undefined`: there is none. */
  async nextDue(
    orgId: OrgId,
    integrationId: IntegrationId,
  ): Promise<{ readonly id: string; readonly epoch: number } | undefined> {
    const [next] = await this.database.withOrg(orgId, (manager) =>
      manager.query<{ id: string; epoch: number }[]>(
        `select id, epoch from public.deliveries
         where integration_id = $1 and state = 'pending' and next_attempt_at <= clock_timestamp()
           and (lease_until is null or lease_until <= clock_timestamp())
         order by seq limit 1`,
        [integrationId],
      ),
    );
    return next;
  }

  /**
   * Writes what came of a send, with its events, unless the claim is over or the delivery has ended meanwhile. It is written
   * once, however often this is called: whoever does not know whether it was may call it again.
   *
   * @param decide gets all of it as it stands, locked until the change is written, and the database's time
   * @returns what was written; `undefined` if nothing was
   */
  async settle(
    claim: DeliveryClaim,
    decide: (situation: DeliverySituation, at: Date) => DeliveryChange,
    actor: Actor,
  ): Promise<DeliveryChange | undefined> {
    const { orgId, id, integrationId, provider } = claim;
    return this.database.withOrg(orgId, async (manager) => {
      const [integration]: IntegrationRow[] = await manager.query(
        `select status, metadata, failed_refreshes, connected_at::text as connected_at
         from public.integrations where id = $1 for no key update`,
        [integrationId],
      );
      const [settings]: Pick<SettingsRow, 'failures' | 'open_until'>[] = await manager.query(
        'select failures, open_until from public.delivery_settings where id = $1 for update',
        [integrationId],
      );
      const [row]: { failed_attempts: number; now: Date }[] = await manager.query(
        `select failed_attempts, date_trunc('milliseconds', clock_timestamp()) as now
         from public.deliveries
         where id = $1 and epoch = $2 and state = 'pending' and lease_until is not null for update`,
        [id, claim.epoch],
      );
      if (!integration || !settings || !row) return undefined;
      const situation = situationOf(claim, integration, settings, row);
      const change = decide(situation, row.now);
      await writeDelivery(manager, id, change, row.now);
      await writeCircuit(manager, integrationId, situation.circuit, change.circuit);
      if (change.hook !== null) await manager.query(WRITE_WORD[change.hook], [integrationId]);
      if (Object.keys(change.integration).length > 0) {
        const set = patchAssignments(change.integration, 2);
        await manager.query(`update public.integrations set ${set.sql.join(', ')} where id = $1`, [
          integrationId,
          ...set.values,
        ]);
      }
      await appendEvents(
        manager,
        change.events.map((event) => ({ ...event, provider, integrationId, actor })),
      );
      return change;
    });
  }

  /**
   * Gives a claim back without a try: nothing was sent, and nothing is counted.
   *
   * @param againInMs when it is due again
   * @returns false if the claim was over
   */
  async release(claim: DeliveryClaim, againInMs: number): Promise<boolean> {
    return this.database.withOrg(claim.orgId, async (manager) => {
      if (claim.isTrial)
        await manager.query(
          `update public.delivery_settings set open_until = now() where id = $1 and open_until > now()
             and exists (select from public.deliveries where id = $2 and epoch = $3 and state = 'pending')`,
          [claim.integrationId, claim.id, claim.epoch],
        );
      const count = await affected(
        manager,
        `update public.deliveries set lease_until = null, next_attempt_at = now() + make_interval(secs => $3)
         where id = $1 and epoch = $2 and state = 'pending'`,
        [claim.id, claim.epoch, againInMs / 1000],
      );
      return count === 1;
    });
  }

  /**
   * A page of the delivery log, newest first.
   *
   * @param after only lines behind this place; absent: from the newest
   */
  async log(
    orgId: OrgId,
    options: {
      provider: ProviderId;
      state?: DeliveryState | undefined;
      after?: DeliveryPlace | undefined;
      limit: number;
    },
  ): Promise<DeliveryPage> {
    const { provider, state = null, after, limit } = options;
    const rows: LineRow[] = await this.database.withOrg(orgId, (manager) =>
      manager.query(
        `select id, event_id, integration_id, seq, type, at, source, state, failed_attempts, next_attempt_at, failure_code,
           last_failed_at, last_status, ended_at, (extract(epoch from created_at) * 1000000)::bigint as created_us
         from public.deliveries
         where org_id = $1 and provider = $2 and ($3::text is null or state = $3)
           and ($4::bigint is null or (created_at, id) < (timestamptz 'epoch' + $4::bigint * interval '1 microsecond', $5::uuid))
         order by created_at desc, id desc limit $6`,
        [orgId, provider, state, after?.createdUs ?? null, after?.id ?? null, limit + 1],
      ),
    );
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return { deliveries: shown.map(toLine), next: last ? { createdUs: last.created_us, id: last.id } : null };
  }

  /** Removes what the log keeps no longer, a batch at a time. @returns how many lines */
  async prune(limit: number): Promise<number> {
    return this.database.asSystem('the delivery log of all orgs', async (manager) => {
      const { pruned } = await selectOne<{ pruned: number }>(
        manager,
        'select hub.prune_deliveries(make_interval(days => $1), $2, $3) as pruned',
        [KEPT_DAYS, KEPT_LINES, limit],
      );
      return pruned;
    });
  }

  /** Ends dead letters that nobody has replayed for too long, and what has waited as long for a new URL, each with an event in its org's trail, a batch at a time. @returns how many */
  async expire(limit: number): Promise<number> {
    return this.database.asSystem('dead letters of all orgs that nobody replays', async (manager) => {
      const { expired } = await selectOne<{ expired: number }>(
        manager,
        'select hub.expire_dead_deliveries(make_interval(days => $1), $2) as expired',
        [KEPT_DEAD_DAYS, limit],
      );
      return expired;
    });
  }
}

/** Has what waits for a new URL of this integration sent, now that there is one; what is known of the old one is forgotten. */
export async function sendWhatWaits(manager: EntityManager, integrationId: IntegrationId): Promise<void> {
  await manager.query(
    `update public.delivery_settings
     set failures = $2, open_until = $3, settled_at = null, gone_at = null, gone_held_at = null where id = $1`,
    [integrationId, CLOSED_CIRCUIT.failures, CLOSED_CIRCUIT.openUntil],
  );
  await manager.query(
    "update public.deliveries set next_attempt_at = now() where integration_id = $1 and state = 'pending' and next_attempt_at is null",
    [integrationId],
  );
}

/**
 * Whether what is for an integration waits for a new URL. It is asked once the settings are locked, by a statement of its
 * own: a connect has them locked as well before it sends what waits, so that whoever comes just then does not wait for ever.
 */
const WAITS = "status = 'reauth_required'";

async function waitsForUrl(manager: EntityManager, id: IntegrationId): Promise<boolean> {
  const { waits } = await selectOne<{ waits: boolean }>(
    manager,
    `select ${WAITS} as waits from public.integrations where id = $1`,
    [id],
  );
  return waits;
}

/** How many of an integration and a source have not come to a good end; counted up to the bounds. */
async function backlogOf(
  manager: EntityManager,
  { orgId, integrationId }: Pick<SettingsOwner, 'orgId' | 'integrationId'>,
  source: DeliverySource,
): Promise<Backlog> {
  const counted = (state: keyof Backlog, most: string) =>
    `(select count(*)::int from (select from public.deliveries
      where org_id = $1 and integration_id = $2 and state = '${state}' and source = $3 limit ${most}) of_them) as ${state}`;
  return selectOne<Backlog>(manager, `select ${counted('pending', '$4')}, ${counted('dead', '$5')}`, [
    orgId,
    integrationId,
    source,
    MOST_PENDING,
    MOST_DEAD,
  ]);
}

/** @returns the ids of the rows that are new */
async function insert(
  manager: EntityManager,
  { orgId, integrationId, provider }: Omit<SettingsOwner, 'secret'>,
  deliveries: readonly (NewDelivery & { readonly seq: number })[],
  waits: boolean,
): Promise<string[]> {
  const rows: { id: string }[] = await manager.query(
    `insert into public.deliveries (id, org_id, integration_id, provider, event_id, seq, type, at, data, source, next_attempt_at)
     select d.id, $1, $2, $3, d.event_id, d.seq, d.type, coalesce(d.at, date_trunc('milliseconds', clock_timestamp())), d.data,
       d.source, case when $4 then null else now() end
     from unnest($5::uuid[], $6::uuid[], $7::bigint[], $8::text[], $9::timestamptz[], $10::text[], $11::text[])
       as d (id, event_id, seq, type, at, data, source)
     on conflict (org_id, integration_id, event_id) do nothing returning id`,
    [
      orgId,
      integrationId,
      provider,
      waits,
      deliveries.map(({ id }) => id),
      deliveries.map(({ eventId }) => eventId),
      deliveries.map(({ seq }) => seq),
      deliveries.map(({ type }) => type),
      deliveries.map(({ at }) => at ?? null),
      deliveries.map(({ data }) => data),
      deliveries.map(({ source }) => source),
    ],
  );
  return rows.map(({ id }) => id);
}

const CLAIMED =
  'id, integration_id, provider, event_id, seq, type, at, source, data, failed_attempts, next_attempt_at, lease_until';

interface HookRow {
  access_token: Sealed;
  connected_at: string;
}

interface SettingsRow {
  secret: Sealed;
  previous_secret: Sealed | null;
  failures: number;
  open_until: Date | null;
  gone_held_at: Date | null;
}

interface ClaimRow {
  id: string;
  integration_id: IntegrationId;
  provider: ProviderId;
  event_id: string;
  seq: number;
  type: string;
  at: Date;
  source: DeliverySource;
  data: Sealed;
  failed_attempts: number;
  now: Date;
  due_in_ms: number | null;
  leased_for_ms: number | null;
  under_way: number;
  hook_is_gone: boolean;
}

interface IntegrationRow {
  status: Status;
  metadata: Record<string, unknown>;
  failed_refreshes: number;
  connected_at: string;
}

interface LineRow {
  id: string;
  event_id: string;
  integration_id: string;
  seq: number;
  type: string;
  at: Date;
  source: DeliverySource;
  state: DeliveryState;
  failed_attempts: number;
  next_attempt_at: Date | null;
  failure_code: FailureCode | null;
  last_failed_at: Date | null;
  last_status: number | null;
  ended_at: Date | null;
  created_us: number;
}

function toClaim(
  orgId: OrgId,
  row: ClaimRow,
  hook: HookRow,
  { secret, previous_secret: previous, gone_held_at: goneHeldAt }: SettingsRow,
  { epoch, isTrial }: { epoch: number; isTrial: boolean },
): DeliveryClaim {
  return {
    id: row.id,
    orgId,
    integrationId: row.integration_id,
    provider: row.provider,
    epoch,
    eventId: row.event_id,
    seq: row.seq,
    type: row.type,
    at: row.at,
    source: row.source,
    data: row.data,
    webhookUrl: hook.access_token,
    secrets: previous === null ? [secret] : [secret, previous],
    failedAttempts: row.failed_attempts,
    isTrial,
    connectedAt: hook.connected_at,
    goneHeldAt,
  };
}

function situationOf(
  { eventId, seq, type, isTrial, connectedAt }: DeliveryClaim,
  integration: IntegrationRow,
  settings: Pick<SettingsRow, 'failures' | 'open_until'>,
  row: { failed_attempts: number },
): DeliverySituation {
  return {
    delivery: { eventId, seq, type, failedAttempts: row.failed_attempts },
    integration: {
      status: integration.status,
      failedRefreshes: integration.failed_refreshes,
      metadata: integration.metadata,
    },
    circuit: { failures: settings.failures, openUntil: settings.open_until },
    isTrial,
    isSameHook: integration.connected_at === connectedAt,
  };
}

async function writeDelivery(
  manager: EntityManager,
  id: string,
  { delivery }: DeliveryChange,
  at: Date,
): Promise<void> {
  const { state, nextAttemptAt, failedAttempts, failure, lastStatus } = delivery;
  await manager.query(
    `update public.deliveries set state = $2, next_attempt_at = $3, failed_attempts = $4, lease_until = null,
       failure_code = $5, last_status = coalesce($6, last_status),
       first_failed_at = case when $7::timestamptz is null then first_failed_at else coalesce(first_failed_at, $7) end,
       last_failed_at = coalesce($7, last_failed_at), data = case when $2 = 'delivered' then null else data end,
       ended_at = case when $2 = 'pending' then null else $8::timestamptz end
     where id = $1`,
    [id, state, nextAttemptAt, failedAttempts, failure?.code ?? null, lastStatus, failure?.at ?? null, at],
  );
}

async function writeCircuit(
  manager: EntityManager,
  integrationId: IntegrationId,
  before: Circuit,
  after: Circuit,
): Promise<void> {
  if (before.failures === after.failures && before.openUntil?.getTime() === after.openUntil?.getTime()) return;
  await manager.query('update public.delivery_settings set failures = $2, open_until = $3 where id = $1', [
    integrationId,
    after.failures,
    after.openUntil,
  ]);
}

/** That a send has ended is written at most twice a minute where it is no news: tallies look at five of them. */
const WRITE_WORD: Readonly<Record<HookWord, string>> = {
  taken: `update public.delivery_settings set settled_at = now(), gone_at = null, gone_held_at = null
    where id = $1 and (settled_at is null or settled_at < now() - interval '30 s' or gone_at is not null or gone_held_at is not null)`,
  failed: `update public.delivery_settings set settled_at = now()
    where id = $1 and (settled_at is null or settled_at < now() - interval '30 s')`,
  held: 'update public.delivery_settings set settled_at = now(), gone_held_at = now() where id = $1',
  gone: 'update public.delivery_settings set settled_at = now(), gone_at = now() where id = $1',
};

async function selectOneUpdated(
  manager: EntityManager,
  sql: string,
  parameters: readonly unknown[],
): Promise<{ epoch: number }> {
  const [[row]] = await manager.query<[{ epoch: number }[], number]>(sql, [...parameters]);
  if (row === undefined) throw new Error('the claimed delivery is gone');
  return row;
}

function toLine(row: LineRow): DeliveryLine {
  return {
    id: row.id,
    eventId: row.event_id,
    integrationId: row.integration_id,
    seq: row.seq,
    type: row.type,
    at: row.at,
    source: row.source,
    state: row.state,
    failedAttempts: row.failed_attempts,
    nextAttemptAt: row.next_attempt_at,
    failure:
      row.failure_code === null || row.last_failed_at === null
        ? null
        : { code: row.failure_code, at: row.last_failed_at },
    lastStatus: row.last_status,
    endedAt: row.ended_at,
  };
}
