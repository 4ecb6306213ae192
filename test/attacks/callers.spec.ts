import { randomUUID } from 'node:crypto';
import { CALLER_SCOPES, SYSTEM_ORG } from '@hub/domain';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  type GenerateKeyPairResult,
  type JWTHeaderParameters,
} from 'jose';
import { AUTH, bearerOf, signed, standing } from '../support/bearer';
import { anAddress } from '../support/caller';
import { eventually } from '../support/eventually';
import { KeySetServer } from '../support/key-set-server';
import { Stack } from '../support/stack';
import { AttackStand } from './support/attack-stand';

/** Attacks 34 and 39 of the catalogue: bearers that are not what they say, and an issuer that is not what it was. */
let hub: Stack;
let stand: AttackStand;
let issuer: KeySetServer;
/** Counts who is led to it by a token or a redirect. */
let elsewhere: KeySetServer;
let pair: GenerateKeyPairResult;
beforeAll(async () => {
  [issuer, elsewhere] = await Promise.all([KeySetServer.open(), KeySetServer.open()]);
  pair = await issuer.publish('RS256', 'first');
  hub = await Stack.start({
    apps: ['gateway'],
    // both kinds at once: the shared secret of the stack and the issuer's keys
    env: { AUTH_JWKS_URL: issuer.url, RATE_LIMIT_ADDRESS: 'off' },
  });
  stand = new AttackStand(hub);
});
afterAll(async () => {
  await hub.stop();
  await Promise.all([issuer.close(), elsewhere.close()]);
});

const goodClaims = () => ({ sub: 'ada', org_id: randomUUID(), scope: CALLER_SCOPES.join(' '), ...standing() });

/** A token of the issuer's kind. @param header put over the usual one */
function byKey(header: Partial<JWTHeaderParameters> = {}, by: GenerateKeyPairResult = pair): Promise<string> {
  return new SignJWT(goodClaims())
    .setProtectedHeader({ alg: 'RS256', kid: 'first', typ: 'JWT', ...header })
    .sign(by.privateKey, { crit: { 'urn:example:must': true } });
}

/** Shows a bearer. */
async function shown(
  bearer: string,
  address = anAddress(),
): Promise<{ status: number; retryAfter: string | null; text: string }> {
  const answer = await fetch(`${hub.base}/functions/v1/integrations`, {
    headers: { authorization: `Bearer ${bearer}`, 'x-forwarded-for': address },
  });
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() };
}

it('is known by a token of either kind', async () => {
  expect((await shown(await byKey())).status).toBe(200);
  expect((await shown(await bearerOf({ org: randomUUID() }))).status).toBe(200);
});

