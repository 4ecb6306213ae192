import {
  deadLetterId,
  parseDeadLetterId,
  RUNGS,
  type Actor,
  type AuditEntry,
  type DeadLetterKind,
  type IntegrationId,
  type OrgId,
} from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import type { DueKind } from './due.repository';
import type { HubDatabase } from './hub-database';

/** A job that ran out of tries, as its row tells it. */
export interface DeadLetter {
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly provider: string;
  readonly integrationId: string;
  /** The code of the last failure. */
  readonly reason: string;
  /** Failed tries in a row; those of a revocation or a delivery since it was last replayed. */
  readonly attempts: number;
  /** The first failure since the last success. */
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
  /** Of a delivery: the event that it was to deliver. */
  readonly event?: DeadLetterEvent;
}

/** By what a delivery is told from others: never what was in it. */
export interface DeadLetterEvent {
  /** By which the receiver knows it. */
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  /** When it happened. */
  readonly at: Date;
}

/** Which dead letters; what is absent plays no part. */
export interface DeadLetterFilter {
  readonly kind?: DeadLetterKind | undefined;
  readonly provider?: string | undefined;
}

/** A place in the list: just behind the letter of that id. Microseconds, which a Date cannot hold. */
export interface DeadLetterPlace {
  readonly firstFailedUs: number;
  readonly id: string;
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[];
  /** Where the next page begins; `null` at the end. */
  readonly next: DeadLetterPlace | null;
}

/** What is to be rung for a letter that was replayed. */
export interface ReplayedLetter {
  readonly kind: DueKind;
  /** Of the integration, of the revocation or of the delivery. */
  readonly id: string;
  readonly orgId: OrgId;
  readonly provider: string;
  readonly epoch: number;
}

/** Some of the letters are due now, and then a piece of them could not be taken. Nothing of that piece is done. */
export class ReplayBrokenOff extends Error {
  /** @param replayed those that are due, to be rung for */
  constructor(
    readonly replayed: readonly ReplayedLetter[],
    cause: unknown,
  ) {
    super(
      `${replayed.length} dead letters are due now, and the next could not be taken. A replay goes on with the rest`,
      {
        cause,
      },
    );
    this.name = 'ReplayBrokenOff';
  }
}

/** Where letters of one kind stand. There is no table of dead letters: the rows that failed are the truth. */
interface Source {
  readonly table: string;
  /** True for a row that is dead. The rule of `deadLetterKindsOf`, or a revocation or a delivery that was given up. */
  readonly isDead: string;
  /** The same names for each kind, in the same order. */
  readonly columns: string;
  /** Makes a row due now. */
  readonly replay: string;
}

const NO_EVENT = 'null::uuid as event_id, null::bigint as seq, null::text as type, null::timestamptz as at';

const SOURCES: Record<DueKind, Source> = {
  refresh: {
    table: 'public.integrations',
    isDead: `status = 'refresh_failing' and failed_refreshes > ${RUNGS}`,
    // workers of an earlier release, while they still run, write no first failure
    columns: `id as row_id, provider, id as integration_id, epoch, refresh_failure_code as reason, failed_refreshes as attempts,
      coalesce(refresh_first_failed_at, refresh_failure_at) as first_failed_at, refresh_failure_at as last_failed_at, ${NO_EVENT}`,
    // somebody who is at it is as good as a new try
    replay:
      'next_refresh_at = case when lease_until > now() then next_refresh_at else least(next_refresh_at, now()) end',
  },
  sync: {
    table: 'public.integrations',
    isDead: `status <> 'reauth_required' and failed_syncs > ${RUNGS}`,
    columns: `id as row_id, provider, id as integration_id, epoch, sync_failure_code as reason, failed_syncs as attempts,
      coalesce(sync_first_failed_at, sync_failure_at) as first_failed_at, sync_failure_at as last_failed_at, ${NO_EVENT}`,
    replay: 'next_sync_at = least(next_sync_at, now())',
  },
  revocation: {
    table: 'public.revocations',
    isDead: 'next_attempt_at is null',
    columns: `id as row_id, provider, integration_id, 0::bigint as epoch, failure_code as reason, failed_attempts as attempts,
      first_failed_at, last_failed_at, ${NO_EVENT}`,
    replay: 'next_attempt_at = now(), failed_attempts = 0',
  },
  delivery: {
    table: 'public.deliveries',
    isDead: "state = 'dead'",
    columns: `id as row_id, provider, integration_id, epoch, failure_code as reason, failed_attempts as attempts,
      first_failed_at, last_failed_at, event_id, seq, type, at`,
    replay: "state = 'pending', next_attempt_at = now(), failed_attempts = 0, ended_at = null",
  },
};

const KINDS = Object.keys(SOURCES) as DueKind[];

const LETTERS = KINDS.map((kind) => {
  const { table, columns, isDead } = SOURCES[kind];
  return `select '${kind}' as kind, ${columns} from ${table} where ${isDead}`;
}).join(' union all ');

const START: DeadLetterPlace = { firstFailedUs: 0, id: '' };

interface LetterRow {
  row_id: string;
  provider: string;
  integration_id: string;
  epoch: number;
  reason: string;
  attempts: number;
  first_failed_at: Date;
  last_failed_at: Date;
  /** These four are there for a delivery alone. */
  event_id: string | null;
  seq: number | null;
  type: string | null;
  at: Date | null;
}

/** Jobs that ran out of tries, and having them tried again. */
export class DeadLetterRepository {
  constructor(private readonly database: HubDatabase) {}

