import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { request } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { ANYONES } from '../support/accounts';
import type { EventBody } from '../support/caller';
import { certificateFor } from '../support/certificate';
import { ConnectProxy } from '../support/connect-proxy';
import { parametersOf } from '../support/person';
import { Stack } from '../support/stack';
import { temporaryFolder } from '../support/temporary-folder';
import { AttackStand, type OAuthName } from './support/attack-stand';

/** Attacks 35 to 39 of the catalogue: whatever a tenant, a provider or a name server says, nothing inward is called. */
const OUTWARD = '8.8.8.8';

/** What a name may turn out to be. */
const ADDRESSES: readonly (readonly string[])[] = [
  ['127.0.0.1'],
  ['127.0.0.2'],
  ['127.255.255.254'],
  ['0.0.0.0'],
  ['0.1.2.3'],
  ['10.0.0.1'],
  ['10.255.255.255'],
  ['172.16.0.1'],
  ['172.31.255.255'],
  ['192.168.0.1'],
  ['100.64.0.1'],
  ['169.254.169.254'],
  ['169.254.170.2'],
  ['168.63.129.16'],
  ['192.0.0.170'],
  ['192.0.2.1'],
  ['192.88.99.1'],
  ['198.18.0.1'],
  ['198.51.100.1'],
  ['203.0.113.1'],
  ['224.0.0.1'],
  ['239.255.255.250'],
  ['240.0.0.1'],
  ['255.255.255.255'],
  ['::'],
  ['::1'],
  ['::ffff:127.0.0.1'],
  ['::ffff:7f00:1'],
  ['::ffff:169.254.169.254'],
  ['::127.0.0.1'],
  ['64:ff9b::127.0.0.1'],
  ['64:ff9b:1::1'],
  ['100::1'],
  ['2001::1'],
  ['2001:db8::1'],
  ['2002:7f00:1::'],
  ['3fff::1'],
  ['5f00::1'],
  ['fc00::1'],
  ['fd00:ec2::254'],
  ['fe80::1'],
  ['fec0::1'],
  ['ff02::1'],
  // one among good ones
  [OUTWARD, '127.0.0.1'],
  ['127.0.0.1', OUTWARD],
  [OUTWARD, '::1'],
  ['2606:4700::1111', '10.0.0.1'],
];

/** What the host of an endpoint may be written like, three at a time; `PORT` is where this machine listens. */
const SPELLINGS: readonly (readonly [string, string, string])[] = [
  ['https://127.0.0.1:PORT', 'https://127.1:PORT', 'https://2130706433:PORT'],
  ['https://0x7f000001:PORT', 'https://0x7f.1:PORT', 'https://0177.0.0.1:PORT'],
  ['https://017700000001:PORT', 'https://①②⑦.⓪.⓪.①:PORT', 'https://127。0。0。1:PORT'],
  ['https://[::1]:PORT', 'https://[::ffff:127.0.0.1]:PORT', 'https://[0:0:0:0:0:ffff:7f00:1]:PORT'],
  ['https://localhost:PORT', 'https://LOCALHOST.:PORT', 'https://0:PORT'],
  ['http://127.0.0.1:PORT', 'http://localhost:PORT', 'http://[::1]:PORT'],
];

const WEBHOOKS: readonly string[] = [
  'https://127.0.0.1:PORT/hooks/catch/1/abc/',
  'https://[::1]:PORT/hooks/catch/1/abc/',
  'https://hooks.zapier.com:PORT/hooks/catch/1/abc/',
  'https://hooks.zapier.com.127.0.0.1.nip.test:PORT/hooks/catch/1/abc/',
  'https://hooks.zapier.com@127.0.0.1:PORT/hooks/catch/1/abc/',
  'https://127.0.0.1:PORT#@hooks.zapier.com/hooks/catch/1/abc/',
  'https://127.0.0.1:PORT?@hooks.zapier.com/hooks/catch/1/abc/',
  'https://127.0.0.1:PORT\\@hooks.zapier.com/hooks/catch/1/abc/',
  'https:\\\\hooks.zapier.com\\hooks\\catch\\1\\abc',
  'http://hooks.zapier.com/hooks/catch/1/abc/',
  '//hooks.zapier.com/hooks/catch/1/abc/',
  'https://HOOKS.zapier.com/hooks/catch/1/abc/',
  'https://hooks.zapier.com./hooks/catch/1/abc/',
  'https://hooks%2ezapier.com/hooks/catch/1/abc/',
  'https://hooks.zapier.com/hooks/catch/../../127.0.0.1/',
  'https://hooks.zapier.com\u0000.127.0.0.1/hooks/catch/1/abc/',
  'file:///hooks/catch/1/abc/',
];

