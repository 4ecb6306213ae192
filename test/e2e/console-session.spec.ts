import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { ANYONES } from '../support/accounts';
import { ConsolePage } from '../support/console-page';
import { LiveClient } from '../support/live-client';
import { codeOf, parametersOf } from '../support/person';
import { Stack } from '../support/stack';

/** Who is signed in to the console: by a link of a product, or by itself where the hub is somebody's own. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
});
afterAll(() => hub.stop());

const SESSION = '/functions/v1/integrations-session';
const LIST = '/functions/v1/integrations';

/** Moves the times of an org's sessions into the past. */
async function age(orgId: string, interval: string, ...columns: string[]): Promise<void> {
  const moved = columns.map((column) => `${column} = ${column} - interval '${interval}'`).join(', ');
  await hub.database.rows(`update public.console_sessions set ${moved} where org_id = $1`, [orgId]);
}

describe('a browser that opens a link', () => {
  it('is signed in as the link’s org and user, for eight hours, with all that its caller may but reading tokens', async () => {
    const caller = hub.as(randomUUID(), {
      sub: 'ada',
      scopes: ['integrations:read', 'integrations:write', 'tokens:read'],
    });
    const link = await caller.consoleLink({ userLabel: 'Ada Lovelace' });
    expect([link.status, link.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(link.body.url).toMatch(new RegExp(`^${hub.publicUrl}${SESSION}/[\\w-]{43}$`));
    const page = new ConsolePage(hub, hub.person());
    const answer = await page.person.get(link.body.url);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${hub.publicUrl}/integrations`]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^hub_session_\d+=[\w-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    const session = await page.session();
    expect([session.status, session.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(session.body).toEqual({
      orgId: caller.claims.org,
      sub: 'ada',
      userLabel: 'Ada Lovelace',
      scopes: ['integrations:read', 'integrations:write'],
      csrfToken: expect.stringMatching(/^[\w-]{43}$/),
      expiresAt: expect.stringMatching(/Z$/),
    });
    const [row] = await hub.database.rows<{ hours: number }>(
      'select extract(epoch from expires_at - created_at)::float8 / 3600 as hours from public.console_sessions where org_id = $1',
      [caller.claims.org],
    );
    expect(row).toEqual({ hours: 8 });
    const told = await hub.trail(hub.as(caller.claims.org));
    const signIn = told.filter(({ name }) => name.startsWith('console.'));
    expect(signIn.map(({ name, actor }) => [name, actor.id])).toEqual([
      ['console.link_created', 'ada'],
      ['console.signed_in', 'ada'],
    ]);
  });

  it('does what its scopes allow: it lists, connects, refreshes and disconnects, and no more', async () => {
    const caller = hub.as(randomUUID(), { scopes: ['integrations:read', 'integrations:write', 'tokens:read'] });
    const page = await ConsolePage.signedIn(hub, caller);
    const account = ANYONES.notion();
    expect((await page.call('GET', LIST)).status).toBe(200);
    const begun = await page.act<{ authUrl: string }>('POST', '/functions/v1/integrations-connect', account.order);
    expect(begun.status).toBe(200);
    // the flow's cookie has come to this browser, so that no confirm page is shown
    const { sentTo, visited } = await page.person.opens(begun.body.authUrl, account.choices);
    expect(parametersOf(sentTo ?? '')).toEqual({ success: 'notion' });
    expect(visited.join()).not.toContain('integrations-confirm');
    const read = await page.call<{ status: string }>('GET', `${LIST}/notion`);
    expect(read.body.status).toBe('connected');
    expect((await page.call('GET', `${LIST}/audit`)).status).toBe(403);
    expect((await page.call('GET', `${LIST}/notion/token`)).status).toBe(403);
    expect((await page.act('DELETE', `${LIST}/notion`)).status).toBe(204);
    const events = await hub.trail(hub.as(caller.claims.org));
    expect(events.find(({ name }) => name === 'integration.connected')?.actor).toEqual({ type: 'user', id: 'ada' });
  });

  it('is signed out by itself: the cookie goes, and is worth nothing in any other hand', async () => {
    const caller = hub.as();
    const page = await ConsolePage.signedIn(hub, caller);
    const copy = new ConsolePage(hub, hub.person());
    copy.person.cookies.set('localhost', new Map(page.person.cookies.get('localhost')));
    const answer = await page.act('DELETE', SESSION);
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([
      204,
      [expect.stringMatching(/^hub_session_\d+=; Max-Age=0; Path=\/; HttpOnly; SameSite=Lax$/)],
    ]);
    expect(page.cookie).toBe('');
    for (const one of [page, copy]) expect((await one.session()).status).toBe(401);
    expect((await hub.event(caller, 'console.signed_out')).detail).toMatchObject({ because: 'signed_out' });
    expect(
      await hub.database.rows('select 1 from public.console_sessions where org_id = $1', [caller.claims.org]),
    ).toEqual([]);
  });

  it('is signed out after eight hours, whatever it does, and after an hour without a request', async () => {
    const [busy, idle, back] = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const caller = hub.as();
        return { org: caller.claims.org, page: await ConsolePage.signedIn(hub, caller) };
      }),
    );
    await age(busy!.org, '8 hours', 'created_at', 'expires_at');
    await age(idle!.org, '60 minutes', 'last_seen_at');
    await age(back!.org, '59 minutes', 'last_seen_at');
    for (const { page } of [busy!, idle!]) {
      expect((await page.session()).status).toBe(401);
      expect((await page.call('GET', LIST)).status).toBe(401);
    }
    expect((await back!.page.session()).status).toBe(200);
    // which was noted: another while without a request may follow
    await age(back!.org, '59 minutes', 'last_seen_at');
    expect((await back!.page.session()).status).toBe(200);
  });

  it('is signed out after an hour of a page that asks by itself alone: neither that nor a socket is a use', async () => {
    const caller = hub.as();
    const { org } = caller.claims;
    const page = await ConsolePage.signedIn(hub, caller);
    await age(org, '59 minutes', 'last_seen_at');
    const cookie = `hub_session_${new URL(hub.publicUrl).port}=${page.cookie}`;
    const live = await LiveClient.open(hub.base, { headers: { cookie, origin: hub.publicUrl } });
    await live.ready();
    for (const path of [SESSION, LIST])
      expect((await page.call('GET', path, { headers: { 'x-unattended': '1' } })).status).toBe(200);
    await age(org, '2 minutes', 'last_seen_at');
    expect((await page.call('GET', LIST)).status).toBe(401);
    await live.close();
  });

  it('that brings no cookie is told so, and nothing is counted against its address', async () => {
    const page = new ConsolePage(hub, hub.person());
    for (let made = 0; made < 25; made += 1) {
      const answer = await page.session();
      expect([answer.status, codeOf(answer)]).toEqual([401, 'unauthorized']);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });
});

describe('a link', () => {
  it('is made for whoever may change something', async () => {
    const reader = hub.as(randomUUID(), { scopes: ['integrations:read'] });
    expect(codeOf(await reader.consoleLink())).toBe('forbidden');
    expect((await hub.as().request('POST', SESSION)).status).toBe(200); // a body is not needed
  });

  it.each([
    ['an empty name', { userLabel: '' }],
    ['a long one', { userLabel: 'x'.repeat(121) }],
    ['one that breaks lines', { userLabel: 'Ada\nLovelace' }],
    ['one that turns the line', { userLabel: 'Ada\u202eecalevoL' }],
    ['half a character', { userLabel: '\ud800' }],
    ['scopes of its own', { scopes: ['operations'] }],
    ['another org', { orgId: randomUUID() }],
  ])('is refused with %s', async (_what, body) => {
    const answer = await hub.as().consoleLink(body);
    expect([answer.status, codeOf(answer)]).toEqual([422, 'invalid_request']);
  });
});

describe('a hub behind https', () => {
  it('names its cookie so that no sibling domain can set it, and sends it by https alone', async () => {
    await hub.restart('gateway', { PUBLIC_URL: 'https://hub.example' });
    try {
      const { body } = await hub.as().consoleLink();
      expect(body.url).toMatch(/^https:\/\/hub\.example\/functions\/v1\/integrations-session\//);
      const answer = await fetch(body.url.replace('https://hub.example', hub.base), { redirect: 'manual' });
      expect(answer.headers.get('location')).toBe('https://hub.example/integrations');
      const [cookie = ''] = answer.headers.getSetCookie();
      expect(cookie).toMatch(/^__Host-hub_session=[\w-]{43}; Max-Age=28800; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
      const session = await fetch(`${hub.base}${SESSION}`, {
        headers: { cookie: cookie.split(';')[0] ?? '', origin: 'https://hub.example' },
      });
      expect(session.status).toBe(200);
    } finally {
      await hub.restart('gateway', { PUBLIC_URL: hub.publicUrl });
    }
  });
});

describe('the hub of npm start', () => {
  const org = randomUUID();
  beforeAll(() => hub.restart('gateway', { HUB_LOCAL: 'true', HUB_LOCAL_ORG_ID: org }));

  const rows = () => hub.database.rows('select sub, sign_in from public.console_sessions where org_id = $1', [org]);

  it('signs a browser in by itself, with every right but reading tokens, once', async () => {
    const page = new ConsolePage(hub, hub.person());
    const first = await page.session({ 'sec-fetch-site': 'same-origin' });
    expect(first.body).toMatchObject({
      orgId: org,
      sub: 'local-user',
      userLabel: null,
      scopes: ['integrations:read', 'integrations:write', 'audit:read', 'operations'],
    });
    expect((await page.session()).body).toEqual(first.body);
    expect(await rows()).toEqual([{ sub: 'local-user', sign_in: 'local' }]);
    expect((await page.call('GET', LIST)).status).toBe(200);
    const origin = `http://127.0.0.1:${new URL(hub.base).port}`; // the person may have typed the number
    const headers = { 'x-csrf-token': first.body.csrfToken, origin, 'sec-fetch-site': 'same-origin' };
    expect((await page.call('DELETE', `${LIST}/notion`, { headers })).status).toBe(204);
  });

  it('opens the socket of its page by whichever name of this machine, and for no other page', async () => {
    const page = new ConsolePage(hub, hub.person());
    await page.session();
    const base = `http://127.0.0.1:${new URL(hub.base).port}`;
    const cookie = `hub_session_${new URL(hub.publicUrl).port}=${page.cookie}`;
    const client = await LiveClient.open(base, { headers: { cookie, origin: base } });
    expect(await client.ready()).toEqual(expect.any(Number));
    client.break();
    for (const origin of ['http://127.0.0.1:1', 'https://evil.example', 'null'])
      await expect(LiveClient.open(base, { headers: { cookie, origin } })).rejects.toMatchObject({ status: 403 });
  });

  it('does so again after a sign-out', async () => {
    const page = new ConsolePage(hub, hub.person());
    const before = await page.csrf();
    expect((await page.act('DELETE', SESSION)).status).toBe(204);
    expect(await page.csrf()).not.toBe(before);
  });

  it.each([
    ['a name that was bent to this machine', { host: 'evil.example' }],
    ['such a name with the port', { host: 'evil.example:80' }],
    ['a name that begins as ours', { host: 'localhost.evil.example' }],
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' }],
    ['a page of no origin', { origin: 'null' }],
  ])('signs nobody in for %s', async (_what, headers) => {
    const before = await rows();
    const answer = await raw({ host: new URL(hub.base).host, ...headers });
    expect([answer.status, answer.cookies]).toEqual([401, []]);
    expect(await rows()).toEqual(before);
  });

  it('calls nobody a stranger for it: whose account is connected is asked as in any other browser', async () => {
    const page = new ConsolePage(hub, hub.person());
    await page.session();
    const caller = hub.as();
    const account = ANYONES.notion();
    const callback = await page.person.consents((await caller.begin(account.order)).body.authUrl, account.choices);
    const answer = await page.person.get(callback);
    expect(answer.headers.get('location')).toContain('/functions/v1/integrations-confirm/');
  });

  it('yields to somebody who opens a link', async () => {
    const page = new ConsolePage(hub, hub.person());
    await page.session();
    const caller = hub.as();
    await ConsolePage.signedIn(hub, caller, page.person);
    expect((await page.session()).body).toMatchObject({ orgId: caller.claims.org, sub: 'ada' });
  });

  it('leaves no session behind for a hub that is not local any more', async () => {
    const page = new ConsolePage(hub, hub.person());
    await page.session();
    await hub.restart('gateway', { HUB_LOCAL: null, HUB_LOCAL_ORG_ID: null });
    expect((await page.session()).status).toBe(401);
  });
});

/** Reads the session past `fetch`, which lets nobody choose the Host. */
function raw(headers: Readonly<Record<string, string>>): Promise<{ status: number; cookies: string[] }> {
  return new Promise((resolve, reject) => {
    request(hub.base + SESSION, { headers }, (answer) => {
      answer
        .resume()
        .on('end', () => resolve({ status: answer.statusCode ?? 0, cookies: answer.headers['set-cookie'] ?? [] }));
    })
      .once('error', reject)
      .end();
  });
}
