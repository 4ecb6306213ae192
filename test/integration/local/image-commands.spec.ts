import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { cloneDatabase, type OwnDatabase } from '../../support/database';

/** What the image runs beside the apps, from dist/ as it does. */
const root = path.join(__dirname, '../../..');
const WAIT = path.join(root, 'deploy/docker/wait-for-schema.mjs');
const MIGRATE = path.join(root, 'deploy/docker/migrate.mjs');

let database: OwnDatabase;
let folder: string;

beforeEach(async () => {
  database = await cloneDatabase();
  folder = mkdtempSync(path.join(tmpdir(), 'image-commands-'));
});
afterEach(async () => {
  await database.drop();
  rmSync(folder, { recursive: true });
});

/** The variable that names a file with this content. */
function asFile(name: string, content: string): Record<string, string> {
  const file = path.join(folder, name);
  writeFileSync(file, `${content}\n`);
  return { [`${name}_FILE`]: file };
}

function run(program: string, env: Record<string, string>): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program], { env: { PATH: process.env['PATH'], ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

async function asAdmin(statement: string): Promise<void> {
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

describe('wait-for-schema', () => {
  const running: ChildProcess[] = [];
  afterEach(() => running.splice(0).forEach((child) => child.kill('SIGKILL')));

  it.each(['gatewayUrl', 'refreshWorkerUrl', 'syncWorkerUrl'] as const)(
    'ends at once where all has run, with the login of a file (%s)',
    async (url) => {
      const answer = await run(WAIT, asFile('DATABASE_URL', database[url]));
      expect(answer).toEqual({ code: 0, said: 'The database has the schema of this release.\n' });
    },
  );

  it('waits for a migration that has not run, and ends once it has', async () => {
    await asAdmin(
      'create table put_aside as select * from hub_migrations order by id desc limit 1; delete from hub_migrations where id in (select id from put_aside)',
    );
    const child = spawn(process.execPath, [WAIT], { env: { DATABASE_URL: database.gatewayUrl } });
    running.push(child);
    const said: string[] = [];
    const lines = createInterface(child.stdout).on('line', (line) => said.push(line));
    await once(lines, 'line');
    expect(said).toEqual(['Waiting for the database: 1 migrations of this release have not run.']);
    expect(child.exitCode).toBeNull();
    const exit = once(child, 'exit');
    await asAdmin('insert into hub_migrations select * from put_aside');
    expect(await exit).toEqual([0, null]);
  });

  it('is content with a schema that is ahead of its release', async () => {
    await asAdmin("insert into hub_migrations (timestamp, name) values (1999999999999, 'Later1999999999999')");
    expect(await run(WAIT, { DATABASE_URL: database.gatewayUrl })).toMatchObject({ code: 0 });
  });

  it('waits for a server that is not there, and says so without its password', async () => {
    const child = spawn(process.execPath, [WAIT], { env: { DATABASE_URL: 'postgres://a:hidden@127.0.0.1:9/hub' } });
    running.push(child);
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    expect(line).toBe('Waiting for the database: ECONNREFUSED.');
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([1, null]);
  });

  it('names the setting that it lacks, or whose file it cannot read', async () => {
    expect(await run(WAIT, {})).toMatchObject({ code: 1, said: expect.stringContaining('DATABASE_URL') as string });
    expect(await run(WAIT, { DATABASE_URL_FILE: path.join(folder, 'none') })).toEqual({
      code: 1,
      said: 'DATABASE_URL_FILE: the file cannot be read (ENOENT)\n',
    });
  });
});

describe('migrate', () => {
  it('takes the administrator and the logins from files', async () => {
    const answer = await run(MIGRATE, {
      ...asFile('DATABASE_ADMIN_URL', database.adminUrl),
      ...asFile('HUB_DATABASE_LOGINS', '{}'),
    });
    expect(answer).toEqual({ code: 0, said: 'The database is up to date.\n' });
  });

  it('says what is wrong in one sentence, and repeats no secret', async () => {
    expect(await run(MIGRATE, {})).toEqual({
      code: 1,
      said: 'Set DATABASE_ADMIN_URL to the database that shall be migrated.\n',
    });
    const logins = asFile('HUB_DATABASE_LOGINS', '{"gateway":{"user":"x","password":"hidden"');
    expect(await run(MIGRATE, { DATABASE_ADMIN_URL: database.adminUrl, ...logins })).toEqual({
      code: 1,
      said: 'HUB_DATABASE_LOGINS is no valid JSON.\n',
    });
  });
});
