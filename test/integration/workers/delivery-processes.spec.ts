import { randomUUID } from 'node:crypto';
import { AuditRepository } from '@hub/database';
import type { IntegrationId } from '@hub/domain';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { HubProcess } from '../../support/hub-process';
import { TcpProxy } from '../../support/tcp-proxy';
import { DeliveryStand, type Hook } from './delivery-stand';

let stand: DeliveryStand;
const processes: HubProcess[] = [];

beforeAll(async () => {
  stand = await DeliveryStand.set({ LOG_LEVEL: 'info' });
});
afterEach(() => Promise.all(processes.splice(0).map((process) => process.kill())));
afterAll(() => stand.clear());

async function worker(changed: Record<string, string> = {}): Promise<HubProcess> {
  const port = String(await freePort());
  const environment = {
    ...stand.base.settings.environment,
    DATABASE_URL: stand.base.database.deliveryWorkerUrl,
    WORKER_HEALTH_PORT: port,
    ...changed,
  };
  const readyUrl = `http://127.0.0.1:${port}/health/ready`;
  const process = new HubProcess({ app: 'delivery-worker', environment, readyUrl });
  processes.push(process);
  await process.start();
  return process;
}

const records = (process: HubProcess, name: string) =>
  process.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['event.name'] === name);

/** The receiver takes what comes, and answers so much later. */
const answersLate = (hook: Hook, ms: number) => hook.fault({ kind: 'latency', ms, afterWork: true, times: 1 });

const cameTo = (hook: Hook, count: number) =>
  eventually(`${count} deliveries at the receiver`, async () => (await hook.received()).length >= count);

/** The lease of whoever died is over. */
const endLeases = (hook: Hook) =>
  stand.base.database.sql(
    `update public.deliveries set lease_until = now() + interval '1 second' where integration_id = $1 and lease_until is not null`,
    [hook.stored.id],
  );

it('a worker that is killed between send and commit has it sent again, by the same id and seq, signed anew', async () => {
  const hook = await stand.hook();
  await answersLate(hook, 8_000);
  const id = await hook.post({ order: 'o-1' });
  const first = await worker();
  await cameTo(hook, 1);
  await first.kill();
  expect(await hook.row(id)).toMatchObject({ state: 'pending', lease_until: expect.any(Date), failed_attempts: 0 });
  await endLeases(hook);
  await worker();
  await hook.until('delivered');
  const seen = await hook.verified();
  expect(seen).toHaveLength(2);
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[0]).toMatchObject({ id, seq: 1, data: { order: 'o-1' } });
  expect(await hook.row(id)).toMatchObject({ state: 'delivered', last_status: 200 });
  expect(await hook.stored.eventsNamed('delivery.succeeded')).toHaveLength(1);
}, 90_000);

it('what was sent when SIGTERM comes is settled, and nothing else is begun', async () => {
  const hook = await stand.hook();
  await answersLate(hook, 2_000);
  await hook.post({ n: 1 });
  const process = await worker();
  await cameTo(hook, 1);
  await hook.post({ n: 2 });
  await process.stop();
  expect((await hook.rows()).map(({ state }) => state)).toEqual(['delivered', 'pending']);
  expect(await hook.received()).toHaveLength(1);
  expect(records(process, 'hub.delivery.sent')).toEqual([
    expect.objectContaining({
      provider: 'zapier',
      integration: hook.stored.id,
      seq: 1,
      attempt: 1,
      outcome: 'success',
    }),
  ]);
}, 90_000);

it('events that an org has opted in for are taken in once each, though workers are killed all the while', async () => {
  const hook = await stand.hook();
  await hook.wants('sync.completed');
  const trail = new AuditRepository(await stand.base.database.as('gateway'));
  const actor = { type: 'system', id: 'test' } as const;
  const other = randomUUID() as IntegrationId;
  const happen = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1)
      await trail.append(hook.stored.orgId, [
        { name: 'sync.completed', provider: 'notion', integrationId: other, actor },
      ]);
  };
  for (let kills = 0; kills < 4; kills += 1) {
    const process = await worker();
    await happen(15);
    await eventually('some of it', async () => (await hook.rows()).length > kills * 15);
    await process.kill();
  }
  await endLeases(hook);
  await worker();
  await hook.until('delivered', 60, 60_000);
  const events = await stand.base.database.sql<{ id: string }>(
    "select id from public.audit_events where integration_id = $1 and name = 'sync.completed' order by seq",
    [other],
  );
  expect((await hook.rows()).map(({ event_id }) => event_id)).toEqual(events.map(({ id }) => id));
  const seen = await hook.verified();
  expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(events.map(({ id }) => id)));
  // twice comes only what was under way when its worker died
  expect(seen.length).toBeLessThanOrEqual(60 + 4 * 2);
}, 180_000);

it('goes on without Redis, and with PostgreSQL once that is back', async () => {
  const url = new URL(stand.base.settings.environment['REDIS_URL']!);
  const door = await TcpProxy.before(url.hostname, Number(url.port));
  url.host = `127.0.0.1:${door.port}`;
  const process = await worker({ REDIS_URL: url.href });
  await door.shut();
  const hook = await stand.hook();
  await hook.post({ n: 1 });
  await hook.until('delivered', 1, 30_000);
  await stand.base.database.setAway(true);
  await eventually('a watch that sees nothing', () =>
    Promise.resolve(records(process, 'hub.watch.blind').length > 0 || records(process, 'hub.outbox.blind').length > 0),
  );
  await stand.base.database.setAway(false);
  await hook.post({ n: 2 });
  await hook.until('delivered', 2, 30_000);
  expect(process.isRunning).toBe(true);
  expect(records(process, 'hub.worker.crashed')).toEqual([]);
  await process.stop();
  await door.shut();
}, 120_000);

it('no record holds the URL, the secret or what was sent', async () => {
  const [well, ill] = [await stand.hook(), await stand.hook()];
  await ill.fault({ kind: 'status', status: 500 });
  const canary = `canary-${randomUUID()}`;
  await well.post({ canary });
  await ill.post({ canary });
  const process = await worker();
  await well.until('delivered');
  await eventually('a failure', async () => (await ill.rows()).some((row) => row.failed_attempts > 0));
  await process.stop();
  expect(records(process, 'hub.delivery.failed')).toEqual([
    expect.objectContaining({ integration: ill.stored.id, status: 500, 'error.type': 'provider_unavailable' }),
  ]);
  const lines = process.lines.join('\n');
  for (const hook of [well, ill])
    for (const secret of [
      hook.url,
      new URL(hook.url).pathname,
      hook.account.split('/')[1]!,
      await hook.secret(),
      canary,
    ])
      expect(lines).not.toContain(secret);
  expect(lines).not.toContain('hub1.');
}, 90_000);
