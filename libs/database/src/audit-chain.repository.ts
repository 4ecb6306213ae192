import type { OrgId } from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { CHAIN_START, type ChainPlace, type ChainRow } from './audit-chain';
import type { Head } from './audit-seal';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** Some rows of a trail in the order of `seq`, with its beginning and its head as they were when the rows were read. */
export interface ChainPage {
  readonly orgId: OrgId;
  /** The last event that was pruned; before the first one if none was. */
  readonly start: ChainPlace;
  readonly rows: readonly ChainRow[];
  /** `null`: the org has none. */
  readonly head: ChainPlace | null;
}

const PAGE = 5_000;
/** Of so many trails the first events come together. Most orgs have few. */
const TRAILS = 100;
const FIRST_EVENTS = 200;
/** Two who seal at once would both stand behind the same seal. */
const SEAL_LOCK = 7_264_012;
const FIRST_ORG = '00000000-0000-0000-0000-000000000000';

/** The chains of the audit trail: for sealing and verifying, not for callers. */
export class AuditChainRepository {
  constructor(private readonly database: HubDatabase) {}

  /** Where every trail ends, in the order of the orgs. */
  async *heads(): AsyncGenerator<Head[]> {
    for await (const page of this.pagesByOrg<Head>(
      'select org_id as "orgId", seq, hash from hub.audit_heads_from($1, $2)',
    ))
      yield page;
  }

  /** Every org that has anything in the trail, in order. */
  async *orgs(): AsyncGenerator<OrgId[]> {
    const pages = this.pagesByOrg<{ orgId: OrgId }>('select org_id as "orgId" from hub.audit_orgs_from($1, $2)');
    for await (const page of pages) yield page.map(({ orgId }) => orgId);
  }

  /**
   * Trails from their beginnings, one after the other, each at least one page.
   *
   * @param before only events of earlier times
   */
  async *pages(orgIds: readonly OrgId[], before: Date | 'infinity' = 'infinity'): AsyncGenerator<ChainPage> {
    for (let first = 0; first < orgIds.length; first += TRAILS) {
      const found = await this.firstEvents(orgIds.slice(first, first + TRAILS), before);
      for (const [orgId, rows] of found) {
        yield toPage(orgId, rows);
        const last = rows.length === FIRST_EVENTS ? rows.at(-1) : undefined;
        if (last && isRow(last)) yield* this.pagesAfter(orgId, last, before);
      }
    }
  }

  private async firstEvents(
    orgIds: readonly OrgId[],
    before: Date | 'infinity',
  ): Promise<ReadonlyMap<OrgId, readonly Found[]>> {
    const rows = await this.database.asSystem('audit chains', (manager) =>
      manager.query<(Found & { org_id: OrgId })[]>('select * from hub.audit_chains($1, $2, $3)', [
        orgIds,
        before,
        FIRST_EVENTS,
      ]),
    );
    const found = new Map<OrgId, Found[]>(orgIds.map((orgId) => [orgId, []]));
    for (const row of rows) found.get(row.org_id)?.push(row);
    return found;
  }

  private async *pagesAfter(orgId: OrgId, first: Place, before: Date | 'infinity'): AsyncGenerator<ChainPage> {
    let after: Place | undefined = first;
    while (after) {
      const place: Place = after;
      const found = await this.database.withOrg(orgId, (manager) => readPage(manager, orgId, place, before));
      yield toPage(orgId, found);
      const last = found.length === PAGE ? found.at(-1) : undefined;
      after = last && isRow(last) ? last : undefined;
    }
  }

  /** Makes the partitions of the next months. @returns how many are made now, and how many cannot be */
  async ensurePartitions(): Promise<{ made: number; blocked: number }> {
    return this.database.asSystem('partitions of the trail', (manager) =>
      selectOne<{ made: number; blocked: number }>(manager, 'select made, blocked from hub.ensure_audit_partitions()'),
    );
  }

