import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier, Pool, type QueryResultRow } from 'pg';
import type { OwnServers } from './own-servers';

/** The hub's database as its superuser sees it; it survives restarts of the server. */
export class ProveDatabase {
  private readonly pool: Pool;

  private constructor(
    readonly name: string,
    private readonly servers: OwnServers,
  ) {
    this.pool = new Pool({
      connectionString: withName(servers.adminUrl, name),
      max: 4,
      connectionTimeoutMillis: 2_000,
    });
    this.pool.on('error', () => undefined); // the server was taken away: the next question opens a new connection
  }

  /** A clone of the migrated template. */
  static async clone(servers: OwnServers): Promise<ProveDatabase> {
    const name = `prove_${randomBytes(6).toString('hex')}`;
    const admin = new Client({ connectionString: servers.adminUrl });
    await admin.connect();
    try {
      await admin.query(`create database ${escapeIdentifier(name)} template ${escapeIdentifier(servers.template)}`);
    } finally {
      await admin.end();
    }
    return new ProveDatabase(name, servers);
  }

  /** The URL by which an app connects. */
  urlFor(login: 'gateway' | 'worker'): string {
    const { user, password } = this.servers.logins[login];
    const url = new URL(withName(this.servers.adminUrl, this.name));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    return url.href;
  }

  async rows<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(sql, [...values])).rows;
  }

  /** The database's time, in milliseconds. */
  async now(): Promise<number> {
    const [row] = await this.rows<{ at: Date }>('select clock_timestamp() as at');
    return row?.at.getTime() ?? Number.NaN;
  }

  async drop(): Promise<void> {
    await this.pool.end();
    const admin = new Client({ connectionString: this.servers.adminUrl });
    await admin.connect();
    await admin.query(`drop database if exists ${escapeIdentifier(this.name)} with (force)`);
    await admin.end();
  }
}

function withName(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}
