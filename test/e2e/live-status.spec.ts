import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { METRICS } from '@hub/telemetry';
import { ANYONES } from '../support/accounts';
import { AUTH, signed, standing } from '../support/bearer';
import { anAddress, type Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { freePort } from '../support/free-port';
import { HubProcess } from '../support/hub-process';
import { LiveClient, LiveRefusal, type LiveOrder } from '../support/live-client';
import { OtlpReceiver } from '../support/otlp-receiver';
import { SITE_URL, Stack } from '../support/stack';

/** What people follow on the page: a socket that tells of each change as it is committed. Two gateways, one of which hears no notices. */
let collector: OtlpReceiver;
let hub: Stack;
let second: HubProcess;
let bases: readonly [string, string];
const clients: LiveClient[] = [];

const PLACES = 4;
const NAMES_FOLLOWED = ['sync.completed', 'sync.failed', 'refresh.succeeded'];

beforeAll(async () => {
  collector = await OtlpReceiver.start();
  hub = await Stack.start({ env: { ...collector.environment, LIVE_SOCKETS_ORG: '50' } });
  const [port, nowhere] = [await freePort(), await freePort()];
  const environment: Record<string, string> = {
    ...hub.process('gateway').spec.environment,
    PORT: String(port),
    LIVE_SOCKETS_ORG: String(PLACES),
    // as behind a pooler: it looks, and hears nothing
    DATABASE_NOTICES_URL: `postgres://nobody:nothing@127.0.0.1:${nowhere}/none`,
  };
  second = new HubProcess({ app: 'gateway', environment, readyUrl: `http://127.0.0.1:${port}/health/ready` });
  await second.start();
  bases = [hub.base, `http://127.0.0.1:${port}`];
});
afterAll(async () => {
  for (const client of clients) client.break();
  await second.stop();
  await hub.stop();
  await collector.stop();
});

async function follow(caller: Caller, order: LiveOrder = {}, base = hub.base): Promise<LiveClient> {
  const headers = { authorization: await caller.authorization(), 'x-forwarded-for': anAddress(), ...order.headers };
  const client = await LiveClient.open(base, {
    ...order,
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== '')),
  });
  clients.push(client);
  return client;
}

async function refusalOf(opening: Promise<LiveClient>): Promise<LiveRefusal> {
  const end = await opening.catch((error: unknown) => error);
  if (!(end instanceof LiveRefusal)) throw new Error(`not refused: ${String(end)}`);
  return end;
}

/** Has the hub write events into an org's trail, so many in one transaction. */
async function append(orgId: string, names: readonly string[], times = 1): Promise<void> {
  await hub.database.rows(
    `select count(hub.append_event(gen_random_uuid(), name, 'notion', null, 'worker', 'test', '{}'))
     from (select set_config('hub.org_id', $1, true)) as org, generate_series(1, $3) as time, unnest($2::text[]) as name`,
    [orgId, names, times],
  );
}

const seqsOf = async (orgId: string, names: readonly string[]): Promise<number[]> =>
  (
    await hub.database.rows<{ seq: string }>(
      'select seq from public.audit_events where org_id = $1 and name = any($2) order by seq',
      [orgId, names],
    )
  ).map(({ seq }) => Number(seq));

