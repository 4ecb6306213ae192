import { appDataSource, HubDatabase, type AppLogin } from '@hub/database';
import { eventually } from './eventually';
import { TestDatabase } from './test-database';
import { testServers } from './test-servers';

/** A migrated database of one test file's own, with the apps' doors to it. */
export interface OwnDatabase {
  readonly name: string;
  /** As an app's own login. */
  readonly gatewayUrl: string;
  readonly refreshWorkerUrl: string;
  readonly syncWorkerUrl: string;
  readonly deliveryWorkerUrl: string;
  /** As the superuser. */
  readonly adminUrl: string;
  /** Runs SQL as the superuser, who sees and changes everything: for arranging, and for looking at what came of it. */
  sql<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** An app's own doors, as its login; closed with the database. */
  as(login: AppLogin): Promise<HubDatabase>;
  /** Takes the database away from the apps, their open connections included, as an outage does; or gives it back. */
  setAway(isAway: boolean): Promise<void>;
  /** Comes back once the server has been up for so long that nobody expects answers from before its start any more. */
  longUp(): Promise<void>;
  /** Closes everything and drops it. */
  drop(): Promise<void>;
}

/** Clones the migrated template: a tenth of a second, and no test file sees another's rows. */
export async function cloneDatabase(): Promise<OwnDatabase> {
  const database = await TestDatabase.clone(testServers());
  const doors: HubDatabase[] = [];
  return {
    name: database.name,
    gatewayUrl: database.urlFor('gateway'),
    refreshWorkerUrl: database.urlFor('refreshWorker'),
    syncWorkerUrl: database.urlFor('syncWorker'),
    deliveryWorkerUrl: database.urlFor('deliveryWorker'),
    adminUrl: database.adminUrl,
    sql: (text, values) => database.rows(text, values),
    async as(login) {
      const door = new HubDatabase(await appDataSource(database.urlFor(login), `test-${login}`, 4).initialize());
      doors.push(door);
      return door;
    },
    async setAway(isAway) {
      // the superuser may always come in
      await database.rows(`alter database ${database.name} connection limit ${isAway ? 0 : -1}`);
      if (isAway)
        await database.rows(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
          [database.name],
        );
    },
    async longUp() {
      await eventually('a server that has been up for a while', async () => {
        const [found] = await database.rows<{ up: boolean }>(
          "select clock_timestamp() - pg_postmaster_start_time() > interval '6 seconds' as up",
        );
        return found?.up;
      });
    },
    async drop() {
      await Promise.all(doors.map((door) => door.dataSource.destroy()));
      await database.drop();
    },
  };
}
