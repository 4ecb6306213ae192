import { createHash, createHmac, randomUUID } from 'node:crypto';
import { ANYONES } from '../support/accounts';
import { formOn } from '../support/page-form';
import { parametersOf, type Person } from '../support/person';
import { RETURN_URL, SITE_URL, Stack } from '../support/stack';

/** The way of a browser from the product to the provider and back. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
});
afterAll(() => hub.stop());

type OAuthName = 'notion' | 'google_drive' | 'shopify';
const OAUTH: readonly OAuthName[] = ['notion', 'google_drive', 'shopify'];

/** A connect as far as the provider has sent the browser back; the callback is not opened yet. */
async function atCallback(provider: OAuthName, on = hub, order: Readonly<Record<string, unknown>> = {}) {
  const caller = on.as();
  const person = on.person();
  const account = ANYONES[provider]();
  const authUrl = await person.starts(caller, { ...account.order, ...order });
  return { caller, person, account, authUrl, url: await person.consents(authUrl, account.choices) };
}

async function statusOf(caller: Awaited<ReturnType<typeof atCallback>>['caller'], provider: string) {
  return (await caller.read(provider)).body.status;
}

describe('the authorize URL', () => {
  const EXPECTED = {
    notion: { owner: 'user' },
    google_drive: {
      scope: 'https://www.googleapis.com/auth/drive.file',
      access_type: 'offline',
      prompt: 'consent',
      code_challenge: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      code_challenge_method: 'S256',
    },
    shopify: { scope: 'read_products,write_products,read_orders' },
  } as const;

  it.each(OAUTH)('of %s is its own, and asks for exactly this', async (provider) => {
    const account = ANYONES[provider]();
    const { body } = await hub.as().begin(account.order);
    const url = new URL(body.authUrl);
    const endpoint = (await hub.sandbox.endpoints())[provider]?.['authorizeUrl'] ?? '';
    expect(url.pathname).toBe(new URL(endpoint.replace('{shop}', account.name)).pathname);
    expect(parametersOf(body.authUrl)).toEqual({
      response_type: 'code',
      client_id: (await hub.sandbox.credentials())[`${provider.replace('_drive', '').toUpperCase()}_CLIENT_ID`],
      redirect_uri: `${hub.publicUrl}/functions/v1/integrations-callback/${provider}`,
      state: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      ...EXPECTED[provider],
    });
    expect(body.provider).toBe(provider);
  });

  it('has a state of its own each time, of which the database keeps only the hash', async () => {
    const caller = hub.as();
    const states = await Promise.all(
      [1, 2, 3].map(
        async () => parametersOf((await caller.begin({ provider: 'google_drive' })).body.authUrl)['state']!,
      ),
    );
    expect(new Set(states).size).toBe(3);
    const rows = await hub.database.rows<{ hash: string; row: string }>(
      `select encode(state_hash, 'hex') as hash, f::text as row from public.flows f where org_id = $1`,
      [caller.claims.org],
    );
    const hashes = states.map((state) => createHash('sha256').update(state).digest('hex'));
    expect(rows.map(({ hash }) => hash).sort()).toEqual(hashes.sort());
    for (const { row } of rows) for (const state of states) expect(row).not.toContain(state);
  });

  it('leads back to the public URL, whatever host the request names', async () => {
    const answer = await hub.as().request<{ authUrl: string }>('POST', '/functions/v1/integrations-connect', {
      body: { provider: 'notion' },
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' },
    });
    expect(parametersOf(answer.body.authUrl)['redirect_uri']).toBe(
      `${hub.publicUrl}/functions/v1/integrations-callback/notion`,
    );
  });

  it('is not to be kept by any cache', async () => {
    expect((await hub.as().begin({ provider: 'notion' })).headers.get('cache-control')).toBe('no-store');
  });
});

