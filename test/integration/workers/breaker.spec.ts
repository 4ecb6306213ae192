import { setTimeout as sleep } from 'node:timers/promises';
import { BreakerRepository, RefreshLeaseRepository } from '@hub/database';
import { sealGrant } from '@hub/token-vault';
import { eventually } from '../../support/eventually';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

const PROVIDER = 'shopify';
/** As many definite refusals of one registration in five minutes are a mass (libs/domain, breaker). */
const MASS = 20;
/** A worker knows so late what others have done to a breaker. */
const VIEW_MS = 1_100;

let stand: WorkerStand;
let worker: RefreshWorkerInTest;
let breakers: BreakerRepository;
beforeEach(async () => {
  stand = await WorkerStand.set();
  worker = await refreshWorker(stand.settings.workerConfig());
  breakers = new BreakerRepository(await stand.database.as('refreshWorker'));
});
afterEach(async () => {
  await worker.stop();
  await stand.clear();
});

const refresh = async ({ stored }: Connected) => worker.refreshes.refresh(await stored.work());
const statusOf = async ({ stored }: Connected) => (await stored.row()).status;
const statuses = (those: readonly Connected[]) => Promise.all(those.map(statusOf));

/** The hour of the next probe has come, and the worker knows. */
async function letProbesCome(): Promise<void> {
  await stand.database.sql('update public.provider_breakers set probe_at = now()');
  await sleep(VIEW_MS);
}

async function fleet(count: number): Promise<Connected[]> {
  const those: Connected[] = [];
  for (let made = 0; made < count; made += 1) those.push(await stand.due(PROVIDER));
  return those;
}

it('a mass of refusals is not believed, each grant is tried once more after a grant to somebody, and then the dead are dead', async () => {
  const those = await fleet(MASS + 4);
  const [judged, held, waiting] = [those.slice(0, MASS - 1), those.slice(MASS - 1, MASS), those.slice(MASS)];
  await stand.sandbox.admin.set(PROVIDER, { refuseRefreshes: true });
  for (const one of those) await refresh(one);
  expect(new Set(await statuses(judged))).toEqual(new Set(['reauth_required']));
  expect(await statuses(held)).toEqual(['refresh_failing']);
  expect(new Set(await statuses(waiting))).toEqual(new Set(['connected']));

  await stand.sandbox.admin.set(PROVIDER, { refuseRefreshes: false });
  const dead = [judged[0]!, held[0]!];
  for (const { account } of dead) await stand.sandbox.admin.revoke(PROVIDER, account);
  const [open] = (await breakers.all()).open;
  expect(open).toMatchObject({ provider: PROVIDER, reason: 'mass_verdict' });
  await stand.database.sql('update public.integrations set next_refresh_at = now() where next_refresh_at is not null');
  const candidate = await breakers.probeCandidate(open!);
  expect(waiting.map(({ stored }) => stored.id)).toContain(candidate?.id);

  await letProbesCome();
  const probe = waiting.find(({ stored }) => stored.id === candidate?.id)!;
  expect(await refresh(probe)).toMatchObject({ kind: 'saved' });
  expect((await breakers.all()).open).toEqual([]);
  expect(new Set(await statuses(judged))).toEqual(new Set(['refresh_failing']));

  await stand.database.sql('update public.integrations set next_refresh_at = now() where next_refresh_at is not null');
  for (const one of those) await refresh(one);
  expect(await statuses(dead)).toEqual(['reauth_required', 'reauth_required']);
  const well = those.filter((one) => !dead.includes(one));
  expect(new Set(await statuses(well))).toEqual(new Set(['connected']));
  for (const { account } of dead) expect(await stand.sandbox.refreshes(account)).toHaveLength(2);
}, 120_000);

