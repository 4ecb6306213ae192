import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuditRepository, DeadLetterRepository } from '@hub/database';
import { MOST_PENDING, type IntegrationId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { KeyUnavailable, LocalKeyProvider } from '@hub/token-vault';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../../support/eventually';
import { deliveryWorker, type DeliveryWorkerInTest } from '../../support/running-worker';
import { DeliveryStand, type Hook } from './delivery-stand';

/** Single deliveries, done by a worker that takes nothing up by itself. */
let stand: DeliveryStand;
let worker: DeliveryWorkerInTest;

beforeAll(async () => {
  stand = await DeliveryStand.set();
  worker = await deliveryWorker(stand.base.settings.deliveryConfig());
});
afterAll(async () => {
  await worker.stop();
  await stand.clear();
});

const deliver = async (hook: Hook, eventId: string) => worker.deliveries.deliver(await hook.work(eventId));

describe('a delivery', () => {
  it('is what was posted, signed so that a library of Standard Webhooks verifies it', async () => {
    const hook = await stand.hook();
    const data = { order: 'o-1', text: 'Grüße ✓ \u2028', nested: { list: [1, null, true] } };
    const id = await hook.post(data, 'order.paid');
    const at = await atOf(hook, id);
    expect(await deliver(hook, id)).toBe('done');
    expect(await hook.verified()).toEqual([{ id, seq: 1, type: 'order.paid', at: at.toISOString(), data }]);
    const [sent] = await hook.received();
    expect(sent!.headers).toMatchObject({ 'webhook-id': id, 'content-type': 'application/json' });
    expect(sent!.path).toBe(`/zapier${new URL(hook.url).pathname}`);
    expect(await hook.row(id)).toMatchObject({ state: 'delivered', data: null, last_status: 200, lease_until: null });
    expect(await hook.stored.eventsNamed('delivery.succeeded')).toEqual([
      { delivery: id, seq: 1, type: 'order.paid', attempts: 1, status: 200 },
    ]);
    expect((await hook.stored.row()).metadata).toMatchObject({ webhookStatus: 'reachable' });
  });

  it('that was delivered is not sent again, whoever rings', async () => {
    const hook = await stand.hook();
    const id = await hook.post();
    const work = await hook.work(id);
    await worker.deliveries.deliver(work);
    expect(await worker.deliveries.deliver(work)).toBe('done');
    expect(await hook.received()).toHaveLength(1);
  });

  it('bears both signatures for a while after its secret was rotated', async () => {
    const hook = await stand.hook();
    const before = await hook.secret();
    const after = await hook.secret({ rotate: true });
    await deliver(hook, await hook.post());
    expect(before).not.toBe(after);
    for (const secret of [before, after]) expect(await hook.verified(secret)).toHaveLength(1);
    const stranger = new Webhook('whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vyc3RyYW5nZXI=');
    const [sent] = await hook.received();
    expect(() => stranger.verify(sent!.body, { ...sent!.headers })).toThrow('No matching signature found');
  });

  it('is followed by all that is due for the same receiver, in the order in which it was taken', async () => {
    const hook = await stand.hook();
    const ids = [];
    for (let seq = 1; seq <= 5; seq += 1) ids.push(await hook.post({ seq }));
    await deliver(hook, ids[0]!);
    expect((await hook.verified()).map(({ id, seq }) => [id, seq])).toEqual(ids.map((id, place) => [id, place + 1]));
  });

  it('is sent at most twice at once, however many ring', async () => {
    const hook = await stand.hook();
    await hook.fault({ kind: 'latency', ms: 700 });
    const ids = await Promise.all(Array.from({ length: 6 }, () => hook.post()));
    const works = await Promise.all(ids.map((id) => hook.work(id)));
    let most = 0;
    const all = Promise.all(works.map((work) => worker.deliveries.deliver(work)));
    const watch = async (): Promise<void> => {
      while ((await hook.rows()).some(({ state }) => state === 'pending'))
        most = Math.max(most, (await hook.rows()).filter((row) => row.lease_until !== null).length);
    };
    await Promise.all([all, watch()]);
    expect(most).toBe(2);
    expect(new Set((await hook.verified()).map(({ id }) => id))).toEqual(new Set(ids));
    expect(await hook.received()).toHaveLength(6);
  }, 60_000);
});

/** When the event happened, as the row has it. */
async function atOf(hook: Hook, eventId: string): Promise<Date> {
  const [row] = await stand.base.database.sql<{ at: Date }>('select at from public.deliveries where event_id = $1', [
    eventId,
  ]);
  if (!row) throw new Error(`there is no delivery for ${hook.account}`);
  return row.at;
}

describe('a receiver that fails', () => {
  it.each([
    ['answers 500', { kind: 'status', status: 500 }, 'provider_unavailable', 500],
    ['answers 503 in HTML', { kind: 'html', status: 503 }, 'provider_unavailable', 503],
    ['answers 403', { kind: 'status', status: 403 }, 'bad_provider_response', 403],
    ['breaks off', { kind: 'drop_before' }, 'provider_unavailable', null],
    ['takes it and breaks off', { kind: 'lost_response' }, 'provider_unavailable', null],
  ] as const)('and %s gets it again in a minute', async (_how, fault, code, status) => {
    const hook = await stand.hook();
    const end = await hook.fault(fault);
    const id = await hook.post();
    await deliver(hook, id);
    const failed = await hook.row(id);
    expect(failed).toMatchObject({ state: 'pending', failed_attempts: 1, failure_code: code, last_status: status });
    expect(failed.in_ms).toBeGreaterThan(30_000);
    expect(failed.in_ms).toBeLessThanOrEqual(60_000);
    expect((await hook.stored.row()).metadata).toMatchObject({ webhookStatus: 'failing' });
    await end();
    await hook.makeDue();
    await deliver(hook, id);
    expect(await hook.row(id)).toMatchObject({ state: 'delivered', failed_attempts: 0 });
    const seen = await hook.verified();
    expect(seen.at(-1)).toMatchObject({ id, seq: 1 });
    expect(new Set(seen.map((event) => JSON.stringify(event))).size).toBe(1);
  });

  it('gets a try after 1, 2, 4 and 8 minutes; then it is a dead letter, which a replay delivers', async () => {
    const hook = await stand.hook();
    const end = await hook.fault({ kind: 'status', status: 500, afterWork: true });
    const id = await hook.post();
    const minutes: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await deliver(hook, id);
      minutes.push(Math.ceil((await hook.row(id)).in_ms! / 60_000));
      await hook.makeDue();
    }
    expect(minutes).toEqual([1, 2, 4, 8]);
    await deliver(hook, id);
    expect(await hook.row(id)).toMatchObject({ state: 'dead', failed_attempts: 5, next_attempt_at: null });
    expect((await hook.stored.eventsNamed('delivery.failed')).map(({ deadLetter }) => deadLetter)).toEqual([
      ...[false, false, false, false],
      true,
    ]);
    await end();
    await hook.makeDue();
    await deliver(hook, id);
    expect(await hook.received()).toHaveLength(5);

    const letters = new DeadLetterRepository(await stand.base.database.as('gateway'));
    const letter = `delivery-${(await hook.row(id)).id}`;
    expect(await letters.replayOne(hook.stored.orgId, letter, { type: 'user', id: 'ada' })).toBeDefined();
    await deliver(hook, id);
    expect(await hook.row(id)).toMatchObject({ state: 'delivered' });
    const seen = await hook.verified();
    expect(seen).toHaveLength(6);
    expect(new Set(seen.map(({ id: same, seq, at }) => `${same} ${seq} ${at}`)).size).toBe(1);
    const stamps = (await hook.received()).map(({ headers }) => Number(headers['webhook-timestamp']));
    expect([...stamps].sort((a, b) => a - b)).toEqual(stamps);
  }, 60_000);

  it.each([400, 413])('and refuses the message itself by %s gets it never again', async (status) => {
    const hook = await stand.hook();
    await hook.fault({ kind: 'status', status });
    const id = await hook.post();
    await deliver(hook, id);
    expect(await hook.row(id)).toMatchObject({
      state: 'dead',
      failed_attempts: 1,
      failure_code: 'provider_misconfigured',
    });
    expect((await hook.circuit()).failures).toBe(0);
  });

  it('that asks for patience is given it, by this delivery and by the others, which spend no try on it', async () => {
    const hook = await stand.hook();
    await hook.fault({ kind: 'error', status: 429, headers: { 'retry-after': '600' }, body: {}, times: 1 });
    const [first, second] = [await hook.post({ n: 1 }), await hook.post({ n: 2 })];
    await deliver(hook, first);
    expect((await hook.row(first)).in_ms).toBeGreaterThan(590_000);
    const others = await hook.row(second);
    expect(others).toMatchObject({ state: 'pending', failed_attempts: 0, lease_until: null });
    expect(others.in_ms).toBeGreaterThan(590_000);
    expect((await hook.circuit()).failures).toBe(0);
    expect(await hook.received()).toEqual([]);
  });

  it('that says nothing is waited for for ten seconds', async () => {
    const hook = await stand.hook();
    await hook.fault({ kind: 'latency', ms: 12_000 });
    const id = await hook.post();
    await deliver(hook, id);
    expect(await hook.row(id)).toMatchObject({ state: 'pending', failed_attempts: 1, last_status: null });
    expect(await hook.stored.eventsNamed('delivery.failed')).toEqual([expect.objectContaining({ reason: 'timeout' })]);
  }, 40_000);
});

