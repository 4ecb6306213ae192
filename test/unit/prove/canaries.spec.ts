import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Canaries } from '../../prove/canaries/canaries';
import { CanarySearch } from '../../prove/canaries/canary-search';
import { echoing, ECHOES } from '../../prove/canaries/echoes';
import { GatewayTap } from '../../prove/canaries/gateway-tap';
import { HOOK, ProviderTap } from '../../prove/canaries/provider-tap';
import { filesBelow, searched, type Piece } from '../../prove/canaries/sources';

/** With all that has another spelling somewhere. */
const SECRET = `${randomBytes(18).toString('base64')}+/="&<>'${randomBytes(6).toString('hex')}\\`;
const CONTROL = 'the control of this test';
const search = new CanarySearch(
  new Map([
    [SECRET, 'secret'],
    [CONTROL, 'control'],
  ]),
);
const hex = Buffer.from(SECRET).toString('hex');
const half = Math.floor(SECRET.length / 2);

/** Ways in which a leak may look. */
const LEAKS: readonly (readonly [how: string, text: string])[] = [
  ['raw', SECRET],
  ['in capitals', SECRET.toUpperCase()],
  ['its first 20 characters', SECRET.slice(0, 20)],
  ['its last 12 characters', SECRET.slice(-12)],
  ['12 characters out of its middle', SECRET.slice(9, 21)],
  ['base64', Buffer.from(SECRET).toString('base64')],
  ['base64 behind an id', Buffer.from(`client:${SECRET}`).toString('base64')],
  ['base64 behind a longer id', Buffer.from(`client-1:${SECRET}`).toString('base64')],
  ['base64url', Buffer.from(`x${SECRET}`).toString('base64url')],
  ['hex', hex],
  ['hex in capitals', hex.toUpperCase()],
  ['a part of its hex', hex.slice(7, 7 + 25)],
  ['URL-encoded', encodeURIComponent(SECRET)],
  ['URL-encoded twice', encodeURIComponent(encodeURIComponent(SECRET))],
  ['every byte percent-encoded', hex.replace(/../g, '%$&')],
  ['JSON in JSON', JSON.stringify(JSON.stringify({ SECRET }))],
  ['HTML-escaped', SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')],
  ['reversed', [...SECRET].reverse().join('')],
  ['with its halves the other way round', SECRET.slice(half) + SECRET.slice(0, half)],
];

describe('the search', () => {
  it.each(LEAKS)('finds a secret %s', (_how, text) => {
    const noise = randomBytes(5_000);
    const bytes = Buffer.concat([noise, Buffer.from(text), noise]);
    expect(search.in(bytes)).toContainEqual(expect.objectContaining({ what: 'secret' }));
  });

  it('finds it at the very beginning and at the very end', () => {
    for (const text of [`${SECRET} more`, `more ${SECRET}`, SECRET.slice(0, 12)])
      expect(search.in(Buffer.from(text)).map(({ what }) => what)).toContain('secret');
  });

  it('tells where it found what, and never the secret', () => {
    const [hit] = search.in(Buffer.from(`ab ${SECRET.slice(0, 12)}`));
    expect(hit).toEqual({ what: 'secret', how: 'raw', offset: 3 });
  });

  it('finds nothing where there is nothing', () => {
    const others = `${randomBytes(4_000).toString('base64')}${randomBytes(4_000).toString('hex')}${SECRET.slice(0, 11)}`;
    expect(search.in(Buffer.from(others))).toEqual([]);
    expect(search.in(Buffer.alloc(0))).toEqual([]);
  });

  it('refuses a secret that it could not tell from chance', () => {
    expect(() => new CanarySearch(new Map([['short', 'a pin']]))).toThrow('a pin is too short');
  });
});

describe('a source', () => {
  const pieces = (text: string): Piece[] => [{ where: 'here', bytes: Buffer.from(text) }];
  const look = (text: string) =>
    searched({ name: 'log', holds: 'control', pieces: () => pieces(text) }, search, new Set(['control']));

  it.each(LEAKS)('tells of a secret %s in it', async (_how, text) => {
    expect((await look(`${CONTROL} ${text}`)).hits).toContainEqual(expect.objectContaining({ what: 'secret' }));
  });

  it('that holds its control and nothing else is clean', async () => {
    expect(await look(`a ${CONTROL} b`)).toEqual({ name: 'log', bytes: 28, controlFound: true, hits: [] });
  });

  it('without its control has not been searched', async () => {
    expect((await look('something else')).controlFound).toBe(false);
  });

  it('of files is searched whatever they are called and however deep they lie', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'canaries-'));
    try {
      mkdirSync(path.join(folder, 'base/1'), { recursive: true });
      writeFileSync(path.join(folder, 'base/1/.hidden'), Buffer.concat([randomBytes(100), Buffer.from(SECRET)]));
      writeFileSync(path.join(folder, 'left.conf'), SECRET);
      const { hits } = await searched(
        { name: 'files', holds: 'control', pieces: () => filesBelow(folder, /\.conf$/) },
        search,
        new Set(['control']),
      );
      expect(hits).toContainEqual({ what: 'secret', how: 'raw', offset: 100, where: path.join('base/1/.hidden') });
      expect(new Set(hits.map(({ where }) => where)).size).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What a server says to one request. */
interface Said {
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly body?: string;
}

async function serving(said: Said): Promise<{ server: Server; base: string }> {
  const server = createServer((_request, answer) => {
    answer.writeHead(said.status ?? 200, said.headers);
    answer.end(said.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('the line before the gateway', () => {
  const PROVIDER = 'https://provider.example/';
  const TOKEN = '/functions/v1/integrations/notion/token';

  async function heard(method: string, url: string, said: Said): Promise<{ text: string; kinds: string[] }> {
    const { server, base } = await serving(said);
    const canaries = new Canaries();
    const tap = await GatewayTap.start(base, PROVIDER, canaries);
    try {
      await (await fetch(tap.base + url, { method, redirect: 'manual' })).text();
      return { text: tap.answers[0]?.text ?? '', kinds: [...canaries.counts().keys()] };
    } finally {
      await tap.stop();
      server.close();
    }
  }

  const secret = randomBytes(24).toString('base64url');
  const CONNECT = '/functions/v1/integrations-connect';
  const CALLBACK = '/functions/v1/integrations-callback/notion';
  const SESSION = '/functions/v1/integrations-session';
  const DELIVERY_SECRET = '/functions/v1/integrations/zapier/delivery-secret';
  const CONFIRM = `/functions/v1/integrations-confirm/${'p'.repeat(43)}`;

  it.each<[string, string, string, Said, string]>([
    ['a token where it is read', 'GET', TOKEN, { body: JSON.stringify({ accessToken: secret }) }, 'access token'],
    [
      "the state in the provider's address",
      'POST',
      CONNECT,
      { body: JSON.stringify({ authUrl: `${PROVIDER}authorize?state=${secret}` }) },
      'state',
    ],
    [
      'a cookie of the flow',
      'POST',
      CONNECT,
      { headers: { 'set-cookie': `hub_flow_1=${secret}; Path=/` }, status: 422 },
      'flow cookie',
    ],
    [
      'the address of a confirm page',
      'GET',
      CALLBACK,
      { status: 302, headers: { location: `http://h.example/functions/v1/integrations-confirm/${secret}` } },
      'address of a confirm page',
    ],
    [
      'the proof of a confirm page',
      'GET',
      CONFIRM,
      { body: `<form method="post"><input type="hidden" name="csrf" value="${secret}"></form>` },
      'CSRF proof',
    ],
    [
      'a link of the console where it is made',
      'POST',
      SESSION,
      { body: JSON.stringify({ url: `http://h.example${SESSION}/${secret}` }) },
      'link of the console',
    ],
    [
      'the cookie of a session',
      'GET',
      `${SESSION}/${'p'.repeat(43)}`,
      { headers: { 'set-cookie': `hub_session_3000=${secret}; Path=/` }, status: 303 },
      'session cookie',
    ],
    [
      'the cookie of a session behind https',
      'GET',
      `${SESSION}/${'p'.repeat(43)}`,
      { headers: { 'set-cookie': `__Host-hub_session=${secret}; Path=/` }, status: 303 },
      'session cookie',
    ],
    [
      'the proof of a session in what its page reads',
      'GET',
      SESSION,
      { body: JSON.stringify({ csrfToken: secret }) },
      'proof of a session',
    ],
    [
      'a signing secret where it is told',
      'POST',
      DELIVERY_SECRET,
      { body: JSON.stringify({ secret: `whsec_${secret}` }) },
      'signing secret',
    ],
  ])('allows %s, and remembers it', async (_what, method, url, said, kind) => {
    const { text, kinds } = await heard(method, url, said);
    expect(text).not.toContain(secret);
    expect(text).toMatch(/^HTTP \d+/);
    expect(kinds).toEqual([kind]);
  });

  it.each<[string, string, string, Said]>([
    ['a token in a refusal', 'GET', TOKEN, { status: 409, body: JSON.stringify({ accessToken: secret }) }],
    ['a token beside its field', 'GET', TOKEN, { body: JSON.stringify({ accessToken: 'other', note: secret }) }],
    [
      'a token of another route',
      'GET',
      '/functions/v1/integrations/notion',
      { body: JSON.stringify({ accessToken: secret }) },
    ],
    [
      'a state on its way to anybody else',
      'GET',
      CALLBACK,
      { status: 302, headers: { location: `https://app.example/?state=${secret}` } },
    ],
    ['a signing secret of another route', 'GET', DELIVERY_SECRET, { body: JSON.stringify({ secret }) }],
    ['a proof in a refusal', 'GET', SESSION, { status: 403, body: JSON.stringify({ csrfToken: secret }) }],
    ['a link in another answer', 'GET', SESSION, { body: JSON.stringify({ csrfToken: '', url: secret }) }],
    ['a secret in a header', 'GET', TOKEN, { body: '{}', headers: { 'x-request-id': secret } }],
    ['a cookie that is none of the flow', 'GET', TOKEN, { body: '{}', headers: { 'set-cookie': `other=${secret}` } }],
  ])('keeps %s to be found', async (_what, method, url, said) => {
    expect((await heard(method, url, said)).text).toContain(secret);
  });
});

it('a line asks for nothing compressed, which could not be searched', async () => {
  const server = createServer((asked, answer) => answer.end(`asked for ${asked.headers['accept-encoding']}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tap = await GatewayTap.start(target, 'https://provider.example/', new Canaries());
  try {
    const answer = await fetch(tap.base, { headers: { 'accept-encoding': 'gzip' } });
    expect(await answer.text()).toBe('asked for undefined');
  } finally {
    await tap.stop();
    server.close();
  }
});

describe('the line before the providers', () => {
  it.each(ECHOES)('repeats all secrets that it was sent: %s', async (manner) => {
    const canaries = new Canaries();
    const { server, base } = await serving({ body: '{}' });
    const tap = await ProviderTap.start(base, canaries);
    const code = randomBytes(16).toString('hex');
    const clientSecret = randomBytes(16).toString('hex');
    try {
      const told = await tap.while('notion', 'exchange', manner, () =>
        rawAnswer(`${tap.base}/notion/token`, code, clientSecret),
      );
      const found = new CanarySearch(canaries.all()).in(Buffer.from(told)).map(({ what }) => what);
      expect(new Set(found)).toEqual(new Set(['authorization code', 'client secret']));
      expect(tap.struck).toEqual(new Map([[`notion exchange ${manner}`, 1]]));
    } finally {
      await tap.stop();
      server.close();
    }
  });

  it('knows a hook by its path, and repeats what was delivered there', async () => {
    const canaries = new Canaries();
    const { server, base } = await serving({ body: '{}' });
    const tap = await ProviderTap.start(base, canaries);
    const content = canaries.make('data of an event');
    try {
      const told = await tap.while('zapier', HOOK, 'html page', async () => {
        const answer = await fetch(`${tap.base}/zapier/hooks/catch/1/a/`, { method: 'POST', body: content });
        return answer.text();
      });
      expect(told).toContain(content);
      expect(tap.struck).toEqual(new Map([['zapier hook html page', 1]]));
    } finally {
      await tap.stop();
      server.close();
    }
  });

  it('knows no other manner', () => {
    const nothing = { method: 'GET', url: '/', headers: {}, body: '' };
    expect(() => echoing('politely', nothing)).toThrow('nothing repeats in the manner of politely');
  });
});

/** Every byte of an answer, in whatever state it is. */
function rawAnswer(url: string, code: string, clientSecret: string): Promise<string> {
  return new Promise((resolve) => {
    const body = JSON.stringify({ grant_type: 'authorization_code', code });
    const authorization = `Basic ${Buffer.from(`id:${clientSecret}`).toString('base64')}`;
    const sent = request(url, { method: 'POST', agent: false, headers: { authorization } });
    sent.on('error', () => undefined); // not all of them are HTTP
    sent.on('socket', (socket) => {
      let told = '';
      socket.on('data', (more: Buffer) => (told += more.toString()));
      socket.on('close', () => resolve(told));
    });
    sent.end(body);
  });
}
