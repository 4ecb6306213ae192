import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPair, SignJWT } from 'jose';
import { ANYONES } from '../../support/accounts';
import { signed, standing } from '../../support/bearer';
import type { Answer, Caller, IntegrationBody } from '../../support/caller';
import type { ConnectProxy } from '../../support/connect-proxy';
import { eventually } from '../../support/eventually';
import { formOn } from '../../support/page-form';
import { parametersOf } from '../../support/person';
import type { AppProcess } from '../fleet/app-process';
import { OAUTH, type CanaryHub, type OAuthId } from './canary-hub';
import { MISPLACED } from './canaries';
import { consoleDays, misplacedInConsole } from './console-tour';
import { DRIP, ECHOES } from './echoes';
import { eventDays, posted, subscribed } from './event-tour';
import type { Position } from './provider-tap';
import { proxyDays } from './proxy-tour';
import { runToEnd, type Ended } from './programs';
import type { Reached } from './reached';

const API = '/functions/v1';
/** So long a call is under way before its worker is killed, or its database is taken away. */
const UNDER_WAY_MS = 500;
const SLOW_MS = 2_500;
const MOST_TRIES = 4;
const SCOPES = 'integrations:read tokens:read';

/** Good days: every kind of secret comes into being and is used as it should be. */
export async function goodDays(hub: CanaryHub, reached: Reached): Promise<void> {
  for (const id of OAUTH) {
    const { caller } = await hub.connected(id, hub.org);
    const read = await caller.token(id);
    const refreshed = await caller.refresh(id);
    const synced = await caller.sync(id);
    reached.set(`${id} token, refresh, sync`, [read, refreshed, synced].map(({ status }) => status).join(' '));
  }
  await confirmed(hub, reached);
  await zapier(hub, reached);
  const caller = hub.as(hub.org);
  for (const path of ['', '/audit?limit=200', '/dead-letters', '/notion'])
    await caller.get(`${API}/integrations${path}`);
  await deferred(hub, reached);
  await proxyDays(hub, reached);
  await eventDays(hub, reached);
  await consoleDays(hub, reached);
}

/** What a backend completes: by a wrong handle, the right one once that is too late, and the right one in time. */
async function deferred(hub: CanaryHub, reached: Reached): Promise<void> {
  const statuses: number[] = [];
  for (const isGuessed of [true, false]) {
    const caller = hub.as();
    const { order, choices } = ANYONES.google_drive();
    const person = hub.person();
    const callback = await person.consents(await person.starts(caller, { ...order, completion: 'deferred' }), choices);
    const { flow, handle } = parametersOf((await person.opens(callback)).sentTo ?? hub.publicUrl);
    const wrong = { flow, handle: hub.canaries.make(MISPLACED) };
    if (isGuessed) statuses.push((await caller.complete(wrong)).status);
    for (let tries = 0; tries < 2; tries += 1) statuses.push((await caller.complete({ flow, handle })).status);
  }
  reached.set('deferred: guessed, after a guess, again, in time, again', statuses.join(' '));
}

/** A callback in another browser, pressed, replayed, and in a wrong one. */
async function confirmed(hub: CanaryHub, reached: Reached): Promise<void> {
  const caller = hub.as();
  const { order, choices } = ANYONES.google_drive();
  const callback = await hub.person().consents(await hub.person().starts(caller, order), choices);
  const other = hub.person();
  const confirm = (await other.get(callback)).headers.get('location') ?? '';
  const form = formOn(await (await other.get(confirm)).text());
  const stranger = await hub.person().post(confirm, form?.fields ?? []);
  const wrongProof = await other.post(confirm, [['csrf', hub.canaries.make(MISPLACED)]]);
  const pressed = await other.post(confirm, form?.fields ?? []);
  const again = await other.post(confirm, form?.fields ?? []);
  const replayed = await other.get(callback);
  await Promise.all([stranger, wrongProof, pressed, again, replayed].map((answer) => answer.text()));
  reached.set(
    'confirm: stranger, wrong proof, pressed, again, callback replayed',
    [stranger, wrongProof, pressed, again, replayed].map(({ status }) => status).join(' '),
  );
}

