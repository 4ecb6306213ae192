import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { tokenCell, TokenVault } from '@hub/token-vault';
import { ANYONES, type Account } from '../support/accounts';
import { AUTH, bearerOf } from '../support/bearer';
import type { Answer, Caller } from '../support/caller';
import { ConsolePage } from '../support/console-page';
import { formOn } from '../support/page-form';
import { parametersOf } from '../support/person';
import { redisDump } from '../support/redis-dump';
import { dataKeysIn } from '../support/data-keys';
import { Stack } from '../support/stack';

/**
 * A full tour, good and bad, with the apps as talkative as they can be; then a search for every secret that was in play,
 * wherever something is written down or told.
 */
let hub: Stack;
const secrets = new Map<string, string>();
const answers: string[] = [];

beforeAll(async () => {
  hub = await Stack.start({ env: { LOG_LEVEL: 'trace' } });
  await takeTheTour();
});
afterAll(() => hub.stop());

function keep(what: string, secret: string | undefined): void {
  if (secret === undefined || secret.length < 12) throw new Error(`${what} is no secret that could be searched for`);
  secrets.set(secret, what);
}

function hear(answer: Answer): void {
  if (answer.status >= 400) answers.push(answer.text);
}

async function takeTheTour(): Promise<void> {
  keep('the secret of bearer tokens', AUTH.secret);
  keep('a token key', hub.environment['TOKEN_KEYS']?.split(':')[1]);
  keep("the database's password", decodeURIComponent(new URL(hub.database.urlFor('gateway')).password));
  keep("the worker's database password", decodeURIComponent(new URL(hub.database.urlFor('refreshWorker')).password));
  for (const name of ['SHOPIFY', 'NOTION', 'GOOGLE']) keep(`${name} secret`, hub.environment[`${name}_CLIENT_SECRET`]);
  for (const provider of ['shopify', 'notion', 'google_drive'] as const) await tourOf(provider);
  await tourOfZapier();
  await tourOfConsole();
  await tourOfRefusals();
}

/** Connect, read, refresh, sync, fail in every way, disconnect; every secret on the way is remembered. */
async function tourOf(provider: 'shopify' | 'notion' | 'google_drive'): Promise<void> {
  const caller = hub.as();
  keep('a bearer token', await bearerOf(caller.claims));
  const account = ANYONES[provider]();
  const person = hub.person();
  const authUrl = await person.starts(caller, account.order);
  keep('a state', parametersOf(authUrl)['state']);
  const callback = await person.consents(authUrl, account.choices);
  keep('a code', parametersOf(callback)['code']);

  // another browser first: cookie, page and proof of the confirm page
  const other = hub.person();
  const confirm = (await other.get(callback)).headers.get('location') ?? '';
  keep('the address of a confirm page', confirm.split('/').at(-1));
  const form = formOn(await (await other.get(confirm)).text());
  keep('a csrf proof', form?.fields[0]?.[1]);
  // before they are taken back
  for (const jar of [...person.cookies.values(), ...other.cookies.values()])
    for (const [name, value] of jar) keep(`the cookie ${name}`, value);
  await other.post(confirm, form?.fields ?? []);

  await hub.event(caller, 'sync.completed');
  await rememberTokens(caller.claims.org, provider);
  await caller.token(provider);
  await caller.refresh(provider);
  await rememberTokens(caller.claims.org, provider);
  await caller.sync(provider);

  // a provider that repeats what it was sent, in every error that it can make
  const canary = `canary-${provider}-of-an-error-body`;
  keep('the words of a provider', canary);
  const body = JSON.stringify({ error: canary, error_description: canary, message: canary, code: canary });
  for (const [on, status] of [
    ['api', 500],
    ['api', 403],
    ['refresh', 400],
    ['refresh', 500],
  ] as const) {
    const heal = await hub.sandbox.fault(provider, { on, kind: 'error', status, body, account: account.name });
    hear(await (on === 'api' ? caller.sync(provider) : caller.refresh(provider)));
    await heal();
  }
  hear(await caller.token(provider, '?minTtl=9999999'));
  await tourOfProxy(caller, account);
  await caller.disconnect(provider, provider === 'shopify' ? '?uninstall=true' : '');
  await hub.event(caller, 'integration.disconnected');
}

