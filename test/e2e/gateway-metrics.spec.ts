import { randomBytes, randomUUID } from 'node:crypto';
import { METRICS, type MetricName } from '@hub/telemetry';
import { ANYONES, type Account } from '../support/accounts';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { OtlpReceiver } from '../support/otlp-receiver';
import { Stack } from '../support/stack';

/** What the gateway counts of its own: token reads, flows, denials. Each by exactly one, and in one series alone. */
let collector: OtlpReceiver;
let hub: Stack;
beforeAll(async () => {
  collector = await OtlpReceiver.start();
  hub = await Stack.start({ env: { RATE_LIMIT_CONNECTS: '2/1m' } });
  await hub.restart('gateway', {
    ...collector.environment,
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_METRIC_EXPORT_INTERVAL: '300',
    OTEL_METRIC_EXPORT_TIMEOUT: '290',
  });
});
// each export has all there is
beforeEach(() => {
  collector.points.length = 0;
  collector.bodies.length = 0;
});
afterAll(async () => {
  await hub.stop();
  await collector.stop();
});

const PATH = '/functions/v1/integrations/notion/token';

type Labels = Readonly<Record<string, string>>;

/** How much a metric of the gateway has counted, over all series that have the attributes. */
function counted(name: MetricName, attributes: Labels = {}): number {
  return collector
    .latest()
    .filter((point) => point.name === METRICS[name].name)
    .filter((point) => Object.entries(attributes).every(([key, value]) => point.attributes[key] === value))
    .reduce((sum, { kind, value, count }) => sum + (kind === 'histogram' ? count : value), 0);
}

/** Everything that has happened by now has been exported: the export that was under way may not have it, the next one has. */
async function exported(): Promise<void> {
  const exports = (): number => collector.points.filter(({ name }) => name === METRICS.buildInfo.name).length;
  const enough = exports() + 2;
  await eventually('exports of the gateway', () => Promise.resolve(exports() >= enough));
}

/** Holds that something is counted once, with these attributes, and that nothing else of the metric is. */
async function countsOnce(name: MetricName, attributes: Labels, act: () => Promise<unknown>): Promise<void> {
  await exported();
  const [before, all] = [counted(name, attributes), counted(name)];
  await act();
  await eventually(`${name} to count`, () => Promise.resolve(counted(name, attributes) > before));
  await exported();
  expect({ with: counted(name, attributes) - before, all: counted(name) - all }).toEqual({ with: 1, all: 1 });
}

async function connected(
  provider: 'notion' | 'google_drive' | 'shopify',
): Promise<{ caller: Caller; account: Account }> {
  const caller = hub.as();
  const account = ANYONES[provider]();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  return { caller, account };
}

/** Moves the token in hand to another place in its life. */
async function setLife(caller: Caller, ageSeconds: number, leftSeconds: number): Promise<void> {
  await hub.database.rows(
    `update public.integrations set issued_at = now() - make_interval(secs => $2), expires_at = now() + make_interval(secs => $3)
     where org_id = $1`,
    [caller.claims.org, ageSeconds, leftSeconds],
  );
}

describe('a token read is counted', () => {
  const read = (source: string, outcome: string): Labels => ({ 'hub.source': source, 'hub.outcome': outcome });
  const counts = (source: string, outcome: string, act: () => Promise<unknown>): Promise<void> =>
    countsOnce('tokenReadDuration', read(source, outcome), act);

  it('as good from the store', async () => {
    const { caller } = await connected('notion');
    await counts('stored', 'ok', async () => expect((await caller.token('notion')).status).toBe(200));
  });

  it('as good after a refresh', async () => {
    const { caller } = await connected('shopify');
    await setLife(caller, 1_800, 1_800);
    await counts('after_refresh', 'ok', async () =>
      expect((await caller.token('shopify', '?minTtl=1900')).status).toBe(200),
    );
  });

  it('apart where nothing is connected', async () => {
    await counts('stored', 'not_connected', () => hub.as().token('notion'));
  });

  it('apart where its user is needed', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.revoke('google_drive', account.name);
    expect((await caller.refresh('google_drive')).status).toBe(409);
    await counts('stored', 'reauth_required', () => caller.token('google_drive'));
  });

  it.each<[string, () => Promise<unknown>]>([
    ['without the right to it', () => hub.as(undefined, { scopes: ['integrations:read'] }).token('notion')],
    ['without a bearer', () => hub.as().request('GET', PATH, { headers: { authorization: '' } })],
    ['of what has no token', () => hub.as().token('zapier')],
  ])('as denied %s', async (_what, act) => {
    await counts('stored', 'denied', act);
  });

  it('as an error where the token is dead and its provider is down', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.fault('google_drive', { on: 'token', kind: 'status', status: 503, account: account.name });
    await setLife(caller, 3_700, -100);
    await counts('after_refresh', 'error', async () => expect((await caller.token('google_drive')).status).toBe(503));
  });

  it('as an error where its caller was kept waiting and has gone', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.fault('google_drive', { on: 'refresh', kind: 'latency', ms: 8_000, account: account.name });
    await setLife(caller, 3_700, -100);
    await counts('after_refresh', 'error', async () => {
      const left = new AbortController();
      const read = fetch(`${hub.base}/functions/v1/integrations/google_drive/token`, {
        headers: { authorization: await caller.authorization() },
        signal: left.signal,
      });
      setTimeout(() => left.abort(), 1_000); // well above the objective, well below what the provider takes
      await expect(read).rejects.toThrow(/aborted/);
    });
  });
});

