import { randomUUID } from 'node:crypto';
import { bearerOf, signed, standing } from '../support/bearer';
import { anAddress } from '../support/caller';
import { LiveClient, LiveRefusal } from '../support/live-client';
import { SITE_URL, Stack } from '../support/stack';
import { AttackStand } from './support/attack-stand';

/** Attack 47 (a page of another origin) of the catalogue: the live channel, opened by whoever should not. */
let hub: Stack;
let stand: AttackStand;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
});
afterAll(() => hub.stop());

const org = randomUUID();
const ROUTE = '/functions/v1/integrations/live';
const FOREIGN = () => [
  'https://evil.example',
  'null',
  '',
  `${SITE_URL}.evil.example`,
  `${SITE_URL}:8443`,
  `${SITE_URL}/`,
  SITE_URL.toUpperCase(),
  SITE_URL.replace('https:', 'http:'),
  hub.publicUrl.replace('localhost', '127.0.0.1'),
  `${hub.publicUrl} https://evil.example`,
];

/** Opens the channel and must be refused. */
async function refused(headers: Record<string, string>, protocols: readonly string[] = []): Promise<LiveRefusal> {
  const opening = LiveClient.open(hub.base, { headers: { 'x-forwarded-for': anAddress(), ...headers }, protocols });
  const end: unknown = await opening.then(
    async (client) => {
      client.break();
      return 'a socket';
    },
    (error: unknown) => error,
  );
  if (end instanceof LiveRefusal) return end;
  throw new Error(`not refused: ${String(end)}`);
}

it('a page of a foreign origin is refused, whoever is signed in there, and the org is told', async () => {
  const token = await bearerOf({ org });
  for (const origin of FOREIGN()) {
    const changed = await stand.changedBy(async () => {
      const byHeader = await refused({ origin, authorization: `Bearer ${token}` });
      const byProtocol = await refused({ origin }, ['hub.v1', `bearer.${token}`]);
      for (const { status, text, headers } of [byHeader, byProtocol]) {
        expect([origin, status, (JSON.parse(text) as { code: string }).code]).toEqual([origin, 403, 'forbidden']);
        expect(text).not.toContain(token);
        expect(headers['access-control-allow-origin']).toBeUndefined();
      }
    });
    expect([origin, changed]).toEqual([origin, []]);
  }
  const { detail } = await hub.event(hub.as(org), 'auth.forbidden');
  expect(detail).toMatchObject({ route: ROUTE, reason: 'foreign_origin' });
});

it('a page of a foreign origin where nobody is signed in is refused as well', async () => {
  const before = await stand.lastSystemSeq();
  expect((await refused({ origin: 'https://evil.example' })).status).toBe(403);
  const { detail } = await stand.systemEvent('auth.forbidden', before);
  expect(detail).toMatchObject({ route: ROUTE, reason: 'foreign_origin' });
});

it('forged tokens among the subprotocols are nobody’s, and are not repeated', async () => {
  const claims = { ...standing(), sub: 'ada', org_id: org, scope: 'integrations:read' };
  const good = await signed(claims);
  const [header = '', payload = '', signature = ''] = good.split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const FORGERIES: Record<string, readonly string[]> = {
    'no signature': ['hub.v1', `bearer.${none}.${payload}.`],
    'another secret': ['hub.v1', `bearer.${await signed(claims, 'another-secret-of-thirty-two-bytes-or-more')}`],
    'a time that is over': ['hub.v1', `bearer.${await signed({ ...claims, exp: (claims.iat ?? 0) - 60 })}`],
    'two tokens': ['hub.v1', `bearer.${good}`, `bearer.${header}.${payload}.x${signature}`],
    'no protocol beside it': [`bearer.${good}`],
    'no token': ['hub.v1', 'bearer.'],
    'a token of no form': ['hub.v1', 'bearer.x'],
  };
  for (const [what, protocols] of Object.entries(FORGERIES)) {
    const { status, text, headers } = await refused({}, protocols);
    expect([what, status]).toEqual([what, 401]);
    expect(headers['sec-websocket-protocol']).toBeUndefined();
    for (const part of protocols.filter((one) => one.startsWith('bearer.') && one.length > 20))
      expect(text + JSON.stringify(headers)).not.toContain(part.slice('bearer.'.length));
  }
  expect(hub.process('gateway').lines.join('\n')).not.toContain(signature);
});

it('a token in the address is no token, and the address is refused', async () => {
  const token = await bearerOf({ org });
  const answer = await fetch(`${hub.base}${ROUTE}?access_token=${token}`, {
    headers: { 'x-forwarded-for': anAddress() },
  });
  expect(answer.status).toBe(401);
  expect(hub.process('gateway').lines.join('\n')).not.toContain(token.split('.')[2]);
});
