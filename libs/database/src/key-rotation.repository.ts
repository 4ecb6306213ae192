import type { Actor, AuditEntry, IntegrationId, OrgId, ProviderId } from '@hub/domain';
import type { WrappedDataKey } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import { KeyRotationEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { affected, selectOne } from './statements';

/**
 * Every sealed column that a rotation seals anew, by its table. All of them are bound to the integration, whose id is in
 * the column named. What a flow keeps lives for ten minutes and is not worth it: it is only counted.
 */
export const RESEALED_COLUMNS = [
  { table: 'integrations', column: 'access_token', integration: 'id' },
  { table: 'integrations', column: 'refresh_token', integration: 'id' },
  { table: 'revocations', column: 'access_token', integration: 'integration_id' },
  { table: 'revocations', column: 'refresh_token', integration: 'integration_id' },
  { table: 'token_inbox', column: 'access_token', integration: 'integration_id' },
  { table: 'token_inbox', column: 'refresh_token', integration: 'integration_id' },
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
  readonly integrationId: IntegrationId;
  readonly sealed: string;
}

export interface ResealedCell extends SealedCell {
  /** The same value, sealed with the new key. */
  readonly anew: string;
}

/** An org's rotation: what is wished, and since when a new key seals. */
export interface Rotation extends Pick<KeyRotationEntity, 'rewrap' | 'reseal' | 'replacedAt'> {
  /** All of the org's but those that are shredded. */
  readonly dataKeys: readonly WrappedDataKey[];
}

/** How far all rotations have come, in orgs: not yet begun, sealing anew, waiting for the old key to retire. */
export interface RotationProgress {
  readonly orgs: number;
  readonly waiting: number;
  readonly resealing: number;
  readonly retiring: number;
  readonly resealedCells: number;
  readonly unopenedCells: number;
}

/** Data keys of all orgs that the same key wraps. */
export interface DataKeyCount {
  readonly keyProvider: string;
  readonly wrappingKeyId: string;
  readonly status: string;
  readonly keys: number;
}

const EVERY_CELL = RESEALED_COLUMNS.map(
  ({ table, column, integration }, place) =>
    `select ${place} as place, id, provider, ${integration} as "integrationId", ${column} as sealed from public.${table}`,
).join(' union all ');

const ORGS_OF_A_PAGE = 1_000;

/** Replacing keys, org by org. */
export class KeyRotationRepository {
  constructor(private readonly database: HubDatabase) {}

  /** Has the keys of an org rotated, or of all. @returns of how many */
  async request(orgId: OrgId | null, layers: { rewrap: boolean; reseal: boolean }): Promise<number> {
    return this.database.asSystem('an operator has the keys of all orgs rotated', async (manager) => {
      const { orgs } = await selectOne<{ orgs: number }>(manager, 'select hub.request_rotations($1, $2, $3) as orgs', [
        orgId,
        layers.rewrap,
        layers.reseal,
      ]);
      return orgs;
    });
  }

  async progress(orgId: OrgId | null): Promise<RotationProgress> {
    return this.database.asSystem('how far the rotations of all orgs have come', (manager) =>
      selectOne<RotationProgress>(
        manager,
        `select orgs, waiting, resealing, retiring, resealed_cells as "resealedCells", unopened_cells as "unopenedCells"
         from hub.rotation_progress($1)`,
        [orgId],
      ),
    );
  }

  /** Which keys wrap how many data keys of all orgs. */
  async dataKeys(): Promise<DataKeyCount[]> {
    return this.database.asSystem('which keys wrap the data keys of all orgs', (manager) =>
      manager.query<DataKeyCount[]>(
        'select key_provider as "keyProvider", wrapping_key_id as "wrappingKeyId", status, keys from hub.data_key_counts()',
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
      const { rewrap, reseal, replacedAt } = row;
      const dataKeys: WrappedDataKey[] = await manager.query(
        `select id, org_id as "orgId", key_provider as "keyProvider", wrapping_key_id as "wrappingKeyId", wrapped_key as wrapped
         from public.data_keys where status <> 'shredded' order by id`,
      );
      const begun = await affected(
        manager,
        'update public.key_rotations set started_at = now() where started_at is null',
        [],
      );
      if (begun === 1) await append(manager, actor, 'key.rotation_started', { rewrap, reseal });
      return { rewrap, reseal, replacedAt, dataKeys };
    });
  }

  /** Stores a data key as it is wrapped now, unless somebody else has changed it meanwhile. */
  async rewrapped(before: WrappedDataKey, after: WrappedDataKey, actor: Actor): Promise<void> {
    await this.database.withOrg(before.orgId, async (manager) => {
      const { done } = await selectOne<{ done: boolean }>(
        manager,
        'select hub.rewrap_data_key($1, $2, $3, $4, $5) as done',
        [before.id, before.wrapped, after.keyProvider, after.wrappingKeyId, after.wrapped],
      );
      if (!done) return;
      const detail = { key: before.id, from: before.wrappingKeyId, to: after.wrappingKeyId, by: after.keyProvider };
      await append(manager, actor, 'key.rewrapped', detail);
    });
  }

  /** A new key seals from here on, and the one before only opens. */
  async replace(before: string, key: WrappedDataKey, actor: Actor): Promise<void> {
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
      await append(manager, actor, 'key.rotated', { from: before, to: key.id });
    });
  }

  /** Values that another key than this one has sealed, in the order of their places. */
  async cellsNotUnder(orgId: OrgId, key: string, after: CellPlace, limit: number): Promise<SealedCell[]> {
    return this.database.withOrg(orgId, (manager) =>
      manager.query<SealedCell[]>(
        `select place, id, provider, "integrationId", sealed from (${EVERY_CELL}) as cells
         where sealed is not null and split_part(sealed, '.', 2) <> $1 and (place, id) > ($2, $3) order by place, id limit $4`,
        [key, after.place, after.id, limit],
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
   * Retires the keys that nothing needs any more. Where one is left that retires, the rotation is looked at again.
   *
   * @param afterMs   for so long after its replacement somebody may still have sealed with a key
   * @param unopened  so many values did not open
   * @param againInMs when to look again
   * @returns whether the rotation is finished
   */
  async settle(
    orgId: OrgId,
    { afterMs, unopened, againInMs }: { afterMs: number; unopened: number; againInMs: number },
    actor: Actor,
  ): Promise<boolean> {
    return this.database.withOrg(orgId, async (manager) => {
      const retired: { id: string }[] = await manager.query(
        'select hub.retire_data_keys(make_interval(secs => $1)) as id',
        [afterMs / 1000],
      );
      const { left } = await selectOne<{ left: boolean }>(
        manager,
        "select exists (select from public.data_keys where status = 'retiring') as left",
      );
      await manager.query('update public.key_rotations set resealed_at = coalesce(resealed_at, now())');
      await putOff(manager, unopened, left ? againInMs : null);
      if (retired.length > 0) await append(manager, actor, 'key.retired', { keys: retired.map(({ id }) => id) });
      return !left;
    });
  }

  /** The rotation cannot go on now. */
  async putOff(orgId: OrgId, againInMs: number): Promise<void> {
    await this.database.withOrg(orgId, (manager) => putOff(manager, 0, againInMs));
  }

  /** There is nothing left to do. */
  async finish(orgId: OrgId): Promise<void> {
    await this.database.withOrg(orgId, (manager) => putOff(manager, 0, null));
  }
}

/** @param againInMs `null`: it is finished */
async function putOff(manager: EntityManager, unopened: number, againInMs: number | null): Promise<void> {
  await manager.query(
    `update public.key_rotations set unopened_cells = $1, next_at = now() + make_interval(secs => $2),
       finished_at = case when $3 then now() end`,
    [unopened, (againInMs ?? 0) / 1000, againInMs === null],
  );
}

async function append(
  manager: EntityManager,
  actor: Actor,
  name: AuditEntry['name'],
  detail: Record<string, unknown>,
): Promise<void> {
  await appendEvents(manager, [{ name, detail, provider: null, integrationId: null, actor }]);
}
