import type { Actor, Change, Integration, IntegrationId, OrgId, RefusalTally, Sealed } from '@hub/domain';
import { appendEvents } from './audit.repository';
import { IntegrationEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { patchAssignments, toIntegration } from './integration-row';
import { affected, allInPieces, selectOne } from './statements';

/** An integration as a sync loads it. */
export interface SyncTarget {
  readonly integration: Integration;
  /** Sealed for `integrations.access_token` of this row. */
  readonly accessToken: Sealed;
  /** Which connect the credential is of: metadata of another one is not written. */
  readonly connectedAt: Date;
  /** The database's time of the read. */
  readonly loadedAt: Date;
  readonly loadedMs: number;
  readonly hasRefreshToken: boolean;
}

/** What a sync came to: the integration as it stands then, and what was written. */
export interface SyncSettled {
  readonly integration: Integration;
  readonly change: Change;
}

/** Integrations as the metadata sync reads and writes them: only the sync's own columns. */
export class SyncRepository {
  constructor(private readonly database: HubDatabase) {}

  async load(orgId: OrgId, id: IntegrationId): Promise<SyncTarget | undefined> {
    const loadedMs = performance.now();
    return this.database.withOrg(orgId, async (manager) => {
      const row = await manager
        .createQueryBuilder(IntegrationEntity, 'integration')
        .addSelect('integration.accessToken')
        .where('integration.id = :id', { id })
        .getOne();
      if (!row) return undefined;
      const { at, refreshable } = await selectOne<{ at: Date; refreshable: boolean }>(
        manager,
        'select clock_timestamp() as at, hub.has_refresh_token($1) as refreshable',
        [id],
      );
      return {
        integration: toIntegration(row),
        accessToken: row.accessToken as Sealed,
        connectedAt: row.connectedAt,
        loadedAt: at,
        loadedMs,
        hasRefreshToken: refreshable,
      };
    });
  }

  /**
   * Writes what a sync decides, with its events, unless the org has connected anew or disconnected meanwhile. A verdict
   * about the grant is written only while the refused access token is still the one in the row.
   *
   * @param decide gets the integration as it stands, locked until the change is written, and the database's time: a
   *               refresh may have begun or settled since the sync loaded it
   * @returns `undefined` if nothing was written
   */
  async settle(
    target: SyncTarget,
    decide: (current: Integration, at: Date) => Change,
    actor: Actor,
  ): Promise<SyncSettled | undefined> {
    const { orgId, id, provider } = target.integration;
    return this.database.withOrg(orgId, async (manager) => {
      const before = await manager.findOne(IntegrationEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (!before) return undefined;
      const { at } = await selectOne<{ at: Date }>(manager, 'select clock_timestamp() as at');
      const change = decide(toIntegration(before), at);
      const set = patchAssignments(change.patch, 5);
      // a Date holds milliseconds only
      const count = await affected(
        manager,
        `update public.integrations set ${set.sql.join(', ')}, sync_settled_at = clock_timestamp()
         where id = $1 and date_trunc('milliseconds', connected_at) = $2 and ($3 is false or access_token = $4)`,
        [id, target.connectedAt, change.patch.status !== undefined, target.accessToken, ...set.values],
      );
      if (count !== 1) return undefined;
      const row = await manager.findOneOrFail(IntegrationEntity, { where: { id } });
      await appendEvents(
        manager,
        change.events.map((event) => ({ ...event, provider, integrationId: id, actor })),
      );
      return { integration: toIntegration(row), change };
    });
  }

  /** How many of a provider's latest syncs, those of one integration left out, were refused or failed. */
  async recentRefusals(
    { provider, id }: Pick<Integration, 'provider' | 'id'>,
    withinMs: number,
    latest: number,
  ): Promise<RefusalTally> {
    return this.database.asSystem('syncs of one provider over all orgs', (manager) =>
      selectOne<RefusalTally>(
        manager,
        'select * from hub.recent_sync_refusals($1, $2, make_interval(secs => $3), $4)',
        [provider, id, withinMs / 1000, latest],
      ),
    );
  }

  /** Has grants tried once more that syncs of a provider have judged lately, each told by an event, a mass of them in pieces. @returns how many */
  async reopenVerdicts(provider: string, withinMs: number): Promise<number> {
    return allInPieces(async (most) => {
      const { reopened } = await this.database.asSystem('verdicts of one provider over all orgs', (manager) =>
        selectOne<{ reopened: number }>(
          manager,
          'select hub.reopen_sync_verdicts($1, make_interval(secs => $2), $3) as reopened',
          [provider, withinMs / 1000, most],
        ),
      );
      return reopened;
    });
  }
}
