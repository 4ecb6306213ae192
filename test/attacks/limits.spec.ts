import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { anAddress } from '../support/caller';
import { eventually } from '../support/eventually';
import { freePort } from '../support/free-port';
import { HubProcess } from '../support/hub-process';
import { Stack } from '../support/stack';
import { TcpProxy } from '../support/tcp-proxy';
import { testServers } from '../support/test-servers';
import { AttackStand } from './support/attack-stand';

/** How much the gateway takes from whom: attack 1 of the catalogue, and floods of every other kind. */
const GUESSES = 5;
const BEARERS = 12;
const CONNECTS = 4;
const REQUESTS = 40;
/** So many that they are counted ahead, four at a time. */
const OF_A_CALLER = 400;
const AHEAD = 4;
let hub: Stack;
let stand: AttackStand;
let second: HubProcess;
let secondBase: string;
let redisDoor: TcpProxy;
beforeAll(async () => {
  const redis = new URL(testServers().redisUrl);
  redisDoor = await TcpProxy.before(redis.hostname, Number(redis.port));
  redis.host = `127.0.0.1:${redisDoor.port}`;
  hub = await Stack.start({
    apps: ['gateway'],
    env: {
      REDIS_URL: redis.href,
      RATE_LIMIT_GUESSES: `${GUESSES}/15s`,
      RATE_LIMIT_BEARERS: `${BEARERS}/15s`,
      RATE_LIMIT_ADDRESS: `${REQUESTS}/15s`,
      RATE_LIMIT_CONNECTS: `${CONNECTS}/15s`,
      RATE_LIMIT_CALLER: `${OF_A_CALLER}/60s`,
    },
  });
  stand = new AttackStand(hub);
  const port = await freePort();
  secondBase = `http://127.0.0.1:${port}`;
  const { spec } = hub.process('gateway');
  second = new HubProcess({
    ...spec,
    environment: { ...spec.environment, PORT: String(port) },
    readyUrl: `${secondBase}/health/ready`,
  });
  await second.start();
});
afterAll(async () => {
  await second.stop();
  await hub.stop();
  await redisDoor.shut();
});

const guess = () => randomBytes(32).toString('base64url');

