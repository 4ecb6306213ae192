import { randomUUID } from 'node:crypto';
import { ANYONES } from '../support/accounts';
import type { Answer, IntegrationBody } from '../support/caller';
import { eventually } from '../support/eventually';
import { freePort } from '../support/free-port';
import { HubProcess } from '../support/hub-process';
import type { SandboxEntry } from '../support/sandbox-admin';
import { Stack } from '../support/stack';

/** What a caller hears whose forced refresh is in the hands of a worker that ends before it has asked the provider. */
let hub: Stack;
let second: HubProcess;
beforeAll(async () => {
  hub = await Stack.start();
  second = await anotherWorker();
});
afterAll(async () => {
  await second.kill();
  await hub.stop();
});

async function anotherWorker(): Promise<HubProcess> {
  const port = String(await freePort());
  const environment = {
    ...hub.environment,
    DATABASE_URL: hub.database.urlFor('refreshWorker'),
    WORKER_HEALTH_PORT: port,
    SPOOL_DIR: `${hub.environment['SPOOL_DIR']}-of-the-second`,
  };
  const process = new HubProcess({
    app: 'refresh-worker',
    environment,
    readyUrl: `http://127.0.0.1:${port}/health/ready`,
  });
  await process.start();
  return process;
}

interface Ended {
  readonly ended: HubProcess;
  readonly before: IntegrationBody;
  readonly answer: Answer<IntegrationBody>;
  readonly calls: () => Promise<SandboxEntry[]>;
}

/** Forces a refresh, and ends the worker that has claimed it between its claim and its call. */
async function endedBeforeItsCall(org: string): Promise<Ended> {
  const caller = hub.as(org);
  const account = ANYONES.shopify();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  const before = (await caller.read('shopify')).body;
  await hub.database.rows('begin');
  // the claim needs no key, and what comes after it does
  await hub.database.rows('lock table public.data_keys in access exclusive mode');
  const answering = caller.refresh('shopify');
  const ended = await eventually('the claim', () => holder(org));
  ended.signal('SIGTERM');
  await eventually('its drain', () =>
    Promise.resolve(ended.lines.some((line) => line.includes('hub.worker.draining'))),
  );
  await hub.database.rows('rollback');
  const answer = await answering;
  await ended.stop();
  const calls = () => hub.sandbox.log({ provider: 'shopify', account: account.name, kind: 'refresh' });
  return { ended, before, answer, calls };
}

/** The process that holds the lease of an org's integration. */
async function holder(org: string): Promise<HubProcess | undefined> {
  const [row] = await hub.database.rows<{ lease_owner: string | null }>(
    "select lease_owner from public.integrations where org_id = $1 and phase = 'claimed'",
    [org],
  );
  const pid = Number(row?.lease_owner?.split(' ')[1]);
  return [hub.process('refresh-worker'), second].find((process) => process.pid === pid);
}

it('has the new token where another worker takes over, and never the old one as if it were new', async () => {
  const org = randomUUID();
  const caller = hub.as(org);
  const { before, answer, calls } = await endedBeforeItsCall(org);
  await hub.event(caller, 'refresh.succeeded');
  // on a machine that is so busy that ten seconds do not suffice, the answer says that the work goes on
  expect([200, 202]).toContain(answer.status);
  if (answer.status === 200) expect(answer.body.expiresAt).not.toBe(before.expiresAt);
  expect(await calls()).toMatchObject([{ accepted: true }]);
});

it('is told that the work goes on where nobody takes over in time, and somebody does later', async () => {
  const org = randomUUID();
  const caller = hub.as(org);
  // of the two, one has ended already
  const { ended, before, answer, calls } = await endedBeforeItsCall(org);
  expect(answer.status).toBe(202);
  expect(answer.headers.get('retry-after')).toBe('2');
  expect(answer.body).toMatchObject({ status: 'connected', expiresAt: before.expiresAt, failure: null });
  expect(await calls()).toEqual([]);
  await ended.start();
  await hub.event(caller, 'refresh.succeeded', { withinMs: 30_000 });
  expect((await caller.read('shopify')).body.expiresAt).not.toBe(before.expiresAt);
});
