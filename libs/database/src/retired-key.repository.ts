import type { Actor, OrgId } from '@hub/domain';
import { appendEvents } from './audit.repository';
import type { KeyPurpose } from './data-key.repository';
import { openAsEraser } from './eraser-database';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** A data key that was retired for longer than was asked, and how many values of which columns it still opens. */
export interface RetiredKey {
  readonly id: string;
  readonly orgId: OrgId;
  readonly purpose: KeyPurpose;
  readonly retiredAt: Date;
  /** By table and column, such as `integrations.access_token`. Empty: nothing needs it. */
  readonly uses: ReadonlyMap<string, number>;
}

/** A row as `hub.retired_data_keys` gives it. */
interface RetiredKeyRow {
  id: string;
  purpose: KeyPurpose;
  retired_at: Date;
  place: string | null;
  cells: number;
}

const ORGS_OF_A_PAGE = 1_000;
const BEFORE_ALL_ORGS = '00000000-0000-0000-0000-000000000000';

/**
 * Destroys data keys that were retired long ago, as the role `hub_eraser`. The database destroys none that a value needs,
 * and none that was retired less than 30 days ago.
 */
export class RetiredKeyRepository {
  private constructor(private readonly database: HubDatabase) {}

  /**
   * @param adminUrl a login that may become `hub_eraser`: the administrator's, or a member of `hub_migrator`
   * @throws Error if it has not become that, since a pooler on the way has dropped the wish
   */
  static async open(adminUrl: string): Promise<RetiredKeyRepository> {
    return new RetiredKeyRepository(await openAsEraser(adminUrl, 'hub-keys-destroy'));
  }

  async close(): Promise<void> {
    await this.database.close();
  }

  /** Keys that were retired so long ago, an org's at a time. */
  async *olderThan(olderThanMs: number): AsyncGenerator<RetiredKey[]> {
    for (let after = BEFORE_ALL_ORGS; ;) {
      const page = await this.database.asSystem('which orgs have keys that were retired long ago', (manager) =>
        manager.query<{ orgId: OrgId }[]>(
          'select hub.orgs_with_retired_keys(make_interval(secs => $1), $2, $3) as "orgId"',
          [olderThanMs / 1000, after, ORGS_OF_A_PAGE],
        ),
      );
      const last = page.at(-1);
      if (!last) return;
      for (const { orgId } of page) yield await this.ofOrg(orgId, olderThanMs);
      after = last.orgId;
    }
  }

  /**
   * Destroys keys of one org and tells its trail of it; all of them or none.
   *
   * @returns those that are gone now: not what somebody else has destroyed meanwhile
   * @throws QueryFailedError (SQLSTATE 55006) if one of them is needed again
   */
  async destroy(orgId: OrgId, keys: readonly RetiredKey[], actor: Actor): Promise<readonly RetiredKey[]> {
    return this.database.withOrg(orgId, async (manager) => {
      const gone: RetiredKey[] = [];
      for (const key of keys) {
        const { done } = await selectOne<{ done: boolean }>(manager, 'select hub.destroy_data_key($1) as done', [
          key.id,
        ]);
        if (done) gone.push(key);
      }
      if (gone.length > 0) {
        const detail = { keys: gone.map(({ id, purpose, retiredAt }) => ({ key: id, purpose, retiredAt })) };
        await appendEvents(manager, [{ name: 'key.destroyed', detail, provider: null, integrationId: null, actor }]);
      }
      return gone;
    });
  }

  private async ofOrg(orgId: OrgId, olderThanMs: number): Promise<RetiredKey[]> {
    const rows = await this.database.withOrg(orgId, (manager) =>
      manager.query<RetiredKeyRow[]>('select * from hub.retired_data_keys(make_interval(secs => $1))', [
        olderThanMs / 1000,
      ]),
    );
    const keys = new Map<string, RetiredKey & { uses: Map<string, number> }>();
    for (const { id, purpose, retired_at: retiredAt, place, cells } of rows) {
      const key = keys.get(id) ?? { id, orgId, purpose, retiredAt, uses: new Map<string, number>() };
      if (place !== null) key.uses.set(place, cells);
      keys.set(id, key);
    }
    return [...keys.values()];
  }
}
