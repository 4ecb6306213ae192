import type { Integration, LiveEventName, OrgId } from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { IntegrationEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { toIntegration } from './integration-row';

/** An event as its followers hear of it. */
export interface LiveEvent {
  readonly seq: number;
  readonly at: Date;
  readonly name: LiveEventName;
  readonly provider: string | null;
  /** How old it was when it was read, by the database's own clock. */
  readonly ageMs: number;
}

/** A piece of a trail, from one `seq` to another. */
export interface LivePage {
  /** Oldest first; what nobody asked for is left out. */
  readonly events: readonly LiveEvent[];
  /** The org's integrations, at least as new as the events; empty where there is no event. */
  readonly integrations: readonly Integration[];
  /** The trail is read up to here, this one included. */
  readonly upTo: number;
  /** The last `seq` of the trail as the page was read; lower than what was known before only if the trail was set back. */
  readonly head: number;
}

/** So much of a trail one page looks through: what nobody asked for may be most of it. */
const SPAN = 5_000;

/** The trails of orgs as they go on, for whoever follows them. */
export class LiveTrailRepository {
  constructor(private readonly database: HubDatabase) {}

  /** The last `seq` of each of these orgs; an org without a trail is left out. */
  async heads(orgIds: readonly OrgId[]): Promise<ReadonlyMap<OrgId, number>> {
    return this.database.asSystem('where the trails end that somebody follows', (manager) => headsIn(manager, orgIds));
  }

  /**
   * The events after a `seq` with one of these names, and the org's integrations.
   *
   * @param most so many events at most
   */
  async page(
    orgId: OrgId,
    { after, names, most }: { after: number; names: readonly LiveEventName[]; most: number },
  ): Promise<LivePage> {
    return this.database.withOrg(orgId, async (manager) => {
      const head = (await headsIn(manager, [orgId])).get(orgId) ?? 0;
      const end = Math.max(after, Math.min(head, after + SPAN));
      // statements see what was committed before they began: all events up to the head are there, integrations are no older
      const events = await manager.query<LiveEvent[]>(
        `select seq, at, name, provider, (extract(epoch from clock_timestamp() - at) * 1000)::float8 as "ageMs"
         from public.audit_events
         where org_id = $1 and seq > $2 and seq <= $3 and name = any($4) order by seq limit $5`,
        [orgId, after, end, names, most],
      );
      const integrations = events.length === 0 ? [] : await manager.find(IntegrationEntity);
      const upTo = events.length === most ? (events.at(-1)?.seq ?? end) : end;
      return { events, integrations: integrations.map(toIntegration), upTo, head };
    });
  }
}

async function headsIn(manager: EntityManager, orgIds: readonly OrgId[]): Promise<ReadonlyMap<OrgId, number>> {
  const rows = await manager.query<{ orgId: OrgId; seq: number }[]>(
    'select org_id as "orgId", seq from hub.event_heads($1)',
    [orgIds],
  );
  return new Map(rows.map(({ orgId, seq }) => [orgId, seq]));
}