describe('whoever follows an org', () => {
  it('is told of a connect, a sync, a refresh and a disconnect, each with the integration as it stands', async () => {
    const caller = hub.as();
    const [near, far] = await Promise.all(bases.map((base) => follow(caller, {}, base)));
    expect([await near!.ready(), await far!.ready()]).toEqual([0, 0]);
    const account = ANYONES.google_drive();
    await hub.connect(caller, account.order, account.choices);
    await near!.event('sync.completed');
    expect((await caller.refresh('google_drive')).status).toBe(200);
    const refreshed = await near!.event('refresh.succeeded');
    const shown = (await caller.read('google_drive')).body;
    expect(refreshed).toEqual({
      seq: (await hub.event(caller, 'refresh.succeeded')).seq,
      at: (await hub.event(caller, 'refresh.succeeded')).at,
      name: 'refresh.succeeded',
      provider: 'google_drive',
      integration: { ...shown, lastSyncAt: expect.any(String), updatedAt: expect.any(String) },
    });
    await caller.disconnect('google_drive');
    const gone = await near!.event('integration.disconnected');
    expect(gone.integration).toEqual((await caller.read('google_drive')).body);
    expect(gone.integration).toMatchObject({ status: 'not_connected', account: null, metadata: {} });

    await far!.event('integration.disconnected');
    const facts = (client: LiveClient) => client.events.map(({ seq, at, name }) => [seq, at, name]);
    expect(facts(far!)).toEqual(facts(near!));
    expect(near!.events.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['integration.connected', 'sync.completed', 'refresh.succeeded']),
    );
    expect(hub.conformity.document.paths['/functions/v1/integrations/live']?.['get']).toMatchObject({
      'x-websocket': { subprotocol: 'hub.v1', messages: { $ref: '#/components/schemas/LiveMessage' } },
    });
    const schema = hub.conformity.alone({ $ref: '#/components/schemas/LiveMessage' });
    const { z } = await import('zod');
    for (const message of near!.heard) expect(z.fromJSONSchema(schema).safeParse(message).error).toBeUndefined();
  });

  it('hears of no other org', async () => {
    const [ours, theirs] = [hub.as(), hub.as()];
    const [client, other] = [await follow(ours), await follow(theirs)];
    await append(theirs.claims.org, ['sync.completed', 'sync.failed']);
    await other.event('sync.failed');
    await append(ours.claims.org, ['refresh.failed']);
    await client.event('refresh.failed');
    expect(client.events.map(({ name }) => name)).toEqual(['refresh.failed']);
    expect(other.events.map(({ name }) => name)).toEqual(['sync.completed', 'sync.failed']);
  });

  it('begins at the end of the trail, and is not told of reads and denials', async () => {
    const caller = hub.as();
    await append(caller.claims.org, ['sync.completed', 'token.read', 'sync.failed']);
    const client = await follow(caller);
    expect(await client.ready()).toBe(3);
    await append(caller.claims.org, ['token.read', 'auth.forbidden', 'request.invalid', 'sync.completed']);
    await client.event('sync.completed');
    expect(client.heard.map(({ name, seq }) => [name, seq])).toEqual([
      ['ready', 3],
      ['sync.completed', 7],
    ]);
  });
});

