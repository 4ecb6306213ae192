import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { appDataSource, AuditRepository, HubDatabase } from '@hub/database';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { PlainToken, tokenCell, TokenVault } from '@hub/token-vault';
import { Pool } from 'pg';
import { bearerOf } from '../support/bearer';
import { dataKeysIn, vaultSettings } from '../support/data-keys';
import { eventually } from '../support/eventually';
import { Stack } from '../support/stack';
import { anAccount, measureConnects, post, type ConnectTarget } from './connects';
import { measureColdKeys } from './cold-keys';
import { measureDeliveries, Receiver, sendTo } from './deliveries';
import { open, seal } from './floor';
import { FloorProcess } from './floor-process';
import { measureLive } from './live';
import { inTurns, load, microsecondsOf, type LoadResult } from './load';
import { memoryNow, type Memory, type MemoryName } from './memory';
import { measureReads } from './reads';
import { formatTable, row, type Row } from './table';

/**
 * The speed table: every figure beside its floor, measured in the same run on the same machine, since absolute figures
 * tell more of the machine than of the hub. Servers, apps and floor are processes of their own on free ports.
 */
const PROVIDER = 'google_drive';
const ORGS_READ = 100;
const SYNCS_WITHIN_MS = 10_000;
/** Something hangs if it is not over by then; a usual run takes a minute and a half. */
const LONGEST_RUN_MS = 300_000;
const APPENDS = { concurrency: 8, forMs: 1_500 };

interface TestServers {
  readonly adminUrl: string;
  readonly template: string;
  readonly redisUrl: string;
  readonly logins: object;
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  setTimeout(() => giveUp(new Error(`not over after ${LONGEST_RUN_MS / 1_000} s`)), LONGEST_RUN_MS).unref();
  const servers = await startServers();
  try {
    const stack = await Stack.start({ env: OUT_OF_REACH });
    try {
      const rows = await measure(stack);
      say(`\n${formatTable(rows)}\n`);
      say(NOTES);
    } finally {
      await stack.stop();
    }
  } finally {
    await servers.stop();
  }
  say(
    `Took ${((performance.now() - startedAt) / 1_000).toFixed(0)} s on ${cpus().length} cores, Node ${process.version}.`,
  );
}

async function measure(stack: Stack): Promise<Row[]> {
  const endpoints = await stack.sandbox.endpoints();
  const credentials = await stack.sandbox.credentials();
  await stack.sandbox.set(PROVIDER, { consent: 'approve' });
  const floor = await FloorProcess.start({
    databaseUrl: stack.database.adminUrl,
    tokenUrl: endpoints[PROVIDER]?.['tokenUrl']?.replace('//localhost:', '//127.0.0.1:'),
    apiBaseUrl: endpoints[PROVIDER]?.['apiBaseUrl']?.replace('//localhost:', '//127.0.0.1:'),
    clientId: credentials['GOOGLE_CLIENT_ID'],
    clientSecret: credentials['GOOGLE_CLIENT_SECRET'],
  });
  const receiver = await Receiver.start();
  try {
    await sendTo(receiver, stack);
    await sleep(1_000); // what starts has started
    const idle = await memoryNow();
    const orgs: string[] = [];
    return [
      ...(await connects(stack, floor, endpoints[PROVIDER]?.['authorizeUrl'] ?? '', credentials, orgs)),
      ...(await reads(stack, floor, orgs)),
      ...(await sealing(stack)),
      ...(await overDatabase(stack, coldKeys)),
      ...(await overDatabase(stack, appends)),
      ...(await overDatabase(stack, (database, pool) => live(stack, orgs[0] ?? '', database, pool))),
      ...(await deliveries(stack, floor, receiver)),
      ...memory(idle, await memoryNow()),
    ];
  } finally {
    receiver.stop();
    await floor.stop();
  }
}

async function connects(
  stack: Stack,
  floor: FloorProcess,
  authorizeUrl: string,
  credentials: Readonly<Record<string, string>>,
  orgs: string[],
): Promise<Row[]> {
  say('Connects: start, consent, callback.');
  const least = floorTarget(floor, authorizeUrl, credentials['GOOGLE_CLIENT_ID'] ?? '');
  const hub = hubTarget(stack, orgs);
  const measures = [
    () => measureConnects(least),
    async () => {
      const result = await measureConnects(hub);
      await syncsAreDone(stack);
      return result;
    },
  ];
  return loadRows('connects, 8 at a time', 'connect', await inTurns(measures));
}