async function zapier(hub: CanaryHub, reached: Reached): Promise<void> {
  const caller = hub.as(hub.org);
  const account = ANYONES.zapier();
  hub.canaries.keep('webhook URL', account.name);
  const person = hub.person();
  const page = await person.starts(caller, { provider: 'zapier' });
  const refused = await person.post(page, [['webhookUrl', `https://evil.example/hooks/catch/${account.name}/`]]);
  await refused.text();
  await person.opens(page, { inputs: { webhookUrl: account.order['webhookUrl'] ?? '' } });
  const http = await caller.begin({
    provider: 'zapier',
    webhookUrl: `http://hooks.zapier.com/hooks/catch/${account.name}/`,
  });
  const refreshed = await caller.refresh('zapier');
  const token = await caller.token('zapier');
  reached.set(
    'zapier: page refuses, route refuses, checked, token',
    [refused, http, refreshed, token].map(({ status }) => status).join(' '),
  );
  await caller.disconnect('zapier');
}

/** Every manner of repeating at every position of one provider. @returns how many rounds there were */
export async function echoRounds(hub: CanaryHub, id: OAuthId, reached: Reached): Promise<number> {
  for (const manner of ECHOES) await echoRound(hub, id, manner, reached);
  // one position for each, since it takes as long as the hub waits
  const slow: Record<OAuthId, Position> = { shopify: 'exchange', notion: 'refresh', google_drive: 'api' };
  await slowRound(hub, id, slow[id]);
  return ECHOES.length + 1;
}

async function echoRound(hub: CanaryHub, id: OAuthId, manner: string, reached: Reached): Promise<void> {
  const { provider } = hub;
  const failed = await provider.while(id, 'exchange', manner, () => hub.connect(hub.as(), ANYONES[id]()));
  reached.set(`${id} exchange ${manner}`, new URL(failed).searchParams.get('error') ?? 'no error');
  const { caller, account } = await hub.connected(id);
  await hub.event(caller, 'sync.completed'); // by then the account is known: without it no grant is given back
  // Notion is asked for a new token only once its API takes the old one no more
  if (id === 'notion') await hub.hub.sandbox.expire(id, account.name);
  const refused = await refusedBy(hub, id, manner, caller);
  reached.set(
    `${id} refresh ${manner}`,
    `${refused.status} ${refused.body.failure?.code ?? refused.text.slice(0, 60)}`,
  );
  await provider.while(id, 'api', manner, () => caller.sync(id));
  await caller.token(id);
  await caller.token(id, '?minTtl=86400');
  await provider.while(id, 'revoke', manner, async () => {
    await caller.disconnect(id, id === 'shopify' ? '?uninstall=true' : '');
    await hub.event(caller, 'revocation.%');
  });
}

/** A forced refresh that the provider was asked about: a breaker that opens meanwhile puts it off. */
async function refusedBy(
  hub: CanaryHub,
  id: OAuthId,
  manner: string,
  caller: Caller,
): Promise<Answer<IntegrationBody>> {
  for (let tries = 1; ; tries += 1) {
    await hub.closeBreakers();
    const answer = await hub.provider.while(id, 'refresh', manner, () => caller.refresh(id));
    if (hub.provider.struck.has(`${id} refresh ${manner}`) || tries === MOST_TRIES) return answer;
  }
}

async function slowRound(hub: CanaryHub, id: OAuthId, position: Position): Promise<void> {
  if (position === 'exchange') {
    await hub.provider.while(id, position, DRIP, () => hub.connect(hub.as(), ANYONES[id]()));
    return;
  }
  const { caller } = await hub.connected(id);
  await hub.closeBreakers();
  await hub.provider.while(id, position, DRIP, () => (position === 'api' ? caller.sync(id) : caller.refresh(id)));
}

