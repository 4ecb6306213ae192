import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataKeyRepository, OrgErasureRepository, OrgForgotten } from '@hub/database';
import type { Actor, OrgId, ProviderId } from '@hub/domain';
import {
  AuditVault,
  OpenFailed,
  PlainToken,
  tokenCell,
  TokenVault,
  type Cell,
  type SealedDetail,
} from '@hub/token-vault';
import { Client } from 'pg';
import { hub, type Answered } from '../../support/command-line';
import { dataKeysIn } from '../../support/data-keys';
import { eventually } from '../../support/eventually';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { sealedBefore } from '../../support/sealed-before';
import { WorkerStand, type Connected } from './worker-stand';

const OPERATOR: Actor = { type: 'system', id: 'test' };
const TABLES = ['integrations', 'flows', 'revocations', 'token_inbox'];

let stand: WorkerStand;
let worker: RefreshWorkerInTest;

beforeEach(async () => {
  stand = await WorkerStand.set();
  worker = await refreshWorker(stand.settings.workerConfig());
  await worker.start();
});
afterEach(async () => {
  await worker.stop();
  await stand.clear();
});

const commandEnvironment = () => ({ ...stand.settings.environment, DATABASE_ADMIN_URL: stand.database.adminUrl });
const forget = (orgId: string, ...more: string[]): Promise<Answered> =>
  hub(['org', 'forget', orgId, '--yes', ...more], commandEnvironment());

/** What a process that begins now opens with. */
const freshVault = (): TokenVault =>
  TokenVault.over(
    stand.settings.workerConfig(),
    dataKeysIn((sql, values) => stand.database.sql(sql, values)),
  );

/** An org with an integration at every provider that gives grants. */
async function anOrgWithAll(): Promise<{ orgId: OrgId; all: Connected[] }> {
  const orgId = randomUUID() as OrgId;
  const all: Connected[] = [];
  for (const provider of ['google_drive', 'notion', 'shopify']) all.push(await stand.connected(provider, { orgId }));
  return { orgId, all };
}

/** How many rows of the org each table has. */
async function rowsOf(orgId: OrgId): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of TABLES) {
    const [row] = await stand.database.sql<{ count: number }>(
      `select count(*)::int as count from public.${table} where org_id = $1`,
      [orgId],
    );
    counts[table] = row?.count ?? -1;
  }
  return counts;
}
const NO_ROWS = Object.fromEntries(TABLES.map((table) => [table, 0]));

