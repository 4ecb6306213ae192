import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { aConnect, ADA } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { eventually } from '../../../test/support/eventually';
import { DueNotices, type DueNotice } from './due-notices.client';
import type { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';
import { RefreshLeaseRepository } from './refresh-lease.repository';

const PROVIDER = 'notion' as ProviderId;

let database: OwnDatabase;
let gateway: IntegrationRepository;
let door: HubDatabase;
let notices: DueNotices;
let heard: DueNotice[];
let tried: boolean[];

beforeAll(async () => {
  database = await cloneDatabase();
  gateway = new IntegrationRepository(await database.as('gateway'));
  door = await database.as('refreshWorker');
});
afterAll(() => database.drop());

beforeEach(async () => {
  heard = [];
  tried = [];
  notices = new DueNotices(database.refreshWorkerUrl, 'test-notices', door);
  notices.whenTried((isHeard) => tried.push(isHeard));
  notices.listen((notice) => heard.push(notice));
  await listening();
});
afterEach(() => notices.close());

/** @returns the listener's process id, which is another one than that of a listener that is just being ended */
const listening = (endedPid = 0) =>
  eventually('a listener', async () => {
    const [found] = await database.sql<{ pid: number }>(
      `select pid from pg_stat_activity
       where application_name = 'test-notices' and query = 'listen hub_due' and state = 'idle' and pid <> $1`,
      [endedPid],
    );
    return found?.pid;
  });

async function stored(): Promise<{ orgId: OrgId; id: IntegrationId }> {
  const made = { orgId: randomUUID() as OrgId, id: randomUUID() as IntegrationId };
  const finish = () => Promise.resolve(true);
  await gateway.storeConnect({ ...made, provider: PROVIDER, change: aConnect(), actor: ADA }, finish);
  return made;
}

const first = () => eventually('a notice', () => Promise.resolve(heard[0]));

it.each([
  ['refresh', (orgId: OrgId) => gateway.requestRefresh(orgId, PROVIDER)],
  ['sync', (orgId: OrgId) => gateway.requestSync(orgId, PROVIDER)],
] as const)('a %s that a caller waits for is noticed, with ids and nothing else', async (kind, request) => {
  const { orgId, id } = await stored();
  await request(orgId);
  expect(await first()).toEqual({ kind, id, orgId, provider: PROVIDER, epoch: expect.any(Number) });
});

it('a refresh that a sync waits for is noticed, too', async () => {
  const { orgId, id } = await stored();
  await new IntegrationRepository(await database.as('syncWorker')).requestRefresh(orgId, PROVIDER);
  expect(await first()).toMatchObject({ kind: 'refresh', id });
});

it('a refresh whose lease is given back is noticed, so that somebody takes it over at once', async () => {
  const { orgId, id } = await stored();
  await gateway.requestRefresh(orgId, PROVIDER);
  await first();
  const leases = new RefreshLeaseRepository(await database.as('refreshWorker'));
  const lease = await leases.claim(orgId, id, 'worker');
  if ('reason' in lease) throw new Error(lease.reason);
  await leases.release(lease);
  const second = await eventually('another notice', () => Promise.resolve(heard[1]));
  expect(second).toEqual({ kind: 'refresh', id, orgId, provider: PROVIDER, epoch: lease.epoch });
});

it('notices are heard again after the database was away', async () => {
  const before = await listening();
  await database.setAway(true);
  await database.setAway(false);
  await listening(before);
  // the pool may still hold a connection that was ended, until somebody uses it
  const { orgId, id } = await eventually('a connection that holds', () => stored().catch(() => undefined));
  await gateway.requestRefresh(orgId, PROVIDER);
  expect(await first()).toMatchObject({ id });
});

it('each new connection is tried, and the trial is no notice', async () => {
  await eventually('the trial', () => Promise.resolve(tried[0]));
  const before = await listening();
  await database.sql('select pg_terminate_backend($1)', [before]);
  await eventually('another trial', () => Promise.resolve(tried[1]));
  expect(tried).toEqual([true, true]);
  expect(heard).toEqual([]);
});

it('what is no notice is passed over', async () => {
  for (const payload of [
    '',
    '{',
    'null',
    '{"kind":"refresh"}',
    '{"kind":"other","id":"a","orgId":"b","provider":"c","epoch":1}',
  ])
    await database.sql('select pg_notify($1, $2)', ['hub_due', payload]);
  const { orgId } = await stored();
  await gateway.requestRefresh(orgId, PROVIDER);
  await first();
  expect(heard).toHaveLength(1);
});