/** Secrets where callers must never put them, and bearers that are none. */
export async function misplaced(hub: CanaryHub, reached: Reached): Promise<void> {
  const caller = hub.as(hub.org);
  const secret = (): string => hub.canaries.make(MISPLACED);
  const statuses: string[] = [];
  const hear = ({ status }: { status: number }): void => void statuses.push(String(status));
  for (const body of [
    { provider: secret() },
    { provider: 'notion', [secret()]: 1 },
    { provider: 'notion', accessToken: secret() },
    { provider: 'notion', redirectUri: `https://evil.example/${secret()}` },
    { provider: 'notion', redirectUri: secret() },
    { provider: 'notion', completion: secret() },
    { provider: 'shopify', shop: `${secret()}/` }, // a bare word is the name of a shop
    { provider: 'shopify', shop: `${secret()}.evil.example` },
    { provider: 'zapier', webhookUrl: `https://evil.example/${secret()}` },
    { provider: 'zapier', webhookUrl: secret() },
    { provider: 'notion', allowAccountChange: secret() },
    [secret()],
  ])
    hear(await caller.begin(body));
  const posts = [
    `{"provider": ${secret()}`,
    secret(),
    `"${secret()}`,
    `{"provider":"notion","__proto__":{"token":"${secret()}"}}`,
    `{"provider":"notion", "x": "\u0000${secret()}"}`,
  ];
  for (const raw of posts) hear(await caller.request('POST', `${API}/integrations-connect`, { raw }));
  hear(
    await caller.request('POST', `${API}/integrations-connect`, {
      raw: secret(),
      headers: { 'content-type': `text/${secret()}` },
    }),
  );
  for (const path of [
    `/integrations/notion/token?access_token=${secret()}`,
    `/integrations/notion/token?minTtl=${secret()}`,
    `/integrations/notion?${secret()}=1`,
    `/integrations/${secret()}`,
    `/integrations/${secret()}/token`,
    `/integrations/audit?cursor=${secret()}`,
    `/integrations/audit?provider=${secret()}`,
    `/integrations/dead-letters?cursor=${secret()}`,
    `/integrations/dead-letters?kind=${secret()}`,
    `/${secret()}`,
    `/integrations/notion/%${secret()}`,
    `/integrations-confirm/${secret()}`,
    `/integrations-connect/${secret()}`,
    `/integrations/notion?long=${secret().repeat(320)}`,
  ])
    hear(await caller.get(API + path));
  hear(await caller.request('DELETE', `${API}/integrations/notion?uninstall=${secret()}`));
  hear(await caller.request('POST', `${API}/integrations/dead-letters/${secret()}/replay`));
  hear(await caller.replayAll({ kind: secret() }));
  hear(await caller.request('POST', `${API}/integrations-complete`, { body: { flow: secret(), handle: secret() } }));
  hear(await caller.request('PATCH', `${API}/integrations/${secret()}`));
  await bearers(hub, caller, hear);
  reached.set('misplaced', [...new Set(statuses)].sort().join(' '));
  await misplacedInConsole(hub, reached);
  await callbacks(hub, reached);
  await brokenHttp(hub);
}