describe('a hook that is gone', () => {
  it.each(['gone', 'gone_legacy'])('(%s) is not sent to any more until there is a new URL', async (hookState) => {
    const hook = await stand.hook({ kind: 'standard' });
    await stand.base.sandbox.admin.set('zapier', { hookState }, hook.account);
    const [first, second] = [await hook.post({ n: 1 }), await hook.post({ n: 2 })];
    await deliver(hook, first);
    expect(await hook.row(first)).toMatchObject({ state: 'dead', failure_code: 'invalid_grant' });
    expect(await hook.row(second)).toMatchObject({ state: 'pending', failed_attempts: 0, next_attempt_at: null });
    expect(await hook.stored.row()).toMatchObject({
      status: 'reauth_required',
      metadata: { webhookStatus: 'gone' },
    });
    expect(await hook.stored.events()).toEqual(['delivery.failed', 'integration.reauth_required']);
    await deliver(hook, second);
    expect(await hook.received()).toHaveLength(1);
    const third = await hook.post({ n: 3 });
    expect(await hook.row(third)).toMatchObject({ state: 'pending', next_attempt_at: null });
  });
});

describe('a circuit', () => {
  const failAll = async (hook: Hook, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await deliver(hook, await hook.post({ n }));
  };

  it('opens after five failures in a row: nothing is sent, and what waits spends no try', async () => {
    const hook = await stand.hook();
    await hook.fault({ kind: 'status', status: 500, afterWork: true });
    await failAll(hook, 5);
    const circuit = await hook.circuit();
    expect(circuit).toMatchObject({ failures: 5 });
    expect(circuit.open_in_ms).toBeGreaterThan(30_000);
    expect(circuit.open_in_ms).toBeLessThanOrEqual(60_000);
    const waiting = await hook.post({ n: 'waits' });
    expect(await deliver(hook, waiting)).toBe('done');
    expect(await hook.row(waiting)).toMatchObject({ state: 'pending', failed_attempts: 0 });
    expect(await hook.received()).toHaveLength(5);
  });

  it('lets one trial through after its pause, and stays open for longer if that fails', async () => {
    const hook = await stand.hook();
    await hook.fault({ kind: 'status', status: 500, afterWork: true });
    await failAll(hook, 5);
    const waiting = await Promise.all([1, 2, 3].map((n) => hook.post({ n })));
    await hook.endPause();
    const works = await Promise.all(waiting.map((id) => hook.work(id)));
    await Promise.all(works.map((work) => worker.deliveries.deliver(work)));
    expect(await hook.received()).toHaveLength(6);
    const circuit = await hook.circuit();
    expect(circuit).toMatchObject({ failures: 6 });
    expect(circuit.open_in_ms).toBeGreaterThan(90_000);
    const tries = (await Promise.all(waiting.map((id) => hook.row(id)))).map((row) => row.failed_attempts);
    expect(tries.sort()).toEqual([0, 0, 1]);
  });

  it('closes by a trial that is taken, and all that waits follows', async () => {
    const hook = await stand.hook();
    const end = await hook.fault({ kind: 'status', status: 500, afterWork: true });
    await failAll(hook, 5);
    const waiting = await Promise.all([1, 2, 3].map((n) => hook.post({ n })));
    await end();
    await hook.endPause();
    await deliver(hook, waiting[0]!);
    for (const id of waiting) expect(await hook.row(id)).toMatchObject({ state: 'delivered' });
    expect(await hook.circuit()).toMatchObject({ failures: 0, open_in_ms: null });
  });
});

