import { ANYONES } from '../support/accounts';
import type { Caller, EventBody } from '../support/caller';
import { parametersOf } from '../support/person';
import { Stack } from '../support/stack';

/** The trail: everything that happened to an org's integrations, in order and without a gap. */
let hub: Stack;
let caller: Caller;
let trail: readonly EventBody[];

/** One org lives through all of it. */
beforeAll(async () => {
  hub = await Stack.start();
  caller = hub.as(undefined, { sub: 'ada' });
  const account = ANYONES.google_drive();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  await caller.refresh('google_drive');
  await caller.with({ sub: 'billing' }).token('google_drive');
  await hub.event(caller, 'token.read');
  await caller.disconnect('google_drive');
  await hub.event(caller, 'revocation.succeeded');

  const notion = ANYONES.notion();
  const person = hub.person();
  await person.opens(await person.starts(caller, notion.order), { ...notion.choices, decision: 'deny' });
  await hub.connect(caller, notion.order, notion.choices);
  await hub.event(caller, 'sync.completed', { provider: 'notion' });
  await hub.sandbox.revoke('notion', notion.name);
  await caller.refresh('notion');
  await caller.with({ scopes: [] }).disconnect('notion');
  await hub.event(caller, 'auth.forbidden');
  trail = await hub.trail(caller);
});
afterAll(() => hub.stop());

it('tells every step of the story, in its order', () => {
  expect(trail.map(({ name, provider }) => `${provider} ${name}`)).toEqual([
    'null key.created',
    'google_drive flow.started',
    'null key.created',
    'google_drive integration.connected',
    'google_drive sync.completed',
    'google_drive refresh.succeeded',
    'google_drive token.read',
    'google_drive integration.disconnected',
    'google_drive revocation.succeeded',
    'notion flow.started',
    'notion flow.denied',
    'notion flow.started',
    'notion integration.connected',
    'notion sync.completed',
    'notion refresh.failed',
    'notion integration.reauth_required',
    'null auth.forbidden',
  ]);
});

it('numbers the events of an org from one on, without a gap', () => {
  expect(trail.map(({ seq }) => seq)).toEqual(trail.map((_event, place) => place + 1));
  expect(new Set(trail.map(({ id }) => id)).size).toBe(trail.length);
  const times = trail.map(({ at }) => at);
  expect(times).toEqual([...times].sort());
  for (const at of times) expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

it('says who did it, and to which integration', () => {
  const who = Object.fromEntries(trail.map(({ name, actor }) => [name, actor]));
  const user = { type: 'user', id: 'ada' };
  expect(who).toMatchObject({
    'integration.connected': user,
    'integration.disconnected': user,
    'auth.forbidden': user,
    'token.read': { type: 'user', id: 'billing' },
    'refresh.succeeded': { type: 'worker', id: 'refresh-worker' },
    'sync.completed': { type: 'worker', id: 'metadata-sync-worker' },
  });
  const ofGoogle = trail.filter(({ provider, integrationId }) => provider === 'google_drive' && integrationId !== null);
  expect(ofGoogle).toHaveLength(6);
  expect(new Set(ofGoogle.map(({ integrationId }) => integrationId)).size).toBe(1);
});

it('names accounts to their org, and keeps them sealed', async () => {
  const named = (provider: string) =>
    trail
      .filter((event) => event.provider === provider && 'account' in event.detail)
      .map(({ name, detail }) => [name, detail['account']]);
  const google = (await caller.audit('?provider=google_drive')).body.events.find(
    ({ name }) => name === 'integration.connected',
  )?.detail['account'];
  expect(google).toMatch(/@/);
  expect(named('google_drive')).toEqual([
    ['integration.connected', google],
    ['integration.disconnected', google],
  ]);
  const stored = await hub.database.rows<{ row: string }>(
    `select to_jsonb(event)::text as row from public.audit_events event where org_id = '${caller.claims.org}'`,
  );
  expect(stored.filter(({ row }) => row.includes(String(google)))).toEqual([]);
  expect(stored.filter(({ row }) => /"account": \{"sealed": "hub1\.[^"]+"\}/.test(row))).toHaveLength(3);
});

it('comes newest first, page by page', async () => {
  const seen: number[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Caller['audit']>> = await caller.audit(
      `?limit=4${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    expect(page.body.events.length).toBeLessThanOrEqual(4);
    seen.push(...page.body.events.map(({ seq }) => seq));
    cursor = page.body.nextCursor;
  } while (cursor !== null);
  expect(seen).toEqual(trail.map(({ seq }) => seq).reverse());
});

it('shows one provider alone where that is asked for', async () => {
  const first = (await caller.audit('?provider=notion&limit=2')).body;
  expect(first.events.map(({ name }) => name)).toEqual(['integration.reauth_required', 'refresh.failed']);
  const rest = (await caller.audit(`?provider=notion&cursor=${first.nextCursor}`)).body;
  expect(rest.events.map(({ provider }) => provider)).toEqual(Array.from({ length: 5 }, () => 'notion'));
  expect(rest.nextCursor).toBeNull();
});

it('gives fifty events unless another number is asked for', async () => {
  const busy = hub.as();
  await Promise.all(Array.from({ length: 60 }, () => busy.begin({ provider: 'notion' })));
  const page = (await busy.audit()).body;
  expect(page.events).toHaveLength(50);
  expect(page.nextCursor).toBe(String(page.events.at(-1)?.seq));
  expect((await busy.audit('?limit=200')).body.events).toHaveLength(60);
});

it('has no gap and no double where much is written at once', async () => {
  const busy = hub.as();
  const account = ANYONES.shopify();
  await hub.connect(busy, account.order);
  await Promise.all([
    ...Array.from({ length: 20 }, () => busy.begin({ provider: 'notion' })),
    ...Array.from({ length: 5 }, () => busy.begin(ANYONES.zapier().order)),
    ...Array.from({ length: 5 }, () => busy.token('shopify')),
    busy.refresh('shopify'),
    busy.sync('shopify'),
  ]);
  const seqs = (await hub.trail(busy)).map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_seq, place) => place + 1));
});

it('can be read by whoever may read it, and of the own org alone', async () => {
  expect((await caller.with({ scopes: ['integrations:read', 'operations'] }).audit()).status).toBe(403);
  expect((await hub.as().audit()).body).toEqual({ events: [], nextCursor: null });
});

it('can be changed by nobody, not even by the superuser of the database', async () => {
  const { org } = caller.claims;
  for (const sql of [
    `update public.audit_events set name = 'x' where org_id = '${org}'`,
    `delete from public.audit_events where org_id = '${org}'`,
    'truncate public.audit_events',
  ])
    await expect(hub.database.rows(sql)).rejects.toThrow('insert-only');
});

it('keeps what belongs to no org apart from all orgs', async () => {
  const person = hub.person();
  await person.opens(`${hub.publicUrl}/functions/v1/integrations-callback/notion?code=x&state=${'B'.repeat(43)}`);
  const sentTo = (await person.opens(await person.starts(caller, { provider: 'notion' }), { decision: 'deny' })).sentTo;
  expect(parametersOf(sentTo ?? '')['error']).toBe('access_denied');
  const own = await hub.trail(caller);
  expect(own.map(({ name }) => name)).not.toContain('flow.state_unknown');
});
