// Prints Secrets for the apps and the migration as one List, with passwords and keys that are drawn now:
//   node deploy/kubernetes/make-secrets.mjs --database postgres://postgres:5432/hub --redis redis://redis:6379 --dev \
//     | kubectl create -n integrations-hub -f -
// `create`, never `apply`: whoever replaces `token-keys` by new ones loses every token that is sealed. docs/kubernetes.md.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** What all apps may be given and need not have, such as the providers' credentials: empty until you fill it in. */
const OPTIONAL = [
  ...readFileSync(new URL('base/settings.env', import.meta.url), 'utf8').matchAll(/^\w+_CLIENT_\w+_FILE=.*\/(.+)$/gm),
].map(([, file]) => file);

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    'admin-user': { type: 'string', default: 'hub_admin' },
    'admin-password': { type: 'string' },
    redis: { type: 'string' },
    'redis-password': { type: 'string' },
    dev: { type: 'boolean', default: false },
  },
});
if (!values.database || !values.redis || (!values.dev && !values['admin-password'])) {
  console.error(
    'Give --database postgres://host:5432/hub and --redis redis://host:6379, both without user and password, and --admin-password (with --dev it is drawn).',
  );
  process.exit(1);
}

const password = () => randomBytes(24).toString('hex');
const key = (id) => `${id}:${randomBytes(32).toString('base64')}`;
const withUser = (url, user, secret) => {
  const full = new URL(url);
  full.username = encodeURIComponent(user);
  full.password = encodeURIComponent(secret);
  return full.href;
};

const adminPassword = values['admin-password'] ?? password();
const redisPassword = values['redis-password'] ?? (values.dev ? password() : '');
const logins = {
  gateway: { user: 'hub_gateway_app', password: password() },
  refreshWorker: { user: 'hub_refresh_worker_app', password: password() },
  syncWorker: { user: 'hub_sync_worker_app', password: password() },
  deliveryWorker: { user: 'hub_delivery_worker_app', password: password() },
};
// the apps share what seals the tokens and the providers' credentials, and nothing else
const shared = {
  'redis-url': redisPassword === '' ? values.redis : withUser(values.redis, '', redisPassword),
  'token-keys': key('k1'),
  ...Object.fromEntries(OPTIONAL.map((file) => [file, ''])),
};
const databaseOf = ({ user, password: secret }) => ({ 'database-url': withUser(values.database, user, secret) });
const secret = (name, stringData) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  type: 'Opaque',
  stringData,
});

const items = [
  secret('hub-migrate', {
    'database-admin-url': withUser(values.database, values['admin-user'], adminPassword),
    'database-logins': JSON.stringify(logins),
  }),
  secret('hub-gateway', { ...databaseOf(logins.gateway), ...shared, 'auth-jwt-secret': values.dev ? password() : '' }),
  secret('hub-refresh-worker', { ...databaseOf(logins.refreshWorker), ...shared, 'audit-seal-key': key('s1') }),
  secret('hub-metadata-sync-worker', { ...databaseOf(logins.syncWorker), ...shared }),
  secret('hub-delivery-worker', { ...databaseOf(logins.deliveryWorker), ...shared }),
];
if (values.dev)
  items.push(
    secret('hub-dev-postgres', { password: adminPassword }),
    secret('hub-dev-redis', {
      'redis.conf': `appendonly yes\nmaxmemory-policy noeviction\ndir /data\nrequirepass ${redisPassword}\n`,
    }),
  );
console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2));
