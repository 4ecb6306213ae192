import type { HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { KeySetServer } from '../../../../test/support/key-set-server';
import { BearerService } from './bearer.service';
import type { DenialsService } from './denials.service';

const ORG = '3f0e3a52-5a43-4c5e-9d53-4f3a1c3a7f10';
const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'hub';

let keySet: KeySetServer;
const services: BearerService[] = [];
beforeAll(async () => (keySet = await KeySetServer.open()));
afterAll(async () => {
  await Promise.all(services.map((service) => service.onApplicationShutdown()));
  await keySet.close();
});

function bearers(auth: Partial<NonNullable<HubConfig['auth']>>): BearerService {
  const none = { jwksUrl: null, jwtSecret: null, issuer: ISSUER, audience: AUDIENCE, orgClaim: ['org_id'] };
  const outbound = { allowPrivate: true, allowHosts: [] };
  const config = { auth: { ...none, ...auth }, outbound } as unknown as HubConfig;
  const denials = { recordOwn: () => undefined } as unknown as DenialsService; // nothing here is for the trail
  const service = new BearerService(config, HubLogger.forApp('gateway', 'silent'), denials);
  services.push(service);
  return service;
}

const aToken = (claims: Record<string, unknown> = {}) =>
  new SignJWT({ org_id: ORG, scope: 'tokens:read nonsense', ...claims })
    .setSubject('user-1')
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setExpirationTime('1h');

const header = async (token: Promise<string> | string) => `Bearer ${await token}`;

describe('a caller', () => {
  test.each(['RS256', 'ES256', 'EdDSA'])('is known by a token that is signed with %s', async (alg) => {
    const { privateKey } = await keySet.publish(alg, `key-${alg}`);
    const token = aToken()
      .setProtectedHeader({ alg, kid: `key-${alg}` })
      .sign(privateKey);
    const caller = await bearers({ jwksUrl: keySet.url }).callerOf(await header(token));
    expect(caller).toEqual({
      orgId: ORG,
      sub: 'user-1',
      scopes: new Set(['tokens:read']),
      expiresAt: expect.any(Date),
    });
  });

  it('is known by either kind of token where both are set', async () => {
    const both = bearers({ jwksUrl: keySet.url, jwtSecret: SECRET });
    const { privateKey } = await keySet.publish('ES256', 'both');
    const signed = aToken().setProtectedHeader({ alg: 'ES256', kid: 'both' }).sign(privateKey);
    const shared = aToken().setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
    expect(await both.callerOf(await header(signed))).toBeDefined();
    expect(await both.callerOf(await header(shared))).toBeDefined();
  });

  it('may have its org in another claim', async () => {
    const elsewhere = bearers({ jwtSecret: SECRET, orgClaim: ['app_metadata', 'org_id'] });
    const token = aToken({ org_id: undefined, app_metadata: { org_id: ORG } })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(SECRET));
    expect((await elsewhere.callerOf(await header(token)))?.orgId).toBe(ORG);
  });
});

describe('nobody is known by', () => {
  const strict = () => bearers({ jwksUrl: keySet.url });

  it('a token that says that it needs no signature', async () => {
    const token = new UnsecuredJWT({ org_id: ORG }).setSubject('x').setIssuer(ISSUER).setAudience(AUDIENCE).encode();
    expect(await strict().callerOf(`Bearer ${token}`)).toBeUndefined();
  });

  it('a public key that was taken for a shared secret', async () => {
    await keySet.publish('RS256', 'swapped');
    const publicKey = JSON.stringify(keySet.keys.find(({ kid }) => kid === 'swapped'));
    const token = aToken()
      .setProtectedHeader({ alg: 'HS256', kid: 'swapped' })
      .sign(new TextEncoder().encode(publicKey));
    expect(await strict().callerOf(await header(token))).toBeUndefined();
  });

  it('a key that the issuer does not publish', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const token = aToken().setProtectedHeader({ alg: 'ES256', kid: 'stranger' }).sign(privateKey);
    expect(await strict().callerOf(await header(token))).toBeUndefined();
  });

  it('a stranger’s signature under a known key id', async () => {
    await keySet.publish('ES256', 'known');
    const { privateKey } = await generateKeyPair('ES256');
    const token = aToken().setProtectedHeader({ alg: 'ES256', kid: 'known' }).sign(privateKey);
    expect(await strict().callerOf(await header(token))).toBeUndefined();
  });
});

it('asks for the key set once, not for each token', async () => {
  const { privateKey } = await keySet.publish('ES256', 'cached');
  const service = bearers({ jwksUrl: keySet.url });
  const before = keySet.asked;
  for (let i = 0; i < 5; i += 1) {
    const token = aToken().setProtectedHeader({ alg: 'ES256', kid: 'cached' }).sign(privateKey);
    expect(await service.callerOf(await header(token))).toBeDefined();
  }
  expect(keySet.asked - before).toBe(1);
});
