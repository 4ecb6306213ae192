import {
  isDeliveredEvent,
  SECRET_OVERLAP_MS,
  type Actor,
  type DeliveredEvent,
  type IntegrationId,
  type OrgId,
  type ProviderId,
  type Sealed,
} from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** The integration whose settings are meant. */
export interface SettingsOwner {
  readonly orgId: OrgId;
  readonly integrationId: IntegrationId;
  readonly provider: ProviderId;
  /** A fresh one, sealed for the cell `delivery_settings.secret` of the integration: kept if it has none yet. */
  readonly secret: Sealed;
}

/** What an integration wants delivered, and how its receiver does. */
export interface DeliverySettings {
  /** The hub's own events that are delivered. */
  readonly events: readonly DeliveredEvent[];
  /** The circuit before the receiver stands open until then; `null`: it does not. */
  readonly pausedUntil: Date | null;
  /** Since when the hub's own events wait in the trail, as there is no room for more of them; `null`: none wait. */
  readonly eventsWaitSince: Date | null;
}

/** The secret that signs what is sent, sealed for the cell `delivery_settings.secret` of the integration. */
export interface DeliverySecret {
  readonly secret: Sealed;
  /** The one before signs as well until then; `null`: there is none that does. */
  readonly previousUntil: Date | null;
}

/** An org's trail that has gone on since it was looked at for deliveries. */
export interface DeliveryOutbox {
  readonly orgId: OrgId;
  readonly integrationId: IntegrationId;
  readonly provider: ProviderId;
  /** The cursor: what stands behind it has not been looked at. */
  readonly outboxSeq: number;
  /** The `seq` of the org's latest event. */
  readonly headSeq: number;
}

/** An event of the trail as it may be delivered: no detail, no person. */
export interface TrailEvent {
  readonly id: string;
  readonly seq: number;
  readonly at: Date;
  readonly name: string;
  readonly provider: ProviderId | null;
  readonly integrationId: IntegrationId | null;
}

export const NOTHING_WANTED: DeliverySettings = { events: [], pausedUntil: null, eventsWaitSince: null };

/** What integrations want delivered, by what it is signed, and the trail as the outbox of the hub's own events. */
export class DeliverySettingsRepository {
  constructor(private readonly database: HubDatabase) {}

  /** An integration's settings; those of one that has none yet want nothing. */
  async read(orgId: OrgId, integrationId: IntegrationId): Promise<DeliverySettings> {
    return this.database.withOrg(orgId, (manager) => settingsOf(manager, integrationId));
  }

  /**
   * Has these of the hub's own events delivered from now on, and no others. Who wants some for the first time gets what
   * happens from here on.
   *
   * @returns `undefined` if the integration is gone
   */
  async setEvents(
    owner: SettingsOwner,
    events: readonly DeliveredEvent[],
    actor: Actor,
  ): Promise<DeliverySettings | undefined> {
    return this.database.withOrg(owner.orgId, async (manager) => {
      if (!(await isThere(manager, owner.integrationId))) return undefined;
      await lockSettings(manager, owner);
      const before = (await settingsOf(manager, owner.integrationId)).events;
      if (!isSame(before, events)) {
        await manager.query(
          `update public.delivery_settings set events = $2, outbox_full_since = null,
             outbox_seq = case when events = '{}' then (select coalesce(max(seq), 0) from public.audit_events where org_id = $3) else outbox_seq end
           where id = $1`,
          [owner.integrationId, events, owner.orgId],
        );
        await tell(manager, owner, actor, 'delivery.settings_changed', { before, events });
      }
      return settingsOf(manager, owner.integrationId);
    });
  }

