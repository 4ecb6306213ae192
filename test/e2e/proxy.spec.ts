import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { ANYONES, type Account } from '../support/accounts';
import type { Caller } from '../support/caller';
import { ConsolePage } from '../support/console-page';
import { codeOf } from '../support/person';
import { SITE_URL, Stack } from '../support/stack';

/** Calls to providers' APIs through the hub, with the token put in. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
});
afterAll(() => hub.stop());

type OAuthName = 'notion' | 'google_drive' | 'shopify';

const ECHO: Readonly<Record<OAuthName, string>> = {
  notion: '/v1/sandbox/echo',
  google_drive: '/drive/sandbox/echo',
  shopify: '/sandbox/echo',
};

/** What arrived at the provider. */
interface Echo {
  readonly method: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function connected(provider: OAuthName): Promise<{ caller: Caller; account: Account; token: string }> {
  const caller = hub.as();
  const account = ANYONES[provider]();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  return { caller, account, token: (await caller.token(provider, '?minTtl=0')).body.accessToken };
}

function through(provider: string, rest: string): string {
  return `/functions/v1/integrations/${provider}/proxy${rest}`;
}

async function refreshesOf({ provider, name }: Account): Promise<number> {
  return (await hub.sandbox.log({ provider, account: name, kind: 'refresh' })).length;
}

describe.each(['notion', 'google_drive', 'shopify'] as const)('a call of %s', (provider) => {
  it('arrives with the token, method, query and body, and its answer comes back', async () => {
    const { caller, token } = await connected(provider);
    const service = caller.with({ sub: 'billing', scopes: ['tokens:read'] });
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await service.request<Echo>(method, through(provider, `${ECHO[provider]}?a=b&a=c%2Fd`), {
        ...(method !== 'GET' && { raw: '{"n":1}' }),
        headers: { 'x-own': 'kept' },
      });
      expect([method, answer.status, answer.headers.get('hub-answer')]).toEqual([method, 200, 'provider']);
      expect(answer.body).toMatchObject({ method, query: 'a=b&a=c%2Fd', headers: { 'x-own': 'kept' } });
      if (method !== 'GET') expect(answer.body.body).toBe('{"n":1}');
      expect(JSON.stringify(answer.body.headers)).toContain(token);
    }
  });
});

describe('a call', () => {
  it('brings Notion its version, or the caller’s', async () => {
    const { caller } = await connected('notion');
    const path = through('notion', ECHO.notion);
    const usual = await caller.request<Echo>('GET', path);
    expect(usual.body.headers['notion-version']).toMatch(/^\d{4}-\d\d-\d\d$/);
    const own = await caller.request<Echo>('GET', path, { headers: { 'notion-version': '2022-06-28' } });
    expect(own.body.headers['notion-version']).toBe('2022-06-28');
  });

  it('takes bodies of any type and of unknown length, and megabytes both ways', async () => {
    const { caller } = await connected('notion');
    const sent = Buffer.alloc(3 * 1024 * 1024, 'abcdefgh');
    const answer = await new Promise<{ status: number; hash: string }>((resolve, reject) => {
      void caller.authorization().then((authorization) => {
        const call = request(
          hub.base + through('notion', `${ECHO.notion}?bytes=4000000`),
          { method: 'POST', headers: { authorization, 'content-type': 'text/csv', 'transfer-encoding': 'chunked' } },
          (got) => {
            const chunks: Buffer[] = [];
            got.on('data', (chunk: Buffer) => chunks.push(chunk));
            got.once('error', reject);
            got.on('end', () => {
              const { body, headers } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Echo;
              expect(headers['content-type']).toBe('text/csv');
              resolve({ status: got.statusCode ?? 0, hash: createHash('sha256').update(body).digest('hex') });
            });
          },
        );
        call.once('error', reject);
        for (let at = 0; at < sent.length; at += 65_536) call.write(sent.subarray(at, at + 65_536));
        call.end();
      }, reject);
    });
    expect(answer).toEqual({ status: 200, hash: createHash('sha256').update(sent).digest('hex') });
  });

  it('hands the provider’s refusals on, and tells them from its own', async () => {
    const { caller } = await connected('notion');
    const theirs = await caller.get(through('notion', '/v1/nothing/here'));
    expect([theirs.status, theirs.headers.get('hub-answer')]).toEqual([400, 'provider']);
    const own = await hub.as().get(through('notion', '/v1/nothing/here'));
    expect([own.status, codeOf(own), own.headers.get('hub-answer')]).toEqual([404, 'not_connected', null]);
  });

  it('needs tokens:read', async () => {
    const { caller } = await connected('notion');
    const path = through('notion', ECHO.notion);
    expect((await caller.with({ scopes: ['integrations:read', 'integrations:write'] }).get(path)).status).toBe(403);
    expect((await caller.request('GET', path, { headers: { authorization: '' } })).status).toBe(401);
  });

  it.each([false, true])('of Zapier has no API to go to, connected or not: %s', async (isConnected) => {
    const caller = hub.as();
    if (isConnected) await hub.connect(caller, ANYONES.zapier().order);
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await caller.request<{ code: string; detail: string; fix: string }>(
        method,
        through('zapier', '/hooks/catch/1/a/'),
        { ...(method === 'POST' && { raw: '{}' }) },
      );
      expect([answer.status, answer.body.code, answer.headers.get('hub-answer')]).toEqual([
        422,
        'invalid_request',
        null,
      ]);
      expect(answer.body.detail).toContain('webhook URL');
      expect(answer.body.fix).toContain('/functions/v1/integrations/zapier/events');
    }
  });

  it('of a provider that the hub does not know is told as such', async () => {
    const answer = await hub.as().get(through('acme', '/v1/x'));
    expect([answer.status, codeOf(answer)]).toEqual([404, 'unknown_provider']);
  });

  it('is told in the trail with caller and count', async () => {
    const { caller } = await connected('notion');
    const billing = caller.with({ sub: 'billing', scopes: ['tokens:read'] });
    for (let call = 0; call < 3; call += 1) await billing.get(through('notion', ECHO.notion));
    const event = await hub.event(caller, 'token.read', { where: ({ actor }) => actor.id === 'billing' });
    expect(event.detail).toMatchObject({ via: 'proxy', count: expect.any(Number) });
  });

  it('takes a long path', async () => {
    const { caller } = await connected('notion');
    const answer = await caller.get(through('notion', `/v1/${'x'.repeat(2_000)}/${'y'.repeat(500)}`));
    expect([answer.status, answer.headers.get('hub-answer')]).toEqual([400, 'provider']); // the sandbox knows no such route
  });
});

