import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { ANYONES } from '../support/accounts';
import type { Answer, Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import type { SandboxDelivery } from '../support/sandbox-admin';
import { Stack } from '../support/stack';

/** From a product service's call to a receiver that verifies what it gets: all apps, each a process. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
});
afterAll(() => hub.stop());

interface SentEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** An org with a webhook, as its product service and its receiver see it. */
interface Subscriber {
  readonly caller: Caller;
  /** By which the sandbox knows the hook. */
  readonly hook: string;
}

const of = (path: string): string => `/functions/v1/integrations/zapier/${path}`;
const post = async (caller: Caller, type: string, data: object): Promise<string> => {
  const answer: Answer<{ id: string }> = await caller.request('POST', of('events'), { body: { type, data } });
  expect(answer.status).toBe(202);
  return answer.body.id;
};

const secretOf = async (caller: Caller): Promise<string> =>
  (await caller.request<{ secret: string }>('POST', of('delivery-secret'), { body: {} })).body.secret;

async function subscriber(): Promise<Subscriber> {
  const caller = hub.as();
  const { name, order } = ANYONES.zapier();
  await hub.connect(caller, order);
  return { caller, hook: name };
}

/** A hook that can be gone. @returns by which the sandbox knows it */
async function connectStandardHook(caller: Caller): Promise<string> {
  const hook = `9/${randomUUID().replaceAll('-', '')}`;
  await hub.connect(caller, { provider: 'zapier', webhookUrl: `https://hooks.zapier.com/hooks/standard/${hook}/` });
  return hook;
}

/** Waits for so many deliveries, each verified as its receiver would. */
async function received(caller: Caller, hook: string, count: number): Promise<SentEvent[]> {
  const webhook = new Webhook(await secretOf(caller));
  const taken = await eventually<SandboxDelivery[]>(`${count} deliveries`, async () => {
    const good = (await hub.sandbox.deliveries(hook)).filter(({ status }) => status === 200);
    return good.length >= count && good;
  });
  return taken.map(({ body, headers }) => webhook.verify(body, { ...headers }) as SentEvent);
}

it('an event that a service posts is at its receiver within moments, signed, and stands in the log', async () => {
  const { caller, hook } = await subscriber();
  const id = await post(caller, 'order.paid', { order: 'o-1' });
  expect(await received(caller, hook, 1)).toEqual([
    { id, seq: 1, type: 'order.paid', at: expect.stringMatching(/Z$/), data: { order: 'o-1' } },
  ]);
  const event = await hub.event(caller, 'delivery.succeeded', { provider: 'zapier' });
  expect(event.actor).toEqual({ type: 'worker', id: 'delivery-worker' });
  const log = await caller.get<{ deliveries: { id: string; state: string }[] }>(of('deliveries'));
  expect(log.body.deliveries).toEqual([expect.objectContaining({ id, state: 'delivered', lastStatus: 200 })]);
  const { metadata } = (await caller.read('zapier')).body;
  expect(metadata).toMatchObject({ webhookStatus: 'reachable', lastDeliveryAt: expect.stringMatching(/Z$/) });
});

it('the hub’s own events reach whoever wants them, of the org’s other integrations and from then on', async () => {
  const { caller, hook } = await subscriber();
  const wanted = ['integration.connected', 'integration.disconnected'];
  await caller.request('PUT', of('delivery-settings'), { body: { events: wanted } });
  const { order, choices } = ANYONES.notion();
  await hub.connect(caller, order, choices);
  await caller.request('DELETE', '/functions/v1/integrations/notion');
  // two sends to a receiver may be under way at once, and overtake each other: seq tells the order
  const seen = (await received(caller, hook, 2)).sort((one, next) => one.seq - next.seq);
  const trail = (await hub.trail(caller)).filter(
    ({ name, provider }) => wanted.includes(name) && provider === 'notion',
  );
  expect(seen.map(({ id, type }) => [id, type])).toEqual(trail.map(({ id, name }) => [id, name]));
  expect(seen.map(({ data }) => data)).toEqual([
    { provider: 'notion', integrationId: trail[0]!.integrationId, status: 'connected' },
    { provider: 'notion', integrationId: trail[0]!.integrationId, status: 'not_connected' },
  ]);
});

it('a hook that is gone asks for a new URL, and what waits goes there by itself', async () => {
  const caller = hub.as();
  const gone = await connectStandardHook(caller);
  await hub.sandbox.set('zapier', { hookState: 'gone' }, gone);
  const refused = await post(caller, 'first', {});
  await hub.event(caller, 'integration.reauth_required', { provider: 'zapier' });
  expect((await caller.read('zapier')).body).toMatchObject({
    status: 'reauth_required',
    metadata: { webhookStatus: 'gone' },
  });
  const waits = await post(caller, 'second', {});
  const anew = await connectStandardHook(caller);
  expect((await received(caller, anew, 1)).map(({ id }) => id)).toEqual([waits]);
  expect(await hub.sandbox.deliveries(gone)).toHaveLength(1);

  const letters = await caller.get<{ deadLetters: { id: string; kind: string; reason: string }[] }>(
    '/functions/v1/integrations/dead-letters',
  );
  expect(letters.body.deadLetters).toEqual([expect.objectContaining({ kind: 'delivery' })]);
  await caller.request('POST', `/functions/v1/integrations/dead-letters/${letters.body.deadLetters[0]!.id}/replay`);
  expect((await received(caller, anew, 2)).map(({ id }) => id)).toEqual([waits, refused]);
});

it('a worker that is stopped and started again goes on where it was', async () => {
  const { caller, hook } = await subscriber();
  await hub.process('delivery-worker').stop();
  const ids = [await post(caller, 'one', { n: 1 }), await post(caller, 'two', { n: 2 })];
  expect(await hub.sandbox.deliveries(hook)).toEqual([]);
  await hub.process('delivery-worker').start();
  expect((await received(caller, hook, 2)).map(({ id }) => id).sort()).toEqual(ids.sort());
});
