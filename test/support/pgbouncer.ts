import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { launcher } from './launcher';
import { testServers } from './test-servers';

const FETCH_WITHIN_MS = 150_000;
const PORT_TRIES = 3;
/** Whom PgBouncer's own console lets in. */
const CONSOLE_USER = 'console';
const CONSOLE = 'pgbouncer';

/** The start-up parameters of the apps that PgBouncer does not know; docs/operations.md names the same. */
export const IGNORED_PARAMETERS = 'statement_timeout,idle_in_transaction_session_timeout';

/** A PgBouncer that can be run here. */
export interface PgBouncerProgram {
  readonly command: string;
  readonly version: string;
  /** Folders of its libraries. */
  readonly libraries: string;
}

interface Launchers {
  Guard: new () => { close(): Promise<void>; removeAtEnd(folder: string): void };
  Child: new (
    spec: unknown,
    around: { guard: unknown; onLine: (line: string) => void },
  ) => {
    becomesReady(): Promise<{ ready: boolean }>;
    stop(): Promise<void>;
  };
  drawPort(): Promise<number>;
  preparePgBouncer(options: object): unknown;
}

/**
 * Where PgBouncer is, fetched if need be. Waits for that, since Jest wants to know beforehand which tests are left out.
 *
 * @returns the reason where there is none, which is told on standard error too
 */
export function findPgBouncer(): PgBouncerProgram | { readonly reason: string } {
  const found = lookForPgBouncer();
  // Jest names what it skips only when it runs a single file
  if ('reason' in found) process.stderr.write(`Left out, since PgBouncer could not be had: ${found.reason}\n`);
  return found;
}

function lookForPgBouncer(): PgBouncerProgram | { readonly reason: string } {
  const script = path.join(process.cwd(), 'deploy/local/find-pgbouncer.mjs');
  const answer = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: FETCH_WITHIN_MS });
  if (answer.status !== 0) return { reason: `the look for it failed: ${answer.error?.message ?? answer.stderr}` };
  return JSON.parse(answer.stdout) as PgBouncerProgram | { reason: string };
}

/** One pool as PgBouncer's console tells of it. */
export interface PoolLine {
  readonly database: string;
  readonly user: string;
  readonly sv_active: number;
  readonly sv_idle: number;
  readonly sv_used: number;
  readonly sv_tested: number;
  readonly pool_mode: string;
}

/** A PgBouncer of a test's own before the tests' PostgreSQL, which its logins may pass. */
export class PgBouncer {
  /** What it has written. */
  readonly lines: string[] = [];
  private server: { stop(): Promise<void> } | undefined;

  private constructor(
    private readonly port: number,
    private readonly password: string,
    private readonly guard: { close(): Promise<void> },
  ) {}

  /**
   * Starts it in transaction mode. The logins prove their passwords by SCRAM to PgBouncer, and PgBouncer proves them to
   * PostgreSQL with what it has learnt thereby: it is given the verifiers of pg_authid and no password.
   *
   * @param settings over the usual ones
   */
  static async start(
    program: PgBouncerProgram,
    settings: Readonly<Record<string, string | number>> = {},
  ): Promise<PgBouncer> {
    const launch = await load();
    const guard = new launch.Guard();
    const password = randomBytes(24).toString('base64url');
    const users = [...(await verifiers()), { user: CONSOLE_USER, secret: password }];
    for (let tries = 1; ; tries += 1) {
      const folder = mkdtempSync(path.join(tmpdir(), 'hub-pgbouncer-'));
      chmodSync(folder, 0o711);
      guard.removeAtEnd(folder);
      const port = await launch.drawPort();
      const bouncer = new PgBouncer(port, password, guard);
      const spec = launch.preparePgBouncer({
        program: { ...program, env: { PATH: process.env['PATH'], LD_LIBRARY_PATH: program.libraries } },
        folder,
        port,
        postgresPort: Number(new URL(testServers().adminUrl).port),
        users,
        settings: {
          pool_mode: 'transaction',
          ignore_startup_parameters: IGNORED_PARAMETERS,
          admin_users: CONSOLE_USER,
          ...settings,
        },
      });
      const server = new launch.Child(spec, { guard, onLine: (line) => bouncer.lines.push(line) });
      bouncer.server = server;
      if ((await server.becomesReady()).ready) return bouncer;
      await server.stop();
      if (tries < PORT_TRIES) continue;
      await guard.close();
      throw new Error(`PgBouncer does not start:\n${bouncer.lines.join('\n')}`);
    }
  }

  /** The same database and login, by way of PgBouncer. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.port);
    return changed.href;
  }

  /** Its pools, one for each database and login that came. */
  async pools(): Promise<PoolLine[]> {
    const console = new Client({
      host: '127.0.0.1',
      port: this.port,
      user: CONSOLE_USER,
      password: this.password,
      database: CONSOLE,
    });
    await console.connect();
    try {
      return (await console.query<PoolLine>('show pools')).rows.filter(({ database }) => database !== CONSOLE);
    } finally {
      await console.end();
    }
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    await this.guard.close(); // which removes its folder
  }
}

async function load(): Promise<Launchers> {
  const parts = ['guard', 'child', 'ports', 'pgbouncer'].map((name) => launcher<Partial<Launchers>>(name));
  return Object.assign({}, ...(await Promise.all(parts))) as Launchers;
}

/** What PostgreSQL keeps of the passwords of the apps and of the superuser. */
async function verifiers(): Promise<{ user: string; secret: string }[]> {
  const { adminUrl, logins } = testServers();
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ user: string; secret: string }>(
      'select rolname as "user", rolpassword as secret from pg_authid where rolname = any($1) or rolname = current_user',
      [Object.values(logins).map(({ user }) => user)],
    );
    return rows;
  } finally {
    await admin.end();
  }
}