function hubTarget(stack: Stack, orgs: string[]): ConnectTarget {
  return {
    async start() {
      const org = randomUUID();
      const authorization = `Bearer ${await bearerOf({ org })}`;
      const url = `${stack.base}/functions/v1/integrations-connect`;
      const { headers, json } = await post(url, { provider: PROVIDER }, { authorization });
      orgs.push(org);
      const consent = new URL((json as { authUrl: string }).authUrl);
      consent.searchParams.set('account', anAccount());
      const cookie = String(headers['set-cookie']).split(';')[0];
      return { consentUrl: consent.href, ...(cookie !== undefined && { cookie }) };
    },
    reach: (url) => url.replace(stack.publicUrl, stack.base),
  };
}

function floorTarget({ base }: FloorProcess, authorizeUrl: string, clientId: string): ConnectTarget {
  const redirectUri = 'http://127.0.0.1/callback';
  return {
    async start() {
      const { json } = await post(`${base}/connect`, {});
      const consent = new URL(authorizeUrl.replace('//localhost:', '//127.0.0.1:'));
      consent.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: 'https://www.googleapis.com/auth/drive.file',
        access_type: 'offline',
        prompt: 'consent',
        state: (json as { state: string }).state,
        account: anAccount(),
      }).toString();
      return { consentUrl: consent.href };
    },
    reach: (url) => url.replace(redirectUri, `${base}/callback`),
  };
}

/** What connecting has set off shall not run beside the next measurement. */
async function syncsAreDone(stack: Stack): Promise<void> {
  await eventually(
    'the syncs that the connects have set off',
    async () => {
      const [count] = await stack.database.rows<{ left: number }>(
        'select count(*)::int as left from public.integrations where sync_settled_at is null',
      );
      return count?.left === 0;
    },
    { withinMs: SYNCS_WITHIN_MS },
  ).catch(() => say('Syncs still run; what follows is measured beside them.'));
}

async function reads(stack: Stack, floor: FloorProcess, orgs: readonly string[]): Promise<Row[]> {
  say('Token reads, 32 at a time.');
  const connected = await stack.database.rows<{ org_id: string }>(
    'select org_id from public.integrations where org_id = any($1) limit $2',
    [orgs, ORGS_READ],
  );
  const path = `/functions/v1/integrations/${PROVIDER}/token`;
  const asked = await Promise.all(
    connected.map(async ({ org_id }) => ({
      path,
      headers: { authorization: `Bearer ${await bearerOf({ org: org_id })}` },
    })),
  );
  const least = asked.map((_one, place) => ({ path: `/tokens/${place + 1}` }));
  const measures = [() => measureReads(floor.base, least), () => measureReads(stack.base, asked)];
  return loadRows('token reads, 32 at a time', 'read', await inTurns(measures));
}

/** @param results the floor's and the hub's */
function loadRows(what: string, one: string, [least, hub]: readonly LoadResult[]): Row[] {
  if (!least || !hub) return [];
  return [
    row(what, hub.perSecond, least.perSecond, '/s'),
    row(`  one ${one}, p50`, hub.p50Ms, least.p50Ms, 'ms'),
    row(`  one ${one}, p99`, hub.p99Ms, least.p99Ms, 'ms'),
  ];
}

async function sealing(stack: Stack): Promise<Row[]> {
  say('Sealing and opening.');
  const vault = TokenVault.over(
    vaultSettings(),
    dataKeysIn((sql, values) => stack.database.rows(sql, values)),
  );
  const owner = {
    orgId: randomUUID() as OrgId,
    provider: PROVIDER as ProviderId,
    id: randomUUID() as IntegrationId,
  };
  const cell = tokenCell(owner, 'access_token');
  const text = `ya29.${'x'.repeat(128)}`;
  const token = new PlainToken(text);
  const sealed = await vault.seal(cell, token);
  const plain = seal(text);
  return [
    row(
      'sealing one token',
      await microsecondsOf(() => vault.seal(cell, token)),
      await microsecondsOf(() => seal(text)),
      'µs',
    ),
    row(
      'opening one token',
      await microsecondsOf(() => vault.open(cell, sealed)),
      await microsecondsOf(() => open(plain)),
      'µs',
    ),
  ];
}

/** Runs what needs the hub's own way to the database, and the floor's. */
async function overDatabase(
  stack: Stack,
  measureRows: (database: HubDatabase, pool: Pool) => Promise<Row[]>,
): Promise<Row[]> {
  const database = new HubDatabase(await appDataSource(stack.database.urlFor('refreshWorker'), 'bench').initialize());
  const pool = new Pool({ connectionString: stack.database.adminUrl, max: 10 });
  try {
    return await measureRows(database, pool);
  } finally {
    await pool.end();
    await database.dataSource.destroy();
  }
}

function coldKeys(database: HubDatabase, pool: Pool): Promise<Row[]> {
  say('Data keys that are not at hand.');
  return measureColdKeys(database, pool);
}

