import { randomBytes, randomUUID } from 'node:crypto';
import type { Caller } from '../support/caller';
import { ConsolePage } from '../support/console-page';
import { codeOf, parametersOf, type Person } from '../support/person';
import { SITE_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH, type AtCallback } from './support/attack-stand';
import { Verdicts } from './support/verdicts';

/** Attacks 6, 12 (the links of the console) and 47 (calls by its cookie) of the catalogue: who is signed in, and what that is worth. */
let hub: Stack;
let stand: AttackStand;
let verdicts: Verdicts;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
  verdicts = new Verdicts(hub, stand);
});
afterAll(() => hub.stop());

const SESSION = '/functions/v1/integrations-session';

describe.each(OAUTH)('a callback of %s', (provider) => {
  /** Whose session the browser has that brings it. */
  const FOREIGN: Record<string, (at: AtCallback) => Caller> = {
    'another org': () => hub.as(),
    'another user of the org': ({ caller }) => caller.with({ sub: 'bob' }),
  };

  it.each(Object.keys(FOREIGN))('in a browser that is signed in for %s ends in the one page', async (whose) => {
    const started = await stand.atCallback(provider);
    const { person, url } = started;
    await ConsolePage.signedIn(hub, FOREIGN[whose]!(started), person); // the flow's own cookie is there as well
    await verdicts.endsInBadState(started, () => person.get(url), 'flow.foreign');
  });

  it('that comes without the flow’s cookie to such a browser does too, and no confirm page is shown', async () => {
    const started = await stand.atCallback(provider);
    const { person } = await ConsolePage.signedIn(hub, hub.as());
    await verdicts.endsInBadState(started, () => person.get(started.url), 'flow.foreign');
  });

  it('that brings an error there is not believed', async () => {
    const started = await stand.atCallback(provider, {}, { decision: 'deny' });
    const { person, url } = started;
    await ConsolePage.signedIn(hub, hub.as(), person);
    await verdicts.endsInBadState(started, () => person.get(url), 'flow.foreign');
  });

  it('that a backend would complete is not handed on there', async () => {
    const started = await stand.atCallback(provider, { completion: 'deferred' });
    const { person, url } = started;
    await ConsolePage.signedIn(hub, hub.as(), person);
    await verdicts.endsInBadState(started, () => person.get(url), 'flow.foreign');
  });

  it('in a browser that is signed in as its very user is bound by the flow’s cookie, as everywhere', async () => {
    const bound = await stand.atCallback(provider);
    await ConsolePage.signedIn(hub, bound.caller, bound.person);
    expect(parametersOf((await bound.person.opens(bound.url)).sentTo ?? '')).toEqual({ success: provider });

    const unbound = await stand.atCallback(provider);
    const { person } = await ConsolePage.signedIn(hub, unbound.caller);
    const answer = await person.get(unbound.url);
    expect(answer.headers.get('location')).toMatch(/\/functions\/v1\/integrations-confirm\/[\w-]{43}$/);
    await verdicts.nothingConnected(unbound);
  });

  it('in a browser whose session is over is as without one', async () => {
    const { person, url } = await stand.atCallback(provider);
    const page = await ConsolePage.signedIn(hub, hub.as(), person);
    expect((await page.act('DELETE', SESSION)).status).toBe(204);
    expect(parametersOf((await person.opens(url)).sentTo ?? '')).toEqual({ success: provider });
  });
});

