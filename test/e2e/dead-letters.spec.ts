import { randomUUID } from 'node:crypto';
import { ANYONES, type Account } from '../support/accounts';
import type { Answer, Caller, DeadLetterBody } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';

/** What ran out of tries: seen, tried again, and cleared by a success. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
});
afterAll(() => hub.stop());

/** All tries of a ladder: the first one, and one for each rung. */
const TRIES = 5;

interface Connected {
  readonly caller: Caller;
  readonly account: Account;
}

interface Failed extends Connected {
  readonly letter: DeadLetterBody;
  /** Makes the provider well again. */
  readonly heal: () => Promise<void>;
}

async function connected(provider: 'shopify' | 'google_drive' | 'notion', caller = hub.as()): Promise<Connected> {
  const account = ANYONES[provider]();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed', { provider });
  return { caller, account };
}

async function letterOf(caller: Caller, kind: DeadLetterBody['kind']): Promise<DeadLetterBody> {
  const { body } = await caller.deadLetters(`?kind=${kind}`);
  const [letter] = body.deadLetters;
  if (!letter || body.deadLetters.length > 1)
    throw new Error(`there is not one letter, but ${body.deadLetters.length}`);
  return letter;
}

/** A refresh that a provider has throttled until the ladder was spent: no outage, so that no breaker opens for others. */
async function deadRefresh(of?: Connected): Promise<Failed> {
  const { caller, account } = of ?? (await connected('google_drive'));
  const { provider, name } = account;
  const heal = await hub.sandbox.fault(provider, { on: 'refresh', kind: 'rate_limit', status: 429, account: name });
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    expect((await caller.deadLetters('?kind=refresh')).body.deadLetters).toEqual([]);
    await caller.refresh(provider);
  }
  return { caller, account, heal, letter: await letterOf(caller, 'refresh') };
}

async function deadSync(of?: Connected): Promise<Failed> {
  const { caller, account } = of ?? (await connected('shopify'));
  const { provider, name } = account;
  const heal = await hub.sandbox.fault(provider, { on: 'api', kind: 'status', status: 503, account: name });
  for (let attempt = 1; attempt <= TRIES; attempt += 1) await caller.sync(provider);
  return { caller, account, heal, letter: await letterOf(caller, 'sync') };
}

/** A grant that its provider does not take back. The ladder is gone up by hand: its first four rungs take a quarter of an hour. */
async function deadRevocation(of?: Connected): Promise<Failed> {
  const { caller, account } = of ?? (await connected('notion'));
  const { provider, name } = account;
  const heal = await hub.sandbox.fault(provider, { on: 'revoke', kind: 'status', status: 503, account: name });
  await caller.disconnect(provider);
  await hub.event(caller, 'revocation.failed', { provider });
  const { org } = caller.claims;
  await hub.database.rows(
    'update public.revocations set failed_attempts = 4, next_attempt_at = now() where org_id = $1',
    [org],
  );
  await hub.event(caller, 'revocation.failed', { provider, where: ({ detail }) => detail['deadLetter'] === true });
  return { caller, account, heal, letter: await letterOf(caller, 'revocation') };
}

const MAKE = { refresh: deadRefresh, sync: deadSync, revocation: deadRevocation } as const;
const SUCCESS = { refresh: 'refresh.succeeded', sync: 'sync.completed', revocation: 'revocation.succeeded' } as const;
const KINDS = Object.keys(MAKE) as (keyof typeof MAKE)[];

function said(answer: Answer): [number, unknown] {
  return [answer.status, codeOf(answer)];
}
const cleared = (caller: Caller): Promise<unknown> =>
  eventually('no dead letter', async () => (await caller.deadLetters()).body.deadLetters.length === 0);

it('an org where all is well has none', async () => {
  const { caller } = await connected('google_drive');
  expect((await caller.deadLetters()).body).toEqual({ deadLetters: [], nextCursor: null });
  expect(await caller.replayAll()).toMatchObject({ status: 202, body: { replayed: 0 } });
});