async function appends(database: HubDatabase, pool: Pool): Promise<Row[]> {
  say('Audit events.');
  const audit = new AuditRepository(database);
  const entry = {
    name: 'token.read',
    provider: PROVIDER,
    integrationId: null,
    actor: { type: 'system', id: 'bench' },
    detail: { count: 1 },
  } as const;
  await pool.query('create table floor_events (id uuid primary key, org_id uuid, name text, detail jsonb)');
  const insert = 'insert into floor_events values ($1, $2, $3, $4)';
  const oneOrg = randomUUID() as OrgId;
  const [least, many, one] = await inTurns([
    () =>
      load(APPENDS, async () => {
        const values = [randomUUID(), randomUUID(), entry.name, entry.detail];
        await pool.query({ name: 'event', text: insert, values });
      }),
    () => load(APPENDS, () => audit.append(randomUUID() as OrgId, [entry])),
    () => load(APPENDS, () => audit.append(oneOrg, [entry])),
  ]);
  if (!least || !many || !one) return [];
  return [
    row('audit events, each of another org', many.perSecond, least.perSecond, '/s'),
    row('audit events, all of one org', one.perSecond, least.perSecond, '/s'),
  ];
}

async function live(stack: Stack, org: string, database: HubDatabase, pool: Pool): Promise<Row[]> {
  say('Live status over two gateways, an event at a time.');
  const [least, hub] = await measureLive(stack, { org, provider: PROVIDER }, database, pool);
  if (!least || !hub) return [];
  return [
    row('from an event’s commit to its frame, p50', hub.p50Ms, least.p50Ms, 'ms'),
    row('  p99', hub.p99Ms, least.p99Ms, 'ms'),
    row('  the longest', hub.maxMs, least.maxMs, 'ms'),
  ];
}

async function deliveries(stack: Stack, floor: FloorProcess, receiver: Receiver): Promise<Row[]> {
  say('Deliveries of a backlog.');
  const [least, hub] = await measureDeliveries(stack, floor, receiver);
  return least && hub ? [row('deliveries of a backlog, one worker', hub.perSecond, least.perSecond, '/s')] : [];
}

const MEMORY_ROWS: readonly (readonly [MemoryName, string])[] = [
  ['gateway', 'gateway'],
  ['refresh-worker', 'refresh-worker'],
  ['metadata-sync-worker', 'metadata-sync-worker'],
  ['delivery-worker', 'delivery-worker'],
  ['sandbox', 'sandbox'],
  ['postgres', 'PostgreSQL, all its processes'],
  ['redis', 'Redis'],
];

/** The floor of an app's memory is the floor's own process. */
function memory(idle: Memory, after: Memory): Row[] {
  return MEMORY_ROWS.flatMap(([name, label]) => {
    const isApp = name !== 'postgres' && name !== 'redis';
    return [
      row(`memory idle: ${label}`, idle[name], isApp ? idle.floor : null, 'MB'),
      row(`memory after load: ${label}`, after[name], isApp ? after.floor : null, 'MB'),
    ];
  });
}

const NOTES = `The floor is a bare Fastify with a pool and one AES-GCM key that does the same errand without callers, orgs, binding,
fences or a trail; for audit events it is a plain insert without numbers, chain and row-level security, for memory its own
process; for an org's first seal and open it is a select, an insert and the bare question to the key provider. Vault is the
tests' stand-in, in the load generator. For live status it is a bare notice of PostgreSQL on two connections, both measured
from the sending of the commit; for deliveries a bare HTTP client with the same receiver, which is in the load generator.
Writes wait for the disk.
Load generator, servers and apps share these cores, so read ratios rather than figures.`;

/** One caller and one address send everything: each request is counted, and none is too many. */
const OUT_OF_REACH = {
  RATE_LIMIT_ADDRESS: '900000000/1m',
  RATE_LIMIT_CONNECTS: '900000000/1m',
  RATE_LIMIT_CALLER: '900000/1m', // counted ahead by so many that Redis is asked as seldom as in use
};

/** The servers of the tests, started here: the stack finds them in the environment, as in Jest. */
async function startServers(): Promise<TestServers> {
  say('Starting PostgreSQL, Redis, the sandbox and the apps.');
  const file = path.join(process.cwd(), 'deploy/local/servers-for-tests.mjs');
  const { startTestServers } = createRequire(__filename)(file) as {
    startTestServers(options: { durable: boolean }): Promise<TestServers>;
  };
  const servers = await startTestServers({ durable: true });
  process.env['HUB_TEST_ADMIN_URL'] = servers.adminUrl;
  process.env['HUB_TEST_TEMPLATE'] = servers.template;
  process.env['HUB_TEST_REDIS_URL'] = servers.redisUrl;
  process.env['HUB_TEST_LOGINS'] = JSON.stringify(servers.logins);
  return servers;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What was started ends with this process. */
function giveUp(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

main().then(() => process.exit(0), giveUp);
