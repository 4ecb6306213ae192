import '../../deploy/local/node-version.mjs';
import { ensureBuilt } from '../../deploy/local/compile.mjs';
import { startTestServers } from '../../deploy/local/servers-for-tests.mjs';

/** Starts one PostgreSQL and one Redis for all tests of this run that need servers. */
export default async function globalSetup() {
  if (globalThis.hubTestServers) return; // two projects ask for it
  await ensureBuilt(); // the migrations come from dist/, also when Jest is called directly
  const servers = await startTestServers();
  globalThis.hubTestServers = servers;
  process.env.HUB_TEST_ADMIN_URL = servers.adminUrl;
  process.env.HUB_TEST_TEMPLATE = servers.template;
  process.env.HUB_TEST_REDIS_URL = servers.redisUrl;
  process.env.HUB_TEST_LOGINS = JSON.stringify(servers.logins);
}
