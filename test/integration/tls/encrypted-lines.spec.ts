import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { certificateFor } from '../../support/certificate';
import { hub } from '../../support/command-line';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { HubProcess } from '../../support/hub-process';
import { TlsDoor } from '../../support/tls-door';
import { WorkerStand } from '../workers/worker-stand';

const certificate = certificateFor('localhost');
const stranger = certificateFor('localhost');

let stand: WorkerStand;
let folder: string;
let doors: { postgres: TlsDoor; redis: TlsDoor };
const processes: HubProcess[] = [];

beforeEach(async () => {
  stand = await WorkerStand.set({ LOG_LEVEL: 'info' });
  folder = mkdtempSync(path.join(tmpdir(), 'hub-tls-'));
  writeFileSync(path.join(folder, 'ca.pem'), certificate.cert);
  writeFileSync(path.join(folder, 'stranger.pem'), stranger.cert);
  doors = {
    postgres: await TlsDoor.before('postgres', stand.database.refreshWorkerUrl, certificate),
    redis: await TlsDoor.before('redis', stand.settings.environment['REDIS_URL']!, certificate),
  };
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await Promise.all([doors.postgres.close(), doors.redis.close()]);
  rmSync(folder, { recursive: true, force: true });
  await stand.clear();
});

/** The settings by which both servers are reached through their doors, trusting this file. */
function throughDoors(trusted: 'ca.pem' | 'stranger.pem'): Record<string, string> {
  const at = (url: string, changed: Partial<Pick<URL, 'protocol' | 'port'>>): URL => {
    const other = new URL(url.replace(/^\w+:/, changed.protocol ?? '$&'));
    other.hostname = 'localhost';
    other.port = changed.port!;
    return other;
  };
  const database = at(stand.database.refreshWorkerUrl, { port: String(doors.postgres.port) });
  database.searchParams.set('sslmode', 'verify-full');
  database.searchParams.set('sslrootcert', path.join(folder, trusted));
  const redis = at(stand.settings.environment['REDIS_URL']!, { protocol: 'rediss:', port: String(doors.redis.port) });
  return {
    ...stand.settings.environment,
    DATABASE_URL: database.href,
    DATABASE_NOTICES_URL: database.href,
    REDIS_URL: redis.href,
    REDIS_CACERT: path.join(folder, trusted),
  };
}

async function refreshWorker(environment: Record<string, string>): Promise<HubProcess> {
  const port = String(await freePort());
  const process = new HubProcess({
    app: 'refresh-worker',
    environment: { ...environment, WORKER_HEALTH_PORT: port },
    readyUrl: `http://127.0.0.1:${port}/health/ready`,
  });
  processes.push(process);
  return process;
}

it('a worker reaches PostgreSQL and Redis by TLS alone, and refreshes', async () => {
  const process = await refreshWorker(throughDoors('ca.pem'));
  const { account, stored } = await stand.due('google_drive'); // found by its first look, not by one 15 s later
  await process.start();
  await eventually('the refresh', async () => (await stand.sandbox.refreshes(account)).length === 1);
  await eventually('its commit', async () => {
    const found = await stand.database.sql(
      'select from public.integrations where id = $1 and epoch > 0 and next_refresh_at > now()',
      [stored.id],
    );
    return found.length === 1;
  });
  await process.stop();
  expect(doors.postgres.refused + doors.redis.refused).toBe(0);
  expect(doors.redis.heard).toBeGreaterThan(0);
  expect(process.lines.join('\n')).not.toContain('redis.unavailable');
});

it('a worker gives no password to a server that it cannot trust', async () => {
  const process = await refreshWorker(throughDoors('stranger.pem'));
  await expect(process.start()).rejects.toThrow(/SELF_SIGNED_CERT/);
  expect(doors.postgres.heard + doors.redis.heard).toBe(0);
});

it('the doctor sees whom it can trust', async () => {
  const trusted = await hub(['doctor'], throughDoors('ca.pem'));
  expect(trusted.out).toMatch(/✓ Redis \d/);
  expect(trusted.out).toMatch(/✓ PostgreSQL \d/);
  const strange = await hub(['doctor'], throughDoors('stranger.pem'));
  expect(strange.out).toMatch(/✗ Redis .*REDIS_CACERT/);
  expect(strange.out).toMatch(/✗ PostgreSQL .*sslrootcert/);
});
