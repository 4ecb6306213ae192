import { IntegrationRepository } from '@hub/database';
import { KeyUnavailable, LocalKeyProvider, tokenCell } from '@hub/token-vault';
import { eventually } from '../../support/eventually';
import { refreshWorker, syncWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { sealedBefore } from '../../support/sealed-before';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
let worker: RefreshWorkerInTest;

beforeEach(async () => {
  stand = await WorkerStand.set();
  worker = await refreshWorker(stand.settings.workerConfig());
});
afterEach(async () => {
  jest.restoreAllMocks();
  await worker.stop();
  await stand.clear();
});

const refresh = async ({ stored }: Connected) => worker.refreshes.refresh(await stored.work());

/** As an earlier release left it: sealed under the keyring itself, in an org without a data key. */
async function asBefore(connected: Connected): Promise<void> {
  const { stored } = connected;
  const { accessToken, refreshToken } = await stored.tokens();
  const keys = stand.settings.environment['TOKEN_KEYS'] ?? '';
  await stand.database.sql('update public.integrations set access_token = $2, refresh_token = $3 where id = $1', [
    stored.id,
    sealedBefore(keys, tokenCell(stored, 'access_token'), accessToken),
    sealedBefore(keys, tokenCell(stored, 'refresh_token'), refreshToken ?? ''),
  ]);
  await stand.database.sql('delete from public.data_keys where org_id = $1', [stored.orgId]);
}

/** PostgreSQL goes away after the provider was asked and before its answer comes. */
async function refreshIntoAnOutage(due: Connected): Promise<void> {
  const { account } = due;
  const fault = { on: 'refresh', kind: 'latency', ms: 500, afterWork: true, account, times: 1 } as const;
  await stand.sandbox.admin.fault('shopify', fault);
  const refreshing = refresh(due);
  await eventually('the call', async () => (await stand.sandbox.refreshes(account)).length === 1);
  await stand.database.setAway(true);
  expect(await refreshing).toEqual({ kind: 'parked' });
}

/** From now on nobody reaches the key provider. */
function takeKeysAway(): void {
  for (const call of ['wrap', 'unwrap', 'rewrap'] as const)
    jest.spyOn(LocalKeyProvider.prototype, call).mockRejectedValue(new KeyUnavailable('local'));
  jest.spyOn(LocalKeyProvider.prototype, 'health').mockRejectedValue(new KeyUnavailable('local'));
}

describe('tokens that an earlier release has sealed', () => {
  it('open, and what is granted for them is sealed under the org’s data key', async () => {
    const due = await stand.due('shopify');
    await asBefore(due);
    expect(await refresh(due)).toMatchObject({ kind: 'saved' });
    const [key] = await stand.database.sql<{ id: string }>('select id from public.data_keys where org_id = $1', [
      due.stored.orgId,
    ]);
    const row = await due.stored.row();
    expect(row.access_token.split('.')[1]).toBe(key?.id);
    expect(row.refresh_token?.split('.')[1]).toBe(key?.id);
    await due.stored.tokens();
  });

  it('lose no answer although PostgreSQL goes away while the provider is asked: its key was there before', async () => {
    const due = await stand.due('shopify');
    await asBefore(due);
    await refreshIntoAnOutage(due);
    await stand.database.setAway(false);
    await eventually('its commit', async () => (await due.stored.row()).settled_epoch === 1);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle' });
    await due.stored.tokens();
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });
});

describe('a database that was set back to before the org had its data key', () => {
  it('gets the key back with the grant that the journal kept, and the key seals nothing more', async () => {
    const due = await stand.due('shopify', {}, { rotationGrace: 0 });
    await asBefore(due);
    await stand.database.sql('create table public.backup as table public.integrations');
    await refresh(due);
    const fresh = await due.stored.tokens();
    await worker.stop();
    await stand.database.sql('delete from public.integrations; insert into public.integrations table public.backup;');
    await stand.database.sql('delete from public.data_keys');

    worker = await refreshWorker(stand.settings.workerConfig());
    await worker.start();
    const isBack = async () => (await due.stored.tokens()).accessToken === fresh.accessToken;
    await eventually('the tokens that were forgotten', isBack, { withinMs: 40_000 });
    expect(await stand.database.sql('select status from public.data_keys')).toEqual([{ status: 'retiring' }]);
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });

  it('gets it back with an answer that waited in the spool', async () => {
    const due = await stand.due('shopify');
    await asBefore(due);
    await refreshIntoAnOutage(due);
    await stand.database.sql('delete from public.data_keys');
    await stand.database.setAway(false);
    await eventually('its commit', async () => (await due.stored.row()).settled_epoch === 1);
    expect(await stand.database.sql('select status from public.data_keys')).toEqual([{ status: 'retiring' }]);
    await due.stored.tokens();
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });
});

describe('while the key provider is away', () => {
  it('a refresh waits: its provider is not asked, and no failure of a provider is counted', async () => {
    const due = await stand.due('shopify');
    takeKeysAway();
    expect(await refresh(due)).toMatchObject({ kind: 'saved' });
    const row = await due.stored.row();
    expect(row).toMatchObject({
      status: 'refresh_failing',
      failed_refreshes: 0,
      refresh_failure_code: 'internal',
      phase: 'idle',
    });
    expect(row.next_refresh_at!.getTime()).toBeGreaterThan(Date.now());
    expect(await due.stored.eventsNamed('refresh.failed')).toMatchObject([
      { reason: 'key_provider_unavailable', attempts: 0 },
    ]);
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);

    jest.restoreAllMocks();
    await eventually('a refresh once it is back', async () => {
      await stand.makeDue(due);
      await refresh(due);
      return (await due.stored.row()).status === 'connected';
    });
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });

  it('no provider is asked for a grant that could not be sealed', async () => {
    const due = await stand.due('shopify');
    await asBefore(due); // it opens by the keyring; what would seal the answer is out of reach
    takeKeysAway();
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing', failed_refreshes: 0 });
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
  });

  it('orgs whose key is at hand are refreshed as ever', async () => {
    const due = await stand.due('shopify');
    await refresh(due);
    takeKeysAway();
    await stand.makeDue(due);
    expect(await refresh(due)).toMatchObject({ kind: 'saved', integration: { status: 'connected' } });
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(2);
  });

  it('a revocation waits, on whatever rung it stands', async () => {
    const { stored, account } = await stand.connected('google_drive');
    const gateway = new IntegrationRepository(await stand.database.as('gateway'));
    const actor = { type: 'user', id: 'ada' } as const;
    await gateway.disconnect(stored.orgId, stored.provider, { revoke: true, reason: 'disconnect', actor, detail: {} });
    const outbox = () =>
      stand.database.sql<{ id: string; failed_attempts: number; failure_code: string | null }>(
        'select id, failed_attempts, failure_code from public.revocations where org_id = $1',
        [stored.orgId],
      );
    const [row] = await outbox();
    takeKeysAway();
    const { orgId, provider } = stored;
    const revoking = worker.revocations.revoke({ id: row?.id ?? '', orgId, provider, epoch: 0 });
    expect(await revoking).toEqual({ againInMs: 30_000 });
    expect(await outbox()).toEqual([{ id: row?.id, failed_attempts: 0, failure_code: null }]);
    expect(await stand.sandbox.admin.grants('google_drive', account)).toHaveLength(1);
  });

  it('a sync waits, on whatever rung it stands', async () => {
    const syncs = await syncWorker(stand.settings.syncConfig());
    try {
      const { stored } = await stand.connected('shopify', { syncInSeconds: -1 });
      takeKeysAway();
      expect(await syncs.syncs.sync(await stored.work())).toEqual({ againInMs: 60_000 });
      expect(await stored.row()).toMatchObject({ failed_syncs: 0, sync_failure_code: null, status: 'connected' });
      expect(await stored.events()).toEqual([]);
    } finally {
      await syncs.stop();
    }
  });
});