describe('a body that is still arriving', () => {
  /** A call whose last byte is held back. @returns sends it, and what is answered */
  async function held(caller: Caller, path: string): Promise<() => Promise<{ status: number; body: string }>> {
    const authorization = await caller.authorization();
    const headers = { authorization, 'content-type': 'text/plain', 'content-length': '5' };
    const call = request(hub.base + path, { method: 'POST', headers });
    const answered = once(call, 'response') as Promise<[IncomingMessage]>;
    call.write('hell');
    await sleep(500); // the hub has begun with it; if it has not, there is less to go wrong
    return async () => {
      call.end('o');
      const [answer] = await answered;
      return { status: answer.statusCode ?? 0, body: await text(answer) };
    };
  }

  async function callsOf({ provider, name: account }: Account): Promise<number> {
    const log = await hub.sandbox.log({ provider, account, calls: true });
    return log.filter((line) => line.kind === 'call' && line.route?.includes('echo') === true).length;
  }

  it('does not go out any more once the org has disconnected', async () => {
    const { caller, account } = await connected('notion');
    const sendLast = await held(caller, through('notion', ECHO.notion));
    await caller.disconnect('notion');
    const { status, body } = await sendLast();
    expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([404, 'not_connected']);
    expect(await callsOf(account)).toBe(0);
  });

  it('goes to the shop that is connected once it has come, with the token of that', async () => {
    const { caller, account, token } = await connected('shopify');
    const sendLast = await held(caller, through('shopify', ECHO.shopify));
    const other = ANYONES.shopify();
    await hub.connect(caller, { ...other.order, allowAccountChange: true });
    const { status, body } = await sendLast();
    const { headers, body: arrived } = JSON.parse(body) as Echo;
    expect([status, arrived]).toEqual([200, 'hello']);
    expect(headers['x-shopify-access-token']).not.toBe(token);
    expect(headers['x-shopify-access-token']).toBe((await caller.token('shopify')).body.accessToken);
    expect([await callsOf(account), await callsOf(other)]).toEqual([0, 1]);
  });
});

