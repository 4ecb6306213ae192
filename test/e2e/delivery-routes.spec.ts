import { randomUUID } from 'node:crypto';
import { ANYONES } from '../support/accounts';
import type { Answer, Caller } from '../support/caller';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';

/** What the gateway takes in for webhooks, and what it tells of them. Nobody sends here. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
});
afterAll(() => hub.stop());

interface DeliveryBody {
  readonly id: string;
  readonly seq: number;
  readonly state: string;
  readonly deadLetter: string | null;
}
interface LogBody {
  readonly deliveries: readonly DeliveryBody[];
  readonly nextCursor: string | null;
}

const of = (path: string, provider = 'zapier'): string => `/functions/v1/integrations/${provider}/${path}`;
const post = (caller: Caller, body: unknown, provider?: string): Promise<Answer<{ id: string }>> =>
  caller.request('POST', of('events', provider), { body });
const log = (caller: Caller, query = ''): Promise<Answer<LogBody>> => caller.get(of(`deliveries${query}`));
const settings = (
  caller: Caller,
): Promise<Answer<{ events: string[]; pausedUntil: string | null; eventsWaitSince: string | null }>> =>
  caller.get(of('delivery-settings'));
const change = (caller: Caller, events: unknown): Promise<Answer> =>
  caller.request('PUT', of('delivery-settings'), { body: { events } });
const secret = (
  caller: Caller,
  body: unknown = {},
): Promise<Answer<{ secret: string; previousUntil: string | null }>> =>
  caller.request('POST', of('delivery-secret'), { body });

async function connected(caller = hub.as()): Promise<Caller> {
  await hub.connect(caller, ANYONES.zapier().order);
  return caller;
}
const rowsOf = (caller: Caller) =>
  hub.database.rows<Record<string, unknown>>('select * from public.deliveries where org_id = $1 order by seq', [
    caller.claims.org,
  ]);
const said = (answer: Answer): [number, unknown] => [answer.status, codeOf(answer)];

const EVENT = { type: 'order.paid', data: { order: 'o-4711', total: 12.5 } };

describe('an event that a service posts', () => {
  it('is taken in, kept sealed, and stands in the log without what it says', async () => {
    const caller = await connected();
    const answer = await post(caller, EVENT);
    expect(answer).toMatchObject({ status: 202, body: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) } });
    const [row] = await rowsOf(caller);
    expect(row?.['data']).toMatch(/^hub1\./);
    const page = await log(caller);
    expect(page.body).toEqual({
      deliveries: [
        {
          id: answer.body.id,
          seq: 1,
          type: 'order.paid',
          at: expect.stringMatching(/Z$/),
          source: 'posted',
          state: 'pending',
          failedAttempts: 0,
          nextAttemptAt: expect.stringMatching(/Z$/),
          failure: null,
          lastStatus: null,
          deliveredAt: null,
          deadLetter: null,
        },
      ],
      nextCursor: null,
    });
    expect(page.text).not.toContain('4711');
    expect(JSON.stringify(row)).not.toContain('4711');
  });

  it('is taken in once for each id, in whatever case, and another org has its own of the same', async () => {
    const [caller, stranger] = [await connected(), await connected()];
    const id = randomUUID();
    const answers = await Promise.all([1, 2, 3].map(() => post(caller, { ...EVENT, id })));
    answers.push(await post(caller, { ...EVENT, id: id.toUpperCase() }));
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual(answers.map(() => [202, id]));
    expect((await post(stranger, { ...EVENT, id })).body.id).toBe(id);
    expect((await log(caller)).body.deliveries).toHaveLength(1);
    expect((await log(stranger)).body.deliveries).toHaveLength(1);
  });

  it('may be as large as is said, whatever its characters take in JSON', async () => {
    const caller = await connected();
    const text = 'ä'.repeat((256 * 1024 - '{"text":""}'.length - 1) / 2);
    expect((await post(caller, { type: 'large', data: { text } })).status).toBe(202);
    const escaped = JSON.stringify({ type: 'escaped', data: { text: 'X' } }).replace('X', '\\u00e4'.repeat(131_000));
    expect((await caller.request('POST', of('events'), { raw: escaped })).status).toBe(202);
    expect(said(await post(caller, { type: 'larger', data: { text: `${text}ä` } }))).toEqual([422, 'invalid_request']);
    const huge = await post(caller, { type: 'huge', data: { text: 'x'.repeat(1024 * 1024) } });
    expect(said(huge)).toEqual([413, 'invalid_request']);
  });

  it('is the only body that may be so large', async () => {
    const body = { events: ['x'.repeat(70_000)] };
    expect((await hub.as().request('PUT', of('delivery-settings'), { body })).status).toBe(413);
  });

  it.each([
    ['no type', { data: {} }],
    ['an empty type', { type: '', data: {} }],
    ['a type that is too long', { type: 'x'.repeat(65), data: {} }],
    ['a type with a line in it', { type: 'a\nb', data: {} }],
    ['no data', { type: 'x' }],
    ['data that are no object', { type: 'x', data: [1] }],
    ['data that are nothing', { type: 'x', data: null }],
    ['an id that is none', { ...EVENT, id: '4711' }],
    ['an unknown key', { ...EVENT, url: 'https://evil.example' }],
  ])('with %s is refused', async (_what, body) => {
    expect(said(await post(await connected(), body))).toEqual([422, 'invalid_request']);
  });

  it('nested too deep is refused like anything else', async () => {
    const raw = `{"type":"deep","data":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
    const answer = await (await connected()).request('POST', of('events'), { raw });
    expect(said(answer)).toEqual([422, 'invalid_request']);
  });

  it('needs a connected integration, and a provider with a webhook', async () => {
    const caller = hub.as();
    expect(said(await post(caller, EVENT))).toEqual([404, 'not_connected']);
    expect(said(await post(caller, EVENT, 'nobody'))).toEqual([404, 'unknown_provider']);
    const answer = await post(caller, EVENT, 'notion');
    expect(said(answer)).toEqual([422, 'invalid_request']);
    expect(answer.body).toMatchObject({ fix: expect.stringContaining('Zapier') });
  });

  it('waits while the hook is gone, and is due once a new URL is connected', async () => {
    const caller = await connected();
    await hub.database.rows("update public.integrations set status = 'reauth_required' where org_id = $1", [
      caller.claims.org,
    ]);
    expect((await post(caller, EVENT)).status).toBe(202);
    expect((await log(caller)).body.deliveries).toMatchObject([{ state: 'pending', nextAttemptAt: null }]);
    await connected(caller);
    expect((await log(caller)).body.deliveries).toMatchObject([
      { state: 'pending', nextAttemptAt: expect.stringMatching(/Z$/) },
    ]);
  });

  it('is refused with a time to come back while ten thousand wait', async () => {
    const caller = await connected();
    await post(caller, EVENT);
    await hub.database.rows(
      `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source)
       select org_id, integration_id, provider, gen_random_uuid(), n, 'x', now(), 'posted'
       from public.deliveries, generate_series(2, 10000) as n where org_id = $1`,
      [caller.claims.org],
    );
    const answer = await post(caller, EVENT);
    expect(said(answer)).toEqual([429, 'rate_limited']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('is refused while ten thousand are dead letters, and the answer says what to do', async () => {
    const caller = await connected();
    const { body } = await post(caller, EVENT);
    await hub.database.rows(
      `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, state, failure_code, first_failed_at, last_failed_at, ended_at)
       select org_id, integration_id, provider, gen_random_uuid(), n, 'x', now(), 'posted', 'dead', 'provider_misconfigured', now(), now(), now()
       from public.deliveries, generate_series(2, 10001) as n where org_id = $1`,
      [caller.claims.org],
    );
    const answer = await post(caller, EVENT);
    expect(said(answer)).toEqual([429, 'rate_limited']);
    expect(answer.body).toMatchObject({
      title: 'Too many deliveries are dead letters',
      fix: expect.stringContaining('dead-letters/replay'),
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    // what was taken before is no news
    expect((await post(caller, { ...EVENT, id: body.id })).status).toBe(202);
  });

  it('posted again once it is dead, says so and where to replay it; else nothing more than its id', async () => {
    const caller = await connected();
    const { body } = await post(caller, EVENT);
    const { id } = body;
    const again = () => post(caller, { ...EVENT, id });
    const becomes = (state: string) =>
      hub.database.rows('update public.deliveries set state = $2 where org_id = $1', [caller.claims.org, state]);
    expect((await again()).body).toEqual({ id });
    await becomes('delivered');
    expect((await again()).body).toEqual({ id });
    await becomes('dead');
    const dead = await again();
    expect(dead.status).toBe(202);
    const [row] = await hub.database.rows<{ id: string }>('select id from public.deliveries where org_id = $1', [
      caller.claims.org,
    ]);
    expect(dead.body).toEqual({ id, state: 'dead', deadLetter: `delivery-${row?.id}` });
    await becomes('cancelled');
    expect((await again()).body).toEqual({ id, state: 'cancelled' });
  });

  it('needs the right to write', async () => {
    const caller = await connected();
    expect(said(await post(caller.with({ scopes: ['integrations:read'] }), EVENT))).toEqual([403, 'forbidden']);
  });
});

describe('the delivery log', () => {
  it('comes page by page, newest first, and by state', async () => {
    const caller = await connected();
    for (let count = 0; count < 5; count += 1) await post(caller, EVENT);
    await hub.database.rows(
      "update public.deliveries set state = 'dead', failure_code = 'provider_unavailable', first_failed_at = now(), last_failed_at = now() where org_id = $1 and seq = 2",
      [caller.claims.org],
    );
    const seqs: number[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: Answer<LogBody> = await log(caller, `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seqs.push(body.deliveries.map(({ seq }) => seq));
      cursor = body.nextCursor;
    }
    expect(seqs).toEqual([[5, 4], [3, 2], [1]]);
    const dead = (await log(caller, '?state=dead')).body.deliveries;
    expect(dead.map(({ seq }) => seq)).toEqual([2]);

    const { body } = await caller.deadLetters('?kind=delivery');
    expect(body.deadLetters).toEqual([
      expect.objectContaining({
        id: dead[0]?.deadLetter,
        reason: 'provider_unavailable',
        event: { id: dead[0]?.id, seq: 2, type: 'order.paid', at: expect.stringMatching(/Z$/) },
      }),
    ]);
    expect((await caller.replay(dead[0]?.deadLetter ?? '')).status).toBe(202);
    expect((await log(caller, '?state=dead')).body.deliveries).toEqual([]);
    expect((await caller.deadLetters()).body.deadLetters).toEqual([]);
  });

  it('is one’s own, and is there still once the integration is gone', async () => {
    const [caller, stranger] = [await connected(), await connected()];
    await post(caller, EVENT);
    expect((await log(stranger)).body.deliveries).toEqual([]);
    await caller.disconnect('zapier');
    expect((await log(caller)).body.deliveries).toMatchObject([{ state: 'cancelled', nextAttemptAt: null }]);
    expect((await rowsOf(caller))[0]?.['data']).toBeNull();
  });

  it.each(['?limit=0', '?limit=201', '?cursor=1', '?state=lost', '?page=2'])('refuses %s', async (query) => {
    expect(said(await log(hub.as(), query))).toEqual([422, 'invalid_request']);
  });
});

describe('which of the hub’s own events are delivered', () => {
  it('is none at first, and then what was said last', async () => {
    const caller = await connected();
    expect((await settings(caller)).body).toEqual({ events: [], pausedUntil: null, eventsWaitSince: null });
    const answer = await change(caller, ['sync.completed', 'integration.connected', 'sync.completed']);
    expect(answer.body).toEqual({
      events: ['integration.connected', 'sync.completed'],
      pausedUntil: null,
      eventsWaitSince: null,
    });
    expect((await settings(caller)).body).toEqual(answer.body);
    await change(caller, []);
    expect((await settings(caller)).body).toEqual({ events: [], pausedUntil: null, eventsWaitSince: null });
    const told = (await hub.trail(caller)).filter(({ name }) => name === 'delivery.settings_changed');
    expect(told).toMatchObject([{ actor: { type: 'user', id: 'ada' } }, {}]);
  });

  it.each([[['token.read']], [['integration.connected', 7]], ['all'], [undefined]])('is not %j', async (events) => {
    expect(said(await change(await connected(), events))).toEqual([422, 'invalid_request']);
  });

  it('is nothing without an integration, nor of a provider without a webhook', async () => {
    const caller = hub.as();
    expect(said(await settings(caller))).toEqual([404, 'not_connected']);
    expect(said(await change(caller, []))).toEqual([404, 'not_connected']);
    expect(said(await caller.get(of('delivery-settings', 'notion')))).toEqual([422, 'invalid_request']);
  });
});

describe('the secret that deliveries are signed with', () => {
  it('is made once, and kept by nobody on the way', async () => {
    const caller = await connected();
    const answer = await secret(caller);
    expect(answer.body).toEqual({
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      previousUntil: null,
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await secret(caller, { rotate: false })).body).toEqual(answer.body);
    expect(JSON.stringify(await hub.trail(caller))).not.toContain(answer.body.secret);
  });

  it('gives way to a new one, which the trail tells', async () => {
    const caller = await connected();
    const before = (await secret(caller)).body.secret;
    const { body } = await secret(caller, { rotate: true });
    expect(body.secret).not.toBe(before);
    expect(body.previousUntil).toMatch(/Z$/);
    const told = (await hub.trail(caller)).filter(({ name }) => name === 'delivery.secret_read');
    expect(told.map(({ detail }) => detail)).toEqual([{ rotated: false }, { rotated: true }]);
  });

  it('is another one for each integration, and after a disconnect', async () => {
    const [caller, stranger] = [await connected(), await connected()];
    const before = (await secret(caller)).body.secret;
    expect((await secret(stranger)).body.secret).not.toBe(before);
    await caller.disconnect('zapier');
    expect(said(await secret(caller))).toEqual([404, 'not_connected']);
    await connected(caller);
    expect((await secret(caller)).body.secret).not.toBe(before);
  });

  it('needs the right to write', async () => {
    const caller = await connected();
    expect(said(await secret(caller.with({ scopes: ['integrations:read'] })))).toEqual([403, 'forbidden']);
    expect(said(await secret(caller, { rotate: 'yes' }))).toEqual([422, 'invalid_request']);
  });
});
