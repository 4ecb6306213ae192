import type { OrgId } from '@hub/domain';
import type { DataSource, EntityManager } from 'typeorm';

/**
 * The two doors to the data. Row-level security sees the org of the running transaction and nothing else, so nobody
 * queries the data source itself (lint holds it).
 */
export class HubDatabase {
  constructor(readonly dataSource: DataSource) {}

  /** Runs `work` in one transaction bound to an org. Never call a provider inside: it would hold a connection across HTTP. */
  async withOrg<T>(orgId: OrgId, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query("select set_config('hub.org_id', $1, true)", [orgId]);
      return work(manager);
    });
  }

  /**
   * Runs `work` outside any org: it sees no row of any table with orgs, only what the narrow functions of schema `hub` give.
   *
   * @param _reason why this crosses orgs, for whoever reads the call
   */
  async asSystem<T>(_reason: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return work(this.dataSource.manager);
  }

  /** Lets go of every connection. */
  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}