describe.each(KINDS)('a %s whose last try has failed', (kind) => {
  let failed: Failed;
  beforeAll(async () => {
    failed = await MAKE[kind]();
  });

  it('shows as a dead letter, with what failed, since when and how often', async () => {
    const { caller, account, letter } = failed;
    const trail = await hub.trail(caller);
    const failures = trail.filter(({ name }) => name === `${kind}.failed`);
    const [first, last] = [failures[0], failures.at(-1)];
    expect(letter).toEqual({
      id: expect.stringMatching(new RegExp(`^${kind}-[0-9a-f-]{36}$`)),
      kind,
      provider: account.provider,
      integrationId: trail.find(({ name }) => name === 'integration.connected')?.integrationId,
      reason: last?.detail['code'],
      attempts: TRIES,
      firstFailedAt: expect.stringMatching(/Z$/),
      lastFailedAt: expect.stringMatching(/Z$/),
    });
    // the trail is written at the end of the very transaction
    for (const [time, event] of [
      [letter.firstFailedAt, first],
      [letter.lastFailedAt, last],
    ] as const)
      expect(Math.abs(Date.parse(time) - Date.parse(event?.at ?? ''))).toBeLessThan(2_000);
    expect(Date.parse(letter.firstFailedAt)).toBeLessThan(Date.parse(letter.lastFailedAt));
    expect((await caller.deadLetters()).text).not.toMatch(/token":|hub1\./);
  });

  it('is another org’s as if it did not exist', async () => {
    const { caller, letter } = failed;
    const stranger = hub.as();
    expect((await stranger.deadLetters()).body.deadLetters).toEqual([]);
    const foreign = await stranger.replay(letter.id);
    const unknown = await stranger.replay(`${kind}-${randomUUID()}`);
    const malformed = await stranger.replay('nothing-of-the-kind');
    for (const answer of [foreign, unknown, malformed]) {
      expect(said(answer)).toEqual([404, 'not_found']);
      expect({ ...(answer.body as object), instance: '' }).toEqual({ ...(foreign.body as object), instance: '' });
    }
    expect((await stranger.replayAll({ kind })).body).toEqual({ replayed: 0 });
    expect((await hub.trail(stranger)).filter(({ name }) => name === 'dead_letter.replayed')).toEqual([]);
    expect(await letterOf(caller, kind)).toEqual(letter);
  });

  it('needs the scope operations to be seen and replayed', async () => {
    const { caller, letter } = failed;
    const other = caller.with({ scopes: ['integrations:read', 'integrations:write', 'tokens:read', 'audit:read'] });
    for (const answer of [await other.deadLetters(), await other.replay(letter.id), await other.replayAll()])
      expect(said(answer)).toEqual([403, 'forbidden']);
    expect(await letterOf(caller, kind)).toEqual(letter);
  });

  it('is tried again by a replay, and stays dead while that fails', async () => {
    const { caller, letter } = failed;
    const after = await hub.lastSeq(caller);
    const answer = await caller.with({ sub: 'oncall' }).replay(letter.id);
    expect([answer.status, answer.body]).toEqual([202, { replayed: 1 }]);
    const event = await hub.event(caller, 'dead_letter.replayed', { after });
    expect(event).toMatchObject({
      provider: letter.provider,
      integrationId: letter.integrationId,
      actor: { type: 'user', id: 'oncall' },
      detail: { deadLetter: letter.id, kind, reason: letter.reason, attempts: TRIES },
    });
    const failure = await hub.event(caller, `${kind}.failed`, { after: event.seq });
    if (kind === 'revocation') {
      // its ladder has begun anew
      expect(failure.detail).toMatchObject({ attempts: 1, deadLetter: false });
      expect((await caller.deadLetters()).body.deadLetters).toEqual([]);
      expect(said(await caller.replay(letter.id))).toEqual([404, 'not_found']);
      await hub.database.rows('update public.revocations set next_attempt_at = null where org_id = $1', [
        caller.claims.org,
      ]);
    }
    const still = await letterOf(caller, kind);
    expect(still).toMatchObject({ id: letter.id, attempts: kind === 'revocation' ? 1 : TRIES + 1 });
    expect(still.firstFailedAt).toBe(letter.firstFailedAt);
  });

  it('is cleared by a replay that succeeds', async () => {
    const { caller, letter, heal } = failed;
    await heal();
    const after = await hub.lastSeq(caller);
    expect((await caller.replay(letter.id)).status).toBe(202);
    await hub.event(caller, SUCCESS[kind], { after });
    await cleared(caller);
    expect(said(await caller.replay(letter.id))).toEqual([404, 'not_found']);
    if (kind !== 'revocation')
      expect((await caller.read(letter.provider)).body).toMatchObject({ status: 'connected', failure: null });
  });
});

describe('many dead letters', () => {
  let caller: Caller;
  let all: Failed[];
  beforeAll(async () => {
    caller = hub.as();
    // one after the other, so that their order is known
    all = [
      await deadSync(await connected('shopify', caller)),
      await deadRefresh(await connected('google_drive', caller)),
      await deadRevocation(await connected('notion', caller)),
    ];
  });
  const idsOf = async (query: string): Promise<string[]> =>
    (await caller.deadLetters(query)).body.deadLetters.map(({ id }) => id);

  it('come the oldest failure first, page by page', async () => {
    const ids = all.map(({ letter }) => letter.id);
    expect(await idsOf('')).toEqual(ids);
    const first = (await caller.deadLetters('?limit=2')).body;
    expect(first.deadLetters.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = (await caller.deadLetters(`?limit=2&cursor=${first.nextCursor}`)).body;
    expect(second.deadLetters.map(({ id }) => id)).toEqual(ids.slice(2));
    expect(second.nextCursor).toBeNull();
  });

  it('are shown by kind and provider', async () => {
    const [sync, refresh] = all.map(({ letter }) => letter.id);
    expect(await idsOf('?kind=sync')).toEqual([sync]);
    expect(await idsOf('?provider=google_drive')).toEqual([refresh]);
    expect(await idsOf('?provider=google_drive&kind=sync')).toEqual([]);
    expect(await idsOf('?kind=delivery')).toEqual([]);
  });

  it.each([
    ['a kind that is none', { kind: 'token' }],
    ['a key that is none', { id: 'refresh-1' }],
    ['a provider that is no text', { provider: ['notion'] }],
  ])('are replayed for nobody who asks with %s', async (_what, body) => {
    const after = await hub.lastSeq(caller);
    expect(said(await caller.replayAll(body))).toEqual([422, 'invalid_request']);
    expect((await hub.trail(caller)).filter(({ seq, name }) => seq > after && name.startsWith('dead_'))).toEqual([]);
  });

  it('are replayed by kind and provider, and all at once', async () => {
    expect((await caller.replayAll({ kind: 'sync', provider: 'notion' })).body).toEqual({ replayed: 0 });
    await Promise.all(all.map(({ heal }) => heal()));
    const [sync, refresh, revocation] = all.map(({ letter }) => letter.id);
    expect((await caller.replayAll({ kind: 'sync', provider: 'shopify' })).body).toEqual({ replayed: 1 });
    await eventually('the sync', async () => !(await idsOf('')).includes(sync ?? ''));
    expect(await idsOf('')).toEqual([refresh, revocation]);
    expect(await caller.request('POST', '/functions/v1/integrations/dead-letters/replay')).toMatchObject({
      status: 202,
      body: { replayed: 2 },
    });
    await cleared(caller);
    const replayed = (await hub.trail(caller)).filter(({ name }) => name === 'dead_letter.replayed');
    expect(replayed.map(({ detail }) => detail['deadLetter']).sort()).toEqual([sync, refresh, revocation].sort());
  });
});

it('a replay of very many that breaks off says how many are due, and another one goes on', async () => {
  const caller = hub.as();
  const { org } = caller.claims;
  // the last of them in the order in which they are taken is the one that cannot be
  await hub.database.rows(
    `insert into public.deliveries (id, org_id, integration_id, provider, event_id, seq, type, at, source, state, failure_code,
       failed_attempts, first_failed_at, last_failed_at, ended_at)
     select case when n = 501 then 'ffffffff-ffff-4fff-bfff-ffffffffffff' else gen_random_uuid() end, $1, $2, 'zapier',
       gen_random_uuid(), n, 'x', now(), 'posted', 'dead', 'provider_unavailable', 5, now(), now(), now()
     from generate_series(1, 501) as n`,
    [org, randomUUID()],
  );
  await hub.database.rows(`
    create function public.refuse_one() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
    create trigger refuse_one before update on public.deliveries for each row
      when (new.id = 'ffffffff-ffff-4fff-bfff-ffffffffffff') execute function public.refuse_one()`);
  const broken = await caller.replayAll({ kind: 'delivery' });
  await hub.database.rows('drop trigger refuse_one on public.deliveries');
  expect(said(broken)).toEqual([500, 'internal']);
  expect(broken.body).toMatchObject({
    replayed: 500,
    detail: expect.stringMatching(/^500 dead letters are due now/),
    fix: 'Replay again: what is due already is not taken twice.',
  });
  expect(broken.text).not.toContain('not this one');
  expect((await caller.replayAll({ kind: 'delivery' })).body).toEqual({ replayed: 1 });
  await hub.database.rows('delete from public.deliveries where org_id = $1', [org]);
});
