import { randomUUID } from 'node:crypto';
import { SYSTEM_ORG, type AuditEntry, type OrgId } from '@hub/domain';
import type { AuditVault, DetailSealer, SealedDetail } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { AuditEventEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';
import { countRefused, noteAppended } from './trail-metrics';

/** One line of the trail as callers read it. */
export interface AuditLine {
  readonly id: string;
  readonly seq: number;
  readonly at: Date;
  readonly name: string;
  readonly provider: string | null;
  readonly integrationId: string | null;
  readonly actor: { readonly type: string; readonly id: string };
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditPage {
  readonly events: readonly AuditLine[];
  /** Where the next, older page begins; `null` at the end of the trail. */
  readonly nextCursor: number | null;
}

/**
 * Writes entries in the running transaction. Call it last: the org's head stays locked until the commit, which keeps
 * numbers in the order of commits and everybody else waiting.
 *
 * @param sealer of what the entries tell of people; without one it is withheld, since it is never written in the clear
 */
export async function appendEvents(
  manager: EntityManager,
  entries: readonly AuditEntry[],
  sealer?: DetailSealer,
): Promise<void> {
  for (const entry of entries) {
    const id = randomUUID();
    const columns = [
      id,
      entry.name,
      entry.provider,
      entry.integrationId,
      entry.actor.type,
      entry.actor.id,
      JSON.stringify({ ...entry.detail, ...sealedDetail(entry, id, sealer) }),
    ];
    try {
      await manager.query('select hub.append_event($1, $2, $3, $4, $5, $6, $7)', columns);
    } catch (error) {
      countRefused(error);
      throw error;
    }
    noteAppended(manager, entry.name);
  }
}

/** Whether an event tells of people, so that a sealer is worth its key. */
export function tellsOfPeople({ personal, pseudonyms }: Pick<AuditEntry, 'personal' | 'pseudonyms'>): boolean {
  return [...Object.values(personal ?? {}), ...Object.values(pseudonyms ?? {})].some((value) => value !== null);
}

/** Gets the key for the trail before the transaction, and only where there is something to seal: a key is made by its first use. */
export async function withTrailKey<T>(
  vault: AuditVault | undefined,
  orgId: OrgId,
  isNeeded: boolean,
  work: (sealer?: DetailSealer) => Promise<T>,
): Promise<T> {
  return vault && isNeeded ? vault.withSealer(orgId, work) : work();
}

function sealedDetail(
  { personal, pseudonyms, provider }: AuditEntry,
  id: string,
  sealer: DetailSealer | undefined,
): Record<string, SealedDetail | string | null> {
  const withheld = { withheld: true } as const;
  const sealed = Object.entries(personal ?? {}).map(([field, value]) => [
    field,
    value === null ? null : (sealer?.seal({ id, provider }, field, value) ?? withheld),
  ]);
  const marked = Object.entries(pseudonyms ?? {}).map(([field, value]) => [
    field,
    sealer?.mark(field, value) ?? withheld,
  ]);
  return Object.fromEntries([...sealed, ...marked]) as Record<string, SealedDetail | string | null>;
}

/** The audit trail of an org. */
export class AuditRepository {
  /** @param vault of what entries tell of people; without one it is withheld */
  constructor(
    private readonly database: HubDatabase,
    private readonly vault?: AuditVault,
  ) {}

  /** Writes entries that tell of no other write: denials, reads. */
  async append(orgId: OrgId, entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await withTrailKey(this.vault, orgId, entries.some(tellsOfPeople), (sealer) =>
      this.database.withOrg(orgId, (manager) => appendEvents(manager, entries, sealer)),
    );
  }

  /** Whether this login may write the trail. */
  async mayAppend(): Promise<boolean> {
    return this.database.asSystem('what this login may do', async (manager) => {
      const { may } = await selectOne<{ may: boolean }>(
        manager,
        "select has_function_privilege('hub.append_event(uuid, text, text, uuid, text, text, jsonb)', 'execute') as may",
      );
      return may;
    });
  }

  /** Writes an entry that belongs to no org, such as a callback with an unknown state. */
  async appendToSystem(entry: AuditEntry): Promise<void> {
    await this.append(SYSTEM_ORG, [entry]);
  }

  /**
   * A page of the trail, newest first.
   *
   * @param before only lines with a lower `seq`; absent: from the end
   */
  async page(
    orgId: OrgId,
    options: { before?: number | undefined; limit: number; provider?: string | undefined },
  ): Promise<AuditPage> {
    const rows = await this.database.withOrg(orgId, (manager) => {
      const query = manager.createQueryBuilder(AuditEventEntity, 'event').where('event.orgId = :orgId', { orgId });
      if (options.before !== undefined) query.andWhere('event.seq < :before', { before: options.before });
      if (options.provider !== undefined) query.andWhere('event.provider = :provider', { provider: options.provider });
      return query
        .orderBy('event.seq', 'DESC')
        .take(options.limit + 1)
        .getMany();
    });
    const shown = rows.slice(0, options.limit);
    return { events: shown.map(toLine), nextCursor: rows.length > options.limit ? (shown.at(-1)?.seq ?? null) : null };
  }
}

function toLine(row: AuditEventEntity): AuditLine {
  return {
    id: row.id,
    seq: row.seq,
    at: row.at,
    name: row.name,
    provider: row.provider,
    integrationId: row.integrationId,
    actor: { type: row.actorType, id: row.actorId },
    detail: row.detail,
  };
}
