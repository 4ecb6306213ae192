import type { Caller } from '../../support/caller';
import { LiveClient, LiveRefusal, type LiveOrder } from '../../support/live-client';
import { MISPLACED } from './canaries';
import type { CanaryHub } from './canary-hub';
import type { Reached } from './reached';

const API = '/functions/v1';
const SESSION = `${API}/integrations-session`;
const CHANGE = `${API}/integrations/notion/sync`;

/** Somebody signs in by a link, looks, changes something, follows what happens, and signs out; others try the same without a right. */
export async function consoleDays(hub: CanaryHub, reached: Reached): Promise<void> {
  const { publicUrl, canaries } = hub;
  const caller = hub.as(hub.org);
  const { body } = await caller.consoleLink({ userLabel: 'Ada Lovelace' });
  const [page, other] = [hub.person(), hub.person()];
  const statuses: number[] = [];
  const hear = async (answer: Promise<Response>): Promise<string> => {
    const { status, text } = await answer.then(async (told) => ({ status: told.status, text: await told.text() }));
    statuses.push(status);
    return text;
  };
  await hear(page.get(body.url));
  await hear(other.get(body.url));
  await hear(page.get(`${publicUrl}/integrations`));
  const { csrfToken } = JSON.parse(await hear(page.asks('GET', publicUrl + SESSION))) as { csrfToken: string };
  const change = (proof: Record<string, string>): Promise<string> => hear(page.asks('POST', publicUrl + CHANGE, proof));
  await hear(page.asks('GET', `${publicUrl}${API}/integrations`));
  await change({ 'x-csrf-token': csrfToken });
  await change({});
  await change({ 'x-csrf-token': canaries.make(MISPLACED) });
  await change({ 'x-csrf-token': csrfToken, origin: 'https://evil.example' });
  const cookie = page.cookieHeader(publicUrl);
  await follow(hub, caller, { headers: { cookie, origin: new URL(publicUrl).origin } });
  await follow(hub, caller, {
    protocols: ['hub.v1', `bearer.${(await caller.authorization()).slice('Bearer '.length)}`],
  });
  await hear(page.asks('DELETE', publicUrl + SESSION, { 'x-csrf-token': csrfToken }));
  await hear(other.asks('GET', publicUrl + SESSION, { cookie }));
  reached.set(
    'console: link, again, page, session, list, change, without a proof, with a wrong one, from elsewhere, signed out, cookie again',
    statuses.join(' '),
  );
  // one session goes on while servers die
  await hub.person().get((await caller.consoleLink()).body.url);
}

/** Follows an org until something happens to it, and keeps what was told. */
async function follow(hub: CanaryHub, caller: Caller, order: LiveOrder): Promise<void> {
  const client = await LiveClient.open(gatewayOf(hub), order);
  await client.ready();
  await caller.sync('notion');
  await client.event('sync.completed');
  await client.close();
  const text = client.heard.map((message) => JSON.stringify(message)).join('\n');
  hub.gateway.answers.push({ what: 'frames of live status', status: 101, text });
}

/** Secrets where a page, a link, a socket or an event must never have them. */
export async function misplacedInConsole(hub: CanaryHub, reached: Reached): Promise<void> {
  const secret = (): string => hub.canaries.make(MISPLACED);
  const caller = hub.as(hub.org);
  const statuses = new Set<number>();
  const zapier = `${API}/integrations/zapier`;
  const bodies: readonly [path: string, body: unknown][] = [
    [`${zapier}/events`, { type: `${secret()}\n`, data: {} }],
    [`${zapier}/events`, { type: secret().repeat(2), data: {} }],
    [`${zapier}/events`, { type: 'order.paid', data: secret() }],
    [`${zapier}/events`, { type: 'order.paid', data: {}, id: secret() }],
    [`${zapier}/events`, { type: 'order.paid', data: {}, [secret()]: 1 }],
    [`${zapier}/events`, { type: 'order.paid', data: { large: secret().repeat(8_000) } }],
    [`${zapier}/events`, { type: 'order.paid', data: nested(secret(), 80) }],
    [`${zapier}/delivery-secret`, { rotate: secret() }],
    [SESSION, { userLabel: `${secret()}\n` }],
    [SESSION, { userLabel: secret().repeat(4) }],
    [SESSION, { [secret()]: 'Ada' }],
    [`${API}/integrations/${secret()}/events`, { type: 'order.paid', data: {} }],
  ];
  for (const [path, body] of bodies) statuses.add((await caller.request('POST', path, { body })).status);
  const events = [secret()];
  statuses.add((await caller.request('PUT', `${zapier}/delivery-settings`, { body: { events } })).status);
  for (const path of [
    `${zapier}/deliveries?cursor=${secret()}`,
    `${zapier}/deliveries?state=${secret()}`,
    `${SESSION}/${secret()}`,
    `${SESSION}/${secret()}abc`, // as long as a link is
    `${API}/integrations/live?after=${secret()}`,
    `${API}/integrations/live`,
  ])
    statuses.add((await caller.get(path)).status);
  const { port } = new URL(hub.publicUrl);
  for (const name of [`hub_session_${port}`, '__Host-hub_session']) {
    const headers = { authorization: '', cookie: `${name}=${secret()}abc`, 'x-csrf-token': secret() };
    for (const method of ['GET', 'DELETE']) statuses.add((await caller.request(method, SESSION, { headers })).status);
  }
  reached.set('misplaced in console and events', [...statuses].sort().join(' '));
  reached.set('sockets refused', (await refusedSockets(hub, secret)).join(' '));
}

function nested(secret: string, levels: number): object {
  return levels === 0 ? { secret } : { inner: nested(secret, levels - 1) };
}

async function refusedSockets(hub: CanaryHub, secret: () => string): Promise<number[]> {
  const { port } = new URL(hub.publicUrl);
  const orders: readonly LiveOrder[] = [
    { headers: { authorization: `Bearer ${secret()}` } },
    { protocols: ['hub.v1', `bearer.${secret()}`] },
    { protocols: [secret()] },
    { headers: { cookie: `hub_session_${port}=${secret()}abc` } },
    { after: secret(), headers: { authorization: await hub.as(hub.org).authorization() } },
  ];
  const statuses: number[] = [];
  for (const order of orders) {
    const refusal = await LiveClient.open(gatewayOf(hub), order).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(refusal instanceof LiveRefusal)) throw new Error('a socket that must be refused was opened, or broke');
    const headers = JSON.stringify(refusal.headers);
    statuses.push(refusal.status);
    hub.gateway.answers.push({ what: 'a socket', status: refusal.status, text: `${headers}\n${refusal.text}` });
  }
  return statuses;
}

function gatewayOf({ hub }: CanaryHub): string {
  return hub.gateways[0]?.base ?? '';
}