describe('a gap', () => {
  it('is filled without a missing event and without a double, in order, whatever breaks on the way', async () => {
    const caller = hub.as();
    const { org } = caller.claims;
    const rounds = 60;
    let isDone = false;
    const writing = (async () => {
      for (let round = 0; round < rounds; round += 1) {
        await append(org, ['sync.completed', 'token.read', 'sync.failed', 'auth.forbidden', 'refresh.succeeded'], 20);
        if (round % 15 === 7) await breakConnections();
      }
      isDone = true;
    })();
    const restless = (offset: number): Promise<number[]> => reads(caller, offset, () => isDone);
    const told = await Promise.all([restless(0), restless(1), restless(2), steady(caller, () => isDone)]);
    await writing;
    const wanted = await seqsOf(org, NAMES_FOLLOWED);
    expect(wanted).toHaveLength(rounds * 60);
    for (const seqs of told) expect(seqs).toEqual(wanted);
  }, 180_000);

  /** Every connection of both gateways to the database, those that listen too. */
  async function breakConnections(): Promise<void> {
    await hub.database.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'hub-gateway%'`,
    );
  }

  const isAllOf = async (org: string, seqs: readonly number[]): Promise<boolean> =>
    seqs.length >= (await seqsOf(org, NAMES_FOLLOWED)).length;

  /** Breaks its line again and again, and comes back to the one gateway or the other with the last seq that it has. */
  async function reads(caller: Caller, offset: number, isDone: () => boolean): Promise<number[]> {
    const seqs: number[] = [];
    let after = 0;
    for (let turn = offset; ; turn += 1) {
      const client = await eventually('a socket', () =>
        follow(caller, { after }, bases[turn % 2]).catch(() => undefined),
      );
      const isLast = isDone();
      if (isLast) await eventually('all events', () => isAllOf(caller.claims.org, [...seqs, ...of(client)]));
      else await new Promise((resolve) => setTimeout(resolve, 50 + 40 * ((turn * 7) % 10)));
      client.break();
      seqs.push(...of(client));
      after = Math.max(after, client.lastSeq);
      if (isLast) return seqs;
    }
  }

  async function steady(caller: Caller, isDone: () => boolean): Promise<number[]> {
    const client = await follow(caller, { after: 0 });
    await eventually('all events', async () => isDone() && (await isAllOf(caller.claims.org, of(client))), {
      withinMs: 120_000,
    });
    client.break();
    return of(client);
  }

  const of = (client: LiveClient): number[] => client.events.map(({ seq }) => seq);

  it('that is nonsense, or later than the trail, is refused', async () => {
    const caller = hub.as();
    await append(caller.claims.org, ['sync.completed']);
    for (const after of ['2', 'x', '-1', '1.5', '', '9999999999999999'])
      expect((await refusalOf(follow(caller, { after }))).status).toBe(422);
    const client = await follow(caller, { after: 1 });
    expect(await client.ready()).toBe(1);
  });
});

describe('a socket is opened', () => {
  const live = '/functions/v1/integrations/live';

  it('by a token among the subprotocols, which is not said back', async () => {
    const caller = hub.as();
    const token = (await caller.authorization()).split(' ')[1];
    const client = await follow(caller, { headers: { authorization: '' }, protocols: ['hub.v1', `bearer.${token}`] });
    expect(client.socket.protocol).toBe('hub.v1');
    expect(await client.ready()).toBe(0);
  });

  it.each([
    ['none at all', {}],
    ['one that is the hub’s', { origin: () => hub.publicUrl }],
    ['one of the product’s site', { origin: () => SITE_URL }],
  ])('from a page of an origin that is allowed: %s', async (_what, { origin }: { origin?: () => string }) => {
    const client = await follow(hub.as(), { headers: origin ? { origin: origin() } : {} });
    expect(await client.ready()).toBe(0);
  });

  it('or refused by a problem document, and the trail tells of it', async () => {
    const caller = hub.as();
    const CASES: readonly [number, string, () => Promise<LiveClient>][] = [
      [401, 'unauthorized', () => follow(caller, { headers: { authorization: '' } })],
      [401, 'unauthorized', () => follow(caller, { headers: { authorization: 'Bearer a.b.c' } })],
      [
        401,
        'unauthorized',
        () => follow(caller, { headers: { authorization: '' }, protocols: ['hub.v1', 'bearer.a.b.c'] }),
      ],
      [403, 'forbidden', () => follow(caller.with({ scopes: ['tokens:read'] }))],
      [403, 'forbidden', () => follow(caller, { headers: { origin: 'https://evil.example' } })],
      [403, 'forbidden', () => follow(caller, { headers: { origin: 'null' } })],
      [400, 'invalid_request', () => follow(caller, { protocols: ['hub.v2'] })],
      [426, 'invalid_request', () => follow(caller, { options: { protocolVersion: 8 } })],
    ];
    for (const [status, code, open] of CASES) {
      const refusal = await refusalOf(open());
      expect([refusal.status, JSON.parse(refusal.text)]).toEqual([status, expect.objectContaining({ code, status })]);
      expect(refusal.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        connection: 'close',
      });
    }
    const denials = await eventually('the denials', async () => {
      const found = (await hub.trail(caller)).filter(({ name }) => name === 'auth.forbidden');
      return found.length === 3 && found;
    });
    expect(denials.map(({ detail }) => detail)).toEqual([
      expect.objectContaining({ route: live, scope: 'integrations:read' }),
      expect.objectContaining({ route: live, reason: 'foreign_origin' }),
      expect.objectContaining({ route: live, reason: 'foreign_origin' }),
    ]);
  });

  it('by nobody who does not ask for one: HTTP goes on as ever', async () => {
    const caller = hub.as();
    const plain = await caller.get(live);
    expect([plain.status, plain.headers.get('upgrade')]).toEqual([426, 'websocket']);
    // a client that would like HTTP/2 is served as it stands
    const status = await new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'h2c', 'content-type': 'application/json', authorization: 'x' };
      const sent = httpRequest(
        `${hub.base}/functions/v1/integrations-connect`,
        { method: 'POST', headers },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      sent.on('error', reject);
      sent.end('{"provider":"notion"}');
    });
    expect(status).toBe(401);
  });

  it('as long as there are places', async () => {
    const caller = hub.as();
    const open = await Promise.all(Array.from({ length: PLACES }, () => follow(caller, {}, bases[1])));
    const refusal = await refusalOf(follow(caller, {}, bases[1]));
    expect([refusal.status, JSON.parse(refusal.text)]).toEqual([
      429,
      expect.objectContaining({ code: 'rate_limited' }),
    ]);
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    expect((await hub.event(caller, 'limit.reached')).detail).toMatchObject({ limit: 'live_sockets_org' });
    await follow(hub.as(), {}, bases[1]);
    await open[0]?.close();
    await eventually('a place', () => follow(caller, {}, bases[1]).catch(() => undefined));
  });
});

describe('a socket is closed', () => {
  it('when its token ends', async () => {
    const org = randomUUID();
    const claims = { ...standing(), sub: 'ada', org_id: org, scope: 'integrations:read' };
    const token = await signed({ ...claims, exp: Math.floor(Date.now() / 1_000) + 3 }, AUTH.secret);
    const client = await follow(hub.as(org), { headers: { authorization: `Bearer ${token}` } });
    await client.ready();
    expect(await client.closed).toBe(4401);
  });

  it('when its client sends anything', async () => {
    const [one, other] = [await follow(hub.as()), await follow(hub.as())];
    one.socket.send('{}');
    other.socket.send('x'.repeat(100_000));
    expect([await one.closed, await other.closed]).toEqual([1008, 1009]);
  });

  it('when its client does not keep up, and nobody else waits for it', async () => {
    const caller = hub.as();
    const account = ANYONES.notion();
    await hub.connect(caller, account.order, account.choices);
    await hub.event(caller, 'sync.completed');
    await hub.database.rows('update public.integrations set metadata = $2 where org_id = $1', [
      caller.claims.org,
      JSON.stringify({ note: 'x'.repeat(200_000) }),
    ]);
    const [slow, quick] = [await follow(caller), await follow(caller)];
    await slow.ready();
    slow.setReading(false);
    const before = await hub.lastSeq(caller);
    const wanted = 250;
    for (let written = 0; written < wanted; written += 5) {
      await append(caller.claims.org, ['sync.completed'], 5);
      await quick.event('sync.completed', ({ seq }) => seq === before + written + 5);
    }
    expect(quick.events).toHaveLength(wanted);
    const gateway = hub.process('gateway');
    await eventually('the slow one to be dropped', () =>
      Promise.resolve(gateway.lines.some((line) => line.includes('hub.live.too_slow'))),
    );
    slow.setReading(true);
    expect([1006, 4408]).toContain(await slow.closed);
    const back = await follow(caller, { after: slow.lastSeq });
    await back.event('sync.completed', ({ seq }) => seq === before + wanted);
    const told = [...slow.events, ...back.events].map(({ seq }) => seq);
    expect(told).toEqual(Array.from({ length: wanted }, (_, place) => before + place + 1));
  }, 120_000);

  it('when its gateway stops, and goes on at another one', async () => {
    const caller = hub.as();
    const client = await follow(caller);
    await append(caller.claims.org, ['sync.completed']);
    await client.event('sync.completed');
    const restarted = hub.restart('gateway');
    expect(await client.closed).toBe(1001);
    await append(caller.claims.org, ['sync.failed']);
    const next = await follow(caller, { after: client.lastSeq }, bases[1]);
    expect((await next.event('sync.failed')).seq).toBe(client.lastSeq + 1);
    await restarted;
  });
});

it('its tokens stand in no record, no span and no metric, and its metrics are told', async () => {
  const caller = hub.as();
  const token = (await caller.authorization()).split(' ')[1] ?? '';
  const client = await follow(caller, { headers: { authorization: '' }, protocols: ['hub.v1', `bearer.${token}`] });
  const refused = `${token.slice(0, -4)}AAAA`;
  await refusalOf(follow(caller, { headers: { authorization: '' }, protocols: ['hub.v1', `bearer.${refused}`] }));
  await append(caller.claims.org, ['sync.completed']);
  await client.event('sync.completed');
  await client.close();
  await eventually('the metrics', () => {
    const told = collector.latest();
    const names = [METRICS.liveSockets, METRICS.liveDelay, METRICS.liveClosed].map(({ name }) => name as string);
    return Promise.resolve(names.every((name) => told.some((point) => point.name === name)));
  });
  const all = [...collector.bodies, ...hub.process('gateway').lines, ...second.lines].join('\n');
  const signatures = [token, refused].map((one) => one.split('.')[2] ?? 'none');
  for (const secret of signatures) expect(all.includes(secret)).toBe(false);
  expect(all).not.toMatch(/sec-websocket-protocol/i);
});