let hub: Stack;
let stand: AttackStand;
const folder = temporaryFolder();
let port: number;
let visits = 0;
const doors: Server[] = [];
const table: Record<string, string[][]> = {};
const inFolder = (name: string) => path.join(folder(), name);

beforeAll(async () => {
  port = await listenOnAll();
  await Promise.all([named('localhost.', ['127.0.0.1']), writeFile(inFolder('record'), '')]);
  hub = await Stack.start({
    preloads: ['test/attacks/support/resolver.cjs'],
    env: { TEST_RESOLVER_TABLE: inFolder('table.json'), TEST_RESOLVER_RECORD: inFolder('record') },
  });
  stand = new AttackStand(hub);
});
afterAll(async () => {
  await hub.stop();
  for (const door of doors) door.close();
});

/** This machine's doors, all at one port; some systems have not all of the addresses. */
async function listenOnAll(): Promise<number> {
  let chosen = 0;
  for (const host of ['127.0.0.1', '127.0.0.2', '::1']) {
    const door = createServer((socket) => {
      visits += 1;
      socket.destroy();
    });
    const isOpen = await new Promise<boolean>((resolve) =>
      door.once('error', () => resolve(false)).listen({ host, port: chosen }, () => resolve(true)),
    );
    if (!isOpen) continue;
    doors.push(door);
    chosen = (door.address() as AddressInfo).port;
  }
  return chosen;
}

/** Says what addresses a name has, an answer for each look-up. */
async function named(name: string, ...answers: string[][]): Promise<void> {
  table[name] = answers;
  await writeFile(inFolder('table.json'), JSON.stringify(table));
}

/** What was connected to at the doors' port, by whichever app. */
async function reached(): Promise<{ host: string; address: string; port: number }[]> {
  const lines = (await readFile(inFolder('record'), 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line)).filter((one: { port: number }) => one.port === port);
}

/** An endpoints file of the sandbox's own addresses, but for these. */
async function endpointsWith(
  different: Partial<Record<OAuthName | 'zapier', Record<string, string>>>,
): Promise<string> {
  const endpoints = JSON.parse(
    JSON.stringify(await hub.sandbox.endpoints()).replaceAll('//localhost:', '//127.0.0.1:'),
  ) as Record<string, Record<string, string>>;
  for (const [provider, more] of Object.entries(different)) endpoints[provider] = { ...endpoints[provider], ...more };
  const file = inFolder(`endpoints-${randomBytes(4).toString('hex')}.json`);
  await writeFile(file, JSON.stringify(endpoints));
  return file;
}

const STRICT = { OUTBOUND_ALLOW_PRIVATE: 'false' };
const tokenUrl = (base: string) => ({ tokenUrl: `${base.replace('PORT', String(port))}/token` });

/** Goes through a connect whose exchange must not reach anybody; its trail says so. */
async function blockedConnect(provider: OAuthName, order: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { caller, person, url } = await stand.atCallback(provider, order);
  const { answer, changed } = await stand.asked(() => person.get(url));
  expect(parametersOf(answer.headers.get('location') ?? '')).toMatchObject({ error: 'provider_unavailable', provider });
  expect(changed).toEqual(['flows']);
  expect((await caller.read(provider)).body.status).toBe('not_connected');
  const told = await hub.event(caller, 'egress.blocked', { provider });
  expect(told.detail).toMatchObject({ reason: 'blocked_address' });
}