  /**
   * The secret, for whoever verifies signatures: made by its first reading, or anew. The trail tells who has read it.
   *
   * @param rotate whether `owner.secret` takes its place; the one before signs as well for a day
   * @returns `undefined` if the integration is gone
   */
  async readSecret(
    owner: SettingsOwner,
    { rotate }: { rotate: boolean },
    actor: Actor,
  ): Promise<DeliverySecret | undefined> {
    return this.database.withOrg(owner.orgId, async (manager) => {
      if (!(await isThere(manager, owner.integrationId))) return undefined;
      const { isNew } = await lockSettings(manager, owner);
      // one that was just made is as new as it can be, and nothing has been signed with it
      if (rotate && !isNew)
        await manager.query(
          `update public.delivery_settings
           set previous_secret = secret, previous_until = date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => $3), secret = $2
           where id = $1`,
          [owner.integrationId, owner.secret, SECRET_OVERLAP_MS / 1000],
        );
      const found = await selectOne<DeliverySecret>(
        manager,
        `select secret, case when previous_until > clock_timestamp() then previous_until end as "previousUntil"
         from public.delivery_settings where id = $1`,
        [owner.integrationId],
      );
      await tell(manager, owner, actor, 'delivery.secret_read', { rotated: rotate && !isNew });
      return found;
    });
  }

  /** Whose trail has gone on, of all integrations that want events of it, page by page. @param after the last of the page before */
  async outboxes(after: IntegrationId | null, limit: number): Promise<DeliveryOutbox[]> {
    return this.database.asSystem('which orgs’ trails have gone on for those who want their events', (manager) =>
      manager.query<DeliveryOutbox[]>(
        `select org_id as "orgId", id as "integrationId", provider, outbox_seq as "outboxSeq", head_seq as "headSeq"
         from hub.delivery_outboxes($1, $2)`,
        [after ?? '00000000-0000-0000-0000-000000000000', limit],
      ),
    );
  }

  /** The org's trail behind a place, the oldest first; whoever wants to know which of it is wanted reads the settings. */
  async trail(orgId: OrgId, { after, limit }: { after: number; limit: number }): Promise<TrailEvent[]> {
    return this.database.withOrg(orgId, (manager) =>
      manager.query<TrailEvent[]>(
        `select id, seq, at, name, provider, integration_id as "integrationId" from public.audit_events
         where org_id = $1 and seq > $2 order by seq limit $3`,
        [orgId, after, limit],
      ),
    );
  }
}

/** The settings, locked until the end of the transaction; made if there are none yet. */
export async function lockSettings(
  manager: EntityManager,
  { orgId, integrationId, provider, secret }: SettingsOwner,
): Promise<{ readonly nextSeq: number; readonly outboxSeq: number; readonly isNew: boolean }> {
  const lock =
    'select next_seq as "nextSeq", outbox_seq as "outboxSeq" from public.delivery_settings where id = $1 for update';
  const [there] = await manager.query<{ nextSeq: number; outboxSeq: number }[]>(lock, [integrationId]);
  if (there) return { ...there, isNew: false };
  const made: unknown[] = await manager.query(
    `insert into public.delivery_settings (id, org_id, provider, secret) values ($1, $2, $3, $4)
     on conflict (id) do nothing returning id`,
    [integrationId, orgId, provider, secret],
  );
  const found = await selectOne<{ nextSeq: number; outboxSeq: number }>(manager, lock, [integrationId]);
  return { ...found, isNew: made.length === 1 };
}

async function settingsOf(manager: EntityManager, integrationId: IntegrationId): Promise<DeliverySettings> {
  const [row] = await manager.query<(Omit<DeliverySettings, 'events'> & { events: string[] })[]>(
    `select events, case when open_until > clock_timestamp() then open_until end as "pausedUntil",
       outbox_full_since as "eventsWaitSince"
     from public.delivery_settings where id = $1`,
    [integrationId],
  );
  return row ? { ...row, events: row.events.filter((name) => isDeliveredEvent(name)) } : NOTHING_WANTED;
}

/** Whether the integration is there; it stays until the end of the transaction. */
export async function isThere(manager: EntityManager, id: IntegrationId): Promise<boolean> {
  const rows: unknown[] = await manager.query('select from public.integrations where id = $1 for key share', [id]);
  return rows.length === 1;
}

/** Whether these are the same names, in whatever order. */
export function isSame(some: readonly string[], others: readonly string[]): boolean {
  return [...some].sort().join() === [...others].sort().join();
}

async function tell(
  manager: EntityManager,
  { integrationId, provider }: SettingsOwner,
  actor: Actor,
  name: 'delivery.settings_changed' | 'delivery.secret_read',
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await appendEvents(manager, [{ name, detail, provider, integrationId, actor }]);
}