/** Every table that has a word anywhere. */
async function tablesWith(word: string): Promise<string[]> {
  const tables = await stand.database.sql<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await stand.database.sql(`select 1 from public.${name} t where strpos(t::text, $1) > 0 limit 1`, [
      word,
    ]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

const grantsOf = ({ stored, account }: Connected) => stand.sandbox.admin.grants(stored.provider, account);

async function eventsOf(orgId: OrgId): Promise<string[]> {
  const rows = await stand.database.sql<{ name: string }>(
    'select name from public.audit_events where org_id = $1 order by seq',
    [orgId],
  );
  return rows.map(({ name }) => name);
}

async function sealedOf({ stored }: Connected): Promise<[Cell, string]> {
  return [tokenCell(stored, 'access_token'), (await stored.row()).access_token];
}

it('an org’s grants go back, nothing of it is left, and what was copied before opens nowhere', async () => {
  const { orgId, all } = await anOrgWithAll();
  const other = await stand.connected('notion');
  const copies = await Promise.all(all.map(sealedOf));
  for (const { account } of all) expect(await tablesWith(account)).toEqual(['integrations']);
  for (const [cell, sealed] of copies)
    await expect(freshVault().open(cell, sealed)).resolves.toBeInstanceOf(PlainToken);

  const answer = await forget(orgId);
  expect(answer).toMatchObject({ exitCode: 0, out: expect.stringMatching(/is forgotten: 1 data key is destroyed/) });
  for (const connected of all) expect(await grantsOf(connected)).toEqual([]);
  expect(await rowsOf(orgId)).toEqual(NO_ROWS);
  for (const { account } of all) expect(await tablesWith(account)).toEqual([]);
  for (const [cell, sealed] of copies) await expect(freshVault().open(cell, sealed)).rejects.toThrow(OpenFailed);
  const events = await eventsOf(orgId);
  expect(events.filter((name) => name.startsWith('org.'))).toEqual(['org.forget_started', 'org.forgotten']);
  expect(events.filter((name) => name === 'integration.disconnected')).toHaveLength(3);
  expect(events.filter((name) => name === 'revocation.succeeded')).toHaveLength(3);
  expect(events.at(-1)).toBe('org.forgotten');

  expect(await other.stored.tokens()).toMatchObject({ accessToken: expect.any(String) as string });
  expect(await grantsOf(other)).toHaveLength(1);
  const verified = await hub(['audit', 'verify'], commandEnvironment());
  expect([verified.exitCode, verified.out]).toEqual([0, expect.stringMatching(/all as written/)]);
});

it('says what of an org a key of TOKEN_KEYS has sealed itself: its copies outlive the data keys', async () => {
  const { stored } = await stand.connected('notion');
  const legacy = sealedBefore(
    stand.settings.environment['TOKEN_KEYS'] ?? '',
    tokenCell(stored, 'access_token'),
    'of old',
  );
  await stand.database.sql('update public.integrations set access_token = $2 where id = $1', [stored.id, legacy]);
  const { err } = await hub(['org', 'forget', stored.orgId], commandEnvironment());
  expect(err).toMatch(/^1 value of this org is sealed by a key of TOKEN_KEYS itself.*hub keys rotate/);
  const other = await stand.connected('notion');
  expect((await forget(other.stored.orgId)).err).not.toMatch(/TOKEN_KEYS/);
});

it('a forgotten org gets no flow, no data key and no integration any more', async () => {
  const { orgId } = await anOrgWithAll();
  await forget(orgId);
  const gateway = await stand.database.as('gateway');
  const vault = TokenVault.over(stand.settings.workerConfig(), new DataKeyRepository(gateway));
  const cell = tokenCell({ orgId, provider: 'notion' as ProviderId, id: randomUUID() as never }, 'access_token');
  await expect(vault.seal(cell, new PlainToken('token'))).rejects.toThrow(OrgForgotten);
  await expect(
    gateway.withOrg(orgId, (manager) =>
      manager.query(
        `insert into public.flows (id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at, scopes,
           allow_account_change, page_hash) values ($1, $2, 'notion', 'ada', 'open', 'https://a.example', 'c', '\\x', now(), '{}', false, '\\x')`,
        [randomUUID(), orgId],
      ),
    ),
  ).rejects.toThrow(OrgForgotten);
  await expect(
    gateway.withOrg(orgId, (manager) =>
      manager.query("insert into public.integrations (org_id, provider, access_token) values ($1, 'notion', 'x')", [
        orgId,
      ]),
    ),
  ).rejects.toThrow(OrgForgotten);
});

it('what its trail tells of people is forgotten with it, and told no more', async () => {
  const { stored } = await stand.connected('notion');
  const gateway = await stand.database.as('gateway');
  const aVault = () => AuditVault.over(stand.settings.workerConfig(), new DataKeyRepository(gateway, 'audit'));
  const event = { id: randomUUID(), provider: 'notion' };
  const label = 'ada@canary.example';
  const seal = (vault: AuditVault) =>
    vault.withSealer(stored.orgId, (sealer) => Promise.resolve(sealer.seal(event, 'account', label)));
  const sealed = await seal(aVault());
  expect(await aVault().open(stored.orgId, event, 'account', sealed)).toEqual({ value: label });
  expect(await forget(stored.orgId)).toMatchObject({ out: expect.stringMatching(/2 data keys are destroyed/) });
  expect(await aVault().open(stored.orgId, event, 'account', sealed)).toBe('forgotten');
  expect(await seal(aVault())).toEqual({ withheld: true });
});

it('every key of its trail is destroyed, also those before a rotation', async () => {
  const { stored } = await stand.connected('notion');
  const { orgId } = stored;
  const gateway = await stand.database.as('gateway');
  const aVault = () => AuditVault.over(stand.settings.workerConfig(), new DataKeyRepository(gateway, 'audit'));
  const event = { id: randomUUID(), provider: 'notion' };
  const seal = () => aVault().withSealer(orgId, (sealer) => Promise.resolve(sealer.seal(event, 'account', 'ada')));
  const open = (sealed: SealedDetail) => aVault().open(orgId, event, 'account', sealed);
  const before = await seal();
  expect(await hub(['keys', 'rotate', '--org', orgId], stand.settings.environment)).toMatchObject({ exitCode: 0 });
  const after = await seal();
  expect(after).not.toEqual(before);
  expect([await open(before), await open(after)]).toEqual([{ value: 'ada' }, { value: 'ada' }]);
  expect(await forget(orgId)).toMatchObject({ out: expect.stringMatching(/4 data keys are destroyed/) });
  expect([await open(before), await open(after)]).toEqual(['forgotten', 'forgotten']);
});

it('the grant of a refresh that was under way goes back as well', async () => {
  const connected = await stand.connected('google_drive');
  const { account, stored } = connected;
  const slow = { on: 'refresh', kind: 'latency', ms: 2_000, afterWork: true, account, times: 1 } as const;
  await stand.sandbox.admin.fault('google_drive', slow);
  await stand.makeDue(connected);
  const refreshing = worker.refreshes.refresh(await stored.work());
  await eventually('the call', async () => (await stand.sandbox.refreshes(account)).length === 1);
  expect(await forget(stored.orgId)).toMatchObject({ exitCode: 0 });
  await refreshing;
  expect(await grantsOf(connected)).toEqual([]);
  expect(await rowsOf(stored.orgId)).toEqual(NO_ROWS);
});

it('an answer that waited on a worker’s disk until its org was forgotten brings nothing back', async () => {
  const spoolDir = `${stand.settings.spoolDir}-of-another`;
  const config = stand.settings.workerConfig({ SPOOL_DIR: spoolDir });
  const other = await refreshWorker(config);
  const connected = await stand.connected('google_drive');
  const { account, stored } = connected;
  const slow = { on: 'refresh', kind: 'latency', ms: 500, afterWork: true, account, times: 1 } as const;
  await stand.sandbox.admin.fault('google_drive', slow);
  await stand.makeDue(connected);
  const refreshing = other.refreshes.refresh(await stored.work());
  await eventually('the call', async () => (await stand.sandbox.refreshes(account)).length === 1);
  await stand.database.setAway(true);
  expect(await refreshing).toEqual({ kind: 'parked' });
  await other.stop(0);
  await stand.database.setAway(false);
  await stand.database.sql("update public.integrations set lease_until = now() - interval '1 second' where id = $1", [
    stored.id,
  ]);
  expect(await forget(stored.orgId)).toMatchObject({ exitCode: 0 });
  expect(readdirSync(spoolDir).filter((name) => name.endsWith('.json'))).toHaveLength(1);

  const again = await refreshWorker(config);
  await again.start();
  await eventually('an empty spool', () =>
    Promise.resolve(readdirSync(spoolDir).every((name) => !name.endsWith('.json'))),
  );
  await again.stop();
  expect(await rowsOf(stored.orgId)).toEqual(NO_ROWS);
  expect(await stored.eventsNamed('refresh.in_doubt')).toMatchObject([{ kept: 'nothing', why: 'org_forgotten' }]);
});

it('a connect that is being stored meanwhile is waited for, and ends with the others', async () => {
  const { stored } = await stand.connected('notion');
  const { orgId } = stored;
  const gateway = await stand.database.as('gateway');
  const erasure = await OrgErasureRepository.open(stand.database.adminUrl);
  let commit: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (commit = resolve));
  const isInserted = new Promise<void>((resolve, reject) => {
    gateway
      .withOrg(orgId, async (manager) => {
        await manager.query(
          "insert into public.integrations (org_id, provider, access_token) values ($1, 'zapier', 'x')",
          [orgId],
        );
        resolve();
        await told;
      })
      .catch(reject);
  });
  await isInserted;
  let isBegun = false;
  const begun = erasure.begin(orgId, OPERATOR).then(() => (isBegun = true));
  await sleep(300);
  expect(isBegun).toBe(false);
  commit();
  await begun;
  expect(await erasure.disconnect(orgId, () => undefined, OPERATOR)).toEqual(['notion', 'zapier']);
  await erasure.close();
});

it('what a provider does not take back is waited for, and dropped only on wish', async () => {
  const { orgId, all } = await anOrgWithAll();
  const drive = all[0] as Connected;
  await stand.sandbox.admin.fault('google_drive', { on: 'revoke', kind: 'status', status: 503 });
  const waiting = forget(orgId);
  await eventually('the refusal', async () => {
    const [row] = await stand.database.sql<{ failed: number }>(
      "select failed_attempts as failed from public.revocations where org_id = $1 and provider = 'google_drive'",
      [orgId],
    );
    return (row?.failed ?? 0) >= 1;
  });
  // as after the fourth rung
  await stand.database.sql('update public.revocations set next_attempt_at = null where org_id = $1', [orgId]);
  expect(await waiting).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/1 of its grants could not be given back.*--even-if-unrevoked/),
  });
  expect(await freshVault().open(...(await revocationOf(drive)))).toBeInstanceOf(PlainToken);
  expect(await forget(orgId, '--even-if-unrevoked')).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/dropped without being given back: 1/),
  });
  expect(await rowsOf(orgId)).toEqual(NO_ROWS);
  expect(await grantsOf(drive)).toHaveLength(1);
});

