import { ANYONES, type Account } from '../support/accounts';
import { AwsKmsServer } from '../support/aws-kms-server';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { Stack } from '../support/stack';
import { VaultTransitServer } from '../support/vault-transit-server';

/** A key provider elsewhere, which a test takes away and brings back. */
interface KeysElsewhere {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What the hub is told of it. */
  env(): Readonly<Record<string, string>>;
  /** What stands in no log: its own secret, and its wrapped keys. */
  secret(): string;
}

function vaultTransit(): KeysElsewhere {
  const server = new VaultTransitServer();
  const token = 's.of-the-apps-0123456789';
  server.tokens.add(token);
  return {
    start: () => server.start(),
    stop: () => server.stop(),
    env: () => ({ KEY_PROVIDER: 'vault-transit', VAULT_ADDR: server.url, VAULT_TOKEN: token }),
    secret: () => token,
  };
}

function awsKms(): KeysElsewhere {
  const server = new AwsKmsServer();
  server.key('alias/hub');
  const { accessKeyId, secretAccessKey, region } = server.identity;
  return {
    start: () => server.start(),
    stop: () => server.stop(),
    env: () => ({
      KEY_PROVIDER: 'aws-kms',
      AWS_KMS_KEY_ID: 'alias/hub',
      AWS_KMS_ENDPOINT: server.url,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    }),
    secret: () => secretAccessKey,
  };
}

describe.each([
  ['vault-transit', vaultTransit],
  ['aws-kms', awsKms],
] as const)('a hub whose data keys %s wraps', (name, elsewhere) => {
  const keys = elsewhere();
  let hub: Stack;
  let isAway = false;

  beforeAll(async () => {
    await keys.start();
    hub = await Stack.start({ apps: ['gateway', 'refresh-worker'], env: keys.env() });
  });
  afterAll(async () => {
    await hub.stop();
    await keys.stop();
  });
  afterEach(() => comeBack());

  async function goAway(): Promise<void> {
    await keys.stop();
    isAway = true;
  }

  async function comeBack(): Promise<void> {
    if (isAway) await keys.start();
    isAway = false;
  }

  /** A shop that takes each refresh token once and never again: an answer that is not kept costs the connection. */
  async function connected(): Promise<{ caller: Caller; account: Account }> {
    const caller = hub.as();
    const account = ANYONES.shopify();
    // tokens of so short a life are tried again after seconds
    await hub.sandbox.set('shopify', { rotationGrace: 0, accessTokenSeconds: 90 }, account.name);
    await hub.connect(caller, account.order, account.choices);
    return { caller, account };
  }

  const refreshesOf = ({ name: account }: Account) =>
    hub.sandbox.log({ provider: 'shopify', account, kind: 'refresh' });

  /** That the shop takes the token which the hub hands out, and has never been asked with one that was spent. */
  async function expectWhole(caller: Caller, account: Account, refreshes: number): Promise<void> {
    const { status, body } = await caller.token('shopify', '?minTtl=0');
    expect(status).toBe(200);
    expect(await hub.sandbox.inspect('shopify', body.accessToken)).toMatchObject({ works: true });
    const generations = Array.from({ length: refreshes }, (_, generation) => ({ accepted: true, generation }));
    expect(await refreshesOf(account)).toMatchObject(generations);
    expect(await refreshesOf(account)).toHaveLength(refreshes);
  }

  it('connects, reads and refreshes, and every key in the database is wrapped by it', async () => {
    const { caller, account } = await connected();
    expect((await caller.refresh('shopify')).body).toMatchObject({ status: 'connected', failure: null });
    await expectWhole(caller, account, 1);
    const wrapped = await hub.database.rows('select distinct key_provider from public.data_keys where org_id = $1', [
      caller.claims.org,
    ]);
    expect(wrapped).toEqual([{ key_provider: name }]);
  });

  it('reads and refreshes with the keys at hand while it is away', async () => {
    const { caller, account } = await connected();
    await caller.refresh('shopify');
    await caller.token('shopify');
    await goAway();
    expect((await caller.token('shopify', '?minTtl=0')).status).toBe(200);
    expect((await caller.refresh('shopify')).body).toMatchObject({ status: 'connected', failure: null });
    await expectWhole(caller, account, 2);
  });

  it('puts the refreshes of a worker off that starts while it is away, spends nothing, and goes on by itself', async () => {
    const all = await Promise.all([connected(), connected(), connected()]);
    await Promise.all(all.map(({ caller }) => caller.refresh('shopify')));
    await goAway();
    const worker = hub.process('refresh-worker');
    await worker.kill();
    const told = worker.lines.length;
    await worker.start();
    const ofItsStart = await eventually('what it says of the key provider', () =>
      Promise.resolve(worker.lines.slice(told).find((line) => line.includes('hub.keys.provider_ill'))),
    );
    expect(JSON.parse(ofItsStart)).toMatchObject({
      key_provider: name,
      reason: expect.stringContaining('refused'),
      fix: expect.stringMatching(/VAULT_ settings|AWS_REGION and AWS_KMS_ENDPOINT/),
    });

    const marks = await Promise.all(all.map(({ caller }) => hub.lastSeq(caller)));
    const answers = await Promise.all(all.map(({ caller }) => caller.refresh('shopify')));
    for (const { status, body, headers } of answers) {
      expect([status, body]).toMatchObject([
        500,
        { code: 'internal', detail: expect.stringMatching(/^The hub cannot open or seal/) },
      ]);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    for (const [place, { caller, account }] of all.entries()) {
      const first = await hub.event(caller, 'refresh.failed', { after: marks[place] });
      const second = await hub.event(caller, 'refresh.failed', { after: first.seq }); // by its own schedule
      for (const { detail } of [first, second])
        expect(detail).toMatchObject({ reason: 'key_provider_unavailable', attempts: 0, deadLetter: false });
      const { body } = await caller.read('shopify');
      expect(body).toMatchObject({ status: 'refresh_failing', failure: { code: 'internal', attempts: 0 } });
      expect(Date.parse(body.nextRefreshAt ?? '')).toBeGreaterThan(Date.parse(body.failure?.at ?? ''));
      await expectWhole(caller, account, 1); // the gateway has the keys at hand
    }
    await worker.stop();
    await worker.start(); // nor does a second start lose anything

    await comeBack();
    for (const [place, { caller, account }] of all.entries()) {
      await hub.event(caller, 'integration.recovered', { after: marks[place] });
      await eventually('its refresh', async () => (await refreshesOf(account)).length === 2);
      expect((await caller.read('shopify')).body).toMatchObject({ status: 'connected', failure: null });
      await expectWhole(caller, account, 2);
      expect((await hub.trail(caller)).map((event) => event.name)).not.toContain('integration.reauth_required');
    }
  });

  it('writes neither its secret nor a wrapped key into a log', async () => {
    const rows = await hub.database.rows<{ wrapped_key: string }>('select wrapped_key from public.data_keys');
    expect(rows.length).toBeGreaterThan(0);
    const log = [...hub.process('gateway').lines, ...hub.process('refresh-worker').lines].join('\n');
    expect(log).toContain('hub.keys.unavailable');
    for (const secret of [keys.secret(), ...rows.map(({ wrapped_key }) => wrapped_key)])
      expect(log).not.toContain(secret);
  });
});