describe('an answer that leads elsewhere', () => {
  it('is not followed, and the trail tells of it', async () => {
    const { caller, person, account, url } = await stand.atCallback('notion');
    await hub.sandbox.fault('notion', {
      on: 'exchange',
      account: account.name,
      kind: 'error',
      status: 302,
      body: {},
      headers: { location: `http://127.0.0.1:${port}/` },
    });
    const { sentTo } = await person.opens(url);
    expect(parametersOf(sentTo ?? '')).toMatchObject({ error: 'bad_provider_response' });
    const told = await hub.event(caller, 'egress.blocked', { provider: 'notion' });
    expect(told.detail).toMatchObject({ reason: 'redirect', answer: 'http_302' });
    expect([visits, await reached()]).toEqual([0, []]);
  });
});

describe('a name that a tenant brings', () => {
  beforeAll(async () => {
    const file = await endpointsWith({ shopify: tokenUrl('https://{shop}:PORT') });
    await hub.restart('gateway', { ...STRICT, PROVIDER_ENDPOINTS_FILE: file });
  });

  it.each(ADDRESSES.map((addresses) => [addresses.join(' and '), addresses] as const))(
    'is not called at %s',
    async (_what, addresses) => {
      const shop = `inward-${randomBytes(6).toString('hex')}.myshopify.com`;
      await named(shop, [...addresses]);
      await blockedConnect('shopify', { shop });
      expect([visits, (await reached()).filter(({ host }) => host === shop)]).toEqual([0, []]);
    },
  );

  it('is checked at each connection: one that turned inward after the first is not followed there', async () => {
    const shop = `turning-${randomBytes(6).toString('hex')}.myshopify.com`;
    await named(shop, [OUTWARD], ['127.0.0.1']);
    const { caller, person, url } = await stand.atCallback('shopify', { shop });
    expect(parametersOf((await person.opens(url)).sentTo ?? '')).toMatchObject({ error: 'provider_unavailable' });
    await blockedConnect('shopify', { shop });
    expect((await reached()).filter(({ host }) => host === shop)).toEqual([{ host: shop, address: OUTWARD, port }]);
    expect((await caller.read('shopify')).body.status).toBe('not_connected');
    expect(visits).toBe(0);
  });

  it('goes to what was checked where every second look turns inward', async () => {
    const shop = `spinning-${randomBytes(6).toString('hex')}.myshopify.com`;
    await named(shop, [OUTWARD], ['127.0.0.1'], [OUTWARD], ['127.0.0.1'], [OUTWARD], ['127.0.0.1']);
    for (let made = 0; made < 6; made += 1) {
      const { person, url } = await stand.atCallback('shopify', { shop });
      await person.opens(url);
    }
    const seen = (await reached()).filter(({ host }) => host === shop);
    expect(new Set(seen.map(({ address }) => address))).toEqual(new Set([OUTWARD]));
    expect(visits).toBe(0);
  });
});

describe('an endpoint that leads inward', () => {
  it.each(SPELLINGS)('is not called: %s, %s, %s', async (shopify, notion, google) => {
    const file = await endpointsWith({
      shopify: tokenUrl(shopify),
      notion: tokenUrl(notion),
      google_drive: tokenUrl(google),
    });
    await hub.restart('gateway', { ...STRICT, PROVIDER_ENDPOINTS_FILE: file });
    await Promise.all((['shopify', 'notion', 'google_drive'] as const).map((provider) => blockedConnect(provider)));
    expect([visits, (await reached()).filter(({ address }) => address !== OUTWARD)]).toEqual([0, []]);
  });
});

describe('a webhook that leads inward', () => {
  it.each(WEBHOOKS)('is not taken: %j', async (form) => {
    const caller = hub.as();
    const answer = await caller.begin({ provider: 'zapier', webhookUrl: form.replace('PORT', String(port)) });
    expect([answer.status, (answer.body as unknown as { code: string }).code]).toEqual([
      422,
      'webhook_host_not_allowed',
    ]);
    expect(visits).toBe(0);
  });
});