/** Calls of the provider's API that end well, in a refusal, in a replay, and in none. */
async function tourOfProxy(caller: Caller, { provider, name }: Account): Promise<void> {
  const canary = `canary-${provider}-of-a-call`;
  keep('what is sent to a provider', canary);
  const path = `/functions/v1/integrations/${provider}/proxy`;
  const echo = { shopify: '/sandbox/echo', notion: '/v1/sandbox/echo', google_drive: '/drive/sandbox/echo' };
  const call = (rest: string): Promise<Answer> =>
    caller.request('POST', `${path}${rest}`, { raw: JSON.stringify({ canary }), headers: { 'x-own': canary } });
  const rest = `${echo[provider as keyof typeof echo]}?q=${canary}`;
  await call(rest);
  hear(await call(`/v1/x%2f${canary}`));
  await hub.sandbox.expire(provider, name);
  await call(rest);
  await rememberTokens(caller.claims.org, provider);
  for (const kind of ['lost_response', 'drop_before']) {
    const heal = await hub.sandbox.fault(provider, { on: 'api', kind, account: name });
    hear(await call(rest));
    await heal();
  }
}

async function tourOfZapier(): Promise<void> {
  const caller = hub.as();
  const account = ANYONES.zapier();
  keep('a webhook URL', account.name);
  const person = hub.person();
  const page = await person.starts(caller, { provider: 'zapier' });
  keep('the address of an input page', page.split('/').at(-1));
  await person.post(page, [['webhookUrl', `https://evil.example/hooks/catch/${account.name}/`]]);
  await person.opens(page, { inputs: { webhookUrl: account.order['webhookUrl'] ?? '' } });
  hear(await caller.begin({ provider: 'zapier', webhookUrl: `http://hooks.zapier.com/hooks/catch/${account.name}/` }));
  await caller.refresh('zapier');
  await caller.disconnect('zapier');
}

async function tourOfRefusals(): Promise<void> {
  const caller = hub.as();
  const canary = 'canary-of-a-bad-request';
  keep('what a caller sent', canary);
  for (const body of [
    { provider: canary },
    { provider: 'notion', redirectUri: `https://evil.example/${canary}` },
    { provider: 'shopify', shop: `${canary}.evil.example` },
    { provider: 'notion', allowAccountChange: canary },
    { provider: 'notion', state: canary },
  ])
    hear(await caller.begin(body));
  hear(await caller.request('GET', '/functions/v1/integrations', { headers: { authorization: `Bearer ${canary}` } }));
  hear(await caller.request('POST', '/functions/v1/integrations-connect', { raw: `{"provider": ${canary}` }));
  const person = hub.person();
  const callback = `${hub.publicUrl}/functions/v1/integrations-callback/notion`;
  for (const query of [
    `?state=${canary}&code=${canary}`,
    `?state=${canary}&error=${canary}&error_description=${canary}`,
    `?state=${'C'.repeat(43)}&code=${canary}&access_token=${canary}`,
  ])
    answers.push((await person.opens(callback + query)).html);

  // an exchange that fails in the provider's own words
  const account = ANYONES.google_drive();
  const body = JSON.stringify({ error: 'invalid_grant', error_description: canary, access_token: canary });
  await hub.sandbox.fault('google_drive', { on: 'exchange', kind: 'error', status: 400, body, account: account.name });
  const authUrl = await person.starts(caller, account.order);
  keep('a state', parametersOf(authUrl)['state']);
  const back = await person.consents(authUrl, account.choices);
  keep('a code', parametersOf(back)['code']);
  await rememberVerifier(caller.claims.org);
  await person.opens(back);
}

/** A link, its session and their ends, well and badly. */
async function tourOfConsole(): Promise<void> {
  const caller = hub.as();
  const { url } = (await caller.consoleLink({ userLabel: 'Ada Lovelace' })).body;
  keep('a link into the console', url.split('/').at(-1));
  const page = new ConsolePage(hub, hub.person());
  await page.person.get(url);
  keep('the cookie of the console', page.cookie);
  const csrf = await page.csrf();
  keep('a proof of the console', csrf);
  answers.push(await (await hub.person().get(url)).text());
  hear(await page.call('DELETE', '/functions/v1/integrations/notion'));
  hear(await page.call('GET', '/functions/v1/integrations', { headers: { origin: 'https://evil.example' } }));
  hear(await page.call('DELETE', '/functions/v1/integrations/notion', { headers: { 'x-csrf-token': `${csrf}x` } }));
  await ConsolePage.signedIn(hub, caller, page.person); // in place of the first
  keep('the cookie of the console', page.cookie);
  // and one that lives on
  const other = await ConsolePage.signedIn(hub, caller);
  keep('the cookie of the console', other.cookie);
  await page.act('DELETE', '/functions/v1/integrations-session');
  hear(await page.session());
}

