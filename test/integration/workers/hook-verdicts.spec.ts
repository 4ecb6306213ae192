import { deliveryWorker, type DeliveryWorkerInTest } from '../../support/running-worker';
import { DeliveryStand, type Hook } from './delivery-stand';

const MASS = 20;

/** So many hooks at one provider that are gone at once; single deliveries, done by a worker that takes nothing up by itself. */
let stand: DeliveryStand;
let worker: DeliveryWorkerInTest;

beforeEach(async () => {
  stand = await DeliveryStand.set();
  worker = await deliveryWorker(stand.base.settings.deliveryConfig());
});
afterEach(async () => {
  await worker.stop();
  await stand.clear();
});

const deliver = async (hook: Hook, eventId: string) => worker.deliveries.deliver(await hook.work(eventId));
const says = (hook: Hook, hookState: 'on' | 'gone') =>
  stand.base.sandbox.admin.set('zapier', { hookState }, hook.account);

async function goneHooks(count: number): Promise<Hook[]> {
  const hooks: Hook[] = [];
  for (let made = 0; made < count; made += 1) {
    const hook = await stand.hook({ kind: 'standard' });
    await says(hook, 'gone');
    hooks.push(hook);
  }
  return hooks;
}

/** @returns the event that was refused */
async function refused(hook: Hook): Promise<string> {
  const id = await hook.post();
  await deliver(hook, id);
  return id;
}

const statusOf = async (hook: Hook): Promise<unknown> => (await hook.stored.row())['status'];

it('hooks that are gone by many are held from the twentieth on, and those before are tried once more when one is back', async () => {
  const hooks = await goneHooks(MASS + 2);
  const [back, judged, dead] = [hooks[MASS - 1]!, hooks[0]!, hooks[1]!];
  const ids = new Map<Hook, string>();
  for (const hook of hooks) ids.set(hook, await refused(hook));
  for (const hook of hooks.slice(0, MASS - 1)) expect(await statusOf(hook)).toBe('reauth_required');
  for (const hook of hooks.slice(MASS - 1)) {
    expect(await statusOf(hook)).toBe('connected');
    expect(await hook.row(ids.get(hook)!)).toMatchObject({
      state: 'pending',
      failed_attempts: 1,
      failure_code: 'provider_unavailable',
      last_status: 410,
    });
    expect(await hook.stored.events()).toEqual(['delivery.failed']);
  }
  const waiting = await judged.post({ n: 'waits' });

  await says(back, 'on');
  await says(judged, 'on');
  await back.makeDue();
  await deliver(back, ids.get(back)!);
  expect(await back.row(ids.get(back)!)).toMatchObject({ state: 'delivered' });
  for (const hook of hooks.slice(0, MASS - 1)) expect(await statusOf(hook)).toBe('connected');
  expect((await judged.stored.events()).slice(-2)).toEqual(['integration.reopened', 'dead_letter.replayed']);

  // whoever is back gets all of it; whoever is still gone is believed now, those that were held as well
  await deliver(judged, ids.get(judged)!);
  for (const id of [ids.get(judged)!, waiting]) expect(await judged.row(id)).toMatchObject({ state: 'delivered' });
  await deliver(dead, ids.get(dead)!);
  expect(await statusOf(dead)).toBe('reauth_required');
  const held = hooks[MASS]!;
  await held.makeDue();
  await deliver(held, ids.get(held)!);
  expect(await statusOf(held)).toBe('reauth_required');
  expect((await held.row(ids.get(held)!)).state).toBe('dead');
}, 60_000);

it('are held as well where one of them was held by an earlier hold than the last', async () => {
  const hooks = await goneHooks(MASS);
  const marked = hooks[MASS - 1]!;
  await stand.base.database.sql(
    "insert into public.hook_holds (provider, opened_at, closed_at) values ('zapier', now() - interval '1 hour', now() - interval '30 min')",
  );
  for (const hook of hooks.slice(0, MASS - 1)) await refused(hook);
  const id = await marked.post();
  await stand.base.database.sql(
    "update public.delivery_settings set gone_held_at = now() - interval '2 hours' where id = $1",
    [marked.stored.id],
  );
  await deliver(marked, id);
  expect(await statusOf(marked)).toBe('connected');
  expect(await marked.row(id)).toMatchObject({ state: 'pending', failure_code: 'provider_unavailable' });
}, 60_000);

it('are believed where as many hooks take what they are sent', async () => {
  for (let n = 0; n < MASS + 2; n += 1) {
    const well = await stand.hook();
    await deliver(well, await well.post());
  }
  for (const hook of await goneHooks(MASS)) {
    await refused(hook);
    expect(await statusOf(hook)).toBe('reauth_required');
  }
}, 60_000);

it('are held for two hours at most, though none of them comes back', async () => {
  const hooks = await goneHooks(MASS);
  for (const hook of hooks) await refused(hook);
  const held = hooks.at(-1)!;
  const [row] = await held.rows();
  expect(await statusOf(held)).toBe('connected');
  await stand.base.database.sql("update public.hook_holds set opened_at = opened_at - interval '2 hours'");
  const another = await deliveryWorker(stand.base.settings.deliveryConfig());
  try {
    await another.verdicts.tend();
    expect(await statusOf(hooks[0]!)).toBe('connected');
    await held.makeDue();
    await another.deliveries.deliver(await held.work(row!.event_id));
    expect(await statusOf(held)).toBe('reauth_required');
    await another.deliveries.deliver(await hooks[0]!.work((await hooks[0]!.rows())[0]!.event_id));
    expect(await statusOf(hooks[0]!)).toBe('reauth_required');
  } finally {
    await another.stop();
  }
}, 60_000);
