import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendEvents, type HubDatabase } from '@hub/database';
import type { AuditEntry, OrgId } from '@hub/domain';
import { Client, type Pool } from 'pg';
import { bearerOf } from '../support/bearer';
import { freePort } from '../support/free-port';
import { HubProcess } from '../support/hub-process';
import { LiveClient } from '../support/live-client';
import type { Stack } from '../support/stack';
import { inTurns, resultOf, type LoadResult } from './load';

/** Events of each round, one after the other. */
const EVENTS = 150;
/** What happens to an org is seldom, so that nothing of the event before is still under way. */
const EVERY_MS = 15;
/** Something hangs if a message is not there by then. */
const LOST_AFTER_MS = 10_000;

const ENTRY: Omit<AuditEntry, 'provider'> = {
  name: 'sync.completed',
  integrationId: null,
  actor: { type: 'system', id: 'bench' },
  detail: {},
};

/**
 * How long it takes from the commit of an event until it is at whoever follows: by a socket at each of two gateways, and,
 * as the floor, by a bare notice of PostgreSQL on two connections. Measured from just before the commit is sent.
 *
 * @param org one with an integration of this provider, which each message tells of
 * @returns the floor's and the hub's
 */
export async function measureLive(
  stack: Stack,
  { org, provider }: { readonly org: string; readonly provider: string },
  database: HubDatabase,
  pool: Pool,
): Promise<LoadResult[]> {
  const second = await startSecondGateway(stack);
  const listeners = await Promise.all([1, 2].map(() => listening(pool)));
  const headers = { authorization: `Bearer ${await bearerOf({ org })}` };
  const clients = await Promise.all([stack.base, second.base].map((base) => LiveClient.open(base, { headers })));
  try {
    await Promise.all(clients.map((client) => client.ready()));
    await pool.query('create table floor_news (org_id text, name text)');
    return await inTurns([
      () =>
        delays(
          () => listeners.map((listener) => arrivalOf(once(listener, 'notification', lost()))),
          (sent) => notify(pool, org, sent),
        ),
      () =>
        delays(
          () => clients.map(({ socket }) => arrivalOf(once(socket, 'message', lost()))),
          (sent) =>
            database.withOrg(org as OrgId, async (manager) => {
              await appendEvents(manager, [{ ...ENTRY, provider }]);
              sent();
            }),
        ),
    ]);
  } finally {
    for (const client of clients) client.break();
    await Promise.all(listeners.map((listener) => listener.end()));
    await second.process.stop();
  }
}

/** @param write commits, and tells just before */
async function delays(
  arrivals: () => readonly Promise<number>[],
  write: (sent: () => void) => Promise<void>,
): Promise<LoadResult> {
  const tookMs: number[] = [];
  const startedAt = performance.now();
  for (let event = 0; event < EVENTS; event += 1) {
    let sentAt = 0;
    const [arrived] = await Promise.all([
      Promise.all(arrivals()),
      write(() => {
        sentAt = performance.now();
      }),
    ]);
    tookMs.push(...arrived.map((at) => at - sentAt));
    await sleep(EVERY_MS);
  }
  return resultOf(tookMs, startedAt);
}

async function arrivalOf(message: Promise<unknown>): Promise<number> {
  await message;
  return performance.now();
}

function lost(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(LOST_AFTER_MS) };
}

async function listening(pool: Pool): Promise<Client> {
  const client = new Client({ connectionString: pool.options.connectionString });
  await client.connect();
  await client.query('listen floor_news');
  return client;
}

async function notify(pool: Pool, org: string, sent: () => void): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('insert into floor_news values ($1, $2)', [org, ENTRY.name]);
    await client.query("select pg_notify('floor_news', $1)", [org]);
    sent();
    await client.query('commit');
  } finally {
    client.release();
  }
}

/** One more gateway beside the stack's own, with the same settings. */
async function startSecondGateway(stack: Stack): Promise<{ base: string; process: HubProcess }> {
  const { spec } = stack.process('gateway');
  const port = String(await freePort());
  const base = `http://127.0.0.1:${port}`;
  const process = new HubProcess({
    ...spec,
    environment: { ...spec.environment, PORT: port },
    readyUrl: `${base}/health/ready`,
  });
  await process.start();
  return { base, process };
}
