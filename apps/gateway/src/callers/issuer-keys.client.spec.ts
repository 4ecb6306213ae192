import type { EventDraft } from '@hub/domain';
import { OutboundClient } from '@hub/outbound';
import { HubLogger } from '@hub/telemetry';
import { jwtVerify, SignJWT, type GenerateKeyPairResult } from 'jose';
import { KeySetServer } from '../../../../test/support/key-set-server';
import { IssuerAway, IssuerKeys } from './issuer-keys.client';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const outbound = new OutboundClient({ allowPrivate: true, allowHosts: [] });
let issuer: KeySetServer;
let pair: GenerateKeyPairResult;
let nowMs: number;
let keys: IssuerKeys;
let told: EventDraft[];
beforeAll(async () => (issuer = await KeySetServer.open()));
afterAll(async () => {
  await outbound.close();
  await issuer.close();
});
beforeEach(async () => {
  issuer.keys = [];
  issuer.instead = undefined;
  pair = await issuer.publish('ES256', 'first');
  issuer.asked = 0;
  nowMs = 0;
  told = [];
  const tell = (event: EventDraft) => void told.push(event);
  keys = new IssuerKeys(issuer.url, outbound, HubLogger.forApp('gateway', 'silent'), tell, () => nowMs);
});

type Verified = 'good' | 'unknown key' | 'issuer away' | 'away, and the key unknown';

/** What becomes of a token that names this key. */
async function verified(kid = 'first', by = pair): Promise<Verified> {
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(by.privateKey);
  return jwtVerify(token, keys.keyFor).then(
    () => 'good' as const,
    (error: { code?: string }) => {
      if (error instanceof IssuerAway) return error.hasKeys ? 'away, and the key unknown' : 'issuer away';
      if (error.code === 'ERR_JWKS_NO_MATCHING_KEY') return 'unknown key';
      throw error;
    },
  );
}

const goesAway = () => (issuer.instead = (_request, response) => void response.writeHead(503).end());
const comesBack = () => (issuer.instead = undefined);

describe('the keys of the issuer', () => {
  it('are asked for once in ten minutes', async () => {
    expect(await Promise.all([verified(), verified(), verified()])).toEqual(['good', 'good', 'good']);
    nowMs = 10 * MINUTE - 1;
    await verified();
    expect(issuer.asked).toBe(1);
    nowMs = 10 * MINUTE;
    await verified();
    expect(issuer.asked).toBe(2);
  });

  it('are asked for again by an unknown key, at most each half minute', async () => {
    for (let made = 0; made < 50; made += 1) expect(await verified(`stranger-${made}`)).toBe('unknown key');
    expect(issuer.asked).toBe(1);
    nowMs = 30 * SECOND;
    for (let made = 0; made < 50; made += 1) expect(await verified(`stranger-${made}`)).toBe('unknown key');
    expect(issuer.asked).toBe(2);
  });

  it('may be changed: the new one is known once the half minute is over, the old one no more', async () => {
    expect(await verified()).toBe('good');
    issuer.keys = [];
    const second = await issuer.publish('ES256', 'second');
    expect(await verified('second', second)).toBe('unknown key');
    nowMs = 30 * SECOND;
    expect(await verified('second', second)).toBe('good');
    expect(await verified()).toBe('unknown key');
  });
});

describe('while the issuer is away', () => {
  it('nobody is known before the first answer, and it is asked again after five seconds', async () => {
    goesAway();
    expect([await verified(), await verified(), await verified()]).toEqual(Array(3).fill('issuer away'));
    expect(issuer.asked).toBe(1);
    nowMs = 5 * SECOND;
    expect(await verified()).toBe('issuer away');
    expect(issuer.asked).toBe(2);
    comesBack();
    expect(await verified()).toBe('issuer away');
    nowMs = 10 * SECOND;
    expect(await verified()).toBe('good');
  });

  it('its last keys go on for a day', async () => {
    await verified();
    goesAway();
    nowMs = 10 * MINUTE;
    expect(await verified()).toBe('good');
    nowMs = 24 * HOUR - 1;
    expect(await verified()).toBe('good');
    nowMs = 24 * HOUR;
    expect(await verified()).toBe('issuer away');
  });

  it('nobody waits for it who is known by a key from before', async () => {
    await verified();
    goesAway();
    nowMs = 10 * MINUTE;
    expect(await verified()).toBe('good'); // this one has waited, and knows now
    issuer.instead = () => undefined; // silence
    nowMs += 5 * SECOND;
    const asked = issuer.asked;
    expect(await Promise.all([verified(), verified()])).toEqual(['good', 'good']); // before the silence is over
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (issuer.asked === asked) return;
        clearInterval(look);
        resolve();
      }, 5);
    });
    expect(issuer.asked).toBe(asked + 1);
  });

  it('an unknown key may be a new one: nobody can say', async () => {
    await verified();
    goesAway();
    nowMs = 30 * SECOND;
    expect(await verified('stranger')).toBe('away, and the key unknown');
    expect(await verified('stranger')).toBe('away, and the key unknown');
    expect(issuer.asked).toBe(2);
    expect(await verified()).toBe('good');
    comesBack();
    nowMs += 5 * SECOND;
    expect(await verified('stranger')).toBe('unknown key');
  });
});

describe('an answer that is no key set', () => {
  it.each<[string, KeySetServer['instead']]>([
    ['a redirect to one', (_request, response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a page', (_request, response) => void response.end('<h1>Hello</h1>')],
    ['JSON without keys', (_request, response) => void response.end('{"keys":"many"}')],
    ['nothing', (_request, response) => void response.end()],
    ['a flood', (_request, response) => void response.end(`{"keys":[]${' '.repeat(64 * 1024)}}`)],
    ['a compressed one', (_request, response) => void response.setHeader('content-encoding', 'gzip').end('x')],
    ['a broken connection', (request) => void request.socket.destroy()],
  ])('is none: %s', async (_what, instead) => {
    await verified();
    issuer.instead = instead;
    nowMs = 10 * MINUTE;
    expect(await verified()).toBe('good'); // by the set from before
    nowMs += 24 * HOUR;
    expect(await verified()).toBe('issuer away');
    expect(issuer.asked).toBe(3); // the redirect is not followed
  });

  it('is told to the trail where it leads elsewhere: once, and again when it has been good meanwhile', async () => {
    const led = { name: 'egress.blocked', detail: { reason: 'redirect', answer: 'http_302' } };
    const leadsElsewhere = () =>
      (issuer.instead = (_request, response) => void response.writeHead(302, { location: '/elsewhere' }).end());
    leadsElsewhere();
    for (nowMs = 0; nowMs < MINUTE; nowMs += 5 * SECOND) await verified();
    expect(issuer.asked).toBe(12);
    expect(told).toEqual([led]);
    comesBack();
    expect(await verified()).toBe('good');
    leadsElsewhere();
    nowMs += 10 * MINUTE;
    await verified();
    expect(told).toEqual([led, led]);
  });

  it('is not told to the trail where it is an outage', async () => {
    goesAway();
    expect(await verified()).toBe('issuer away');
    expect(told).toEqual([]);
  });

  it('is told to the trail where plain http would leave this machine', async () => {
    const tell = (event: EventDraft) => void told.push(event);
    const logger = HubLogger.forApp('gateway', 'silent');
    keys = new IssuerKeys('http://192.0.2.1/jwks.json', outbound, logger, tell, () => nowMs);
    expect(await verified()).toBe('issuer away');
    expect(told).toEqual([{ name: 'egress.blocked', detail: { reason: 'blocked_address' } }]);
  });
});