describe('a 401 of the provider', () => {
  it('is mended by one refresh and one replay, body and all', async () => {
    const { caller, account, token } = await connected('google_drive');
    await hub.sandbox.expire('google_drive', account.name);
    const answer = await caller.request<Echo>('POST', through('google_drive', ECHO.google_drive), { raw: '{"n":2}' });
    expect([answer.status, answer.headers.get('hub-answer')]).toEqual([200, 'provider; replayed']);
    expect(answer.body.body).toBe('{"n":2}');
    expect(JSON.stringify(answer.body.headers)).not.toContain(token);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('is mended as well where the provider has not said of which account the grant is', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.database.rows(
      'update public.integrations set account_id = null, account_label = null where org_id = $1',
      [caller.claims.org],
    );
    await hub.sandbox.expire('google_drive', account.name);
    const answer = await caller.request<Echo>('POST', through('google_drive', ECHO.google_drive), { raw: '{"n":2}' });
    expect([answer.status, answer.headers.get('hub-answer')]).toEqual([200, 'provider; replayed']);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('is handed back where it stays, and costs no second refresh', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.fault('google_drive', { on: 'api', kind: 'status', status: 401, account: account.name });
    const first = await caller.get(through('google_drive', ECHO.google_drive));
    expect([first.status, first.headers.get('hub-answer')]).toEqual([401, 'provider; replayed']);
    const second = await caller.get(through('google_drive', ECHO.google_drive));
    expect([second.status, second.headers.get('hub-answer')]).toEqual([401, 'provider; not-replayed=refreshed_lately']);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('is handed back where the hub itself cannot ask for a refresh', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.fault('google_drive', { on: 'api', kind: 'status', status: 401, account: account.name });
    // to this org's row alone, as if PostgreSQL had failed at that moment
    await hub.database.rows(`
      create function public.no_requests() returns trigger language plpgsql as
        $$ begin raise exception 'not now'; end $$`);
    await hub.database.rows(`
      create trigger no_requests before update on public.integrations for each row
        when (new.org_id = '${caller.claims.org}') execute function public.no_requests()`);
    try {
      const answer = await caller.get(through('google_drive', ECHO.google_drive));
      expect([answer.status, answer.headers.get('hub-answer')]).toEqual([401, 'provider; not-replayed=no_newer_token']);
    } finally {
      await hub.database.rows('drop trigger no_requests on public.integrations');
      await hub.database.rows('drop function public.no_requests()');
    }
    expect(hub.process('gateway').lines.filter((line) => line.includes('"hub.proxy.not_refreshed"'))).toHaveLength(1);
  });

  it('is 409 where the refresh finds that the grant has ended', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.revoke('google_drive', account.name);
    const answer = await caller.get(through('google_drive', ECHO.google_drive));
    expect([answer.status, codeOf(answer)]).toEqual([409, 'reauth_required']);
  });
});

describe('while the provider is down', () => {
  it('a call that is cut off is 503, and says that it may have arrived', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.fault('google_drive', { on: 'api', kind: 'lost_response', account: account.name });
    const answer = await caller.get(through('google_drive', ECHO.google_drive));
    expect([answer.status, codeOf(answer)]).toEqual([503, 'provider_unavailable']);
    expect(answer.body).toMatchObject({ sent: true });
  });
});

describe('a page', () => {
  const path = through('notion', ECHO.notion);
  const allowed = new URL(SITE_URL).origin;

  function preflight(origin: string, method: string, headers: string): Promise<Response> {
    return fetch(hub.base + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
    });
  }

  it('of an allowed origin may send any method and header, and read all that comes back', async () => {
    const { caller } = await connected('notion');
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const asked = await preflight(allowed, method, 'authorization, notion-version, x-own');
      expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, allowed]);
      expect(asked.headers.get('access-control-allow-methods')?.split(', ')).toContain(method);
      expect(asked.headers.get('access-control-allow-headers')).toBe('authorization, notion-version, x-own');
    }
    const answer = await caller.request('PATCH', path, { raw: '{}', headers: { origin: allowed } });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, allowed]);
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
    expect(exposed).toEqual(expect.arrayContaining(['hub-answer', 'content-type', 'x-request-id', 'retry-after']));
  });

  it('of another may not', async () => {
    const { caller } = await connected('notion');
    const asked = await preflight('https://evil.example', 'PATCH', 'authorization');
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
    const answer = await caller.request('GET', path, { headers: { origin: 'https://evil.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('that is signed in to the console may not either: the proxy takes bearers alone', async () => {
    const { caller } = await connected('notion');
    const page = await ConsolePage.signedIn(hub, caller);
    expect((await page.call('GET', '/functions/v1/integrations')).status).toBe(200);
    const calls = async (): Promise<number> => (await hub.sandbox.log({ provider: 'notion', calls: true })).length;
    const before = await calls();
    const headers = { 'x-csrf-token': await page.csrf() };
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await page.call(method, path, { headers });
      expect([answer.status, codeOf(answer)]).toEqual([401, 'unauthorized']);
    }
    expect(await calls()).toBe(before);
  });
});