describe('what is connected already', () => {
  it('is neither refreshed nor synced at an inward address, and stays what it is', async () => {
    await hub.restart('gateway', { OUTBOUND_ALLOW_PRIVATE: 'true', PROVIDER_ENDPOINTS_FILE: await endpointsWith({}) });
    const caller = hub.as();
    await hub.connect(caller, { provider: 'google_drive' });
    await hub.event(caller, 'sync.completed', { provider: 'google_drive' });
    await named('inward.test', ['10.0.0.1']);
    const inward = `https://inward.test:${port}`;
    const file = await endpointsWith({ google_drive: { ...tokenUrl(inward), apiBaseUrl: inward } });
    for (const worker of ['refresh-worker', 'metadata-sync-worker'] as const)
      await hub.restart(worker, { ...STRICT, PROVIDER_ENDPOINTS_FILE: file });
    const before = await hub.lastSeq(caller);
    await Promise.all([caller.refresh('google_drive'), caller.sync('google_drive')]);
    await hub.event(caller, 'refresh.failed', { after: before });
    await hub.event(caller, 'sync.failed', { after: before });
    const told = (await hub.trail(caller)).filter(({ name, seq }) => name === 'egress.blocked' && seq > before);
    expect(told.length).toBeGreaterThanOrEqual(2);
    for (const { detail } of told) expect(detail).toEqual({ reason: 'blocked_address' });
    expect((await caller.read('google_drive')).body.status).toBe('refresh_failing');
    expect([visits, (await reached()).filter(({ host }) => host === 'inward.test')]).toEqual([0, []]);
  });

  it('is not called by the proxy at an inward address, nor at one that has turned inward, and nothing was sent', async () => {
    await hub.restart('gateway', { OUTBOUND_ALLOW_PRIVATE: 'true', PROVIDER_ENDPOINTS_FILE: await endpointsWith({}) });
    const caller = hub.as();
    const shop = `turning-${randomBytes(6).toString('hex')}.myshopify.com`;
    await hub.connect(caller, { provider: 'google_drive' });
    await hub.connect(caller, { provider: 'shopify', shop });
    await named('inward.test', ['10.0.0.1']);
    await named(shop, [OUTWARD], ['127.0.0.1']);
    const file = await endpointsWith({
      google_drive: { apiBaseUrl: `https://inward.test:${port}` },
      shopify: { apiBaseUrl: `https://{shop}:${port}` },
    });
    await hub.restart('gateway', { ...STRICT, PROVIDER_ENDPOINTS_FILE: file });
    const asked = (provider: string) =>
      caller.get<{ code: string; sent: boolean }>(`/functions/v1/integrations/${provider}/proxy/any`);
    expect((await asked('shopify')).body.code).toBe('provider_unavailable'); // outward, where nobody listens
    for (const provider of ['google_drive', 'shopify']) {
      const { status, body, headers } = await asked(provider);
      expect([status, body.code, body.sent, headers.get('hub-answer')]).toEqual([
        503,
        'provider_unavailable',
        false,
        null,
      ]);
      const byCaller = ({ actor }: EventBody) => actor.type === 'user';
      const told = await hub.event(caller, 'egress.blocked', { provider, where: byCaller });
      expect(told.detail).toMatchObject({ reason: 'blocked_address' });
    }
    const inward = (await reached()).filter(
      ({ host, address }) => [shop, 'inward.test'].includes(host) && address !== OUTWARD,
    );
    expect([visits, inward]).toEqual([0, []]);
  });

  it('is sent no event at an inward address, and the event is tried again', async () => {
    const caller = hub.as();
    await hub.connect(caller, ANYONES.zapier().order);
    await named('inward.test', ['10.0.0.1']);
    const file = await endpointsWith({ zapier: { apiBaseUrl: `https://inward.test:${port}` } });
    await hub.restart('delivery-worker', { ...STRICT, PROVIDER_ENDPOINTS_FILE: file });
    const body = { type: 'order.paid', data: {} };
    await caller.request('POST', '/functions/v1/integrations/zapier/events', { body });
    const { detail } = await hub.event(caller, 'delivery.failed', { provider: 'zapier' });
    expect(detail).toMatchObject({ reason: 'blocked_address', deadLetter: false, status: null });
    expect((await hub.event(caller, 'egress.blocked')).detail).toEqual({ reason: 'blocked_address' });
    expect([visits, (await reached()).filter(({ host }) => host === 'inward.test')]).toEqual([0, []]);
  });
});