async function revocationOf({ stored }: Connected): Promise<[Cell, string]> {
  const [row] = await stand.database.sql<{ access_token: string }>(
    'select access_token from public.revocations where integration_id = $1',
    [stored.id],
  );
  return [tokenCell(stored, 'access_token'), row?.access_token ?? ''];
}

it.each([
  ['the wish', 1],
  ['the disconnects', 2],
  ['the shredding, unheard', 3],
])('goes on where it was interrupted: after %s', async (_after, steps) => {
  const { orgId, all } = await anOrgWithAll();
  const erasure = await OrgErasureRepository.open(stand.database.adminUrl);
  await erasure.begin(orgId, OPERATOR);
  if (steps >= 2) await erasure.disconnect(orgId, () => 'uninstall', OPERATOR);
  if (steps >= 3) {
    await eventually('the grants', async () => (await erasure.waiting(orgId)).revocations === 0);
    await erasure.shred(orgId, OPERATOR);
  }
  await erasure.close();
  expect(await forget(orgId)).toMatchObject({ exitCode: 0 });
  expect(await rowsOf(orgId)).toEqual(NO_ROWS);
  for (const connected of all) expect(await grantsOf(connected)).toEqual([]);
  expect((await eventsOf(orgId)).filter((name) => name === 'org.forget_started')).toHaveLength(1);
  const [keys] = await stand.database.sql<{ left: number }>(
    "select count(*)::int as left from public.data_keys where org_id = $1 and (status <> 'shredded' or wrapped_key <> '')",
    [orgId],
  );
  expect(keys).toEqual({ left: 0 });
});