/** One GET from an address. */
const get = (base: string, path: string, address: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(base + path, { redirect: 'manual', headers: { 'x-forwarded-for': address, ...headers } });

/** Callbacks with states that nobody knows, one after the other, at one gateway or by turns at both. */
async function guesses(count: number, address: string, bases: readonly string[] = [hub.base]): Promise<number[]> {
  const statuses: number[] = [];
  for (let made = 0; made < count; made += 1) {
    const path = `/functions/v1/integrations-callback/notion?code=x&state=${guess()}`;
    statuses.push((await get(bases[made % bases.length]!, path, address)).status);
  }
  return statuses;
}

const times = (count: number, status: number) => Array.from({ length: count }, () => status);

describe('guesses of a state', () => {
  it('are not looked at any more after so many, and the answer says when to come back', async () => {
    const before = await stand.lastSystemSeq();
    const address = anAddress();
    expect(await guesses(GUESSES, address)).toEqual(times(GUESSES, 400));
    const told = await Promise.all(
      ['notion', 'shopify'].map(async (provider) => {
        const answer = await get(hub.base, `/functions/v1/integrations-callback/${provider}?state=${guess()}`, address);
        const seconds = Number(answer.headers.get('retry-after'));
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(seconds).toBeLessThanOrEqual(15);
        return stand.told(answer, 'retry-after');
      }),
    );
    expect(new Set(told).size).toBe(1);
    expect(JSON.parse(told[0]!)[0]).toBe(429);
    expect(told[0]).toContain('text/html');
    expect(await stand.systemEvent('limit.reached', before)).toMatchObject({ detail: { limit: 'guesses' } });
  });

  it('are counted together by all gateways', async () => {
    const statuses = await guesses(GUESSES + 3, anAddress(), [hub.base, secondBase]);
    expect(statuses).toEqual([...times(GUESSES, 400), ...times(3, 429)]);
  });

  it('are refused by their number also if they come all at once', async () => {
    const address = anAddress();
    const all = await Promise.all(Array.from({ length: 40 }, () => guesses(1, address)));
    expect(all.flat().filter((status) => status === 400)).toHaveLength(GUESSES);
  });

  it('are counted for a whole /64 of IPv6', async () => {
    const prefix = `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}`;
    const statuses: number[] = [];
    for (let host = 1; host <= GUESSES + 1; host += 1) statuses.push(...(await guesses(1, `${prefix}:${host}:2:3:4`)));
    expect(statuses).toEqual([...times(GUESSES, 400), 429]);
  });

  it('of others leave a good state as it is, to be used later', async () => {
    const { caller, person, url } = await stand.atCallback('notion');
    await guesses(GUESSES + 1, person.address);
    const refused = await person.get(url);
    expect(refused.status).toBe(429);
    await wait(Number(refused.headers.get('retry-after')) * 1_000);
    expect((await person.get(url)).headers.get('location')).toContain('success=notion');
    expect((await caller.read('notion')).body.status).toBe('connected');
  });

  it('are not what a good, a used or a bent state is', async () => {
    const person = hub.person();
    for (let made = 0; made < GUESSES + 2; made += 1) {
      const authUrl = await person.starts(hub.as(), { provider: 'notion' });
      const url = await person.consents(authUrl);
      expect((await person.opens(url)).sentTo).toContain('success=notion');
      expect((await person.get(url)).status).toBe(400);
      expect((await person.get(`${stand.callback('notion')}?state=bent`)).status).toBe(400);
    }
  });

  it('of page addresses count too, and a form’s as well', async () => {
    const address = anAddress();
    const statuses: number[] = [];
    for (let made = 0; made < GUESSES + 1; made += 1) {
      const page = made % 2 === 0 ? 'integrations-confirm' : 'integrations-connect';
      const answer = await fetch(`${hub.base}/functions/v1/${page}/${guess()}`, {
        method: 'POST',
        headers: { 'x-forwarded-for': address, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'csrf=x',
      });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([...times(GUESSES, 400), 429]);
  });
});

describe('bearers that are not valid', () => {
  it('are told no more than that they are too many, while a good one from the same address passes', async () => {
    const address = anAddress();
    const statuses: number[] = [];
    for (let made = 0; made < BEARERS + 1; made += 1)
      statuses.push(
        (await get(hub.base, '/functions/v1/integrations', address, { authorization: `Bearer ${guess()}` })).status,
      );
    expect(statuses).toEqual([...times(BEARERS, 401), 429]);
    const good = await hub
      .as()
      .request('GET', '/functions/v1/integrations', { headers: { 'x-forwarded-for': address } });
    expect(good.status).toBe(200);
  });
});

describe('requests', () => {
  it('without a bearer are no guesses: they are refused as such until their address sends too much of anything', async () => {
    const address = anAddress();
    const statuses: number[] = [];
    for (let made = 0; made < REQUESTS + 1; made += 1)
      statuses.push((await get(hub.base, '/functions/v1/integrations', address)).status);
    expect(statuses).toEqual([...times(REQUESTS, 401), 429]);
  });

  it('without a caller are limited by their address, whatever they ask for, but for the health pages', async () => {
    const address = anAddress();
    const paths = ['/openapi.json', '/integrations', '/no/such/path'];
    const statuses: number[] = [];
    for (let made = 0; made < REQUESTS + 3; made += 1) {
      const answer = await get(hub.base, paths[made % paths.length]!, address);
      await answer.body?.cancel();
      statuses.push(answer.status);
    }
    expect(statuses.slice(0, REQUESTS)).not.toContain(429);
    expect(statuses.slice(REQUESTS)).toEqual([429, 429, 429]);
    expect((await get(hub.base, '/health/ready', address)).status).toBe(200);
  });

  it('of a caller are limited over all gateways, whatever the address, and others are not', async () => {
    const org = randomUUID();
    const caller = hub.as(org);
    const { status: first } = await caller.list();
    expect(first).toBe(200);
    const answers: number[] = [];
    const authorization = await caller.authorization();
    for (let made = 0; made < OF_A_CALLER + 10; made += 1)
      answers.push(
        (
          await get(made % 2 === 0 ? hub.base : secondBase, '/functions/v1/integrations/notion', anAddress(), {
            authorization,
          })
        ).status,
      );
    const passed = answers.filter((status) => status === 200).length;
    expect(passed).toBeLessThanOrEqual(OF_A_CALLER);
    expect(passed).toBeGreaterThanOrEqual(OF_A_CALLER - 2 * AHEAD); // what a gateway has counted ahead and not used
    expect(answers.at(-1)).toBe(429);
    expect((await hub.as(org, { sub: 'somebody else' }).list()).status).toBe(200);
    await hub.event(hub.as(org, { sub: 'an auditor' }), 'limit.reached', {
      where: ({ detail }) => detail['limit'] === 'caller',
    });
  });

  it('of a caller that come all at once are counted one by one', async () => {
    const caller = hub.as();
    const authorization = await caller.authorization();
    const read = async (base: string) =>
      (await get(base, '/functions/v1/integrations/notion', anAddress(), { authorization })).status;
    const crowd = await Promise.all(
      Array.from({ length: OF_A_CALLER - 2 * AHEAD }, (_, place) => read(place % 2 === 0 ? hub.base : secondBase)),
    );
    expect(new Set(crowd)).toEqual(new Set([200]));
  });

  it('for connects are limited by the caller', async () => {
    const caller = hub.as();
    const statuses: number[] = [];
    for (let made = 0; made < CONNECTS + 1; made += 1)
      statuses.push((await caller.begin({ provider: 'notion' })).status);
    expect(statuses).toEqual([...times(CONNECTS, 200), 429]);
    expect((await caller.list()).status).toBe(200);
  });
});

describe('while Redis is away', () => {
  it('each gateway keeps the limit by its own count, and answers as fast', async () => {
    await redisDoor.shut();
    try {
      const address = anAddress();
      expect(await guesses(GUESSES + 2, address)).toEqual([...times(GUESSES, 400), 429, 429]);
      expect(await guesses(GUESSES + 1, address, [secondBase])).toEqual([...times(GUESSES, 400), 429]);
    } finally {
      await redisDoor.reopen();
    }
    await eventually('the gateways to count together again', async () => {
      const statuses = await guesses(GUESSES + 1, anAddress(), [hub.base, secondBase]);
      return statuses.at(-1) === 429 || undefined;
    });
  });
});

describe('an address that says so itself', () => {
  it('is not believed without TRUST_PROXY', async () => {
    await hub.restart('gateway', { TRUST_PROXY: null });
    const statuses: number[] = [];
    for (let made = 0; made < GUESSES + 1; made += 1) statuses.push(...(await guesses(1, anAddress())));
    expect(statuses).toEqual([...times(GUESSES, 400), 429]);
    await hub.restart('gateway', { TRUST_PROXY: '127.0.0.1/32' });
  });
});