  /**
   * A page of an org's dead letters, the oldest failure first.
   *
   * @param after only letters behind this place; absent: from the start
   */
  async page(
    orgId: OrgId,
    options: DeadLetterFilter & { after?: DeadLetterPlace | undefined; limit: number },
  ): Promise<DeadLetterPage> {
    const { kind = null, provider = null, after = START, limit } = options;
    const rows: (LetterRow & { kind: DueKind; id: string; first_failed_us: number })[] = await this.database.withOrg(
      orgId,
      (manager) =>
        manager.query(
          `select * from (
             select *, kind || '-' || row_id as id, (extract(epoch from first_failed_at) * 1000000)::bigint as first_failed_us
             from (${LETTERS}) as dead) as letter
           where ($1::text is null or kind = $1) and ($2::text is null or provider = $2) and (first_failed_us, id) > ($3, $4)
           order by first_failed_us, id limit $5`,
          [kind, provider, after.firstFailedUs, after.id, limit + 1],
        ),
    );
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return {
      deadLetters: shown.map((row) => toLetter(row.kind, row)),
      next: last ? { firstFailedUs: last.first_failed_us, id: last.id } : null,
    };
  }

  /**
   * Makes dead letters due now, with an event for each. Failures of refreshes and syncs are counted on until a success
   * clears them; a revocation and a delivery begin their ladder anew. There may be ten thousands: they are taken in pieces,
   * each a transaction, between which the org's trail goes on. What fails again meanwhile is not taken twice.
   *
   * @returns what to ring for; nobody needs to, since the rows say that they are due
   * @throws ReplayBrokenOff if a piece could not be taken, after others were
   */
  async replay(orgId: OrgId, filter: DeadLetterFilter, actor: Actor): Promise<ReplayedLetter[]> {
    const kinds = KINDS.filter((kind) => filter.kind === undefined || filter.kind === kind);
    const replayed: ReplayedLetter[] = [];
    try {
      for (const kind of kinds)
        for (let after: string | undefined = FIRST_ID; after !== undefined;) {
          const piece = await this.revive(orgId, kind, { provider: filter.provider ?? null, after }, actor);
          for (const letter of piece) replayed.push(letter);
          after = piece.length < PIECE ? undefined : lastOf(piece);
        }
    } catch (error) {
      throw replayed.length === 0 ? error : new ReplayBrokenOff(replayed, error);
    }
    return replayed;
  }

  /** The same for one letter. @returns `undefined` if the org has none of this id, or it is dead no more */
  async replayOne(orgId: OrgId, id: string, actor: Actor): Promise<ReplayedLetter | undefined> {
    const name = parseDeadLetterId(id);
    if (!name) return undefined;
    const kind = KINDS.find((one) => one === name.kind);
    if (!kind) return undefined;
    const [letter] = await this.revive(orgId, kind, { rowId: name.rowId }, actor);
    return letter;
  }

  private async revive(orgId: OrgId, kind: DueKind, wanted: Wanted, actor: Actor): Promise<ReplayedLetter[]> {
    return this.database.withOrg(orgId, async (manager) => {
      const rows = await reviveRows(manager, SOURCES[kind], wanted);
      await appendEvents(
        manager,
        rows.map((row) => entryOf(toLetter(kind, row), actor)),
      );
      return rows.map(({ row_id: id, provider, epoch }) => ({ kind, id, orgId, provider, epoch }));
    });
  }
}

/** Each event takes its turn at the org's head, which a piece keeps to its end: so many are done in far less than a second or two. */
const PIECE = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** One row, or those behind one, in the order of their ids. */
type Wanted = { readonly rowId: string } | { readonly provider: string | null; readonly after: string };

/** @returns the greatest id: in lower case they are in the same order as in the database */
function lastOf(letters: readonly ReplayedLetter[]): string {
  return letters.reduce((last, { id }) => (id > last ? id : last), FIRST_ID);
}

/** @returns the rows as they were while they were dead */
async function reviveRows(
  manager: EntityManager,
  { table, isDead, columns, replay }: Source,
  wanted: Wanted,
): Promise<LetterRow[]> {
  const { rowId, provider, after } =
    'rowId' in wanted ? { ...wanted, provider: null, after: FIRST_ID } : { ...wanted, rowId: null };
  // locked in one order, so that two replays at once wait for each other and never in a circle
  const [rows] = await manager.query<[LetterRow[], number]>(
    `with dead as (
       select ${columns} from ${table}
       where ${isDead} and ($1::text is null or provider = $1) and ($2::uuid is null or id = $2) and id > $3
       order by id limit ${PIECE} for update)
     update ${table} set ${replay} from dead where id = dead.row_id returning dead.*`,
    [provider, rowId, after],
  );
  return rows;
}

function entryOf(letter: DeadLetter, actor: Actor): AuditEntry {
  const { id, kind, provider, integrationId, reason, attempts, firstFailedAt } = letter;
  return {
    name: 'dead_letter.replayed',
    detail: { deadLetter: id, kind, reason, attempts, firstFailedAt: firstFailedAt.toISOString() },
    provider,
    integrationId: integrationId as IntegrationId,
    actor,
  };
}

function toLetter(kind: DueKind, row: LetterRow): DeadLetter {
  return {
    id: deadLetterId({ kind, rowId: row.row_id }),
    kind,
    provider: row.provider,
    integrationId: row.integration_id,
    reason: row.reason,
    attempts: row.attempts,
    firstFailedAt: row.first_failed_at,
    lastFailedAt: row.last_failed_at,
    ...eventOf(row),
  };
}

function eventOf({ event_id: id, seq, type, at }: LetterRow): Pick<DeadLetter, 'event'> {
  return id === null || seq === null || type === null || at === null ? {} : { event: { id, seq, type, at } };
}
