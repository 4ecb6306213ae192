import { randomUUID } from 'node:crypto';
import { ANYONES } from '../../support/accounts';
import type { Answer, Caller } from '../../support/caller';
import { eventually } from '../../support/eventually';
import type { CanaryHub } from './canary-hub';
import { DRIP, ECHOES } from './echoes';
import { HOOK } from './provider-tap';
import type { Reached } from './reached';

const ZAPIER = '/functions/v1/integrations/zapier';
const CONTENT = 'data of an event';

/** An org with a webhook. */
export interface Subscriber {
  readonly caller: Caller;
  /** By which the sandbox knows the hook. */
  readonly hook: string;
}

/** Somebody's webhook, connected. @param kind `standard` hooks can be gone */
export async function subscribed(hub: CanaryHub, caller: Caller, kind = 'catch'): Promise<Subscriber> {
  const { name } = ANYONES.zapier();
  hub.canaries.keep('webhook URL', name);
  const webhookUrl = `https://hooks.zapier.com/hooks/${kind}/${name}/`;
  const { status, text } = await caller.begin({ provider: 'zapier', webhookUrl });
  if (status !== 200) throw new Error(`a webhook was not connected: ${status} ${text}`);
  return { caller, hook: name };
}

/** Posts an event whose data are the customer's own: whatever stands in them, names and all, is nobody else's business. */
export function posted(hub: CanaryHub, { caller }: Subscriber): Promise<Answer<{ id: string }>> {
  const content = (): string => hub.canaries.make(CONTENT);
  const data = { [content()]: content(), order: { lines: [content(), { note: `paid by ${content()}` }] } };
  return caller.request('POST', `${ZAPIER}/events`, { body: { type: 'order.paid', data, id: randomUUID() } });
}

/** Good days of deliveries: sent, signed by one secret and then by two, the hub's own events beside them, a hook that goes. */
export async function eventDays(hub: CanaryHub, reached: Reached): Promise<void> {
  const subscriber = await subscribed(hub, hub.as(hub.org));
  const { caller } = subscriber;
  const answers: { status: number }[] = [
    await posted(hub, subscriber),
    await caller.request('POST', `${ZAPIER}/delivery-secret`, { body: {} }),
  ];
  await taken(hub, caller, 1);
  answers.push(await caller.request('POST', `${ZAPIER}/delivery-secret`, { body: { rotate: true } }));
  answers.push(await posted(hub, subscriber));
  await taken(hub, caller, 2);
  for (const path of ['deliveries', 'delivery-settings']) answers.push(await caller.get(`${ZAPIER}/${path}`));
  reached.set('event, secret, rotated, event, log, settings', answers.map(({ status }) => status).join(' '));
  await ownEvents(hub);
  await goneHook(hub, reached);
  await refusedEvent(hub, subscriber);
  reached.set('delivery refused, replayed', await replayed(hub));
}

/** What the hub itself tells an org that wants it. */
async function ownEvents(hub: CanaryHub): Promise<void> {
  const { caller } = await subscribed(hub, hub.as());
  const events = ['integration.connected', 'sync.completed'];
  await caller.request('PUT', `${ZAPIER}/delivery-settings`, { body: { events } });
  await hub.connected('notion', caller.claims.org);
  await taken(hub, caller, 2);
}

/** A hook that is gone, an event that waits for another one, and is sent there. */
async function goneHook(hub: CanaryHub, reached: Reached): Promise<void> {
  const subscriber = await subscribed(hub, hub.as(), 'standard');
  const { caller, hook } = subscriber;
  await hub.hub.sandbox.set('zapier', { hookState: 'gone' }, hook);
  await posted(hub, subscriber);
  await hub.event(caller, 'integration.reauth_required');
  const waits = await posted(hub, subscriber);
  await subscribed(hub, caller, 'standard');
  await taken(hub, caller, 1);
  reached.set('hook gone, event waits', String(waits.status));
}

/** A receiver that takes no such message, and says so in the message's own words. */
async function refusedEvent(hub: CanaryHub, subscriber: Subscriber): Promise<void> {
  await hub.provider.while('zapier', HOOK, 'json in a description', async () => {
    await posted(hub, subscriber);
    await letterOf(subscriber.caller);
  });
}

/** @returns how its replay was answered */
async function replayed(hub: CanaryHub): Promise<string> {
  const subscriber = await subscribed(hub, hub.as());
  await refusedEvent(hub, subscriber);
  const { status } = await subscriber.caller.replay(await letterOf(subscriber.caller));
  await taken(hub, subscriber.caller, 1);
  return String(status);
}

function letterOf(caller: Caller): Promise<string> {
  return eventually('a dead letter of a delivery', async () => {
    const { body } = await caller.deadLetters('?kind=delivery');
    return body.deadLetters[0]?.id;
  });
}

/** Every manner of repeating, each by a receiver of its own: a circuit stands before each. */
export async function echoingHooks(hub: CanaryHub): Promise<void> {
  for (const manner of [...ECHOES, DRIP]) {
    const subscriber = await subscribed(hub, hub.as());
    await hub.provider.while('zapier', HOOK, manner, async () => {
      await posted(hub, subscriber);
      await settled(hub, subscriber.caller);
    });
  }
}

/** Waits until so many deliveries were taken by their receiver. */
async function taken(hub: CanaryHub, caller: Caller, count: number): Promise<void> {
  await counted(hub, caller, `state = 'delivered'`, count);
}

/** Waits until a delivery was tried, whatever came of it. */
async function settled(hub: CanaryHub, caller: Caller): Promise<void> {
  await counted(hub, caller, `state <> 'pending' or failed_attempts > 0`, 1);
}

async function counted({ hub }: CanaryHub, { claims }: Caller, which: string, count: number): Promise<void> {
  await eventually(
    `deliveries of ${claims.org}`,
    async () => {
      const rows = await hub.database.rows(`select 1 from public.deliveries where org_id = $1 and (${which})`, [
        claims.org,
      ]);
      return rows.length >= count;
    },
    { withinMs: 30_000 },
  );
}