async function bearers(hub: CanaryHub, caller: Caller, hear: (answer: { status: number }) => void): Promise<void> {
  const claims = { sub: 'ada', org_id: hub.org, scope: SCOPES, ...standing() };
  const bad = [
    await signed(claims, hub.canaries.make(MISPLACED)),
    await signed({ ...claims, exp: 1 }),
    await signed({ ...claims, org_id: 'none' }),
    await signed({ ...claims, aud: 'others' }),
    await signed({ ...claims, scope: '' }),
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${hub.canaries.make(MISPLACED)}.`,
    hub.canaries.make(MISPLACED),
  ];
  for (const one of bad) {
    hub.canaries.keepJwt('bearer JWT', one);
    for (const scheme of ['Bearer', 'Basic'])
      hear(await caller.request('GET', `${API}/integrations`, { headers: { authorization: `${scheme} ${one}` } }));
  }
  const headers = { cookie: `hub_session=${hub.canaries.make(MISPLACED)}`, 'x-api-key': hub.canaries.make(MISPLACED) };
  hear(await caller.request('GET', `${API}/integrations`, { headers: { ...headers, authorization: '' } }));
}

/**
 * The keys of the issuer lie behind a proxy that asks for a password, and answers by repeating it, in several manners. Each
 * fetch that fails is followed by a pause.
 */
export async function throughProxy(hub: CanaryHub, reached: Reached): Promise<void> {
  const { canaries, proxy } = hub;
  const words = (request: IncomingMessage): string => {
    const sent = request.headers['proxy-authorization'] ?? '';
    return `${sent} ${Buffer.from(sent.replace(/^Basic /, ''), 'base64').toString()}`;
  };
  const manners: NonNullable<ConnectProxy['instead']>[] = [
    (socket, request) =>
      void socket.end(`HTTP/1.1 407 ${words(request)}\r\nproxy-authenticate: ${words(request)}\r\n\r\n`),
    (socket, request) => void socket.end(`HTTP/1.1 200 Opened\r\n\r\n${words(request)}`),
    (socket, request) =>
      void socket.end(`HTTP/1.1 502 Bad Gateway\r\nx-echo: ${words(request)}\r\n\r\n${words(request)}`),
    (socket, request) => void socket.end(`${words(request)}\r\n\r\n`),
  ];
  const { privateKey } = await generateKeyPair('ES256');
  const bearer = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'any' }).sign(privateKey);
  canaries.keepJwt('bearer JWT', bearer);
  const statuses: number[] = [];
  for (const manner of manners) {
    const before = proxy.targets.length;
    proxy.instead = manner;
    const status = await eventually('the proxy to be asked', async () => {
      const headers = { authorization: `Bearer ${bearer}` };
      const answer = await hub.as().request('GET', `${API}/integrations`, { headers });
      return proxy.targets.length > before ? answer.status : undefined;
    });
    statuses.push(status);
  }
  const asked = proxy.authorizations.filter((sent) => sent !== undefined).length;
  reached.set(
    'proxy refuses, repeats, lets nobody through, breaks off',
    `${statuses.join(' ')}, ${asked} by its password`,
  );
}

/** Callbacks that must not be believed, each with secrets of its own. */
async function callbacks(hub: CanaryHub, reached: Reached): Promise<void> {
  const secret = (): string => hub.canaries.make(MISPLACED);
  const statuses: number[] = [];
  const open = async (query: string, provider = 'notion'): Promise<void> => {
    const answer = await hub.person().get(`${hub.publicUrl}${API}/integrations-callback/${provider}${query}`);
    await answer.text();
    statuses.push(answer.status);
  };
  const unknown = `${hub.canaries.make('state')}abc`;
  await open(`?state=${secret()}&code=${secret()}`);
  await open(`?state=${unknown}&code=${secret()}&access_token=${secret()}`);
  await open(`?state=${secret()}&error=${secret()}&error_description=${secret()}`);
  await open(`?state=${secret()}&state=${secret()}`);
  await open(`?code=${secret()}`, secret());
  // in known flows: a person who says no, words of the provider's own, a flow that is over
  for (const id of OAUTH) {
    const caller = hub.as();
    const { order, choices } = ANYONES[id]();
    const person = hub.person();
    const denied = await person.opens(await person.starts(caller, order), { ...choices, decision: 'deny' });
    reached.set(`${id} denied`, new URL(denied.sentTo ?? hub.publicUrl).searchParams.get('error') ?? 'no error');
    const callback = await person.consents(await person.starts(caller, order), choices);
    const words = new URL(callback);
    words.searchParams.delete('code');
    words.searchParams.set('error', secret());
    words.searchParams.set('error_description', secret());
    await person.opens(words.href);
    const late = await person.consents(await person.starts(caller, order), choices);
    hub.canaries.keep('authorization code', new URL(late).searchParams.get('code'));
    await hub.hub.database.rows(
      `update public.flows set expires_at = now() - interval '1 second' where org_id = $1 and status = 'open'`,
      [caller.claims.org],
    );
    const expired = await person.opens(late);
    statuses.push(expired.status);
  }
  reached.set('callbacks', [...new Set(statuses)].sort().join(' '));
}

/** What is no HTTP at all, said to the gateway itself. */
async function brokenHttp(hub: CanaryHub): Promise<void> {
  const [gateway] = hub.hub.gateways;
  const { hostname, port } = new URL(gateway?.base ?? '');
  for (const words of [
    `${hub.canaries.make(MISPLACED)} / HTTP/1.1\r\n\r\n`,
    `GET /${hub.canaries.make(MISPLACED).repeat(500)} HTTP/1.1\r\nhost: a\r\n\r\n`,
    `GET /${hub.canaries.make(MISPLACED)} HTTP/9.9\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: a\r\nauthorization Bearer ${hub.canaries.make(MISPLACED)}\r\n\r\n`,
    `POST ${API}/integrations-connect HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\nauthorization: Bearer ${hub.canaries.make(MISPLACED)}\r\n\r\n`,
  ]) {
    const socket = dial(Number(port), hostname);
    socket.on('error', () => undefined);
    let told = '';
    socket.on('data', (more) => (told += more.toString()));
    socket.end(words);
    await Promise.race([once(socket, 'close'), sleep(1_000)]);
    socket.destroy();
    hub.gateway.answers.push({ what: 'no HTTP', status: Number(/^HTTP\S* (\d+)/.exec(told)?.[1] ?? 0), text: told });
  }
}

/**
 * Workers that die in the middle of a call, servers that go away, letters that nobody could deliver.
 *
 * @param duringOutage looks while PostgreSQL is away. @returns whether it has seen the answer that waits
 */
export async function badDays(hub: CanaryHub, reached: Reached, duringOutage: () => Promise<boolean>): Promise<void> {
  const { sandbox, workers, syncWorkers, deliveryWorkers, database } = hub.hub;
  const inFlight = [...workers, ...syncWorkers, ...deliveryWorkers];
  await hub.closeBreakers();
  const [{ caller, account }, second] = await Promise.all([hub.connected('shopify'), hub.connected('google_drive')]);

  await sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: SLOW_MS, account: account.name });
  await sandbox.fault('google_drive', { on: 'api', kind: 'latency', ms: SLOW_MS, account: second.account.name });
  const subscriber = await subscribed(hub, hub.as());
  await sandbox.fault('zapier', { on: 'api', kind: 'latency', ms: SLOW_MS, account: subscriber.hook });
  const underWay = Promise.all([caller.refresh('shopify'), second.caller.sync('google_drive')]);
  await posted(hub, subscriber);
  await sleep(UNDER_WAY_MS);
  await Promise.all(inFlight.map((worker) => worker.kill()));
  await Promise.all(inFlight.map((worker) => worker.start()));
  reached.set('worker killed in a call', (await underWay).map(({ status }) => status).join(' '));

  await hub.servers.killRedis();
  reached.set('Redis away', String((await second.caller.token('google_drive', '?minTtl=86400')).status));
  await hub.servers.startRedis();

  // the answer comes while PostgreSQL is away, and waits on the disk
  const third = await hub.connected('shopify');
  await sandbox.fault('shopify', { on: 'refresh', kind: 'latency', ms: SLOW_MS, account: third.account.name });
  const askedBefore = askedBy(workers);
  const waiting = third.caller.refresh('shopify').catch(() => undefined);
  const other = await subscribed(hub, hub.as());
  await sandbox.fault('zapier', { on: 'api', kind: 'latency', ms: SLOW_MS, account: other.hook });
  await eventually('a refresh to be under way', () => Promise.resolve(askedBy(workers) > askedBefore));
  await posted(hub, other);
  await hub.servers.crashPostgres();
  const meanwhile = await Promise.all([
    third.caller.token('shopify').catch(() => undefined),
    third.caller.begin({ provider: 'notion' }).catch(() => undefined),
  ]);
  await eventually('an answer on the disk', duringOutage);
  await hub.servers.startPostgres();
  await waiting;
  reached.set('PostgreSQL away', meanwhile.map((answer) => answer?.status ?? 'none').join(' '));

  // nobody takes the grant back, rung after rung
  await hub.connect(hub.as(), ANYONES.notion());
  const fourth = await hub.connected('notion');
  await hub.provider.while('notion', 'revoke', 'json in a description', async () => {
    await fourth.caller.disconnect('notion');
    await eventually('a dead letter', async () => {
      await database.rows(
        'update public.revocations set failed_attempts = 4, next_attempt_at = now() where org_id = $1 and next_attempt_at is not null',
        [fourth.caller.claims.org],
      );
      const { body } = await fourth.caller.deadLetters();
      return body.deadLetters.length > 0;
    });
    const { body } = await fourth.caller.deadLetters();
    const replay = await fourth.caller.replay(body.deadLetters[0]?.id ?? '');
    reached.set('dead letter replayed', String(replay.status));
  });
}

/** How often these have asked a provider for a token since they started. */
function askedBy(workers: readonly AppProcess[]): number {
  return workers.reduce((sum, worker) => sum + worker.recentlyAsked(0).length, 0);
}

/** Starts that must fail, and the operators' commands. */
export async function programs(hub: CanaryHub, dist: string): Promise<Ended[]> {
  const bad = badSettings(hub);
  const wrongPassword = (url: string): string => {
    const changed = new URL(url);
    changed.password = hub.canaries.make('database password');
    return changed.href;
  };
  const { gatewayEnvironment, workerEnvironment } = hub;
  const wrongly = { DATABASE_URL: wrongPassword(workerEnvironment['DATABASE_URL'] ?? '') };
  const cli = { ...gatewayEnvironment, DATABASE_URL: workerEnvironment['DATABASE_URL'] ?? '' };
  const org = ['--org', hub.org];
  const ended: Ended[] = [];
  const run = async (
    app: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<void> => void ended.push(await runToEnd(dist, app, args, environment));
  await Promise.all([
    (async () => {
      for (const app of ['gateway', 'refresh-worker', 'metadata-sync-worker', 'delivery-worker'])
        await run(app, [], { ...gatewayEnvironment, ...bad });
    })(),
    (async () => {
      const token = await runToEnd(dist, 'cli', ['token', ...org, '--sub', 'ada', '--scope', SCOPES], cli);
      const jwt = token.out.trim().split('\n').at(-1);
      hub.canaries.keepJwt('bearer JWT', jwt);
      // the one place where a bearer must stand: the last line
      ended.push({ ...token, out: jwt ? token.out.replace(`${jwt}\n`, '') : token.out });
      await run('cli', ['integrations', 'list', ...org], cli);
      await run('cli', ['integrations', 'list', ...org, '--json'], cli);
      await run('cli', ['doctor'], cli);
      await run('cli', ['refresh', ...org, '--provider', 'google_drive'], cli);
      await run('cli', ['dead-letters', 'list', ...org], cli);
      await run('cli', ['doctor'], { ...cli, ...bad });
      await run('cli', ['doctor'], { ...cli, ...wrongly });
      await run('cli', ['integrations', 'list', ...org], { ...cli, ...wrongly });
      await run('cli', ['token', ...org, '--sub', 'ada', '--scope', SCOPES], { ...cli, ...bad });
      await run('cli', ['refresh', '--org', randomUUID(), '--provider', 'notion'], cli);
    })(),
  ]);
  return ended;
}

/** Every secret setting, written in a way that cannot be used. */
function badSettings({ canaries }: CanaryHub): Record<string, string> {
  const secret = (): string => canaries.make('secret in a bad setting');
  const short = secret().slice(0, 24);
  canaries.keep('secret in a bad setting', short);
  return {
    TOKEN_KEYS: `k1:${secret()},${secret()}`,
    DATABASE_URL: `mysql://hub:${secret()}@127.0.0.1/hub`,
    REDIS_URL: `http://:${secret()}@127.0.0.1`,
    AUTH_JWT_SECRET: short,
    NOTION_CLIENT_ID: '',
    NOTION_CLIENT_SECRET: secret(),
    REDIRECT_ALLOWLIST: `https://ada:${secret()}@app.example/,${secret()}`,
    TRUST_PROXY: secret(),
    HTTPS_PROXY: `socks5://ada:${secret()}@127.0.0.1:1`,
    PUBLIC_URL: `https://ada:${secret()}@app.example`,
    CONNECT_UNBOUND: secret(),
    LOG_LEVEL: secret(),
    SYNC_EVERY: secret(),
  };
}