describe('what came of a send while PostgreSQL cannot take it', () => {
  it('is written once it can, by the same claim, so that the event is sent once', async () => {
    const hook = await stand.hook();
    const end = await hook.fault({ kind: 'latency', ms: 1_500, afterWork: true });
    const id = await hook.post();
    const sending = deliver(hook, id);
    await eventually('the send', async () => (await hook.received()).length === 1);
    // while the receiver takes its time
    await stand.base.database.setAway(true);
    await sleep(3_000);
    await stand.base.database.setAway(false);
    await sending;
    await end();
    expect(await hook.row(id)).toMatchObject({ state: 'delivered', epoch: 1 });
    expect(await hook.received()).toHaveLength(1);
    expect(await hook.stored.eventsNamed('delivery.succeeded')).toHaveLength(1);
  }, 40_000);
});

describe('what is sealed and does not open', () => {
  it('is the hub’s own trouble: nothing is sent, the circuit stays closed, and it is tried again', async () => {
    const hook = await stand.hook();
    const id = await hook.post();
    const other = await hook.post();
    const { data } = await hook.row(other);
    await stand.base.database.sql('update public.deliveries set data = $2 where event_id = $1', [id, data]);
    await deliver(hook, id);
    expect(await hook.row(id)).toMatchObject({ state: 'pending', failed_attempts: 1, failure_code: 'internal' });
    expect(await hook.stored.eventsNamed('delivery.failed')).toEqual([
      expect.objectContaining({ reason: 'data_not_authentic' }),
    ]);
    expect((await hook.verified()).map((event) => event.id)).toEqual([other]);
  });
});