describe('nobody is known by', () => {
  const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const stranger = generateKeyPair('RS256', { extractable: true });

  const FORGERIES: Record<string, () => Promise<string>> = {
    'the public key as a secret, as PEM': async () => signed(goodClaims(), await exportSPKI(pair.publicKey)),
    'the public key as a secret, as JWK': async () => signed(goodClaims(), JSON.stringify(issuer.keys[0])),
    'the modulus of the public key as a secret': async () => signed(goodClaims(), String(issuer.keys[0]?.n)),
    'the shared secret under the name of a key': async () => {
      const [, ...rest] = (await signed(goodClaims())).split('.');
      return [b64({ alg: 'RS256', kid: 'first' }), ...rest].join('.');
    },
    'a signature by key that says HS256': async () => {
      const [, ...rest] = (await byKey()).split('.');
      return [b64({ alg: 'HS256', kid: 'first' }), ...rest].join('.');
    },
    'another algorithm of the same key': () =>
      byKey({ alg: 'PS256' }, pair).catch(async () => {
        const [, ...rest] = (await byKey()).split('.');
        return [b64({ alg: 'PS256', kid: 'first' }), ...rest].join('.');
      }),
    'a stranger’s signature': async () => byKey({}, await stranger),
    'a key that comes along in jwk': async () =>
      byKey({ jwk: await exportJWK((await stranger).publicKey) }, await stranger),
    'a key that jku tells of': async () => byKey({ jku: elsewhere.url, kid: 'theirs' }, await stranger),
    'a key that jku tells of under a known name': async () => byKey({ jku: elsewhere.url }, await stranger),
    'a key that x5u tells of': async () => byKey({ x5u: elsewhere.url }, await stranger),
    'a certificate that comes along in x5c': async () => byKey({ x5c: ['MIIB'] }, await stranger),
    'an extension that must be understood': () => byKey({ crit: ['urn:example:must'], 'urn:example:must': true }),
    'a key id that climbs': async () => byKey({ kid: '../../first' }, await stranger),
    'a key id of an object’s own': async () => byKey({ kid: '__proto__' }, await stranger),
    'a key id that is no text': async () => {
      const [, ...rest] = (await byKey()).split('.');
      return [b64({ alg: 'RS256', kid: { toString: 'first' } }), ...rest].join('.');
    },
    'no signature': async () => `${b64({ alg: 'none', kid: 'first' })}.${b64(goodClaims())}.`,
    'a time that is over': () => signed({ ...goodClaims(), exp: (standing().iat ?? 0) - 60 }),
    'a time that has not begun': () => signed({ ...goodClaims(), nbf: (standing().iat ?? 0) + 600 }),
    'the word of another issuer': () => signed({ ...goodClaims(), iss: 'https://login.example' }),
    'a word to another audience': () => signed({ ...goodClaims(), aud: 'something-else' }),
    'no org': () => signed({ ...goodClaims(), org_id: undefined }),
    'an org that is no UUID': () => signed({ ...goodClaims(), org_id: 'acme' }),
    'the org of the system': () => signed({ ...goodClaims(), org_id: SYSTEM_ORG }),
    'no subject': () => signed({ ...goodClaims(), sub: undefined }),
    'a subject with a NUL': () => signed({ ...goodClaims(), sub: 'a\0b' }),
    'a subject that turns its direction': () => signed({ ...goodClaims(), sub: 'a\u202eb' }),
  };

  it.each(Object.entries(FORGERIES))('%s', async (_what, forge) => {
    const bearer = await forge();
    const before = await stand.lastSystemSeq();
    let told: Awaited<ReturnType<typeof shown>> | undefined;
    expect(await stand.changedBy(async () => (told = await shown(bearer)))).toEqual([]);
    expect(told?.status).toBe(401);
    expect(JSON.parse(told?.text ?? '')).toMatchObject({ code: 'unauthorized' });
    expect(told?.text).not.toContain(bearer);
    const { actorType, detail } = await stand.systemEvent('auth.failed', before);
    expect([actorType, detail]).toEqual(['system', expect.objectContaining({ route: '/functions/v1/integrations' })]);
    expect(JSON.stringify(detail)).not.toContain(bearer);
  });

  it('and nobody was asked whom a token named', () => {
    expect(elsewhere.asked).toBe(0);
  });
});