it('goes on where its process was killed, in the middle of each step', async () => {
  const { orgId, all } = await anOrgWithAll();
  const notion = all[1] as Connected;
  const heal = await stand.sandbox.admin.fault('notion', { on: 'revoke', kind: 'status', status: 503 });

  const lockedIntegration = await holding('select 1 from public.integrations where org_id = $1 for update', orgId);
  const first = forgettingProcess(orgId);
  await eventually('a disconnect that waits', () => isThere('hub-org-forget', 'Lock'), { withinMs: 30_000 });
  await first.kill();
  await lockedIntegration.letGo();
  expect(await grantsOf(notion)).toHaveLength(1);
  await eventually('the end of its statement', async () => !(await isThere('hub-org-forget')));
  expect(await eventsOf(orgId)).toEqual(['org.forget_started']);

  const second = forgettingProcess(orgId);
  await eventually('a grant on its way back', () => Promise.resolve(second.text().includes('on the way back')));
  await second.kill();
  expect(await freshVault().open(...(await revocationOf(notion)))).toBeInstanceOf(PlainToken);

  await heal();
  const lockedKeys = await holding('select 1 from public.data_keys where org_id = $1 for update', orgId);
  await stand.database.sql('update public.revocations set next_attempt_at = now() where org_id = $1', [orgId]);
  const third = forgettingProcess(orgId);
  await eventually('a shredding that waits', () => isThere('hub-org-forget', 'Lock'), { withinMs: 30_000 });
  await third.kill();
  await lockedKeys.letGo();
  await eventually('the end of its statement', async () => !(await isThere('hub-org-forget')));
  expect(await eventsOf(orgId)).not.toContain('org.forgotten');

  const fourth = forgettingProcess(orgId);
  expect(await fourth.end()).toBe(0);
  expect(fourth.text()).toMatch(/is forgotten: 1 data key is destroyed/);
  for (const connected of all) expect(await grantsOf(connected)).toEqual([]);
  expect(await rowsOf(orgId)).toEqual(NO_ROWS);
  const events = await eventsOf(orgId);
  expect(events.filter((name) => name.startsWith('org.'))).toEqual(['org.forget_started', 'org.forgotten']);
  expect(events.filter((name) => name === 'integration.disconnected')).toHaveLength(3);
  expect((await hub(['audit', 'verify'], commandEnvironment())).exitCode).toBe(0);
});