/** What the database keeps sealed, opened with the stack's own key. */
function vault(): TokenVault {
  const [id = '', key = ''] = (hub.environment['TOKEN_KEYS'] ?? '').split(':');
  return TokenVault.over(
    { tokenKeys: [{ id, key: Buffer.from(key, 'base64') }], keyProvider: 'local' },
    dataKeysIn((sql, values) => hub.database.rows(sql, values)),
  );
}

async function rememberTokens(org: string, provider: string): Promise<void> {
  const [row] = await hub.database.rows<{ id: string; access_token: string; refresh_token: string | null }>(
    'select id, access_token, refresh_token from public.integrations where org_id = $1 and provider = $2',
    [org, provider],
  );
  if (!row) throw new Error('nothing is connected');
  const owner = { orgId: org as OrgId, provider: provider as ProviderId, id: row.id as IntegrationId };
  keep('an access token', (await vault().open(tokenCell(owner, 'access_token'), row.access_token)).reveal());
  if (row.refresh_token !== null)
    keep('a refresh token', (await vault().open(tokenCell(owner, 'refresh_token'), row.refresh_token)).reveal());
}

async function rememberVerifier(org: string): Promise<void> {
  const [flow] = await hub.database.rows<{ id: string; verifier: string }>(
    `select id, verifier from public.flows where org_id = $1 and status = 'open' and verifier is not null`,
    [org],
  );
  if (!flow) throw new Error('no flow is open');
  const cell = {
    table: 'flows',
    column: 'verifier',
    orgId: org as OrgId,
    provider: 'google_drive',
    rowId: flow.id,
  } as const;
  keep('a PKCE verifier', (await vault().open(cell, flow.verifier)).reveal());
}

/** Which of the secrets stand in a text, in plain or in one of the usual encodings. */
function found(place: string, texts: readonly string[]): string[] {
  const all = texts.join('\n');
  return [...secrets].flatMap(([secret, what]) => {
    const spellings = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
    return spellings.some((spelling) => all.includes(spelling)) ? [`${place}: ${what}`] : [];
  });
}

it('has met every kind of secret', () => {
  const kinds = new Set([...secrets.values()].map((what) => what.replace(/hub_(flow|confirm)_.*/, '$1')));
  expect([...kinds].sort()).toEqual(
    [
      'GOOGLE secret',
      'NOTION secret',
      'SHOPIFY secret',
      'a PKCE verifier',
      'a bearer token',
      'a code',
      'a csrf proof',
      'a link into the console',
      'a proof of the console',
      'a refresh token',
      'a state',
      'a token key',
      'a webhook URL',
      'an access token',
      'the address of a confirm page',
      'the address of an input page',
      'the cookie confirm',
      'the cookie flow',
      'the cookie of the console',
      "the database's password",
      'the secret of bearer tokens',
      'the words of a provider',
      'what a caller sent',
      'what is sent to a provider',
      "the worker's database password",
    ].sort(),
  );
});

it.each(['gateway', 'refresh-worker', 'metadata-sync-worker'] as const)(
  'writes none of them into the log of the %s',
  (app) => {
    const { lines } = hub.process(app);
    expect(lines.length).toBeGreaterThan(5);
    expect(found(app, lines)).toEqual([]);
  },
);

it('puts none of them into Redis', async () => {
  const dump = await redisDump(hub.redis);
  expect(dump.length).toBeGreaterThan(10);
  expect(found('Redis', dump)).toEqual([]);
});

it('tells none of them in an answer that refuses', () => {
  expect(answers.length).toBeGreaterThan(15);
  expect(found('answers', answers)).toEqual([]);
});

it.each(['integrations', 'flows', 'revocations', 'console_links', 'console_sessions', 'audit_events'])(
  'keeps none of them readable in the table %s',
  async (table) => {
    const rows = await hub.database.rows<{ row: string }>(`select t::text as row from public.${table} t`);
    if (table !== 'integrations' && table !== 'revocations') expect(rows.length).toBeGreaterThan(0);
    expect(
      found(
        table,
        rows.map(({ row }) => row),
      ),
    ).toEqual([]);
  },
);

it('would have found one', () => {
  const [secret = ''] = secrets.keys();
  expect(found('here', [`{"msg":"${secret}"}`])).toHaveLength(1);
});
