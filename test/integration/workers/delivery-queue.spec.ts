import { randomUUID } from 'node:crypto';
import { AuditRepository } from '@hub/database';
import type { EventName, IntegrationId } from '@hub/domain';
import { Redis } from 'ioredis';
import { deliveryWorker, type DeliveryWorkerInTest } from '../../support/running-worker';
import { eventually } from '../../support/eventually';
import { storeIntegration } from '../../support/stored-integration';
import { DeliveryStand, type Hook } from './delivery-stand';

/** Workers that take up by themselves what is due. */
let stand: DeliveryStand;
let worker: DeliveryWorkerInTest;

beforeAll(async () => {
  stand = await DeliveryStand.set();
  worker = await deliveryWorker(stand.base.settings.deliveryConfig());
  await worker.start();
});
afterAll(async () => {
  await worker.stop();
  await stand.clear();
});

const posted = (hook: Hook, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => hook.post({ n })));

it('what nobody rang for is found by the watch, and arrives once', async () => {
  const hook = await stand.hook();
  const ids = await posted(hook, 5);
  await hook.until('delivered', 5);
  expect((await hook.verified()).map(({ id }) => id).sort()).toEqual(ids.sort());
});

it('a slow receiver delays nobody else', async () => {
  const slow = await Promise.all(Array.from({ length: 10 }, () => stand.hook()));
  const ends = await Promise.all(slow.map((hook) => hook.fault({ kind: 'latency', ms: 8_000, afterWork: true })));
  // more than a worker has places
  await Promise.all(slow.map((hook) => posted(hook, 10)));
  await eventually('slow sends under way', async () => (await slow[0]!.rows()).some((row) => row.lease_until !== null));
  const quick = await stand.hook();
  await posted(quick, 20);
  await quick.until('delivered', 20);
  const done = (await Promise.all(slow.map((hook) => hook.rows()))).flat().filter((row) => row.state === 'delivered');
  // two at once they take forty seconds
  expect(done.length).toBeLessThan(100);
  await Promise.all(ends.map((end) => end()));
}, 90_000);

it('a receiver that is dead costs nobody else, and gets what waits once it is back', async () => {
  const [dead, well] = [await stand.hook(), await stand.hook()];
  const end = await dead.fault({ kind: 'drop_before' });
  const ids = await posted(dead, 30);
  await eventually('a circuit that stands open', async () => (await dead.circuit()).failures >= 5);
  await posted(well, 10);
  await well.until('delivered', 10);
  const spent = (await dead.rows()).map((row) => row.failed_attempts);
  expect(spent.reduce((sum, tries) => sum + tries, 0)).toBeLessThanOrEqual(7);
  await end();
  await dead.makeDue();
  await dead.until('delivered', 30, 45_000);
  expect(new Set((await dead.verified()).map(({ id }) => id))).toEqual(new Set(ids));
}, 120_000);

it('a Redis that is emptied loses none', async () => {
  const hook = await stand.hook();
  await hook.fault({ kind: 'latency', ms: 200 });
  const redis = new Redis(stand.base.settings.environment['REDIS_URL']!);
  const prefix = stand.base.settings.environment['REDIS_PREFIX']!;
  const ids = await posted(hook, 25);
  await eventually('the first', async () => (await hook.rows()).some((row) => row.state === 'delivered'));
  // all that this hub has there; the server is shared with other tests
  const keys = await redis.keys(`${prefix}*`);
  expect(keys.length).toBeGreaterThan(0);
  await redis.del(...keys);
  await redis.quit();
  await hook.until('delivered', 25, 60_000);
  expect(new Set((await hook.verified()).map(({ id }) => id))).toEqual(new Set(ids));
}, 90_000);

it('the log loses what is older than thirty days, and no dead letter', async () => {
  const hook = await stand.hook();
  await posted(hook, 3);
  const [old, dead, young] = await hook.until('delivered', 3);
  await stand.base.database.sql(
    "update public.deliveries set ended_at = now() - interval '31 days', state = case when id = $2 then 'dead' else state end where id in ($1, $2)",
    [old!.id, dead!.id],
  );
  const another = await deliveryWorker(stand.base.settings.deliveryConfig());
  await another.start();
  try {
    await eventually('a log without the old line', async () => (await hook.rows()).length === 2);
    expect((await hook.rows()).map(({ id }) => id)).toEqual([dead!.id, young!.id]);
  } finally {
    await another.stop();
  }
});

describe('the hub’s own events', () => {
  /** Puts events into an org's trail as its apps do. */
  async function happen(
    hook: Hook,
    name: EventName,
    count = 1,
    integrationId = randomUUID() as IntegrationId,
  ): Promise<void> {
    const trail = new AuditRepository(await stand.base.database.as('gateway'));
    const actor = { type: 'system', id: 'test' } as const;
    const entry = { name, provider: 'notion', integrationId, actor };
    for (let n = 0; n < count; n += 1) await trail.append(hook.stored.orgId, [entry]);
  }

  it('are not delivered unless the org has opted in', async () => {
    const hook = await stand.hook();
    await happen(hook, 'integration.connected');
    const id = await hook.post();
    await hook.until('delivered');
    expect((await hook.verified()).map((event) => event.id)).toEqual([id]);
  });

  it('arrive once each, those that it wants, from then on, with the ids of the trail', async () => {
    const hook = await stand.hook();
    await happen(hook, 'sync.completed');
    await hook.wants('sync.completed', 'integration.disconnected');
    const other = await storeIntegration(stand.base.database, stand.base.settings.vault, {
      provider: 'notion',
      grant: { accessToken: 'x', refreshToken: null },
      orgId: hook.stored.orgId,
    });
    await happen(hook, 'sync.completed', 2, other.id);
    await happen(hook, 'sync.failed', 1, other.id);
    await happen(hook, 'integration.connected', 1, other.id);
    await happen(hook, 'sync.completed', 1, hook.stored.id);
    await happen(hook, 'integration.disconnected', 1, other.id);
    await hook.until('delivered', 3);
    const trail = await stand.base.database.sql<{ id: string; name: string }>(
      "select id, name from public.audit_events where integration_id = $1 and name in ('sync.completed', 'integration.disconnected') order by seq",
      [other.id],
    );
    const seen = (await hook.verified()).sort((a, b) => a.seq - b.seq);
    expect(seen.map(({ id, type }) => ({ id, name: type }))).toEqual(trail);
    expect(seen.at(-1)!.data).toEqual({ provider: 'notion', integrationId: other.id, status: 'not_connected' });
  });

  it('of many at once come whole, beside a second worker that reads the same trail', async () => {
    const hook = await stand.hook();
    await hook.wants('sync.completed');
    const second = await deliveryWorker(stand.base.settings.deliveryConfig());
    try {
      await Promise.all([
        happen(hook, 'sync.completed', 60),
        ...Array.from({ length: 20 }, () => Promise.all([worker.outbox.takeIn(), second.outbox.takeIn()])),
      ]);
      await hook.until('delivered', 60, 45_000);
      const seen = await hook.verified();
      expect(seen).toHaveLength(60);
      expect(new Set(seen.map(({ id }) => id)).size).toBe(60);
    } finally {
      await second.stop();
    }
  }, 90_000);
});
