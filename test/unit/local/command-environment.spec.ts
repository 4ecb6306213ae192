import fs from 'node:fs';
import path from 'node:path';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface CommandEnvironment {
  commandEnvironment(given: Record<string, string>, kept: object, dataDir: string): Record<string, string>;
}

const KEPT = {
  DATABASE_PASSWORDS: { gateway: 'gp', refreshWorker: 'wp', syncWorker: 'sp', deliveryWorker: 'dp' },
  POSTGRES_PASSWORD: 'pp',
};
const URL_GIVEN = 'postgres://someone:secret@db.example/hub';
const AS_WORKER = 'postgres://hub_refresh_worker_hub:wp@db.example/hub';
const folder = temporaryFolder();
let commandEnvironment: CommandEnvironment['commandEnvironment'];
beforeAll(async () => {
  ({ commandEnvironment } = await launcher<CommandEnvironment>('command-environment'));
});

const settle = (given: Record<string, string>, kept: object = {}) =>
  commandEnvironment(given, { ...KEPT, ...kept }, folder());

describe('a given DATABASE_URL', () => {
  it.each([
    ['no database from outside', []],
    ['another server', ['other.example:5432/hub']],
    ['another port', ['db.example:6432/hub']],
    ['another database', ['db.example:5432/hub2']],
  ])('stays as it is where npm start has made logins in %s', (_what, DATABASES_WITH_LOGINS) => {
    const env = settle({ DATABASE_URL: URL_GIVEN }, { DATABASES_WITH_LOGINS, POSTGRES_PORT: 15_000 });
    expect(env).toMatchObject({ DATABASE_URL: URL_GIVEN });
    expect(env).not.toHaveProperty('DATABASE_ADMIN_URL');
    expect(env).not.toHaveProperty('REDIS_PREFIX');
  });

  it('is the administrator of a database in which npm start has made logins', () => {
    const env = settle({ DATABASE_URL: URL_GIVEN }, { DATABASES_WITH_LOGINS: ['db.example:5432/hub'] });
    expect(env).toMatchObject({ DATABASE_ADMIN_URL: URL_GIVEN, DATABASE_URL: AS_WORKER });
    expect(env.REDIS_PREFIX).toMatch(/^hub-/);
  });

  it('may come as a file, and is left to the command if it is no URL', () => {
    const file = path.join(folder(), 'url');
    fs.writeFileSync(file, `${URL_GIVEN}\n`);
    expect(settle({ DATABASE_URL_FILE: file })).not.toHaveProperty('DATABASE_URL');
    expect(settle({ DATABASE_URL: 'nonsense' }).DATABASE_URL).toBe('nonsense');
  });
});

describe('a given DATABASE_ADMIN_URL', () => {
  const both = { DATABASE_ADMIN_URL: URL_GIVEN, DATABASE_URL: 'postgres://app@db.example/hub' };

  it('takes the refresh worker’s login where no DATABASE_URL is given', () => {
    const env = settle({ DATABASE_ADMIN_URL: URL_GIVEN });
    expect(env).toMatchObject({ DATABASE_ADMIN_URL: URL_GIVEN, DATABASE_URL: AS_WORKER });
  });

  it('leaves a DATABASE_URL beside it, and the corner of Redis, as they are', () => {
    const env = settle(both, { POSTGRES_PORT: 15_000 });
    expect(env).toMatchObject(both);
    expect(env).not.toHaveProperty('REDIS_PREFIX');
  });

  it('takes the refresh worker’s login all the same where npm start has made logins', () => {
    const env = settle(both, { DATABASES_WITH_LOGINS: ['db.example:5432/hub'] });
    expect(env).toMatchObject({ DATABASE_ADMIN_URL: URL_GIVEN, DATABASE_URL: AS_WORKER });
  });
});

it("takes the data folder's own servers where nothing is given", () => {
  const env = settle({}, { POSTGRES_PORT: 15_000, REDIS_PORT: 15_001, REDIS_PASSWORD: 'rp' });
  expect(env.DATABASE_URL).toMatch(/^postgres:\/\/hub_refresh_worker_hub:wp@[^/]+:15000\/hub$/);
  expect(env.REDIS_URL).toContain(':15001');
});
