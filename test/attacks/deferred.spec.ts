import { randomBytes, randomUUID } from 'node:crypto';
import { ANYONES } from '../support/accounts';
import type { Answer, Caller } from '../support/caller';
import { codeOf, parametersOf, type Person } from '../support/person';
import { redisDump } from '../support/redis-dump';
import { RETURN_URL, SITE_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';

/** Attacks 10, 11 and 13 of the catalogue, and what else goes on around flows that a backend completes. */
let hub: Stack;
let stand: AttackStand;
let badState: string;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
  badState = await stand.pageOfBadState();
});
afterAll(() => hub.stop());

const CONNECTED_BY = [...OAUTH, 'zapier'] as const;
type Name = (typeof CONNECTED_BY)[number];

/** A deferred connect as far as the browser has come to the backend of the product. */
interface AtBackend {
  readonly caller: Caller;
  readonly account: string;
  readonly flow: string;
  readonly handle: string;
  /** Opened already. */
  readonly url: string;
  readonly person: Person;
}

async function atBackend(provider: Name, caller: Caller = hub.as(), order: object = {}): Promise<AtBackend> {
  const person = hub.person();
  const { name: account, choices } = ANYONES[provider]();
  const body = { ...ORDER[provider](account), completion: 'deferred', ...order };
  const authUrl = await person.starts(caller, body);
  const url = provider === 'zapier' ? authUrl : await person.consents(authUrl, choices);
  const inputs = { webhookUrl: `https://hooks.zapier.com/hooks/catch/${account}/` };
  const { sentTo = '' } = await person.opens(url, { inputs });
  const { flow = '', handle = '' } = parametersOf(sentTo);
  return { caller, account, flow, handle, url, person };
}

/** Zapier's URL is pasted into the hub's own page: given with the order it is the word of the very caller. */
const ORDER: Record<Name, (account: string) => object> = {
  shopify: (shop) => ({ provider: 'shopify', shop }),
  notion: () => ({ provider: 'notion' }),
  google_drive: () => ({ provider: 'google_drive' }),
  zapier: () => ({ provider: 'zapier' }),
};

const guess = () => randomBytes(32).toString('base64url');
const outcome = (answer: Answer): [number, unknown] => [answer.status, codeOf(answer)];
const statusOf = async (caller: Caller, provider: string) => (await caller.read(provider)).body.status;
const flowRow = async (id: string) =>
  (
    await hub.database.rows<{ status: string; parked_code: string | null; verifier: string | null; row: string }>(
      'select status, parked_code, verifier, f::text as row from public.flows f where id = $1',
      [id],
    )
  )[0];

/** Does something that must be refused, and may change nothing but flows. */
async function refused(act: () => Promise<Answer>, changed: string[]): Promise<Answer> {
  let answer: Answer | undefined;
  expect(await stand.changedBy(async () => (answer = await act()))).toEqual(changed);
  return answer!;
}

/** A flow that was ended: its own handle completes nothing any more. */
async function expectBurnt({ caller, flow, handle }: AtBackend, provider: string): Promise<void> {
  expect(await flowRow(flow)).toMatchObject({ status: 'refused', parked_code: null, verifier: null });
  expect(outcome(await refused(() => caller.complete({ flow, handle }), []))).toEqual([400, 'invalid_state']);
  expect(await statusOf(caller, provider)).toBe('not_connected');
}

const BURNS = ['flows'];