describe('a link into the console', () => {
  const linkOf = async (caller: Caller): Promise<string> => (await caller.consoleLink()).body.url;

  /** Tries a link. @returns how it is told, and that nothing has changed by it but what it names */
  async function opened(url: string, person: Person = hub.person(), headers: Record<string, string> = {}) {
    const { answer, told, changed } = await stand.asked(() => person.get(url, headers));
    return { status: answer.status, told, changed };
  }

  it('is not used by a HEAD, a prefetcher or a page that loads it, and signs in afterwards', async () => {
    const caller = hub.as();
    const url = await linkOf(caller);
    const person = hub.person();
    const head = await stand.asked(() => person.head(url));
    expect([head.answer.status, head.answer.headers.get('allow'), head.changed]).toEqual([405, 'GET', []]);
    const ahead: Record<string, string>[] = [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender' },
      { purpose: 'prefetch' },
      { 'x-moz': 'prefetch' },
      { 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of ahead) expect(await opened(url, person, headers)).toMatchObject({ status: 400, changed: [] });
    expect((await hub.trail(caller)).map(({ name }) => name)).toEqual(['console.link_created']);
    const answer = await person.get(url, { 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site' });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${hub.publicUrl}/integrations`]);
    expect((await new ConsolePage(hub, person).session()).status).toBe(200);
  });

  it('gets the one page, byte for byte, whatever is wrong with it, and the trail tells what', async () => {
    const caller = hub.as();
    const [used, expired] = [await linkOf(caller), await linkOf(caller)];
    await hub.person().get(used);
    await hub.database.rows('update public.console_links set expires_at = now() where link_hash = sha256($1::bytea)', [
      expired.split('/').at(-1),
    ]);
    const place = `${hub.publicUrl}${SESSION}/`;
    const told = new Set<string>();
    for (const [url, reason] of [
      [used, 'used'],
      [expired, 'expired'],
    ] as const) {
      const one = await opened(url);
      expect([reason, one.status, one.changed]).toEqual([reason, 400, []]);
      told.add(one.told);
      await hub.event(caller, 'console.link_rejected', { where: ({ detail }) => detail['reason'] === reason });
    }
    for (const [url, reason] of [
      [place + randomBytes(32).toString('base64url'), 'unknown'],
      [`${place}short`, 'malformed'],
      [`${used}x`, 'malformed'],
      [`${place}${'%00'.repeat(10)}`, 'malformed'],
    ] as const) {
      const before = await stand.lastSystemSeq();
      const one = await opened(url);
      expect([url, one.status, one.changed]).toEqual([url, 400, []]);
      told.add(one.told);
      expect(await stand.systemEvent('console.link_rejected', before)).toMatchObject({ detail: { reason } });
    }
    told.add((await opened(await linkOf(caller), hub.person(), { 'sec-purpose': 'prefetch' })).told);
    expect(told.size).toBe(1);
    expect([...told][0]).not.toContain('set-cookie');
  });

  it('signs one browser in, of fifty that open it at the same moment', async () => {
    const caller = hub.as();
    const url = await linkOf(caller);
    const people = Array.from({ length: 50 }, () => hub.person());
    const statuses = await Promise.all(people.map(async (person) => (await person.get(url)).status));
    expect(statuses.filter((status) => status === 303)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(49);
    const signedIn = (await hub.trail(caller)).filter(({ name }) => name === 'console.signed_in');
    expect(signedIn).toHaveLength(1);
  });

  it('that is guessed is not looked at any more after too many', async () => {
    const person = hub.person();
    const statuses: number[] = [];
    for (let made = 0; made < 21; made += 1)
      statuses.push((await person.get(`${hub.publicUrl}${SESSION}/${randomBytes(32).toString('base64url')}`)).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 400), 429]);
    expect((await person.get(await linkOf(hub.as()))).status).toBe(429);
  });

  it('replaces the session that somebody has put into the browser before', async () => {
    const attacker = hub.as();
    const planted = await ConsolePage.signedIn(hub, attacker);
    const victim = hub.as();
    const person = hub.person();
    person.cookies.set('localhost', new Map(planted.person.cookies.get('localhost')));
    const page = await ConsolePage.signedIn(hub, victim, person);
    expect(page.cookie).not.toBe(planted.cookie);
    expect((await page.session()).body.orgId).toBe(victim.claims.org);
    expect((await planted.session()).status).toBe(401);
    const { detail } = await hub.event(attacker, 'console.signed_out');
    expect(detail).toMatchObject({ because: 'replaced' });
  });

  it('gives no session to a cookie that the attacker has chosen', async () => {
    const person = hub.person();
    const name = `hub_session_${new URL(hub.publicUrl).port}`;
    const chosen = randomBytes(32).toString('base64url');
    person.cookies.set('localhost', new Map([[name, chosen]]));
    const page = await ConsolePage.signedIn(hub, hub.as(), person);
    expect(page.cookie).not.toBe(chosen);
    person.cookies.set('localhost', new Map([[name, chosen]]));
    expect((await page.session()).status).toBe(401);
  });

  it('and its session are kept as hashes alone, and stand in no log', async () => {
    const caller = hub.as();
    const url = await linkOf(caller);
    const page = new ConsolePage(hub, hub.person());
    await page.person.get(url);
    const [csrf, cookie] = [await page.csrf(), page.cookie];
    await page.call('POST', '/functions/v1/integrations-connect', { body: { provider: 'notion' } }); // refused
    await page.act('DELETE', SESSION);
    await page.session();
    await page.person.get(url);
    const rows = await hub.database.rows<{ text: string }>(
      `select (select string_agg(t::text, ' ') from public.console_links t) || (select string_agg(t::text, ' ') from public.audit_events t)
         || coalesce((select string_agg(t::text, ' ') from public.console_sessions t), '') as text`,
    );
    const log = hub.process('gateway').lines.join('\n');
    expect(log.length).toBeGreaterThan(0);
    for (const secret of [url.split('/').at(-1) ?? '', cookie, csrf]) {
      expect(secret).toMatch(/^[\w-]{43}$/);
      expect(rows[0]?.text).not.toContain(secret);
      expect(log).not.toContain(secret);
    }
  });
});

describe('the cookie of a session', () => {
  /** Everything that changes something, and that a page could be made to send. */
  const ACTS: readonly (readonly [method: string, path: string, body?: unknown])[] = [
    ['POST', '/functions/v1/integrations-connect', { provider: 'notion' }],
    ['POST', '/functions/v1/integrations-complete', { flow: randomUUID(), handle: 'x' }],
    ['POST', '/functions/v1/integrations/notion/refresh'],
    ['POST', '/functions/v1/integrations/notion/sync'],
    ['DELETE', '/functions/v1/integrations/notion'],
    ['POST', '/functions/v1/integrations/dead-letters/replay', {}],
    ['DELETE', SESSION],
  ];

  /** What is sent along, made of the right proof, and how the trail words what is wrong with it. */
  const WRONG: Record<string, { reason: string; headers: (csrf: string, other: string) => Record<string, string> }> = {
    'without a proof': { reason: 'csrf_missing', headers: () => ({}) },
    'with an empty proof': { reason: 'csrf_wrong', headers: () => ({ 'x-csrf-token': '' }) },
    'with a guessed proof': {
      reason: 'csrf_wrong',
      headers: (csrf) => ({ 'x-csrf-token': `${csrf.startsWith('A') ? 'B' : 'A'}${csrf.slice(1)}` }),
    },
    'with the proof of another session': {
      reason: 'csrf_wrong',
      headers: (_csrf, other) => ({ 'x-csrf-token': other }),
    },
    'with its proof twice': { reason: 'csrf_wrong', headers: (csrf) => ({ 'x-csrf-token': `${csrf}, ${csrf}` }) },
    'from another site': {
      reason: 'foreign_origin',
      headers: (csrf) => ({ 'x-csrf-token': csrf, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }),
    },
    'from a site that CORS admits': {
      reason: 'foreign_origin',
      headers: (csrf) => ({ 'x-csrf-token': csrf, origin: SITE_URL, 'sec-fetch-site': 'same-site' }),
    },
    'from another port of the same host': {
      reason: 'foreign_origin',
      headers: (csrf) => ({ 'x-csrf-token': csrf, origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' }),
    },
    'from a page of no origin': {
      reason: 'foreign_origin',
      headers: (csrf) => ({ 'x-csrf-token': csrf, origin: 'null' }),
    },
    'from an address that was typed': {
      reason: 'foreign_origin',
      headers: (csrf) => ({ 'x-csrf-token': csrf, 'sec-fetch-site': 'none' }),
    },
  };

  it.each(Object.keys(WRONG))('changes nothing %s', async (how) => {
    const caller = hub.as();
    const page = await ConsolePage.signedIn(hub, caller);
    const other = await (await ConsolePage.signedIn(hub, caller)).csrf();
    const { reason, headers } = WRONG[how]!;
    const sent = headers(await page.csrf(), other);
    for (const [method, path, body] of ACTS) {
      const after = await hub.lastSeq(caller);
      const changed = await stand.changedBy(async () => {
        const answer = await page.call(method, path, { headers: sent, body });
        expect([method, path, answer.status, codeOf(answer)]).toEqual([method, path, 403, 'forbidden']);
        expect(answer.headers.getSetCookie()).toEqual([]);
      });
      expect([method, path, changed]).toEqual([method, path, []]);
      const event = await hub.event(caller, 'auth.forbidden', { after });
      expect(event.detail).toMatchObject({ reason });
    }
    expect((await page.session()).status).toBe(200);
  });

  it.each(Object.entries(WRONG).filter(([, { reason }]) => reason === 'foreign_origin'))(
    'reads nothing %s, unless somebody typed it',
    async (how, { headers }) => {
      const caller = hub.as();
      const page = await ConsolePage.signedIn(hub, caller);
      const expected = how === 'from an address that was typed' ? 200 : 403;
      for (const path of [SESSION, '/functions/v1/integrations', '/functions/v1/integrations/audit']) {
        const answer = await page.call('GET', path, { headers: headers('', '') });
        expect([path, answer.status]).toEqual([path, expected]);
      }
    },
  );

  it('is offered to no page of another origin: the preflight admits no proof', async () => {
    const answer = await fetch(`${hub.base}/functions/v1/integrations-connect`, {
      method: 'OPTIONS',
      headers: {
        origin: SITE_URL,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-csrf-token',
      },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe(SITE_URL);
    expect(answer.headers.get('access-control-allow-headers')).not.toMatch(/csrf/i);
  });

  it('is worth nothing beside a bearer, good or bad', async () => {
    const page = await ConsolePage.signedIn(hub, hub.as());
    const other = hub.as();
    const authorization = await other.authorization();
    const read = await page.call('POST', '/functions/v1/integrations-session', {
      headers: { authorization },
      body: {},
    });
    expect(read.status).toBe(200);
    await hub.event(other, 'console.link_created');
    for (const bad of ['Bearer x', 'Basic x', ''])
      expect((await page.call('GET', '/functions/v1/integrations', { headers: { authorization: bad } })).status).toBe(
        401,
      );
  });

  it('reads no token and makes no link, whatever its caller may', async () => {
    const caller = hub.as();
    const page = await ConsolePage.signedIn(hub, caller);
    expect((await page.call('GET', '/functions/v1/integrations/notion/token')).status).toBe(403);
    expect((await page.act('POST', SESSION, {})).status).toBe(401);
  });

  it('that is guessed too often is not looked at any more, and is told', async () => {
    const before = await stand.lastSystemSeq();
    const page = new ConsolePage(hub, hub.person());
    const name = `hub_session_${new URL(hub.publicUrl).port}`;
    const statuses: number[] = [];
    for (let made = 0; made < 21; made += 1) {
      page.person.cookies.set('localhost', new Map([[name, randomBytes(32).toString('base64url')]]));
      statuses.push((await page.call('GET', '/functions/v1/integrations')).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 401), 429]);
    await stand.systemEvent('auth.failed', before);
  });

  it('of one org shows nothing of another', async () => {
    const [ours, theirs] = [hub.as(), hub.as()];
    const { order, choices } = (await stand.atCallback('notion')).account;
    await hub.connect(theirs, order, choices);
    const page = await ConsolePage.signedIn(hub, ours);
    const { body } = await page.call<{ status: string }>('GET', '/functions/v1/integrations/notion');
    expect(body.status).toBe('not_connected');
    expect((await page.act('DELETE', '/functions/v1/integrations/notion')).status).toBe(204);
    expect((await theirs.read('notion')).body.status).toBe('connected');
  });
});
