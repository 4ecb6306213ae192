import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, escapeIdentifier, Pool, type QueryResultRow } from 'pg';
import { tableChecksums } from './table-checksums';
import type { TestServers } from './test-servers';

const CLONE_TRIES = 20;
/** PostgreSQL's word for a template that somebody is connected to. */
const IN_USE = '55006';

/** A clone of the migrated template, for one test file alone. */
export class TestDatabase {
  private constructor(
    readonly name: string,
    private readonly servers: TestServers,
    private readonly admin: Pool,
  ) {}

  static async clone(servers: TestServers): Promise<TestDatabase> {
    const name = `e2e_${randomBytes(6).toString('hex')}`;
    await asAdmin(servers.adminUrl, (admin) => cloneTemplate(admin, servers.template, name));
    // one session for all that a test asks, one question after the other: a client of its own takes no second one meanwhile
    const admin = new Pool({ connectionString: withName(servers.adminUrl, name), max: 1, idleTimeoutMillis: 0 });
    admin.on('error', () => undefined); // its end is the server's end
    return new TestDatabase(name, servers, admin);
  }

  /** The superuser's URL. */
  get adminUrl(): string {
    return withName(this.servers.adminUrl, this.name);
  }

  /** The URL by which an app connects. */
  urlFor(login: keyof TestServers['logins']): string {
    const { user, password } = this.servers.logins[login];
    const url = new URL(withName(this.servers.adminUrl, this.name));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    return url.href;
  }

  /** Asks as superuser: sees every org, changes what no app may change. */
  async rows<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.admin.query<Row>(sql, [...values])).rows;
  }

  /** Changes with any column of any row of the table. */
  async checksum(table: 'integrations' | 'flows' | 'revocations'): Promise<string> {
    const checksum = (await this.checksums())[table];
    if (checksum === undefined) throw new Error(`there is no table ${table}`);
    return checksum;
  }

  /** A checksum of each table but those of the audit trail, by name: changes with any column of any row. */
  async checksums(): Promise<Readonly<Record<string, string>>> {
    return tableChecksums((sql) => this.rows(sql));
  }

  async drop(): Promise<void> {
    await this.admin.end();
    await asAdmin(this.servers.adminUrl, (admin) =>
      admin.query(`drop database if exists ${escapeIdentifier(this.name)} with (force)`),
    );
  }
}

async function cloneTemplate(admin: Client, template: string, name: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await admin.query(`create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== IN_USE || tries === CLONE_TRIES) throw error;
      await sleep(100); // another test file is cloning it
    }
  }
}

async function asAdmin<T>(adminUrl: string, act: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    return await act(admin);
  } finally {
    await admin.end();
  }
}

function withName(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}