describe.each(CONNECTED_BY)('a deferred connect of %s', (provider) => {
  it('waits for the backend, which completes it once for who started it', async () => {
    const started = await atBackend(provider);
    const { caller, flow, handle, account } = started;
    expect(flow).toMatch(/^[0-9a-f-]{36}$/);
    expect(handle).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await flowRow(flow)).toMatchObject({ status: 'parked', parked_code: expect.stringMatching(/^hub1\./) });
    expect(await hub.sandbox.log({ provider, account, kind: 'exchange' })).toEqual([]);
    expect(await statusOf(caller, provider)).toBe('not_connected');
    const done = await caller.complete({ flow, handle });
    expect([done.status, done.body.status]).toEqual([200, 'connected']);
    expect(done.body).toEqual((await caller.read(provider)).body);
    expect(await flowRow(flow)).toMatchObject({ status: 'completed', parked_code: null, verifier: null });
    const told = (await hub.trail(caller)).map(({ name }) => name).filter((name) => !name.startsWith('key.'));
    expect(told.slice(0, 4)).toEqual(['flow.started', 'flow.deferred', 'flow.confirmed', 'integration.connected']);
  });

  it('is completed by no cookie: the answer to its start sets none', async () => {
    const { order } = ANYONES[provider]();
    const { webhookUrl: _given, ...rest } = order;
    const answer = await hub.as().begin({ ...rest, completion: 'deferred' });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
  });

  it('leads to the asked return URL, whose query stays', async () => {
    const person = hub.person();
    const { name, choices } = ANYONES[provider]();
    const body = { ...ORDER[provider](name), completion: 'deferred', redirectUri: RETURN_URL };
    const authUrl = await person.starts(hub.as(), body);
    const inputs = { webhookUrl: `https://hooks.zapier.com/hooks/catch/${name}/` };
    const { sentTo = '' } = await person.opens(authUrl, { ...choices, inputs });
    expect(sentTo).toMatch(new RegExp(`^${RETURN_URL.replace('?', '\\?')}&flow=[0-9a-f-]{36}&handle=[\\w-]{43}$`));
  });

  it.each(['flow', 'handle'])('without its %s is not even looked at', async (missing) => {
    const { caller, flow, handle } = await atBackend(provider);
    const body = { flow, handle, [missing]: undefined };
    expect(outcome(await refused(() => caller.complete(body), []))).toEqual([422, 'invalid_request']);
    expect((await caller.complete({ flow, handle })).status).toBe(200);
  });

  it.each(['a guess', 'a space before it', 'other letters'])('is burnt by a wrong handle: %s', async (what) => {
    const started = await atBackend(provider);
    const { caller, flow, handle } = started;
    const wrong = { 'a guess': guess(), 'a space before it': ` ${handle}`, 'other letters': handle.toLowerCase() };
    const bad = { flow, handle: wrong[what as keyof typeof wrong] };
    expect(outcome(await refused(() => caller.complete(bad), BURNS))).toEqual([400, 'invalid_state']);
    const event = await hub.event(caller, 'flow.handle_rejected', { provider });
    expect(event).toMatchObject({ actor: { id: 'ada' }, detail: { flow, address: expect.any(String) } });
    await expectBurnt(started, provider);
  });

  it('is burnt by the handle of another flow, which is still good itself', async () => {
    const first = await atBackend(provider);
    const second = await atBackend(provider, first.caller);
    const mixed = { flow: first.flow, handle: second.handle };
    expect(outcome(await refused(() => first.caller.complete(mixed), BURNS))).toEqual([400, 'invalid_state']);
    await expectBurnt(first, provider);
    const { flow, handle } = second;
    expect((await first.caller.complete({ flow, handle })).status).toBe(200);
  });

  it('is burnt by a guess that comes before the browser: then its callback is worth nothing', async () => {
    const caller = hub.as();
    const person = hub.person();
    const { name, choices } = ANYONES[provider]();
    const authUrl = await person.starts(caller, { ...ORDER[provider](name), completion: 'deferred' });
    const url = provider === 'zapier' ? authUrl : await person.consents(authUrl, choices);
    const [row] = await hub.database.rows<{ id: string }>('select id from public.flows where org_id = $1', [
      caller.claims.org,
    ]);
    const bad = { flow: row?.id, handle: guess() };
    expect(outcome(await refused(() => caller.complete(bad), BURNS))).toEqual([400, 'invalid_state']);
    expect(await stand.told(await person.get(url))).toBe(badState);
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('is burnt in the hands of another user of the org', async () => {
    const started = await atBackend(provider);
    const { caller, flow, handle } = started;
    const mallory = caller.with({ sub: 'mallory' });
    expect(outcome(await refused(() => mallory.complete({ flow, handle }), BURNS))).toEqual([403, 'forbidden']);
    const event = await hub.event(caller, 'flow.user_mismatch', { provider });
    expect(event).toMatchObject({ actor: { type: 'user', id: 'mallory' }, detail: { flow } });
    await expectBurnt(started, provider);
  });

  it('is unknown also by an id of no version that RFC 9562 knows', async () => {
    const { caller, handle } = await atBackend(provider);
    const answer = await refused(() => caller.complete({ flow: '11111111-1111-1111-1111-111111111111', handle }), []);
    expect(outcome(answer)).toEqual([400, 'invalid_state']);
  });

  it('is as unknown to another org as one that never was, and stays good', async () => {
    const { caller, flow, handle } = await atBackend(provider);
    const stranger = hub.as();
    const foreign = await refused(() => stranger.complete({ flow, handle }), []);
    const unknown = await refused(() => stranger.complete({ flow: randomUUID(), handle }), []);
    const told = ({ text, status }: Answer) => [status, text.replace(/urn:uuid:[0-9a-f-]+/, '')];
    expect(told(foreign)).toEqual(told(unknown));
    expect(outcome(foreign)).toEqual([400, 'invalid_state']);
    const event = await hub.event(stranger, 'auth.foreign_org', { where: ({ detail }) => detail['flow'] === flow });
    expect(event.provider).toBeNull();
    expect((await caller.complete({ flow, handle })).status).toBe(200);
  });

  it('is completed by one of twenty at once, and by none again', async () => {
    const { caller, flow, handle, account } = await atBackend(provider);
    const answers = await Promise.all(Array.from({ length: 20 }, () => caller.complete({ flow, handle })));
    const good = answers.filter(({ status }) => status === 200);
    expect(good).toHaveLength(1);
    for (const answer of answers.filter((one) => one !== good[0]))
      expect(outcome(answer)).toEqual([400, 'invalid_state']);
    expect(outcome(await refused(() => caller.complete({ flow, handle }), []))).toEqual([400, 'invalid_state']);
    await hub.event(caller, 'flow.handle_replayed', { provider });
    if (provider !== 'zapier') expect(await hub.sandbox.log({ provider, account, kind: 'exchange' })).toHaveLength(1);
    expect(await statusOf(caller, provider)).toBe('connected');
  });

  it('is over with its time', async () => {
    const { caller, flow, handle } = await atBackend(provider);
    await hub.database.rows(`update public.flows set expires_at = now() where id = $1`, [flow]);
    expect(outcome(await refused(() => caller.complete({ flow, handle }), []))).toEqual([400, 'invalid_state']);
    const event = await hub.event(caller, 'flow.handle_rejected', { provider });
    expect(event.detail).toMatchObject({ flow, reason: 'too late' });
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('is over with a disconnect', async () => {
    const { caller, flow, handle } = await atBackend(provider);
    await caller.disconnect(provider);
    expect(outcome(await refused(() => caller.complete({ flow, handle }), []))).toEqual([400, 'invalid_state']);
    await hub.event(caller, 'flow.cancelled', { provider });
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('needs the right to write', async () => {
    const { caller, flow, handle } = await atBackend(provider);
    const reader = caller.with({ scopes: ['integrations:read', 'tokens:read'] });
    expect(outcome(await refused(() => reader.complete({ flow, handle }), []))).toEqual([403, 'forbidden']);
    expect((await caller.complete({ flow, handle })).status).toBe(200);
  });

  it('keeps its handle out of tables, queues and logs', async () => {
    const { caller, flow, handle } = await atBackend(provider);
    const before = await flowRow(flow);
    await caller.complete({ flow, handle: `${handle}x` });
    const rows = [before, await flowRow(flow)].map((row) => row?.row);
    const kept = [...rows, ...(await redisDump(hub.redis)), ...hub.process('gateway').lines];
    const trail = JSON.stringify(await hub.trail(caller));
    expect(kept.length).toBeGreaterThan(rows.length);
    for (const text of [...kept, trail]) expect(text).not.toContain(handle);
  });
});

describe.each(OAUTH)('the callback of a deferred connect of %s', (provider) => {
  it('goes the same way in any browser: an attacker who is elsewhere does not get the handle', async () => {
    const { caller, url } = await stand.atCallback(provider, { completion: 'deferred' });
    const victim = hub.person();
    const answer = await victim.get(url);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toMatch(new RegExp(`^${SITE_URL}/integrations\\?flow=.*&handle=`));
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(await stand.told(await hub.person().get(url))).toBe(badState);
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('leads back with what the provider refuses, and leaves nothing to complete', async () => {
    const denied = await stand.atCallback(provider, { completion: 'deferred' }, { decision: 'deny' });
    const { sentTo = '' } = await denied.person.opens(denied.url);
    expect(parametersOf(sentTo)).toEqual({ error: 'access_denied', provider });
    await hub.event(denied.caller, 'flow.denied');
  });

  it('ends in the problem of what the token endpoint says', async () => {
    const { caller, flow, handle, account } = await atBackend(provider);
    await hub.sandbox.fault(provider, { on: 'exchange', kind: 'status', status: 503, account });
    expect(outcome(await refused(() => caller.complete({ flow, handle }), BURNS))).toEqual([
      503,
      'provider_unavailable',
    ]);
    expect(outcome(await caller.complete({ flow, handle }))).toEqual([400, 'invalid_state']);
    await hub.event(caller, 'grant.rejected');
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('ends in account_mismatch for another account than the org has', async () => {
    const caller = hub.as();
    const { order, choices } = ANYONES[provider]();
    const first = await hub.connect(caller, order, choices);
    const { flow, handle } = await atBackend(provider, caller);
    expect(outcome(await caller.complete({ flow, handle }))).toEqual([409, 'account_mismatch']);
    expect((await caller.read(provider)).body.account).toEqual(first.account);
  });
});

it('a flow that its browser completes has no handle, and is not ended by one', async () => {
  const open = await stand.atCallback('notion');
  const [row] = await hub.database.rows<{ id: string }>('select id from public.flows where org_id = $1', [
    open.caller.claims.org,
  ]);
  const bad = { flow: row?.id, handle: guess() };
  expect(outcome(await refused(() => open.caller.complete(bad), []))).toEqual([400, 'invalid_state']);
  await hub.event(open.caller, 'flow.handle_rejected');
  expect(parametersOf((await open.person.opens(open.url)).sentTo ?? '')).toEqual({ success: 'notion' });
});

it('Shopify’s shop may be asked on the hub’s own page first', async () => {
  const caller = hub.as();
  const person = hub.person();
  const { name } = ANYONES.shopify();
  const authUrl = await person.starts(caller, { provider: 'shopify', completion: 'deferred' });
  const { sentTo = '' } = await person.opens(authUrl, { inputs: { shop: name } });
  const { flow, handle } = parametersOf(sentTo);
  expect((await caller.complete({ flow, handle })).body).toMatchObject({ status: 'connected', account: { id: name } });
});

it('a hook URL that the caller gives himself is stored at once', async () => {
  const caller = hub.as();
  const { body } = await caller.begin({ ...ANYONES.zapier().order, completion: 'deferred' });
  expect(parametersOf(body.authUrl)).toEqual({ success: 'zapier' });
  expect(await statusOf(caller, 'zapier')).toBe('connected');
});

it.each(['no uuid', ['x'], null, `${randomUUID()}'`])('a flow of the name %j is no flow', async (flow) => {
  const answer = await refused(() => hub.as().complete({ flow, handle: guess() }), []);
  expect(outcome(answer)).toEqual([422, 'invalid_request']);
});

it.each(['', 'x'.repeat(257), 1, null, ['x']])('a handle cannot be %j', async (handle) => {
  const answer = await refused(() => hub.as().complete({ flow: randomUUID(), handle }), []);
  expect(outcome(answer)).toEqual([422, 'invalid_request']);
});