it('grants that were refused twice stay dead when another mass is refused', async () => {
  const those = await fleet(MASS * 2 + 2);
  const dead = those.slice(0, MASS);
  const last = those.at(-1)!;
  for (const { account } of dead) await stand.sandbox.admin.revoke(PROVIDER, account);
  for (const one of dead) await refresh(one);
  await letProbesCome();
  expect(await refresh(those.at(-2)!)).toMatchObject({ kind: 'saved' });
  await stand.database.sql('update public.integrations set next_refresh_at = now() where next_refresh_at is not null');
  for (const one of dead) await refresh(one);
  expect(new Set(await statuses(dead))).toEqual(new Set(['reauth_required']));

  const others = those.slice(MASS, MASS * 2);
  for (const { account } of others) await stand.sandbox.admin.revoke(PROVIDER, account);
  for (const one of others) await refresh(one);
  expect((await breakers.all()).open).toMatchObject([{ reason: 'mass_verdict' }]);
  await letProbesCome();
  expect(await refresh(last)).toMatchObject({ kind: 'saved' });
  expect(new Set(await statuses(dead))).toEqual(new Set(['reauth_required']));
  expect(new Set(await statuses(others))).toEqual(new Set(['refresh_failing']));
  for (const { account } of dead) expect(await stand.sandbox.refreshes(account)).toHaveLength(2);
}, 120_000);

it('many orgs on two shops that remove the app are believed at once', async () => {
  const accounts = [stand.newAccount(PROVIDER), stand.newAccount(PROVIDER)];
  const those: Connected[] = [];
  for (let made = 0; made < MASS + 2; made += 1) {
    const account = accounts[made % 2]!;
    const grant = await stand.sandbox.grant(PROVIDER, account);
    those.push(await stand.due(PROVIDER, { grant: { ...grant, account }, inputs: { shop: account } }));
  }
  for (const account of accounts) await stand.sandbox.admin.revoke(PROVIDER, account);
  for (const one of those) await refresh(one);
  expect(new Set(await statuses(those))).toEqual(new Set(['reauth_required']));
  expect((await breakers.all()).open).toEqual([]);
}, 60_000);

it('the right to probe goes back where nobody was asked', async () => {
  const [sick, busy] = [await fleet(5), await stand.due(PROVIDER)];
  await stand.sandbox.admin.fault(PROVIDER, { on: 'refresh', kind: 'status', status: 503 });
  for (const one of sick) await refresh(one);
  expect((await breakers.all()).open).toMatchObject([{ reason: 'outage' }]);
  await stand.database.sql("update public.integrations set lease_until = now() + interval '1 minute' where id = $1", [
    busy.stored.id,
  ]);
  await letProbesCome();
  expect(await refresh(busy)).toEqual({ kind: 'busy' });
  expect((await breakers.all()).open).toMatchObject([{ probes: 0 }]);
  expect((await breakers.all()).open[0]?.probeInMs).toBeLessThanOrEqual(0);
});

it('what waits in the inbox is stored behind an open breaker: no question, no probe, no word to the breaker', async () => {
  const [sick, forgotten, other] = [await fleet(5), await stand.due(PROVIDER), await stand.due(PROVIDER)];
  await stand.sandbox.admin.fault(PROVIDER, { on: 'refresh', kind: 'status', status: 503 });
  for (const one of sick) await refresh(one);
  await stand.database.sql("update public.provider_breakers set probe_at = now() + interval '1 hour'");
  await sleep(VIEW_MS);
  const breakerRow = () => stand.database.sql('select * from public.provider_breakers');
  const [before, untouched] = [await breakerRow(), await other.stored.row()];
  expect(before).toMatchObject([{ reason: 'outage', closed_at: null, probes: 0 }]);

  const fresh = await putBack(forgotten);
  expect(await refresh(other)).toEqual({ kind: 'put_off' });
  expect(await refresh(forgotten)).toMatchObject({ kind: 'saved' });
  expect((await forgotten.stored.tokens()).accessToken).toBe(fresh);
  expect(await forgotten.stored.row()).toMatchObject({ status: 'connected', phase: 'idle' });
  expect(await other.stored.row()).toEqual(untouched);
  expect(await breakerRow()).toEqual(before);
  for (const { account } of [forgotten, other]) expect(await stand.sandbox.refreshes(account)).toEqual([]);
}, 60_000);

it('all that a restore has left in the inbox comes back by a running worker while the breaker stands open', async () => {
  const [others, forgotten] = [await fleet(20), await fleet(40)];
  for (const one of forgotten) await putBack(one);
  // those that fell due first hide nobody
  await stand.database.sql(
    "update public.integrations set next_refresh_at = now() - interval '1 minute' where id = any ($1)",
    [others.map(({ stored }) => stored.id)],
  );
  const { clientId } = stand.settings.workerConfig().providers[PROVIDER]!.credentials!;
  await breakers.open({ provider: PROVIDER, clientId }, 'mass_verdict');
  await stand.database.sql("update public.provider_breakers set probe_at = now() + interval '1 hour'");
  await worker.start();
  const epochs = async (those: readonly Connected[]) =>
    Promise.all(those.map(async ({ stored }) => (await stored.row()).settled_epoch));
  await eventually('their grants', async () => (await epochs(forgotten)).every((epoch) => epoch > 0), {
    withinMs: 60_000,
  });
  expect(new Set(await epochs(others))).toEqual(new Set([0]));
  for (const { account } of [...others, ...forgotten]) expect(await stand.sandbox.refreshes(account)).toEqual([]);
}, 90_000);

