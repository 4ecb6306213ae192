import type { AppLogin } from '@hub/database';

/** The servers that Jest's global set-up has started for this run (global-setup.mjs). */
export interface TestServers {
  /** The superuser's URL. */
  readonly adminUrl: string;
  /** A migrated database to clone. */
  readonly template: string;
  readonly redisUrl: string;
  readonly logins: Readonly<Record<AppLogin, { readonly user: string; readonly password: string }>>;
}

/** @throws Error if this process was not started by Jest with its global set-up */
export function testServers(): TestServers {
  return {
    adminUrl: set('HUB_TEST_ADMIN_URL'),
    template: set('HUB_TEST_TEMPLATE'),
    redisUrl: set('HUB_TEST_REDIS_URL'),
    logins: JSON.parse(set('HUB_TEST_LOGINS')) as TestServers['logins'],
  };
}

function set(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: the global set-up of the tests has not run`);
  return value;
}
