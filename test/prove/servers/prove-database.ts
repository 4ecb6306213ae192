import { randomBytes } from 'node:crypto';
import type { AppLogin } from '@hub/database';
import { Client, escapeIdentifier, Pool, type QueryResultRow } from 'pg';
import { tableChecksums } from '../../support/table-checksums';
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
    const database = new ProveDatabase(name, servers);
    await database.asAdmin(`create database ${escapeIdentifier(name)} template ${escapeIdentifier(servers.template)}`);
    return database;
  }

  /** The URL by which an app connects. */
  urlFor(login: AppLogin): string {
    const { user, password } = this.servers.logins[login];
    const url = new URL(withName(this.servers.adminUrl, this.name));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    return url.href;
  }

  async rows<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(sql, [...values])).rows;
  }

  /** A checksum of each table but those of the audit trail, by name: changes with any column of any row. */
  async checksums(): Promise<Readonly<Record<string, string>>> {
    return tableChecksums((sql) => this.rows(sql));
  }

  /** The database's time, in milliseconds. */
  async now(): Promise<number> {
    const [row] = await this.rows<{ at: Date }>('select clock_timestamp() as at');
    return row?.at.getTime() ?? Number.NaN;
  }

  /** Copies it as it stands, as a backup does. Nobody may be at work in it. */
  async backUp(): Promise<void> {
    const [name, backup] = this.names();
    await this.asAdmin(
      `alter database ${name} with allow_connections false`,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${this.name}'`,
      `create database ${backup} template ${name}`,
      `alter database ${name} with allow_connections true`,
    );
  }

  /** Puts the backup in its place: what was written since is forgotten. */
  async restore(): Promise<void> {
    const [name, backup] = this.names();
    await this.asAdmin(`drop database ${name} with (force)`, `alter database ${backup} rename to ${name}`);
  }

  async drop(): Promise<void> {
    await this.pool.end();
    await this.asAdmin(...this.names().map((name) => `drop database if exists ${name} with (force)`));
  }

  private names(): [string, string] {
    return [escapeIdentifier(this.name), escapeIdentifier(`${this.name}_backup`)];
  }

  private async asAdmin(...statements: readonly string[]): Promise<void> {
    const admin = new Client({ connectionString: this.servers.adminUrl });
    await admin.connect();
    try {
      for (const statement of statements) await admin.query(statement);
    } finally {
      await admin.end();
    }
  }
}

function withName(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}