  /** Runs `work` while nobody else seals. @returns `undefined`, and nothing has been done, if somebody else does */
  async whileSealing<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.database.asSystem('sealing the trail', (manager) =>
      manager.transaction(async (transaction) => {
        const lock = 'select pg_try_advisory_xact_lock($1) as taken';
        const { taken } = await selectOne<{ taken: boolean }>(transaction, lock, [SEAL_LOCK]);
        return taken ? work() : undefined;
      }),
    );
  }

  /** Pages overlap by an org: the nil UUID is an org as well, so that no place comes before all. */
  private async *pagesByOrg<Row extends { orgId: OrgId }>(sql: string): AsyncGenerator<Row[]> {
    for (let from: string | undefined = FIRST_ORG, seen: string | undefined; from !== undefined;) {
      const start: string = from;
      const rows: Row[] = await this.database.asSystem('audit chains', (manager) =>
        manager.query<Row[]>(sql, [start, PAGE]),
      );
      const known: string | undefined = seen;
      yield rows.filter(({ orgId }) => orgId !== known);
      seen = rows.at(-1)?.orgId;
      from = rows.length === PAGE ? seen : undefined;
    }
  }
}

interface EndColumns {
  start_seq: number | null;
  start_hash: Buffer | null;
  head_seq: number | null;
  head_hash: Buffer | null;
}

interface RowColumns {
  seq: number;
  id: string;
  at: string;
  at_micros: string;
  name: string;
  provider: string | null;
  integration_id: string | null;
  actor_type: string;
  actor_id: string;
  detail: string;
  prev_hash: Buffer;
  hash: Buffer;
}

/** Where a page ends: to the microsecond, since only tampering gives two events one number. */
type Place = Pick<RowColumns, 'seq' | 'at'>;

type Found = EndColumns & (RowColumns | { seq: null });

/** One statement, as in `hub.audit_chains`, so that beginning, rows and head are of one moment, whoever prunes or appends meanwhile. */
function readPage(manager: EntityManager, orgId: OrgId, after: Place, before: Date | 'infinity'): Promise<Found[]> {
  return manager.query<Found[]>(
    `select start.seq as start_seq, start.hash as start_hash, head.seq as head_seq, head.hash as head_hash, event.*
     from (select 1) as one
     left join public.audit_heads head on head.org_id = $1
     left join lateral (
       select seq, hash from public.audit_checkpoints where org_id = $1 order by seq desc limit 1
     ) as start on true
     left join lateral (
       select seq, id, at::text, (extract(epoch from at) * 1000000)::bigint::text as at_micros, name, provider, integration_id,
         actor_type, actor_id, detail::text, prev_hash, hash
       from public.audit_events
       where org_id = $1 and (seq, at) > ($2::bigint, $3::timestamptz) and at < $4::timestamptz
       order by public.audit_events.seq, public.audit_events.at limit $5
     ) as event on true
     order by event.seq, event.at_micros`,
    [orgId, after.seq, after.at, before, PAGE],
  );
}

function placeOf(seq: number | null | undefined, hash: Buffer | null | undefined): ChainPlace | undefined {
  return typeof seq === 'number' && hash ? { seq, hash } : undefined;
}

function toPage(orgId: OrgId, found: readonly Found[]): ChainPage {
  const [ends] = found;
  return {
    orgId,
    start: placeOf(ends?.start_seq, ends?.start_hash) ?? CHAIN_START,
    rows: found.filter(isRow).map((row) => toChainRow(orgId, row)),
    head: placeOf(ends?.head_seq, ends?.head_hash) ?? null,
  };
}

function isRow(found: Found): found is EndColumns & RowColumns {
  return found.seq !== null;
}

function toChainRow(orgId: OrgId, row: RowColumns): ChainRow {
  return {
    orgId,
    seq: row.seq,
    id: row.id,
    atMicros: row.at_micros,
    name: row.name,
    provider: row.provider,
    integrationId: row.integration_id,
    actorType: row.actor_type,
    actorId: row.actor_id,
    detail: row.detail,
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}