describe('a flow is counted', () => {
  const NOTION = { 'hub.provider': 'notion' };
  const comesTo = (outcome: string, act: () => Promise<unknown>): Promise<void> =>
    countsOnce('flowCallbacks', { ...NOTION, 'hub.outcome': outcome }, act);

  /** A flow that has come to its callback's address. */
  async function answered(choices: object = {}) {
    const account = ANYONES.notion();
    const person = hub.person();
    const authUrl = await person.starts(hub.as(), account.order);
    return { account, person, callback: await person.consents(authUrl, { ...account.choices, ...choices }) };
  }

  it('when it begins', async () => {
    await countsOnce('flowStarts', NOTION, () => hub.person().starts(hub.as(), { provider: 'notion' }));
  });

  it('as connected', async () => {
    const { person, callback } = await answered();
    await comesTo('connected', () => person.opens(callback));
  });

  it('as denied by the person', async () => {
    const { person, callback } = await answered({ decision: 'deny' });
    await comesTo('denied', () => person.opens(callback));
  });

  it('as parked in another browser, and as connected once that is confirmed', async () => {
    const { callback } = await answered();
    const other = hub.person();
    let page = '';
    await comesTo('parked', async () => {
      page = (await other.opens(callback)).visited.at(-1) ?? '';
    });
    await comesTo('connected', () => other.opens(page, { confirm: true }));
  });

  it('as failed at the exchange', async () => {
    const { person, callback, account } = await answered();
    await hub.sandbox.fault('notion', { on: 'exchange', kind: 'status', status: 503, account: account.name });
    await comesTo('exchange_failed', () => person.opens(callback));
  });

  it('as forged where nobody knows its state', async () => {
    const state = randomBytes(32).toString('base64url');
    const url = `${hub.publicUrl}/functions/v1/integrations-callback/notion?code=x&state=${state}`;
    await comesTo('state_invalid', () => hub.person().opens(url));
  });

  it('as too late', async () => {
    const { person, callback } = await answered();
    await hub.database.rows("update public.flows set expires_at = now() - interval '1 second' where status = 'open'");
    await comesTo('state_expired', () => person.opens(callback));
  });
});

describe('a denial is counted', () => {
  const counts = (reason: string, act: () => Promise<unknown>): Promise<void> =>
    countsOnce('denials', { 'hub.reason': reason }, act);

  it('of whom nobody knows', async () => {
    await counts('unauthorized', () => hub.as().request('GET', PATH, { headers: { authorization: 'Bearer hello' } }));
  });

  it('of who may not', async () => {
    await counts('forbidden', () => hub.as(undefined, { scopes: ['integrations:read'] }).disconnect('notion'));
  });

  it('of who reaches for what is another org’s', async () => {
    await counts('foreign_org', () => hub.as().replay(randomUUID()));
  });

  it('of who comes too often', async () => {
    const caller = hub.as();
    for (let begun = 0; begun < 2; begun += 1) await caller.begin({ provider: 'notion' });
    await counts('rate_limited', async () => expect((await caller.begin({ provider: 'notion' })).status).toBe(429));
  });
});