describe('a browser that started the connect', () => {
  it.each(OAUTH)('completes %s at once, by a 302 to the site', async (provider) => {
    const { caller, person, url } = await atCallback(provider);
    const answer = await person.get(url);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      302,
      `${SITE_URL}/integrations?success=${provider}`,
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(await statusOf(caller, provider)).toBe('connected');
  });

  it('is led to the asked return URL, whose query stays', async () => {
    const { person, url } = await atCallback('notion', hub, { redirectUri: RETURN_URL });
    expect((await person.opens(url)).sentTo).toBe(`${RETURN_URL}&success=notion`);
    const denied = hub.person();
    const authUrl = await denied.starts(hub.as(), { provider: 'notion', redirectUri: RETURN_URL });
    expect((await denied.opens(authUrl, { decision: 'deny' })).sentTo).toBe(
      `${RETURN_URL}&error=access_denied&provider=notion`,
    );
  });

  it.each([SITE_URL, `${SITE_URL}/integrations`])('may return to %s without any list', async (redirectUri) => {
    expect((await hub.as().begin({ provider: 'notion', redirectUri })).status).toBe(200);
  });

  it('may have two connects of one provider open at a time', async () => {
    const person = hub.person();
    const tabs = await Promise.all(
      [hub.as(), hub.as()].map(async (caller) => {
        const account = ANYONES.notion();
        const authUrl = await person.starts(caller, account.order);
        return { caller, url: await person.consents(authUrl, account.choices) };
      }),
    );
    for (const { url } of tabs.reverse())
      expect(parametersOf((await person.opens(url)).sentTo ?? '')).toEqual({ success: 'notion' });
    for (const { caller } of tabs) expect(await statusOf(caller, 'notion')).toBe('connected');
  });

  it('is let through once, however often it comes at the same moment', async () => {
    const { caller, person, account, url } = await atCallback('google_drive');
    const answers = await Promise.all(Array.from({ length: 50 }, () => person.get(url)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 302)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(49);
    const exchanges = await hub.sandbox.log({ provider: 'google_drive', account: account.name, kind: 'exchange' });
    expect(exchanges).toHaveLength(1);
    expect(await statusOf(caller, 'google_drive')).toBe('connected');
  });

  it('comes to nothing once the org has disconnected meanwhile', async () => {
    const { caller, person, url } = await atCallback('google_drive');
    await caller.disconnect('google_drive');
    expect((await person.opens(url)).status).toBe(400);
    expect(await statusOf(caller, 'google_drive')).toBe('not_connected');
    await hub.event(caller, 'flow.cancelled');
  });
});

describe('the flow cookie', () => {
  it('is kept from scripts and from other sites, for ten minutes', async () => {
    const [cookie, ...more] = (await hub.as().begin({ provider: 'notion' })).headers.getSetCookie();
    expect(more).toEqual([]);
    const [pair = '', ...attributes] = (cookie ?? '').split('; ');
    expect(pair).toMatch(/^hub_flow_[0-9a-f-]{36}=[A-Za-z0-9_-]{43}$/);
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax']);
  });

  it('carries the __Host- prefix and Secure on https, and binds there as well', async () => {
    const secure = await Stack.start({ apps: ['gateway'], env: { PUBLIC_URL: 'https://hub.example' } });
    try {
      const [cookie = ''] = (await secure.as().begin({ provider: 'notion' })).headers.getSetCookie();
      const [pair, ...attributes] = cookie.split('; ');
      expect(pair).toMatch(/^__Host-hub_flow_/);
      expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax', 'Secure']);
      const { caller, person, authUrl, url } = await atCallback('notion', secure);
      expect(parametersOf(authUrl)['redirect_uri']).toMatch(/^https:\/\/hub\.example\//);
      expect(parametersOf((await person.opens(url)).sentTo ?? '')).toEqual({ success: 'notion' });
      expect(await statusOf(caller, 'notion')).toBe('connected');
    } finally {
      await secure.stop();
    }
  });

  it('reaches pages of the site and of allowed return URLs by CORS, and no others', async () => {
    const path = '/functions/v1/integrations-connect';
    for (const [origin, allowed] of [
      [SITE_URL, SITE_URL],
      ['https://evil.example', null],
      ['null', null],
    ] as const) {
      const asked = await hub.as().request('OPTIONS', path, {
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
      expect([origin, asked.headers.get('access-control-allow-origin')]).toEqual([origin, allowed]);
      const answer = await hub.as().request('POST', path, { body: { provider: 'notion' }, headers: { origin } });
      expect([origin, answer.headers.get('access-control-allow-origin')]).toEqual([origin, allowed]);
      if (allowed !== null) expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
    }
  });
});

describe('a browser that did not start the connect', () => {
  /** Somebody else's browser, at the confirm page of a connect. */
  async function atConfirmPage(provider: OAuthName) {
    const started = await atCallback(provider);
    const other = hub.person();
    const sent = await other.get(started.url);
    const page = sent.headers.get('location') ?? '';
    return { ...started, other, sent, page };
  }

  async function press(person: Person, page: string, csrf: string) {
    return person.post(page, [['csrf', csrf]]);
  }

  it('is asked first: the page names who asks for what, and has one button', async () => {
    const { caller, other, account, sent, page } = await atConfirmPage('shopify');
    expect(sent.status).toBe(302);
    expect(page).toMatch(/\/functions\/v1\/integrations-confirm\/[A-Za-z0-9_-]{43}$/);
    const shown = await other.get(page);
    const html = await shown.text();
    expect(shown.status).toBe(200);
    for (const named of [caller.claims.org, 'ada', 'Shopify', account.name]) expect(html).toContain(named);
    expect(html.match(/<form/g)).toHaveLength(1);
    expect(html).toMatch(/<form method="post"/);
    expect(html).toMatch(/<input type="hidden" name="csrf" value="[^"]{20,}">/);
    expect(shown.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(shown.headers.get('content-security-policy')).toContain("; form-action 'self' https:; ");
    expect(shown.headers.get('cache-control')).toBe('no-store');
    expect(html).not.toMatch(/<script|https?:\/\/(?!localhost)/);
    await hub.event(caller, 'flow.unbound');
  });

  it.each(OAUTH)('connects nothing at %s until the button is pressed, then ends like a bound one', async (provider) => {
    const { caller, other, account, page } = await atConfirmPage(provider);
    expect(await hub.sandbox.log({ provider, account: account.name, kind: 'exchange' })).toEqual([]);
    expect(await statusOf(caller, provider)).toBe('not_connected');
    const ending = await other.opens(page, { confirm: true });
    expect([ending.status, ending.sentTo]).toEqual([303, `${SITE_URL}/integrations?success=${provider}`]);
    expect(await statusOf(caller, provider)).toBe('connected');
    expect((await other.opens(page, { confirm: true })).status).toBe(400);
    await hub.event(caller, 'flow.confirmed');
  });

  it('cannot be replaced by a third one: the page and its button work only where they were shown', async () => {
    const { caller, person, other, page } = await atConfirmPage('notion');
    const csrf = formOn(await (await other.get(page)).text())?.fields[0]?.[1] ?? '';
    for (const stranger of [hub.person(), person]) {
      expect((await stranger.get(page)).status).toBe(400);
      expect((await press(stranger, page, csrf)).status).toBe(403);
    }
    expect((await press(other, page, '')).status).toBe(403);
    expect((await press(other, page, `${csrf.slice(0, -2)}AA`)).status).toBe(403);
    expect((await other.post(page, [])).status).toBe(403);
    await hub.event(caller, 'flow.confirm_rejected');
    expect(await statusOf(caller, 'notion')).toBe('not_connected');
    expect((await press(other, page, csrf)).status).toBe(303);
    expect(await statusOf(caller, 'notion')).toBe('connected');
  });

  it('completes once, however often its button is pressed', async () => {
    const { caller, other, account, page } = await atConfirmPage('notion');
    const csrf = formOn(await (await other.get(page)).text())?.fields[0]?.[1] ?? '';
    const answers = await Promise.all(Array.from({ length: 10 }, () => press(other, page, csrf)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(9);
    expect(await hub.sandbox.log({ provider: 'notion', account: account.name, kind: 'exchange' })).toHaveLength(1);
    expect(await statusOf(caller, 'notion')).toBe('connected');
  });

  it('is too late once the flow is over', async () => {
    const { caller, other, page } = await atConfirmPage('notion');
    const csrf = formOn(await (await other.get(page)).text())?.fields[0]?.[1] ?? '';
    await hub.database.rows(`update public.flows set expires_at = now() - interval '1 second' where org_id = $1`, [
      caller.claims.org,
    ]);
    expect((await other.get(page)).status).toBe(400);
    expect((await press(other, page, csrf)).status).toBe(400);
    expect(await statusOf(caller, 'notion')).toBe('not_connected');
  });

  it('finds no flow any more after a disconnect', async () => {
    const { caller, other, page } = await atConfirmPage('notion');
    await caller.disconnect('notion');
    expect((await other.get(page)).status).toBe(400);
    expect(await statusOf(caller, 'notion')).toBe('not_connected');
  });

  it.each(OAUTH)('of %s is led back at once where there is no code to park', async (provider) => {
    const { caller, url } = await atCallback(provider);
    const { sentTo = '' } = await hub.person().opens(await withoutCode(provider, url));
    expect(parametersOf(sentTo)).toEqual({ error: 'invalid_request', provider });
    expect(await statusOf(caller, provider)).toBe('not_connected');
    await hub.event(caller, 'flow.response_rejected');
  });

  /** The callback without its code, signed anew where its provider signs. */
  async function withoutCode(provider: OAuthName, url: string): Promise<string> {
    const bare = new URL(url);
    bare.searchParams.delete('code');
    if (provider !== 'shopify') return bare.href;
    bare.searchParams.delete('hmac');
    bare.searchParams.sort();
    const secret = (await hub.sandbox.credentials())['SHOPIFY_CLIENT_SECRET'] ?? '';
    const message = [...bare.searchParams].map(([name, value]) => `${name}=${value}`).join('&');
    bare.searchParams.set('hmac', createHmac('sha256', secret).update(message).digest('hex'));
    return bare.href;
  }

  it('keeps the code only sealed', async () => {
    const { caller, url } = await atConfirmPage('notion');
    const [row] = await hub.database.rows<{ row: string; parked: string }>(
      'select f::text as row, parked_code as parked from public.flows f where org_id = $1',
      [caller.claims.org],
    );
    expect(row?.parked).toMatch(/^hub1\./);
    expect(row?.row).not.toContain(parametersOf(url)['code']);
  });

  it('gets the plain page where the operator refuses such browsers, and the flow is over', async () => {
    const refusing = await Stack.start({ apps: ['gateway'], env: { CONNECT_UNBOUND: 'refuse' } });
    try {
      const { caller, person, account, url: unbound } = await atCallback('notion', refusing);
      expect((await refusing.person().opens(unbound)).status).toBe(400);
      expect((await person.opens(unbound)).status).toBe(400);
      expect(await statusOf(caller, 'notion')).toBe('not_connected');
      expect(await refusing.sandbox.log({ provider: 'notion', account: account.name, kind: 'exchange' })).toEqual([]);
      expect((await refusing.event(caller, 'flow.unbound')).detail).toMatchObject({ policy: 'refuse' });
      // nor does it hear what was wrong with the code, as the browser that started it would
      const codeless = await atCallback('notion', refusing);
      const url = new URL(codeless.url);
      url.searchParams.delete('code');
      expect((await refusing.person().opens(url.href)).status).toBe(400);
      await refusing.event(codeless.caller, 'flow.unbound');
    } finally {
      await refusing.stop();
    }
  });

  it('is let through where the operator allows it, and the trail says so', async () => {
    const allowing = await Stack.start({ apps: ['gateway'], env: { CONNECT_UNBOUND: 'allow' } });
    try {
      const { caller, url } = await atCallback('notion', allowing);
      const { sentTo = '' } = await allowing.person().opens(url);
      expect(parametersOf(sentTo)).toEqual({ success: 'notion' });
      expect(await statusOf(caller, 'notion')).toBe('connected');
      expect((await allowing.event(caller, 'flow.unbound')).detail).toMatchObject({ policy: 'allow' });
    } finally {
      await allowing.stop();
    }
  });
});

describe("the hub's own page", () => {
  it('asks for the shop, and goes on to Shopify', async () => {
    const caller = hub.as();
    const person = hub.person();
    const account = ANYONES.shopify();
    const authUrl = await person.starts(caller, { provider: 'shopify' });
    expect(authUrl).toMatch(/\/functions\/v1\/integrations-connect\/[A-Za-z0-9_-]{43}$/);
    const html = await (await person.get(authUrl)).text();
    for (const named of [caller.claims.org, 'ada', 'Shopify', 'name="shop"']) expect(html).toContain(named);
    const submitted = await person.post(authUrl, [['shop', account.name.replace('.myshopify.com', '').toUpperCase()]]);
    expect(submitted.status).toBe(303);
    const location = submitted.headers.get('location') ?? '';
    expect(new URL(location).pathname).toContain(account.name);
    expect(parametersOf((await person.opens(location)).sentTo ?? '')).toEqual({ success: 'shopify' });
    expect((await caller.read('shopify')).body.account).toEqual({ id: account.name, label: account.name });
    expect((await person.get(authUrl)).status).toBe(400);
  });

  it('asks for the webhook URL, seals it, and goes back to the site', async () => {
    const caller = hub.as();
    const account = ANYONES.zapier();
    const webhookUrl = account.order['webhookUrl'] ?? '';
    const person = hub.person();
    const authUrl = await person.starts(caller, { provider: 'zapier' });
    const ending = await person.opens(authUrl, { inputs: { webhookUrl } });
    expect([ending.status, ending.sentTo]).toEqual([303, `${SITE_URL}/integrations?success=zapier`]);
    expect(await statusOf(caller, 'zapier')).toBe('connected');
    const rows = await hub.database.rows<{ row: string }>(
      'select i::text as row from public.integrations i where org_id = $1',
      [caller.claims.org],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.row).not.toContain(account.name);
    expect((await person.get(authUrl)).status).toBe(400);
  });

  it('takes a webhook URL in the order itself, and answers with the success landing', async () => {
    const caller = hub.as();
    const { body } = await caller.begin({ ...ANYONES.zapier().order, redirectUri: RETURN_URL });
    expect(body).toEqual({ authUrl: `${RETURN_URL}&success=zapier`, provider: 'zapier' });
    expect(await statusOf(caller, 'zapier')).toBe('connected');
  });

  it.each([
    ['shopify', 'shop', 'shop.example.com'],
    ['shopify', 'shop', ''],
    ['zapier', 'webhookUrl', 'https://evil.example/hooks/catch/1/abc/'],
  ])('of %s asks again for a bad %s', async (provider, name, value) => {
    const caller = hub.as();
    const person = hub.person();
    const authUrl = await person.starts(caller, { provider });
    const again = await person.post(authUrl, [[name, value]]);
    const html = await again.text();
    expect(again.status).toBe(422);
    expect(html).toContain('role="alert"');
    // a shop is kept to be mended; a hook URL may be a secret
    const isKept = name === 'shop';
    expect(new Map(formOn(html)?.fields).get(name)).toBe(isKept ? value : '');
    if (!isKept) expect(html).not.toContain(value);
    expect((await person.get(authUrl)).status).toBe(200);
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('lets nobody put words on it', async () => {
    const caller = hub.as(randomUUID(), { sub: '<img src=x onerror=alert(1)>"\'`&' });
    const person = hub.person();
    const html = await (await person.get(await person.starts(caller, { provider: 'shopify' }))).text();
    expect(html).not.toContain('<img');
    expect(html).toContain('&#60;img src=x onerror=alert(1)&#62;');
  });
});

describe('connecting again', () => {
  interface Row {
    id: string;
    access_token: string;
  }
  const rowOf = async (org: string): Promise<Row | undefined> =>
    (await hub.database.rows<Row>('select id, access_token from public.integrations where org_id = $1', [org]))[0];

  it.each(OAUTH)('%s keeps row and createdAt, drops the old tokens and revokes nothing', async (provider) => {
    const caller = hub.as();
    const account = ANYONES[provider]();
    const first = await hub.connect(caller, account.order, account.choices);
    const before = await rowOf(caller.claims.org);
    const old = (await caller.token(provider)).body.accessToken;

    const person = hub.person();
    const authUrl = await person.starts(caller, account.order);
    const url = await person.consents(authUrl, account.choices);
    expect((await caller.token(provider)).body.accessToken).toBe(old);
    await person.opens(url);

    const after = await rowOf(caller.claims.org);
    expect(after?.id).toBe(before?.id);
    expect(after?.access_token).not.toBe(before?.access_token);
    const again = (await caller.read(provider)).body;
    expect(again).toMatchObject({ status: 'connected', createdAt: first.createdAt });
    expect(Date.parse(again.updatedAt ?? '')).toBeGreaterThan(Date.parse(first.updatedAt ?? ''));
    expect((await caller.token(provider)).body.accessToken).not.toBe(old);
    expect(await hub.sandbox.log({ provider, account: account.name, kind: 'revoke' })).toEqual([]);
    expect(
      (await hub.database.rows('select 1 from public.revocations where org_id = $1', [caller.claims.org])).length,
    ).toBe(0);
  });

  it.each(OAUTH)('%s with another account is refused, unless the change is allowed', async (provider) => {
    const caller = hub.as();
    const [mine, other] = [ANYONES[provider](), ANYONES[provider]()];
    const first = await hub.connect(caller, mine.order, mine.choices);
    const before = await hub.database.checksum('integrations');

    const person = hub.person();
    const refused = await person.opens(await person.starts(caller, other.order), other.choices);
    expect(parametersOf(refused.sentTo ?? '')).toEqual({ error: 'account_mismatch', provider });
    expect(await hub.database.checksum('integrations')).toBe(before);
    await hub.event(caller, 'integration.account_mismatch');

    const changed = await hub.connect(caller, { ...other.order, allowAccountChange: true }, other.choices);
    expect(changed).toMatchObject({ account: { label: other.name }, createdAt: first.createdAt, status: 'connected' });
  });

  it('lets a webhook URL be replaced freely', async () => {
    const caller = hub.as();
    const [first, second] = [ANYONES.zapier(), ANYONES.zapier()];
    const before = await hub.connect(caller, first.order);
    const after = await hub.connect(caller, second.order);
    expect(after.account?.label).toContain(second.name.slice(-4));
    expect(after).toMatchObject({ createdAt: before.createdAt, status: 'connected' });
  });

  it('tells of a webhook that nothing was sent to, before any sync and also where it takes the place of another', async () => {
    const caller = hub.as();
    const untried = { webhookStatus: 'unverified', lastDeliveryAt: null };
    expect((await hub.connect(caller, ANYONES.zapier().order)).metadata).toEqual(untried);
    await hub.database.rows(`update public.integrations set metadata = $2 where org_id = $1`, [
      caller.claims.org,
      { webhookStatus: 'reachable', lastDeliveryAt: '2026-11-22T10:00:00.000Z' },
    ]);
    expect((await hub.connect(caller, ANYONES.zapier().order)).metadata).toEqual(untried);
  });
});

describe('a state that is not good', () => {
  const callback = (provider: string, query: string) =>
    `${hub.publicUrl}/functions/v1/integrations-callback/${provider}${query}`;

  /** An answer as a prober could tell it from others. */
  async function told(person: Person, url: string): Promise<string> {
    const answer = await person.get(url);
    const headers = [...answer.headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
    return JSON.stringify([answer.status, headers, await answer.text()]);
  }

  it('is answered with the same bytes, whatever is wrong with it', async () => {
    const used = await atCallback('notion');
    await used.person.opens(used.url);
    const expired = await atCallback('notion');
    await hub.database.rows(`update public.flows set expires_at = now() - interval '1 second' where org_id = $1`, [
      expired.caller.claims.org,
    ]);
    const cancelled = await atCallback('notion');
    await cancelled.caller.disconnect('notion');
    const mixedUp = await atCallback('notion');
    const forged = await atCallback('shopify');

    const person = hub.person();
    const good = 'A'.repeat(43);
    const urls = {
      unknown: callback('notion', `?code=x&state=${good}`),
      'unknown, with an error': callback('notion', `?error=access_denied&state=${good}`),
      'a user id': callback('notion', `?code=x&state=${randomUUID()}`),
      missing: callback('notion', '?code=x'),
      'no query': callback('notion', ''),
      empty: callback('notion', '?code=x&state='),
      twice: callback('notion', `?code=x&state=${good}&state=${good}`),
      'a list': callback('notion', `?code=x&state[]=${good}`),
      'ten kilobytes': callback('notion', `?code=x&state=${'A'.repeat(10_240)}`),
      'a NUL': callback('notion', `?code=x&state=${good.slice(1)}%00`),
      'another alphabet': callback('notion', `?code=x&state=${'ä'.repeat(43)}`),
      'broken escapes': callback('notion', `?code=x&state=%E0%A4%A`),
      'of a provider without OAuth': callback('zapier', `?code=x&state=${good}`),
      used: used.url,
      expired: expired.url,
      cancelled: cancelled.url,
      'of another provider': mixedUp.url.replace('callback/notion', 'callback/google_drive'),
      'of a forged answer': forged.url.replace(/hmac=[0-9a-f]+/, `hmac=${'0'.repeat(64)}`),
      'of a page that never was': `${hub.publicUrl}/functions/v1/integrations-confirm/${good}`,
      'of an input page that never was': `${hub.publicUrl}/functions/v1/integrations-connect/${good}`,
    };
    const answers = new Map<string, string>();
    for (const [what, url] of Object.entries(urls)) answers.set(what, await told(person, url));
    const plain = answers.get('unknown') ?? '';
    expect(JSON.parse(plain)[0]).toBe(400);
    expect(plain).not.toContain('"location"');
    for (const [what, answer] of answers) expect([what, answer]).toEqual([what, plain]);
  });
});
