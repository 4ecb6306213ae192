import { IntegrationRepository } from '@hub/database';
import { afterConnect } from '@hub/domain';
import { sealGrant } from '@hub/token-vault';
import { eventually } from '../../support/eventually';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
let worker: RefreshWorkerInTest;
let other: RefreshWorkerInTest;
let gateway: IntegrationRepository;

const USER = { type: 'user', id: 'ada' } as const;

beforeAll(async () => {
  stand = await WorkerStand.set();
  [worker, other] = await Promise.all([
    refreshWorker(stand.settings.workerConfig()),
    refreshWorker(stand.settings.workerConfig()),
  ]);
  gateway = new IntegrationRepository(await stand.database.as('gateway'));
});
afterAll(async () => {
  await Promise.all([worker.stop(), other.stop()]);
  await stand.clear();
});

const refreshBy = async (who: RefreshWorkerInTest, { stored }: Connected) => who.refreshes.refresh(await stored.work());

/** The provider does its work and keeps its answer back for a while. */
const slowAnswer = (provider: string, account: string, ms: number) =>
  stand.sandbox.admin.fault(provider, { on: 'refresh', kind: 'latency', ms, afterWork: true, account, times: 1 });

const asked = (account: string, times = 1) =>
  eventually(`${times} calls at the token endpoint`, async () => {
    return (await stand.sandbox.refreshes(account)).length >= times;
  });

/** As if the worker that holds the lease had stood still for longer than its lease. */
const leaseEnds = ({ stored }: Connected) =>
  stand.database.sql(`update public.integrations set lease_until = now() - interval '1 second' where id = $1`, [
    stored.id,
  ]);

const inbox = ({ stored }: Connected) =>
  stand.database.sql<{ epoch: string }>('select epoch from public.token_inbox where integration_id = $1', [stored.id]);

const revocations = ({ stored }: Connected) =>
  stand.database.sql<{ reason: string }>('select reason from public.revocations where integration_id = $1', [
    stored.id,
  ]);

it('a disconnect during a refresh sends its grant back to the provider', async () => {
  const due = await stand.due('google_drive');
  await slowAnswer('google_drive', due.account, 500);
  const refreshing = refreshBy(worker, due);
  await asked(due.account);
  await gateway.disconnect(due.stored.orgId, due.stored.provider, {
    revoke: true,
    reason: 'disconnect',
    actor: USER,
    detail: {},
  });
  expect(await refreshing).toEqual({ kind: 'gone' });
  expect(await revocations(due)).toEqual([{ reason: 'disconnect' }, { reason: 'late_grant' }]);
  expect(await due.stored.events()).toEqual(['integration.disconnected', 'refresh.in_doubt']);
});

it('a reconnect during a refresh keeps the new grant, and puts the late one aside', async () => {
  const due = await stand.due('shopify');
  await slowAnswer('shopify', due.account, 500);
  const refreshing = refreshBy(worker, due);
  await asked(due.account);
  const fresh = await stand.sandbox.grant('shopify', due.account);
  await reconnect(due, { accessToken: fresh.accessToken, refreshToken: fresh.refreshToken! });
  expect(await refreshing).toMatchObject({ kind: 'late' });
  expect((await due.stored.tokens()).accessToken).toBe(fresh.accessToken);
  expect(await inbox(due)).toHaveLength(1);

  await stand.makeDue(due);
  await refreshBy(worker, due);
  expect(await due.stored.row()).toMatchObject({ status: 'connected' });
  const [, last] = await stand.sandbox.refreshes(due.account);
  expect(last).toMatchObject({ accepted: true, generation: 0 });
  expect(await inbox(due)).toEqual([]);
});

it('a worker that stood still does not overwrite the one that took over', async () => {
  const due = await stand.due('shopify');
  await slowAnswer('shopify', due.account, 500);
  const late = refreshBy(worker, due);
  await asked(due.account);
  await leaseEnds(due);
  expect(await refreshBy(other, due)).toMatchObject({ kind: 'saved' });
  const { access_token: kept } = await due.stored.row();
  expect(await late).toMatchObject({ kind: 'late' });
  expect(await due.stored.row()).toMatchObject({ access_token: kept, status: 'connected' });
});

describe('where a refresh token is taken once', () => {
  const spent = async () => {
    const due = await stand.due('notion');
    await stand.sandbox.admin.expire('notion', due.account);
    return due;
  };

  it('a late grant mends the verdict that fell without it', async () => {
    const due = await spent();
    await slowAnswer('notion', due.account, 700);
    const late = refreshBy(worker, due);
    await asked(due.account);
    await leaseEnds(due);
    await refreshBy(other, due);
    expect(await due.stored.row()).toMatchObject({ status: 'reauth_required' });
    expect(await late).toMatchObject({ kind: 'late' });
    expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing' });
    await refreshBy(other, due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
    expect(await inbox(due)).toEqual([]);
    expect(await due.stored.events()).toContain('integration.recovered');
    const calls = await stand.sandbox.refreshes(due.account);
    expect(calls.filter(({ accepted }) => accepted)).toHaveLength(1);
  });

  it('a verdict waits for a grant that came late', async () => {
    const due = await spent();
    await slowAnswer('notion', due.account, 300);
    const late = refreshBy(worker, due);
    await asked(due.account);
    await leaseEnds(due);
    await slowAnswer('notion', due.account, 900);
    expect(await refreshBy(other, due)).toMatchObject({ kind: 'late_grant_waits' });
    await late;
    await refreshBy(other, due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
    expect(await due.stored.events()).not.toContain('integration.reauth_required');
  });
});

/** Connects again, as the gateway does. */
async function reconnect({ stored }: Connected, tokens: { accessToken: string; refreshToken: string }): Promise<void> {
  const { orgId, provider, id } = stored;
  const grant = { ...tokens, expiresInSeconds: 3600, refreshExpiresInSeconds: null, scopes: ['read_products'] };
  const sealed = await stand.settings.vault.withSealer(orgId, (sealer) =>
    sealGrant(sealer, { orgId, provider, id }, grant, new Date()),
  );
  const connected = { account: null, inputs: {}, metadata: {}, refreshable: true, again: true };
  const inputs = {
    shop: (
      await stand.database.sql<{ inputs: { shop: string } }>('select inputs from public.integrations where id = $1', [
        id,
      ])
    )[0]!.inputs.shop,
  };
  const change = afterConnect({ ...connected, inputs, grant: sealed }, new Date(), 0);
  await gateway.storeConnect({ orgId, provider: provider, id, change, actor: USER }, () => Promise.resolve(true));
}