describe('while the key provider is away', () => {
  it('a delivery waits, on whatever rung it stands', async () => {
    const hook = await stand.hook();
    const id = await hook.post();
    const work = await hook.work(id);
    // a worker that has opened nothing yet has no key at hand
    const another = await deliveryWorker(stand.base.settings.deliveryConfig());
    const away = jest.spyOn(LocalKeyProvider.prototype, 'unwrap').mockRejectedValue(new KeyUnavailable('local'));
    try {
      expect(await another.deliveries.deliver(work)).toBe('done');
      const waits = await hook.row(id);
      expect(waits).toMatchObject({ state: 'pending', failed_attempts: 0, lease_until: null });
      expect(waits.in_ms).toBeGreaterThan(20_000);
      expect(await hook.stored.events()).toEqual([]);
      away.mockRestore();
      // a key provider that was away is not asked again at once
      await eventually('the delivery', async () => {
        await hook.makeDue();
        await another.deliveries.deliver(await hook.work(id));
        return (await hook.row(id)).state === 'delivered';
      });
      expect(await hook.stored.eventsNamed('delivery.succeeded')).toEqual([expect.objectContaining({ attempts: 1 })]);
    } finally {
      away.mockRestore();
      await another.stop();
    }
  });
});

describe('the hub’s own events', () => {
  async function happens(hook: Hook): Promise<void> {
    const trail = new AuditRepository(await stand.base.database.as('gateway'));
    const integrationId = randomUUID() as IntegrationId;
    const actor = { type: 'system', id: 'test' } as const;
    await trail.append(hook.stored.orgId, [{ name: 'sync.completed', provider: 'notion', integrationId, actor }]);
  }
  const cursorOf = async (hook: Hook): Promise<Record<string, unknown>> => {
    const [row] = await stand.base.database.sql<Record<string, unknown>>(
      'select outbox_seq, outbox_full_since is not null as is_full from public.delivery_settings where id = $1',
      [hook.stored.id],
    );
    return row ?? {};
  };

  it('wait in the trail while there is no room for them, which is told once, and follow once there is', async () => {
    const hook = await stand.hook();
    await hook.wants('sync.completed');
    await worker.outbox.takeIn();
    const { outbox_seq: cursor } = await cursorOf(hook);
    await stand.base.database.sql(
      `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source)
       select $1, $2, 'zapier', gen_random_uuid(), n, 'x', now(), 'hub' from generate_series(101, 100 + $3::int) as n`,
      [hook.stored.orgId, hook.stored.id, MOST_PENDING],
    );
    await happens(hook);
    const told = jest.spyOn(HubLogger.prototype, 'warning');
    const second = await deliveryWorker(stand.base.settings.deliveryConfig());
    try {
      for (let looks = 0; looks < 3; looks += 1) await worker.outbox.takeIn();
      await second.outbox.takeIn();
      expect(told.mock.calls.filter(([name]) => name === 'hub.outbox.full')).toEqual([
        ['hub.outbox.full', expect.objectContaining({ integration: hook.stored.id, of: 'pending' })],
      ]);
    } finally {
      told.mockRestore();
      await second.stop();
    }
    expect(await cursorOf(hook)).toEqual({ outbox_seq: cursor, is_full: true });
    expect(await hook.rows()).toHaveLength(MOST_PENDING);

    await stand.base.database.sql("delete from public.deliveries where integration_id = $1 and source = 'hub'", [
      hook.stored.id,
    ]);
    const third = await deliveryWorker(stand.base.settings.deliveryConfig());
    try {
      await third.outbox.takeIn();
    } finally {
      await third.stop();
    }
    expect(await hook.rows()).toEqual([expect.objectContaining({ type: 'sync.completed', state: 'pending' })]);
    expect(await cursorOf(hook)).toMatchObject({ is_full: false });
  }, 40_000);

  it('wait while the key provider is away, which is told once for all orgs', async () => {
    const hooks = [await stand.hook(), await stand.hook()];
    for (const hook of hooks) {
      await hook.wants('sync.completed');
      await happens(hook);
    }
    const another = await deliveryWorker(stand.base.settings.deliveryConfig());
    const away = jest.spyOn(LocalKeyProvider.prototype, 'unwrap').mockRejectedValue(new KeyUnavailable('local'));
    const told = jest.spyOn(HubLogger.prototype, 'warning');
    try {
      for (let looks = 0; looks < 3; looks += 1) await another.outbox.takeIn();
      expect(told.mock.calls.map(([name]) => name)).toEqual(['hub.keys.unavailable']);
      for (const hook of hooks) expect(await hook.rows()).toEqual([]);
      away.mockRestore();
      // a key provider that was away is not asked again at once
      await eventually('the events', async () => {
        await another.outbox.takeIn();
        return (await Promise.all(hooks.map((hook) => hook.rows()))).every((rows) => rows.length === 1);
      });
    } finally {
      told.mockRestore();
      away.mockRestore();
      await another.stop();
    }
  }, 40_000);
});

it('more than ten events for one URL take their time, though there is room for more', async () => {
  const hook = await stand.hook();
  const ids = await Promise.all(Array.from({ length: 21 }, () => hook.post()));
  const startedMs = performance.now();
  await deliver(hook, ids[0]!);
  await hook.until('delivered', 21);
  // the first goes at once, each other one a tenth of a second behind the one before
  expect(performance.now() - startedMs).toBeGreaterThan(20 * 100 - 50);
});