describe('through a proxy', () => {
  const PASSWORD = randomBytes(12).toString('hex');
  const HOST = 'token.google.test';
  const own = certificateFor(HOST);
  let proxy: ConnectProxy;
  let provider: TlsServer;

  beforeAll(async () => {
    const sandbox = new URL((await hub.sandbox.endpoints())['google_drive']?.['tokenUrl'] ?? '');
    // the provider behind the proxy is the sandbox, by TLS and under a name of its own
    provider = createTlsServer(own, (asked, answer) => {
      const onward = request(
        { host: '127.0.0.1', port: sandbox.port, path: asked.url, method: asked.method, headers: asked.headers },
        (said) => {
          answer.writeHead(said.statusCode ?? 500, said.headers);
          said.pipe(answer);
        },
      );
      asked.pipe(onward);
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    proxy = await ConnectProxy.open(() => (provider.address() as AddressInfo).port);
    await writeFile(inFolder('certificate.pem'), own.cert);
    const file = await endpointsWith({ google_drive: { tokenUrl: `https://${HOST}${sandbox.pathname}` } });
    await hub.restart('gateway', {
      OUTBOUND_ALLOW_PRIVATE: 'true', // the API is the sandbox as it is
      PROVIDER_ENDPOINTS_FILE: file,
      HTTPS_PROXY: proxy.url(`hub:${PASSWORD}`),
      NODE_EXTRA_CA_CERTS: inFolder('certificate.pem'),
    });
  });
  afterAll(async () => {
    await proxy.close();
    provider.closeAllConnections();
    provider.close();
  });

  it('a connect goes all the way, and the proxy is told the address that was checked', async () => {
    await named(HOST, [OUTWARD], ['127.0.0.1']);
    const caller = hub.as();
    expect((await hub.connect(caller, { provider: 'google_drive' })).status).toBe('connected');
    expect(proxy.targets).toEqual([`${OUTWARD}:443`]);
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from(`hub:${PASSWORD}`).toString('base64')}`]);
  });

  it('a name that leads inward is not asked for', async () => {
    await named(HOST, ['10.0.0.1']);
    await blockedConnect('google_drive');
    expect(proxy.targets).toHaveLength(1);
  });

  it.each(['407 Proxy Authentication Required', '502 Bad Gateway'])('one that says %s is an outage', async (said) => {
    await named(HOST, [OUTWARD]);
    proxy.instead = (socket) => void socket.end(`HTTP/1.1 ${said}\r\n\r\n`);
    try {
      const { caller, person, url } = await stand.atCallback('google_drive');
      const { sentTo } = await person.opens(url);
      expect(parametersOf(sentTo ?? '')).toMatchObject({ error: 'provider_unavailable' });
      expect((await hub.event(caller, 'grant.rejected')).detail).toMatchObject({ reason: 'proxy' });
    } finally {
      proxy.instead = undefined;
    }
  });

  it('its password stands in no record', () => {
    const secret = [PASSWORD, Buffer.from(`hub:${PASSWORD}`).toString('base64')];
    expect(hub.process('gateway').lines.filter((line) => secret.some((word) => line.includes(word)))).toEqual([]);
  });
  it('a call of the proxy goes all the way, with both bodies', async () => {
    await named(HOST, [OUTWARD]);
    const endpoints = (await hub.sandbox.endpoints())['google_drive'];
    const through = (address = '') => `https://${HOST}${new URL(address).pathname}`;
    const google = { tokenUrl: through(endpoints?.['tokenUrl']), apiBaseUrl: through(endpoints?.['apiBaseUrl']) };
    await hub.restart('gateway', { PROVIDER_ENDPOINTS_FILE: await endpointsWith({ google_drive: google }) });
    const caller = hub.as();
    await hub.connect(caller, { provider: 'google_drive' });
    const before = proxy.targets.length;
    const raw = 'abcdefgh'.repeat(128 * 1024);
    const echo = '/functions/v1/integrations/google_drive/proxy/drive/sandbox/echo';
    const answer = await caller.request<{ body: string }>('POST', echo, { raw });
    expect([answer.status, answer.headers.get('hub-answer'), answer.body.body === raw]).toEqual([
      200,
      'provider',
      true,
    ]);
    expect(proxy.targets.slice(before)).toEqual([`${OUTWARD}:443`]);
  });
});
