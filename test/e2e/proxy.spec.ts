import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { ANYONES, type Account } from '../support/accounts';
import type { Caller } from '../support/caller';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';

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

/** As if the token had been handed out an hour ago. */
async function age(caller: Caller): Promise<void> {
  await hub.database.rows(
    `update public.integrations set issued_at = now() - interval '30 minutes' where org_id = $1`,
    [caller.claims.org],
  );
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

  it('needs tokens:read, and a provider with an API', async () => {
    const { caller } = await connected('notion');
    const path = through('notion', ECHO.notion);
    expect((await caller.with({ scopes: ['integrations:read', 'integrations:write'] }).get(path)).status).toBe(403);
    expect((await caller.request('GET', path, { headers: { authorization: '' } })).status).toBe(401);
    const hook = await caller.get(through('zapier', '/hooks/x'));
    expect([hook.status, codeOf(hook)]).toEqual([422, 'invalid_request']);
  });

  it('is told in the trail with caller and count', async () => {
    const { caller } = await connected('notion');
    const billing = caller.with({ sub: 'billing', scopes: ['tokens:read'] });
    for (let call = 0; call < 3; call += 1) await billing.get(through('notion', ECHO.notion));
    const event = await hub.event(caller, 'token.read', { where: ({ actor }) => actor.id === 'billing' });
    expect(event.detail).toMatchObject({ via: 'proxy', count: expect.any(Number) });
  });
});

describe('a 401 of the provider', () => {
  it('is mended by one refresh and one replay, body and all', async () => {
    const { caller, account, token } = await connected('google_drive');
    await age(caller);
    await hub.sandbox.expire('google_drive', account.name);
    const answer = await caller.request<Echo>('POST', through('google_drive', ECHO.google_drive), { raw: '{"n":2}' });
    expect([answer.status, answer.headers.get('hub-answer')]).toEqual([200, 'provider; replayed']);
    expect(answer.body.body).toBe('{"n":2}');
    expect(JSON.stringify(answer.body.headers)).not.toContain(token);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('is handed back where it stays, and costs no second refresh', async () => {
    const { caller, account } = await connected('google_drive');
    await age(caller);
    await hub.sandbox.fault('google_drive', { on: 'api', kind: 'status', status: 401, account: account.name });
    const first = await caller.get(through('google_drive', ECHO.google_drive));
    expect([first.status, first.headers.get('hub-answer')]).toEqual([401, 'provider; replayed']);
    const second = await caller.get(through('google_drive', ECHO.google_drive));
    expect([second.status, second.headers.get('hub-answer')]).toEqual([401, 'provider; not-replayed=token_is_new']);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('is 409 where the refresh finds that the grant has ended', async () => {
    const { caller, account } = await connected('google_drive');
    await age(caller);
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