it('a crowd of unknown key ids asks the issuer once', async () => {
  const before = issuer.asked;
  const stranger = await generateKeyPair('RS256');
  const bearer = await byKey({ kid: 'nobody' }, stranger);
  const [, ...rest] = bearer.split('.');
  const startedAt = performance.now();
  const statuses: number[] = [];
  for (let wave = 0; wave < 20; wave += 1)
    statuses.push(
      ...(await Promise.all(
        Array.from({ length: 50 }, async (_, place) => {
          const header = { alg: 'RS256', kid: `nobody-${wave}-${place}` };
          return (await shown([Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.'))).status;
        }),
      )),
    );
  expect(new Set(statuses)).toEqual(new Set([401]));
  const halfMinutes = Math.ceil((performance.now() - startedAt) / 30_000);
  expect(issuer.asked - before).toBeLessThanOrEqual(halfMinutes);
});

describe('an issuer that changes its keys', () => {
  it('is asked by the first token of the new one, and the old one is nobody’s any more', async () => {
    await hub.restart('gateway');
    expect((await shown(await byKey())).status).toBe(200);
    const old = await byKey();
    issuer.keys = [];
    const next = await issuer.publish('RS256', 'second');
    const renewed = await byKey({ kid: 'second' }, next);
    await eventually('the new key to be known', async () => (await shown(renewed)).status === 200 || undefined, {
      withinMs: 45_000,
    });
    expect((await shown(old)).status).toBe(401);
    pair = next;
  });
});

describe('an issuer that is not what it was', () => {
  const CHANGES: Record<string, () => KeySetServer['instead']> = {
    'leads elsewhere': () => (_request, response) => void response.writeHead(302, { location: elsewhere.url }).end(),
    floods: () => (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const flood = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.on('drain', flood);
      flood();
    },
    'says nothing': () => () => undefined,
    'is broken': () => (_request, response) => void response.writeHead(500).end('{"keys":[]}'),
  };

  it.each(Object.entries(CHANGES))(
    'and %s: who needs its keys comes back later, others go on',
    async (what, change) => {
      issuer.instead = change();
      const before = await stand.lastSystemSeq();
      try {
        await hub.restart('gateway');
        const bearer = await byKey({ kid: 'second' });
        const [refused, good] = await Promise.all([shown(bearer), shown(await bearerOf({ org: randomUUID() }))]);
        expect(good.status).toBe(200);
        expect(refused.status).toBe(503);
        expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(1);
        expect(JSON.parse(refused.text)).toMatchObject({ code: 'provider_unavailable' });
        if (what === 'leads elsewhere') {
          const { detail } = await stand.systemEvent('egress.blocked', before);
          expect(detail).toEqual({ reason: 'redirect', answer: 'http_302', setting: 'AUTH_JWKS_URL' });
        }
        const asked = issuer.asked;
        for (let made = 0; made < 5; made += 1) await shown(await bearerOf({ org: randomUUID() }));
        expect(issuer.asked).toBe(asked);
        issuer.instead = undefined;
        await eventually('the keys to be known again', async () => (await shown(bearer)).status === 200 || undefined, {
          withinMs: 20_000,
        });
      } finally {
        issuer.instead = undefined;
      }
    },
  );

  it('slows whoever makes up names of keys while it is away, and nobody else', async () => {
    await hub.restart('gateway', { RATE_LIMIT_BEARERS: '20/10m' });
    const [good, madeUp] = await Promise.all([
      byKey({ kid: 'second' }),
      byKey({ kid: 'nobody' }, await generateKeyPair('RS256')),
    ]);
    expect((await shown(good)).status).toBe(200);
    issuer.instead = (_request, response) => void response.writeHead(503).end();
    try {
      const address = anAddress();
      await eventually(
        'the issuer to be known as away',
        async () => (await shown(madeUp)).status === 503 || undefined,
        {
          withinMs: 45_000,
        },
      );
      const statuses: number[] = [];
      for (let made = 0; made < 25; made += 1) statuses.push((await shown(madeUp, address)).status);
      expect(statuses).toEqual([...Array(20).fill(503), ...Array(5).fill(429)]);
      expect((await shown(good, address)).status).toBe(200);
    } finally {
      issuer.instead = undefined;
      await hub.restart('gateway', { RATE_LIMIT_BEARERS: null });
    }
  });

  it('was never followed to where it led', () => {
    expect(elsewhere.asked).toBe(0);
  });
});

it('takes no path of the org’s claim into what every object has', async () => {
  await hub.restart('gateway', { AUTH_ORG_CLAIM: '__proto__.org_id' });
  const bearer = await new SignJWT({ ...goodClaims(), constructor: { org_id: randomUUID() } })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(AUTH.secret));
  expect((await shown(bearer)).status).toBe(401);
  await hub.restart('gateway', { AUTH_ORG_CLAIM: null });
});
