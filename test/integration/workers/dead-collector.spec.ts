import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { AUTH } from '../../support/bearer';
import { freePort } from '../../support/free-port';
import { HubProcess } from '../../support/hub-process';
import { OtlpReceiver } from '../../support/otlp-receiver';
import { eventually } from '../../support/eventually';
import { WorkerStand } from './worker-stand';

/** A collector that is away, or that takes and never answers, costs nobody anything. */
let stand: WorkerStand;
beforeAll(async () => {
  stand = await WorkerStand.set({ LOG_LEVEL: 'info' });
});
afterAll(() => stand.clear());

const silent = createServer(() => undefined);
beforeAll(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterAll(() => void silent.close());

it.each(['dead', 'silent'])(
  'a worker works beside a collector that is %s, says it once, and ends with 0',
  async (kind) => {
    const { account } = await stand.due('google_drive');
    const port = kind === 'dead' ? await freePort() : (silent.address() as AddressInfo).port;
    const healthPort = String(await freePort());
    const worker = new HubProcess({
      app: 'refresh-worker',
      environment: {
        ...stand.settings.environment,
        DATABASE_URL: stand.database.refreshWorkerUrl,
        WORKER_HEALTH_PORT: healthPort,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_METRIC_EXPORT_INTERVAL: '200',
        OTEL_METRIC_EXPORT_TIMEOUT: '150',
        OTEL_EXPORTER_OTLP_TIMEOUT: '150',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
      readyUrl: `http://127.0.0.1:${healthPort}/health/ready`,
    });
    await worker.start();
    const told = (): number => worker.lines.filter((line) => line.includes('hub.telemetry.export_failed')).length;
    await eventually('the complaint', () => Promise.resolve(told() === 1));
    await eventually('the refresh', async () => (await stand.sandbox.refreshes(account)).length === 1);
    await worker.stop(); // throws unless it ends by itself with 0
    expect(told()).toBe(1);
  },
);

it('a gateway answers beside a collector that is silent, ends with 0, and says that its last export is lost', async () => {
  const port = String(await freePort());
  const gateway = new HubProcess({
    app: 'gateway',
    environment: {
      ...stand.settings.environment,
      DATABASE_URL: stand.database.gatewayUrl,
      PORT: port,
      PUBLIC_URL: `http://localhost:${port}`,
      AUTH_JWT_SECRET: AUTH.secret,
      AUTH_ISSUER: AUTH.issuer,
      AUTH_AUDIENCE: AUTH.audience,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    },
    readyUrl: `http://127.0.0.1:${port}/health/ready`,
  });
  await gateway.start();
  await gateway.stop(); // throws unless it ends by itself with 0
  expect(gateway.lines.filter((line) => line.includes('hub.telemetry.last_export_lost'))).toHaveLength(1);
});

it('a worker tells its counters at 0 before it works, however long it is until the next export', async () => {
  const collector = await OtlpReceiver.start();
  const healthPort = String(await freePort());
  const worker = new HubProcess({
    app: 'refresh-worker',
    environment: {
      ...stand.settings.environment,
      ...collector.environment,
      DATABASE_URL: stand.database.refreshWorkerUrl,
      WORKER_HEALTH_PORT: healthPort,
      OTEL_METRIC_EXPORT_INTERVAL: '3600000',
    },
    readyUrl: `http://127.0.0.1:${healthPort}/health/ready`,
  });
  try {
    await worker.start();
    const valuesOf = (metric: string): number[] =>
      collector.points.filter(({ name }) => name === metric).map(({ value }) => value);
    for (const metric of [
      'hub.crypto.failures',
      'hub.audit.write_failures',
      'hub.oauth.errors',
      'hub.token.refresh.cycles',
    ]) {
      await eventually(metric, () => Promise.resolve(valuesOf(metric).length > 0));
      expect(new Set(valuesOf(metric))).toEqual(new Set([0]));
    }
    await worker.stop();
  } finally {
    await worker.kill();
    await collector.stop();
  }
});
