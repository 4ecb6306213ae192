import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import { AuditRepository, SealFolderRepository, SealHistory } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { hub } from '../../support/command-line';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { HubProcess } from '../../support/hub-process';
import { WorkerStand } from './worker-stand';

const key = { id: 's1', key: randomBytes(32) };
let stand: WorkerStand;
let folder: string;
const processes: HubProcess[] = [];

beforeEach(async () => {
  stand = await WorkerStand.set({ LOG_LEVEL: 'info' });
  folder = path.join(path.dirname(stand.settings.spoolDir), 'audit-seals');
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await stand.clear();
});

const sealing = (): Record<string, string> => ({
  AUDIT_SEAL_KEY: `${key.id}:${key.key.toString('base64')}`,
  AUDIT_SEAL_DIR: folder,
  AUDIT_SEAL_EVERY: '1s',
});

async function worker(changed: Record<string, string> = {}): Promise<HubProcess> {
  const port = String(await freePort());
  const environment = { ...stand.settings.environment, WORKER_HEALTH_PORT: port, ...changed };
  const process = new HubProcess({
    app: 'refresh-worker',
    environment,
    readyUrl: `http://127.0.0.1:${port}/health/ready`,
  });
  processes.push(process);
  await process.start();
  return process;
}

async function history(): Promise<SealHistory> {
  const read = new SealHistory([key]);
  for await (const line of new SealFolderRepository(folder, [key]).lines()) read.take(line);
  return read;
}

const records = (process: HubProcess, name: string) =>
  process.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['event.name'] === name);

it('two workers on one folder seal where every trail ends, the end of the last minute included', async () => {
  const org = randomUUID() as OrgId;
  const trail = new AuditRepository(await stand.database.as('gateway'));
  const append = () =>
    trail.append(org, [
      { name: 'token.read', provider: null, integrationId: null, actor: { type: 'user', id: 'ada' } },
    ]);
  await append();
  const both = await Promise.all([worker(sealing()), worker(sealing())]);
  await eventually('a seal of the first event', async () => (await history()).sealed(org).length === 1);
  await append();
  await eventually('a seal of the second event', async () => (await history()).sealed(org).length === 2);
  await append();
  for (const process of both) await process.stop();
  const { findings, last, seals } = await history();
  expect(findings).toEqual([]);
  expect((await history()).sealed(org).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  const told = both.flatMap((process) => records(process, 'hub.audit.sealed'));
  expect(told.map(({ seal }) => seal).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: seals }, (_, place) => place + 1),
  );
  expect(told.map(({ mac }) => mac)).toContain(last?.mac);
  const verified = await hub(['audit', 'verify'], { ...stand.settings.environment, ...sealing() });
  expect([verified.exitCode, verified.out]).toEqual([0, expect.stringMatching(/^✓ 3 events of 1 org against/)]);
});

it('a worker makes the partitions of the months to come, and says where nothing is sealed', async () => {
  const count = "select count(*)::int as count from pg_inherits where inhparent = 'public.audit_events'::regclass";
  const [before] = await stand.database.sql<{ count: number }>(count);
  const [last] = await stand.database.sql<{ name: string }>(
    "select max(inhrelid::regclass::text) as name from pg_inherits where inhparent = 'public.audit_events'::regclass and inhrelid::regclass::text ~ '[0-9]$'",
  );
  await stand.database.sql(`drop table ${last?.name}`);
  const process = await worker();
  await eventually(
    'the partition',
    async () => (await stand.database.sql<{ count: number }>(count))[0]?.count === before?.count,
  );
  expect(records(process, 'hub.audit.unsealed')).toHaveLength(1);
  await process.stop();
});