it('waits for a worker that has a row of it and tells an event before it lets go, and neither is turned away', async () => {
  const { orgId } = await anOrgWithAll();
  const worker = await transactionOf(orgId);
  await worker.query("update public.integrations set updated_at = now() where org_id = $1 and provider = 'notion'", [
    orgId,
  ]);
  const forgetting = forget(orgId);
  await eventually('a disconnect that waits', () => isThere('hub-org-forget', 'Lock'));
  await worker.query(`select ${APPEND}`);
  await worker.query('commit');
  await worker.end();
  expect(await forgetting).toMatchObject({ exitCode: 0, out: expect.stringMatching(/is forgotten/) });
});

it('takes a step anew that PostgreSQL has ended to break a deadlock', async () => {
  const { stored } = await stand.connected('notion');
  const { orgId } = stored;
  const lockedKeys = await holding('select 1 from public.data_keys where org_id = $1 for update', orgId);
  const forgetting = forget(orgId);
  await eventually('a shredding that waits', () => isThere('hub-org-forget', 'Lock'), { withinMs: 30_000 });
  // whoever has the trail's head, and waits for what the shredding has: the eraser is the one that is ended
  const other = await transactionOf(orgId);
  await other.query("set local deadlock_timeout = '1h'");
  await other.query(`select ${APPEND}`);
  const waits = other.query('select 1 from public.forgotten_orgs where org_id = $1 for update', [orgId]);
  await eventually('the other one that waits', () => isThere('other', 'Lock'));
  await lockedKeys.letGo();
  await waits;
  await other.query('commit');
  await other.end();
  expect(await forgetting).toMatchObject({ exitCode: 0, out: expect.stringMatching(/is forgotten/) });
  expect((await eventsOf(orgId)).filter((name) => name === 'org.forgotten')).toHaveLength(1);
});

const APPEND = "hub.append_event(gen_random_uuid(), 'sync.completed', 'notion', null, 'worker', 'test', '{}')";

/** A transaction that is bound to an org, and past its policies. */
async function transactionOf(orgId: OrgId): Promise<Client> {
  const client = new Client({ connectionString: stand.database.adminUrl, application_name: 'other' });
  await client.connect();
  await client.query('begin');
  await client.query("select set_config('hub.org_id', $1, true)", [orgId]);
  return client;
}

/** The command as a process of its own. */
function forgettingProcess(orgId: OrgId) {
  const main = path.join(process.cwd(), 'dist/apps/cli/src/main.js');
  const child = spawn(process.execPath, [main, 'org', 'forget', orgId, '--yes'], { env: commandEnvironment() });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (more: Buffer) => (text += more.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    text: () => text,
    end: () => ended,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Holds rows in a transaction of its own. */
async function holding(sql: string, orgId: OrgId): Promise<{ letGo(): Promise<void> }> {
  const client = new Client({ connectionString: stand.database.adminUrl });
  await client.connect();
  await client.query('begin');
  await client.query(sql, [orgId]);
  return { letGo: () => client.end() };
}

/** Whether the server knows a connection of this name; one whose process was killed ends with its last statement. */
async function isThere(application: string, waitsFor: 'Lock' | null = null): Promise<boolean> {
  const rows = await stand.database.sql(
    `select 1 from pg_stat_activity where application_name = $1 and datname = current_database()
       and ($2::text is null or wait_event_type = $2)`,
    [application, waitsFor],
  );
  return rows.length > 0;
}

it('an org that the hub has never heard of, or no org at all, is refused', async () => {
  const orgId = randomUUID();
  expect(await forget(orgId)).toEqual({ exitCode: 1, out: '', err: `The hub has nothing of an org ${orgId}.\n` });
  expect(await forget('acme')).toMatchObject({ exitCode: 2, err: expect.stringMatching(/An org is a UUID/) });
});

it('nobody is forgotten without having been asked for twice', async () => {
  const { stored } = await stand.connected('notion');
  const answer = await hub(['org', 'forget', stored.orgId], commandEnvironment());
  expect(answer).toMatchObject({ exitCode: 1, err: expect.stringMatching(/say --yes/) });
  expect(await stored.row()).toMatchObject({ status: 'connected' });
});

it('without an administrator’s login nothing is done', async () => {
  const { stored } = await stand.connected('notion');
  const answer = await hub(['org', 'forget', stored.orgId, '--yes'], stand.settings.environment);
  expect(answer).toMatchObject({ exitCode: 1, err: expect.stringMatching(/DATABASE_ADMIN_URL/) });
  const asWorker = { ...commandEnvironment(), DATABASE_ADMIN_URL: stand.database.refreshWorkerUrl };
  expect(await hub(['org', 'forget', stored.orgId, '--yes'], asWorker)).toMatchObject({ exitCode: 1 });
  expect(await stored.row()).toMatchObject({ status: 'connected' });
});
