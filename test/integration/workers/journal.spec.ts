import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { refreshWorker } from '../../support/running-worker';
import { WorkerStand } from './worker-stand';

/** A worker waits for its peers before it asks anybody. */
const RECALLED = { withinMs: 40_000 };

let stand: WorkerStand;
afterEach(() => stand.clear());

const folder = () => path.join(stand.settings.spoolDir, 'journal');
const files = () => (existsSync(folder()) ? readdirSync(folder()) : []);

/** One refresh by a worker of its own, which then ends. */
async function refreshOnce(work: Parameters<Awaited<ReturnType<typeof refreshWorker>>['refreshes']['refresh']>[0]) {
  const worker = await refreshWorker(stand.settings.workerConfig());
  expect(await worker.refreshes.refresh(work)).toMatchObject({ kind: 'saved' });
  await worker.stop();
}

it('a committed answer is kept for a while, sealed, for its owner alone', async () => {
  stand = await WorkerStand.set();
  const due = await stand.due('shopify');
  await refreshOnce(await due.stored.work());
  const { accessToken, refreshToken } = await due.stored.tokens();
  const [name = ''] = files();
  const text = readFileSync(path.join(folder(), name), 'utf8');
  expect(text.split('\n')).toEqual([expect.stringContaining(due.stored.id), '']);
  expect(statSync(path.join(folder(), name)).mode & 0o777).toBe(0o600);
  for (const secret of [accessToken, refreshToken!, 'shpat_', 'shprt_', 'shpua_']) expect(text).not.toContain(secret);
});

it('nothing is kept where that is switched off', async () => {
  stand = await WorkerStand.set({ SPOOL_KEEP: 'off' });
  await refreshOnce(await (await stand.due('shopify')).stored.work());
  expect(files()).toEqual([]);
});

it('what a database that was set back has forgotten is put back, without a question to the provider', async () => {
  stand = await WorkerStand.set();
  const due = await stand.due('shopify', {}, { rotationGrace: 0 });
  const { stored, account } = due;
  await stand.database.sql('create table public.backup as table public.integrations');
  await refreshOnce(await stored.work());
  const fresh = await stored.tokens();
  await stand.database.sql('delete from public.integrations; insert into public.integrations table public.backup;');
  expect(await stored.tokens()).not.toEqual(fresh);

  const next = await refreshWorker(stand.settings.workerConfig());
  await next.start();
  await eventually(
    'the tokens that were forgotten',
    async () => (await stored.tokens()).accessToken === fresh.accessToken,
    RECALLED,
  );
  expect(await stored.tokens()).toEqual(fresh);
  expect(await stored.row()).toMatchObject({ status: 'connected', phase: 'idle' });
  expect(await stand.sandbox.refreshes(account)).toHaveLength(1);
  await next.stop();
});

it('also where somebody has already been refused the spent token', async () => {
  stand = await WorkerStand.set();
  const { stored, account } = await stand.due('shopify', {}, { rotationGrace: 0 });
  await stand.database.sql('create table public.backup as table public.integrations');
  await refreshOnce(await stored.work());
  const fresh = await stored.tokens();
  await stand.database.sql('delete from public.integrations; insert into public.integrations table public.backup;');
  // a provider that does not end the family when a spent token comes again; the row has come as far as it was, and farther
  await stand.database.sql(
    `update public.integrations set status = 'reauth_required', next_refresh_at = null, refresh_failure_code = 'invalid_grant',
       epoch = 7, settled_epoch = 7`,
  );
  const next = await refreshWorker(stand.settings.workerConfig());
  await next.start();
  await eventually('its recovery', async () => (await stored.row()).status === 'connected', RECALLED);
  expect(await stored.tokens()).toEqual(fresh);
  expect(await stand.sandbox.refreshes(account)).toHaveLength(1);
  await next.stop();
});

it('a worker that runs on while the database is set back notices when it sees it again', async () => {
  stand = await WorkerStand.set();
  const { stored, account } = await stand.due('shopify', {}, { rotationGrace: 0 });
  await stand.database.sql('create table public.backup as table public.integrations');
  const worker = await refreshWorker(stand.settings.workerConfig());
  await worker.start();
  await eventually('its refresh', async () => (await stored.row()).settled_epoch > 0);
  const fresh = await stored.tokens();
  await stand.database.setAway(true);
  await stand.database.sql('delete from public.integrations; insert into public.integrations table public.backup;');
  await sleep(20_000); // the watch looks in vain
  await stand.database.setAway(false);
  await eventually(
    'the tokens that were forgotten',
    async () => (await stored.tokens()).accessToken === fresh.accessToken,
    RECALLED,
  );
  expect(await stand.sandbox.refreshes(account)).toHaveLength(1);
  await worker.stop();
}, 120_000);

it('a worker whose database was set back between two looks notices before it presents anything', async () => {
  stand = await WorkerStand.set();
  const { stored, account } = await stand.due('shopify', {}, { rotationGrace: 0 });
  await stand.database.sql('create table public.backup as table public.integrations');
  const worker = await refreshWorker(stand.settings.workerConfig());
  await worker.refreshes.takeUp();
  await worker.refreshes.refresh(await stored.work());
  const fresh = await stored.tokens();
  await stand.database.setAway(true);
  await stand.database.sql('delete from public.integrations; insert into public.integrations table public.backup;');
  await stand.database.setAway(false);
  // no watch runs here: the job alone, whose row has the spent token
  const again = async () => worker.refreshes.refresh(await stored.work());
  // a connection that was ended may tell of it only now: then nothing is presented either
  const first = await eventually('an answer', () => again().catch(() => undefined));
  expect(first).toEqual({ kind: 'put_off' });
  await eventually(
    'the tokens that were forgotten',
    async () => {
      await again();
      return (await stored.tokens()).accessToken === fresh.accessToken;
    },
    RECALLED,
  );
  expect(await stand.sandbox.refreshes(account)).toHaveLength(1);
  await worker.stop();
}, 60_000);

it('a start beside a database that forgot nothing changes nothing', async () => {
  stand = await WorkerStand.set();
  const { stored } = await stand.due('shopify');
  await refreshOnce(await stored.work());
  const before = await stored.row();
  const next = await refreshWorker(stand.settings.workerConfig());
  await next.start();
  await next.stop();
  expect(await stored.row()).toEqual(before);
  expect(await stored.events()).toEqual(['refresh.succeeded']);
  expect(files()).toEqual([expect.stringMatching(/\.jsonl$/)]);
});
