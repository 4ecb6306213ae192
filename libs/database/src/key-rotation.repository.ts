import { SYSTEM_ORG, type Actor, type AuditEntry, type OrgId, type ProviderId } from '@hub/domain';
import type { DataKeyName, StoredDataKey, WrappedDataKey } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import type { KeyPurpose } from './data-key.repository';
import { KeyRotationEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { affected, selectOne } from './statements';

/** The cells that values of the columns below are bound to. */
const CELLS = {
  accessToken: { table: 'integrations', column: 'access_token' },
  refreshToken: { table: 'integrations', column: 'refresh_token' },
  deliverySecret: { table: 'delivery_settings', column: 'secret' },
  deliveryData: { table: 'deliveries', column: 'data' },
} as const;

/**
 * Every sealed column that a rotation seals anew, by its table: the cell that its values are bound to, and the column with
 * the id of that cell's row. What a flow keeps lives for ten minutes and is not worth it: it is only counted. Rows are
 * locked in the order of the tables here, which is everybody's.
 */
export const RESEALED_COLUMNS = [
  { table: 'integrations', column: 'access_token', cell: CELLS.accessToken, row: 'id' },
  { table: 'integrations', column: 'refresh_token', cell: CELLS.refreshToken, row: 'id' },
  { table: 'revocations', column: 'access_token', cell: CELLS.accessToken, row: 'integration_id' },
  { table: 'revocations', column: 'refresh_token', cell: CELLS.refreshToken, row: 'integration_id' },
  { table: 'token_inbox', column: 'access_token', cell: CELLS.accessToken, row: 'integration_id' },
  { table: 'token_inbox', column: 'refresh_token', cell: CELLS.refreshToken, row: 'integration_id' },
  { table: 'delivery_settings', column: 'secret', cell: CELLS.deliverySecret, row: 'id' },
  { table: 'delivery_settings', column: 'previous_secret', cell: CELLS.deliverySecret, row: 'id' },
  { table: 'deliveries', column: 'data', cell: CELLS.deliveryData, row: 'id' },
] as const;

/** Where a value lies: the number of its column in `RESEALED_COLUMNS`, and its row. */
export interface CellPlace {
  readonly place: number;
  readonly id: string;
}

/** Before every place. */
export const FIRST_PLACE: CellPlace = { place: -1, id: '00000000-0000-0000-0000-000000000000' };

export interface SealedCell extends CellPlace {
  readonly provider: ProviderId;
  /** Of the row that the value's cell is in: the integration's, or the delivery's. */
  readonly cellRow: string;
  readonly sealed: string;
}

export interface ResealedCell extends SealedCell {
  /** The same value, sealed with the new key. */
  readonly anew: string;
}

/** An org's rotation: what is wished, and since when each layer is replaced. */
export interface Rotation extends Pick<KeyRotationEntity, 'rewrap' | 'reseal' | 'rewrappedAt' | 'replacedAt'> {
  /** When it was wished for the last time, to the microsecond: what is done for this wish ends no later one. */
  readonly wish: string;
  /** Of all purposes, those that this wish has not wrapped anew yet; no shredded one. */
  readonly dataKeys: readonly WrappedDataKey[];
  /** The key that seals the org's tokens; `null` if it has none yet. */
  readonly activeKey: string | null;
  /** Whether a key of the org seals what its trail tells of people. */
  readonly hasAuditKey: boolean;
}

/** How far all rotations have come, in orgs: not yet begun, sealing anew, waiting for the old key to retire. */
export interface RotationProgress {
  readonly orgs: number;
  readonly waiting: number;
  readonly resealing: number;
  readonly retiring: number;
  /** Data keys that were wrapped anew. */
  readonly rewrappedKeys: number;
  readonly resealedCells: number;
  readonly unopenedCells: number;
  /** Data keys that their key provider refuses to unwrap. */
  readonly refusedKeys: number;
  /** Of the orgs that wait or are being sealed anew, those that a worker has taken up or put off. */
  readonly attended: number;
}

/** A data key, and the key that wraps it. */
export interface DataKeyFacts {
  readonly id: string;
  readonly purpose: KeyPurpose;
  readonly status: StoredDataKey['status'];
  readonly keyProvider: string;
  readonly wrappingKeyId: string;
}

/** A data key that its key provider refuses to unwrap. */
export interface RefusedKey extends DataKeyFacts {
  readonly orgId: OrgId;
  /** Since when, as far as a rotation has tried. */
  readonly refusedAt: Date;
}

/** Values of an org in one column that the same key has sealed. */
export interface KeyUse {
  readonly orgId: OrgId;
  /** `null`: the values name a key of `TOKEN_KEYS`, as an earlier release has sealed them, or one that nobody has. */
  readonly dataKey: DataKeyFacts | null;
  /** The key that the values name; empty: they are no sealed values, `null`: a data key opens nothing. */
  readonly sealedBy: string | null;
  /** Table and column, such as `integrations.access_token`; `null` where a data key opens nothing. */
  readonly place: string | null;
  readonly cells: number;
}

/** A row as `hub.key_uses` gives it. */
interface KeyUseRow {
  org_id: OrgId;
  data_key: string | null;
  purpose: KeyPurpose;
  status: StoredDataKey['status'];
  key_provider: string;
  wrapping_key_id: string;
  sealed_by: string | null;
  place: string | null;
  cells: number;
}

const EVERY_CELL = RESEALED_COLUMNS.map(
  ({ table, column, row }, place) =>
    `select ${place} as place, id, provider, ${row} as "cellRow", ${column} as sealed from public.${table}`,
).join(' union all ');

/** A sealed value names its key at its head: nobody reads hundreds of kilobytes for that. */
const KEY_NAMED_WITHIN = 64;
/** What is delivered may be large: values that are sealed anew together are no more than this and one more, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024;

/** So that a page is counted in a second or so. */
const ORGS_OF_A_PAGE = 100;

/** Replacing keys, org by org. */
export class KeyRotationRepository {
  constructor(private readonly database: HubDatabase) {}

  /**
   * Has the keys of an org rotated, or of all. Who asked for it is told in that org's trail, or in the system's.
   *
   * @returns of how many
   */
  async request(orgId: OrgId | null, layers: { rewrap: boolean; reseal: boolean }, actor: Actor): Promise<number> {
    return this.database.withOrg(orgId ?? SYSTEM_ORG, async (manager) => {
      const { orgs } = await selectOne<{ orgs: number }>(manager, 'select hub.request_rotations($1, $2, $3) as orgs', [
        orgId,
        layers.rewrap,
        layers.reseal,
      ]);
      if (orgs > 0) await append(manager, actor, 'key.rotation_requested', { ...layers, orgs });
      return orgs;
    });
  }

  async progress(orgId: OrgId | null): Promise<RotationProgress> {
    return this.database.asSystem('how far the rotations of all orgs have come', (manager) =>
      selectOne<RotationProgress>(
        manager,
        `select orgs, waiting, resealing, retiring, rewrapped_keys as "rewrappedKeys",
           resealed_cells as "resealedCells", unopened_cells as "unopenedCells", refused_keys as "refusedKeys", attended
         from hub.rotation_progress($1)`,
        [orgId],
      ),
    );
  }

  /** Data keys that did not unwrap when a rotation tried, of an org or of all; those that are known longest, first. */
  async refused(orgId: OrgId | null, limit: number): Promise<RefusedKey[]> {
    return this.database.asSystem('which data keys of any org their key provider refuses', (manager) =>
      manager.query<RefusedKey[]>(
        `select org_id as "orgId", id, purpose, status, key_provider as "keyProvider", wrapping_key_id as "wrappingKeyId",
           refused_at as "refusedAt"
         from hub.refused_data_keys($1, $2)`,
        [orgId, limit],
      ),
    );
  }

  /** Orgs that have keys or sealed values, page by page. */
  async *orgs(): AsyncGenerator<OrgId[]> {
    for (let after: string = FIRST_PLACE.id; ;) {
      const page = await this.database.asSystem('which orgs have keys or sealed values', (manager) =>
        manager.query<{ orgId: OrgId }[]>('select hub.sealed_orgs($1, $2) as "orgId"', [after, ORGS_OF_A_PAGE]),
      );
      const last = page.at(-1);
      if (!last) return;
      yield page.map(({ orgId }) => orgId);
      after = last.orgId;
    }
  }

  /** Which keys the orgs have, and how many values of which columns each opens; for one page of `orgs()`. */
  async uses(orgs: readonly OrgId[]): Promise<KeyUse[]> {
    const rows = await this.database.asSystem('hub.key_uses sets each of these orgs itself', (manager) =>
      manager.query<KeyUseRow[]>('select * from hub.key_uses($1)', [orgs]),
    );
    return rows.map(toUse);
  }

  /** Takes up rotations that are due; each is the caller's for a minute. */
  async take(limit: number): Promise<OrgId[]> {
    return this.database.asSystem('rotations of any org that are due', async (manager) => {
      const rows: { orgId: OrgId }[] = await manager.query('select hub.take_rotations($1) as "orgId"', [limit]);
      return rows.map(({ orgId }) => orgId);
    });
  }

  /**
   * Begins a rotation, or goes on with it.
   *
   * @returns the rotation, with the org's data keys as they are wrapped; `undefined` if there is nothing to do
   */
  async begin(orgId: OrgId, actor: Actor): Promise<Rotation | undefined> {
    return this.database.withOrg(orgId, async (manager) => {
      const row = await manager.findOneBy(KeyRotationEntity, { orgId });
      if (!row || row.finishedAt) return undefined;
      const { rewrap, reseal, rewrappedAt, replacedAt } = row;
      const { wish, activeKey, hasAuditKey } = await selectOne<Pick<Rotation, 'wish' | 'activeKey' | 'hasAuditKey'>>(
        manager,
        `select requested_at::text as wish,
           (select id from public.data_keys where purpose = 'tokens' and status = 'active') as "activeKey",
           exists (select from public.data_keys where purpose = 'audit' and status = 'active') as "hasAuditKey"
         from public.key_rotations`,
      );
      const dataKeys: WrappedDataKey[] = await manager.query(
        `select id, org_id as "orgId", key_provider as "keyProvider", wrapping_key_id as "wrappingKeyId", wrapped_key as wrapped
         from public.data_keys where status <> 'shredded' and (rewrapped_at is null or rewrapped_at < $1::timestamptz) order by id`,
        [wish],
      );
      const begun = await affected(
        manager,
        'update public.key_rotations set started_at = now() where started_at is null',
        [],
      );
      if (begun === 1) {
        const { values } = await selectOne<{ values: number }>(
          manager,
          `select count(*) as values from (${EVERY_CELL}) as cells where sealed is not null`,
        );
        const detail = { rewrap, reseal, dataKeys: dataKeys.length, values };
        await append(manager, actor, 'key.rotation_started', detail);
      }
      return { rewrap, reseal, rewrappedAt, replacedAt, wish, dataKeys, activeKey, hasAuditKey };
    });
  }

  /**
   * Stores a data key as it is wrapped now, unless somebody else has changed it meanwhile. The database keeps the wrapping
   * before for 30 days, and tells the org's trail.
   */
  async rewrapped(before: WrappedDataKey, after: WrappedDataKey): Promise<void> {
    await this.database.withOrg(before.orgId, async (manager) => {
      // the row is locked first: the event that the function writes locks the org's head, which is everybody's last
      await manager.query("update public.key_rotations set next_at = now() + interval '1 minute'");
      const { done } = await selectOne<{ done: boolean }>(
        manager,
        'select hub.rewrap_data_key($1, $2, $3, $4, $5) as done',
        [before.id, before.wrapped, after.keyProvider, after.wrappingKeyId, after.wrapped],
      );
      if (done) await manager.query('update public.key_rotations set rewrapped_keys = rewrapped_keys + 1');
    });
  }

  /** Notes that a data key's provider refuses to unwrap it: it stays as it is. */
  async noteRefused({ orgId, id }: DataKeyName): Promise<void> {
    await this.database.withOrg(orgId, (manager) => manager.query('select hub.note_refused_data_key($1)', [id]));
  }

  /** Every data key that its provider does not refuse is wrapped anew, as far as this wish goes. */
  async allRewrapped(orgId: OrgId, { wish }: Rotation): Promise<void> {
    await this.database.withOrg(orgId, (manager) =>
      manager.query('update public.key_rotations set rewrapped_at = now() where requested_at = $1::timestamptz', [
        wish,
      ]),
    );
  }

  /**
   * New keys seal from here on, and those before only open.
   *
   * @param before   the key that seals now
   * @param auditKey the one that is to seal for the trail; `undefined` where none does yet
   */
  async replace(
    before: string,
    key: WrappedDataKey,
    auditKey: WrappedDataKey | undefined,
    actor: Actor,
  ): Promise<void> {
    await this.database.withOrg(key.orgId, async (manager) => {
      // the row is locked from here on: another worker that is at it as well finds that it is done
      const isFirst = await affected(
        manager,
        'update public.key_rotations set replaced_at = now() where replaced_at is null',
        [],
      );
      if (isFirst !== 1) return;
      const { done } = await selectOne<{ done: boolean }>(
        manager,
        'select hub.replace_data_key($1, $2, $3, $4, $5) as done',
        [before, key.id, key.keyProvider, key.wrappingKeyId, key.wrapped],
      );
      if (!done) throw new Error('another data key seals by now');
      const auditKeyBefore = auditKey && (await replaceAuditKey(manager, auditKey));
      await append(manager, actor, 'key.rotated', { purpose: 'tokens', from: before, to: key.id });
      if (auditKey && auditKeyBefore)
        await append(manager, actor, 'key.rotated', { purpose: 'audit', from: auditKeyBefore, to: auditKey.id });
    });
  }

  /** Values that another key than this one has sealed, in the order of their places: so many, and so much, at most. */
  async cellsNotUnder(orgId: OrgId, key: string, after: CellPlace, limit: number): Promise<SealedCell[]> {
    return this.database.withOrg(orgId, (manager) =>
      manager.query<SealedCell[]>(
        `select place, id, provider, "cellRow", sealed from (
           select *, sum(octet_length(sealed)) over (order by place, id) - octet_length(sealed) as bytes_before from (
             select * from (${EVERY_CELL}) as cells
             where sealed is not null and split_part(substr(sealed, 1, ${KEY_NAMED_WITHIN}), '.', 2) <> $1 and (place, id) > ($2, $3)
             order by place, id limit $4) as page) as measured
         where bytes_before < $5 order by place, id`,
        [key, after.place, after.id, limit, MOST_BYTES],
      ),
    );
  }

  /** Writes values that were sealed anew; what has been written over meanwhile stays as it is. @returns how many were written */
  async reseal(orgId: OrgId, cells: readonly ResealedCell[]): Promise<number> {
    return this.database.withOrg(orgId, async (manager) => {
      let written = 0;
      for (const [place, { table, column }] of RESEALED_COLUMNS.entries()) {
        const there = cells.filter((cell) => cell.place === place);
        if (there.length === 0) continue;
        written += await affected(
          manager,
          `update public.${table} as row set ${column} = cell.after
           from unnest($1::uuid[], $2::text[], $3::text[]) as cell (id, before, after)
           where row.id = cell.id and row.${column} = cell.before`,
          [there.map(({ id }) => id), there.map(({ sealed }) => sealed), there.map(({ anew }) => anew)],
        );
      }
      await manager.query(
        "update public.key_rotations set resealed_cells = resealed_cells + $1, next_at = now() + interval '1 minute'",
        [written],
      );
      return written;
    });
  }

  /** How many sealed values of an org each key opens, by the key's id. */
  async cellsByKey(orgId: OrgId): Promise<ReadonlyMap<string, number>> {
    return this.database.withOrg(orgId, async (manager) => {
      const rows: { key_id: string; cells: number }[] = await manager.query('select * from hub.cells_by_key()');
      return new Map(rows.map(({ key_id: key, cells }) => [key, cells]));
    });
  }

  /**
   * Retires the keys that nothing has needed for ten minutes. Where one of the org's tokens is left that retires, the
   * rotation is looked at again. One that the trail needs is not waited for: it retires with a rotation to come.
   *
   * @param unopened  so many values did not open
   * @param againInMs when to look again
   * @returns whether the rotation is finished
   */
  async settle(
    orgId: OrgId,
    { wish }: Rotation,
    { unopened, againInMs }: { unopened: number; againInMs: number },
    actor: Actor,
  ): Promise<boolean> {
    return this.database.withOrg(orgId, async (manager) => {
      const retired: { id: string }[] = await manager.query('select hub.retire_data_keys() as id');
      const { left } = await selectOne<{ left: boolean }>(
        manager,
        "select exists (select from public.data_keys where status = 'retiring' and purpose = 'tokens') as left",
      );
      await manager.query(
        `update public.key_rotations set resealed_at = coalesce(resealed_at, now()), unopened_cells = $1, next_at = ${IN_MS('$2')}
         where requested_at = $3::timestamptz`,
        [unopened, againInMs, wish],
      );
      const outcome = left ? undefined : await end(manager, wish);
      if (retired.length > 0) await append(manager, actor, 'key.retired', { keys: retired.map(({ id }) => id) });
      if (outcome) await append(manager, actor, 'key.rotation_finished', { ...outcome });
      return outcome !== undefined;
    });
  }

  /** The rotation cannot go on now. */
  async putOff(orgId: OrgId, againInMs: number): Promise<void> {
    await this.database.withOrg(orgId, (manager) =>
      manager.query(`update public.key_rotations set next_at = ${IN_MS('$1')}`, [againInMs]),
    );
  }

  /**
   * There is nothing left to do.
   *
   * @param rotation for whose wish; `undefined`: for any, since the org is forgotten
   */
  async finish(orgId: OrgId, rotation: Rotation | undefined, actor: Actor): Promise<void> {
    await this.database.withOrg(orgId, async (manager) => {
      const outcome = await end(manager, rotation?.wish ?? null);
      if (outcome) await append(manager, actor, 'key.rotation_finished', { ...outcome });
    });
  }
}

/** SQL of a time to come. */
const IN_MS = (parameter: string): string => `now() + make_interval(secs => ${parameter}::double precision / 1000)`;

/** What a rotation has done from its begin to its end. */
interface Outcome {
  readonly rewrappedKeys: number;
  readonly resealedValues: number;
  readonly unopenedValues: number;
  readonly refusedKeys: number;
}

/** Ends the rotation, once. @returns `undefined` if it has ended before, or something else was wished meanwhile */
async function end(manager: EntityManager, wish: string | null): Promise<Outcome | undefined> {
  const [[outcome]] = await manager.query<[Outcome[], number]>(
    `update public.key_rotations set finished_at = now()
     where finished_at is null and requested_at = coalesce($1::timestamptz, requested_at)
     returning rewrapped_keys as "rewrappedKeys", resealed_cells as "resealedValues", unopened_cells as "unopenedValues",
       (select count(*) from public.data_keys where refused_at is not null and status <> 'shredded') as "refusedKeys"`,
    [wish],
  );
  return outcome;
}

/** @returns the key before; `null` if the org has none, so that it needs none */
async function replaceAuditKey(manager: EntityManager, key: WrappedDataKey): Promise<string | null> {
  const { before } = await selectOne<{ before: string | null }>(
    manager,
    'select hub.replace_audit_key($1, $2, $3, $4) as before',
    [key.id, key.keyProvider, key.wrappingKeyId, key.wrapped],
  );
  return before;
}

function toUse(row: KeyUseRow): KeyUse {
  const {
    org_id: orgId,
    data_key: id,
    purpose,
    status,
    key_provider: keyProvider,
    wrapping_key_id: wrappingKeyId,
  } = row;
  const dataKey = id === null ? null : { id, purpose, status, keyProvider, wrappingKeyId };
  return { orgId, dataKey, sealedBy: row.sealed_by, place: row.place, cells: row.cells };
}

async function append(
  manager: EntityManager,
  actor: Actor,
  name: AuditEntry['name'],
  detail: Record<string, unknown>,
): Promise<void> {
  await appendEvents(manager, [{ name, detail, provider: null, integrationId: null, actor }]);
}