describe('what fails for one alone opens no breaker for all', () => {
  const down = { on: 'refresh', kind: 'status', status: 503 } as const;
  const isOpen = async () => (await breakers.all()).open.length > 0;
  const again = async (one: Connected) => {
    await stand.makeDue(one);
    await refresh(one);
  };

  it.each(['shopify', 'google_drive'])('an integration of %s that is tried in a loop', async (provider) => {
    const [broken, well] = [await stand.due(provider), await stand.due(provider)];
    await stand.sandbox.admin.fault(provider, { ...down, account: broken.account });
    for (let attempt = 1; attempt <= 8; attempt += 1) await again(broken);
    expect(await broken.stored.row()).toMatchObject({ status: 'refresh_failing', failed_refreshes: 8 });
    expect(await isOpen()).toBe(false);
    expect(await refresh(well)).toMatchObject({ kind: 'saved' });
    expect(await statusOf(well)).toBe('connected');
  });

  it('three integrations that fail five times in a row open it', async () => {
    const those = [await stand.due('google_drive'), await stand.due('google_drive'), await stand.due('google_drive')];
    await stand.sandbox.admin.fault('google_drive', down);
    const [first, second, third] = those as [Connected, Connected, Connected];
    for (const one of [first, first, second, second]) await again(one);
    expect(await isOpen()).toBe(false);
    await again(third);
    expect((await breakers.all()).open).toMatchObject([{ provider: 'google_drive', reason: 'outage' }]);
  });

  it('many orgs on two dead shops do not, a third shop does', async () => {
    await stand.sandbox.admin.fault(PROVIDER, down);
    const [one, other] = [stand.newAccount(PROVIDER), stand.newAccount(PROVIDER)];
    for (const shop of [one, one, one, other, other, one])
      await refresh(await stand.due(PROVIDER, { inputs: { shop } }));
    expect(await isOpen()).toBe(false);
    await refresh(await stand.due(PROVIDER));
    expect((await breakers.all()).open).toMatchObject([{ provider: PROVIDER, reason: 'outage' }]);
  });
});

it('a verdict that is lifted brings the metadata sync back too', async () => {
  const those = await fleet(MASS + 1);
  await stand.database.sql("update public.integrations set next_sync_at = now() + interval '1 hour'");
  await stand.sandbox.admin.set(PROVIDER, { refuseRefreshes: true });
  for (const one of those.slice(0, MASS)) await refresh(one);
  await stand.database.sql("update public.integrations set next_sync_at = null where status = 'reauth_required'");
  await stand.sandbox.admin.set(PROVIDER, { refuseRefreshes: false });
  await letProbesCome();
  await refresh(those.at(-1)!);
  const rows = await stand.database.sql<{ count: number }>(
    'select count(*) from public.integrations where next_sync_at is null',
  );
  expect(rows).toEqual([{ count: 0 }]);
}, 60_000);

/** Puts a newer grant beside a row, as a journal does with what the database has forgotten. @returns its access token */
async function putBack({ stored, account }: Connected): Promise<string> {
  const { orgId, id, provider } = stored;
  const { accessToken, refreshToken } = await stand.sandbox.grant(provider, account);
  const tokens = { accessToken, refreshToken: refreshToken!, expiresInSeconds: 3600, refreshExpiresInSeconds: null };
  const grant = await stand.settings.vault.withSealer(orgId, (sealer) =>
    sealGrant(sealer, { orgId, provider, id }, { ...tokens, scopes: ['read_products'] }, new Date()),
  );
  const leases = new RefreshLeaseRepository(await stand.database.as('refreshWorker'));
  const integration = { provider, account: null, inputs: {} };
  expect(
    await leases.recall({ orgId, integrationId: id, grant, integration }, { type: 'worker', id: 'test' }),
  ).toBeDefined();
  return accessToken;
}
