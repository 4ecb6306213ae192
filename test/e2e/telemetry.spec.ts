import { METRICS, type MetricDeclaration } from '@hub/telemetry';
import { ANYONES } from '../support/accounts';
import { ConsolePage } from '../support/console-page';
import { eventually } from '../support/eventually';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver';
import { Stack } from '../support/stack';

const INSTANCE = 'pod-7';
/** What the processes of the hub tell a collector. */
let collector: OtlpReceiver;
let hub: Stack;
beforeAll(async () => {
  collector = await OtlpReceiver.start();
  hub = await Stack.start({
    env: {
      ...collector.environment,
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_RESOURCE_ATTRIBUTES: `service.instance.id=${INSTANCE}`,
    },
  });
});
afterAll(async () => {
  await hub.stop();
  await collector.stop();
});

const named = (name: string, where: (span: ReceivedSpan) => boolean = () => true): Promise<ReceivedSpan> =>
  eventually(`the span ${name}`, () =>
    Promise.resolve(collector.spans.find((span) => span.name === name && where(span))),
  );

const parentOf = (span: ReceivedSpan): ReceivedSpan | undefined =>
  collector.spans.find(({ spanId, traceId }) => spanId === span.parentSpanId && traceId === span.traceId);

const REFRESH = 'POST /functions/v1/integrations/:provider/refresh';

it('a forced refresh is one trace up to its bell, and another from the job to the provider, with a link between them', async () => {
  const caller = hub.as();
  const account = ANYONES.google_drive();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  expect((await caller.refresh('google_drive')).status).toBe(200);

  const exchange = await named('oauth.exchange refresh');
  const job = await named('process token-refresh', ({ traceId }) => traceId === exchange.traceId);
  const bell = await named('send token-refresh', ({ traceId }) => traceId === job.links[0]?.traceId);
  const request = await named(REFRESH, ({ traceId }) => traceId === bell.traceId);

  expect(request).toMatchObject({ service: 'hub-gateway', isError: false });
  expect(request.attributes).toMatchObject({ 'http.route': REFRESH.split(' ')[1], 'http.response.status_code': 200 });
  expect(job).toMatchObject({ service: 'hub-refresh-worker', parentSpanId: '', isError: false });
  expect(job.attributes).toMatchObject({
    'hub.provider': 'google_drive',
    'messaging.destination.name': 'token-refresh',
  });
  expect(parentOf(exchange)?.spanId).toBe(job.spanId);
  for (const step of ['token.claim', 'token.commit']) await named(step, ({ traceId }) => traceId === job.traceId);
});

it('a browser that opens a link into the console leaves spans without link, cookie or proof', async () => {
  const caller = hub.as();
  const { url } = (await caller.consoleLink()).body;
  const page = new ConsolePage(hub, hub.person());
  await page.person.get(url);
  const csrf = await page.csrf();
  const cookie = page.cookie;
  await page.act('DELETE', '/functions/v1/integrations-session');
  await page.person.get(url);
  await named(
    'GET /functions/v1/integrations-session/:link',
    ({ attributes }) => attributes['http.response.status_code'] === 303,
  );
  await named('DELETE /functions/v1/integrations-session');
  await named(
    'GET /functions/v1/integrations-session/:link',
    ({ attributes }) => attributes['http.response.status_code'] === 400,
  );
  const all = JSON.stringify(collector.spans);
  for (const secret of [url.split('/').at(-1) ?? '', cookie, csrf]) {
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(all).not.toContain(secret);
  }
});

it('a refresh that its provider fails is an error in the job and in the call', async () => {
  const caller = hub.as();
  const account = ANYONES.google_drive();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  await hub.sandbox.fault('google_drive', { on: 'refresh', kind: 'error', status: 503, account: account.name });
  await caller.refresh('google_drive');
  const exchange = await named('oauth.exchange refresh', ({ isError }) => isError);
  expect(exchange.attributes).toMatchObject({ 'error.type': 'provider_unavailable' });
  const job = await named('process token-refresh', ({ traceId }) => traceId === exchange.traceId);
  expect(job).toMatchObject({ isError: true, attributes: { 'error.type': 'provider_unavailable' } });
});

it('a record goes by OTLP with its trace, and does not stand on standard output as well', async () => {
  const caller = hub.as();
  const account = ANYONES.google_drive();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  await caller.refresh('google_drive');
  const record = await eventually('the record of the refresh', () =>
    Promise.resolve(
      collector.records.find(
        ({ eventName, attributes }) => eventName === 'hub.refresh.succeeded' && attributes['org'] === caller.claims.org,
      ),
    ),
  );
  expect(record).toMatchObject({
    service: 'hub-refresh-worker',
    severity: 9,
    attributes: { provider: 'google_drive' },
  });
  const job = await named('process token-refresh', ({ traceId }) => traceId === record.traceId);
  expect(job.attributes['hub.org.id']).toBe(caller.claims.org);
  expect(hub.process('refresh-worker').lines.join('\n')).not.toContain('hub.refresh.succeeded');
});

it('no span, no metric and no record holds a token, a state, a code or a key', async () => {
  const caller = hub.as();
  const account = ANYONES.notion();
  const person = hub.person();
  const authUrl = await person.starts(caller, account.order);
  const state = new URL(authUrl).searchParams.get('state')!;
  await person.opens(authUrl, account.choices);
  const { accessToken } = (await caller.token('notion')).body;
  const seen = collector.spans.length;
  await caller.list();
  await eventually('more spans', () => Promise.resolve(collector.spans.length > seen));
  const all = collector.bodies.join('\n');
  for (const secret of [state, accessToken, hub.environment['TOKEN_KEYS']!, hub.environment['AUTH_JWT_SECRET']!])
    expect(all.includes(secret)).toBe(false);
  expect(all).not.toMatch(/"url\.(query|full|path)"|"db\.(statement|query\.text)"|exception\.message/);
});

it('health pages are not told of', () => {
  expect(
    collector.spans.filter(({ name, attributes }) => /health/.test(name + String(attributes['http.route']))),
  ).toEqual([]);
});

const EXPORTING = ['hub-gateway', 'hub-refresh-worker', 'hub-metadata-sync-worker', 'hub-delivery-worker'];

it('every series is of the instance that the operator names', async () => {
  await eventually('exports of every app', () =>
    Promise.resolve(EXPORTING.every((app) => collector.points.some(({ service }) => service === app))),
  );
  expect(new Set(collector.points.map(({ instance }) => instance))).toEqual(new Set([INSTANCE]));
});

it('what the hub measures is declared, and its attributes have declared values', async () => {
  const declared = new Map<string, MetricDeclaration>(Object.values(METRICS).map((metric) => [metric.name, metric]));
  await eventually('gauges', () =>
    Promise.resolve(collector.points.some(({ name }) => name === 'hub.integration.lapsed')),
  );
  const own = collector.latest().filter(({ name }) => name.startsWith('hub.') || declared.has(name));
  const wrong = own.flatMap(({ name, unit, attributes }) => {
    const metric = declared.get(name);
    if (metric?.unit !== unit) return [`${name} in ${unit}`];
    return Object.entries(attributes)
      .filter(([key, value]) => {
        const values = metric.attributes[key];
        return values === undefined || (Array.isArray(values) && !values.includes(value));
      })
      .map(([key, value]) => `${name} ${key}=${String(value)}`);
  });
  expect([...new Set(wrong)]).toEqual([]);
});
