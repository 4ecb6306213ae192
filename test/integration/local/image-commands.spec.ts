import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cloneDatabase, type OwnDatabase } from '../../support/database';

/** What the image runs beside the apps, from dist/ as it does. */
const root = path.join(__dirname, '../../..');
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

describe('migrate', () => {
  it('takes the administrator and the logins from files', async () => {
    const answer = await run(MIGRATE, {
      ...asFile('DATABASE_ADMIN_URL', database.adminUrl),
      ...asFile('HUB_DATABASE_LOGINS', '{}'),
    });
    expect(answer).toEqual({ code: 0, said: 'The database is up to date.\n' });
  });

  it('says what is wrong in one sentence, and repeats no secret', async () => {
    expect(await run(MIGRATE, { DATABASE_ADMIN_URL_FILE: path.join(folder, 'none') })).toEqual({
      code: 1,
      said: 'The settings have a mistake:\n  - DATABASE_ADMIN_URL_FILE: the file cannot be read (ENOENT)\n',
    });
    expect(await run(MIGRATE, {})).toEqual({
      code: 1,
      said: 'Set DATABASE_ADMIN_URL to the database that shall be migrated.\n',
    });
    for (const wrong of ['postgres://admin:hidden/x@host/hub', 'http://admin:hidden@host/hub'])
      expect(await run(MIGRATE, { DATABASE_ADMIN_URL: wrong })).toEqual({
        code: 1,
        said: 'The settings have a mistake:\n  - DATABASE_ADMIN_URL must be a URL that starts with postgres:// or postgresql://\n',
      });
    const logins = asFile('HUB_DATABASE_LOGINS', '{"gateway":{"user":"x","password":"hidden"');
    expect(await run(MIGRATE, { DATABASE_ADMIN_URL: database.adminUrl, ...logins })).toEqual({
      code: 1,
      said: 'HUB_DATABASE_LOGINS is no valid JSON.\n',
    });
  });
});
