import { randomUUID } from 'node:crypto';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { DeliveryFiguresRepository } from './delivery-figures.repository';
import type { AppLogin } from './provision';

describe('the figures of deliveries', () => {
  let database: OwnDatabase;
  let figures: DeliveryFiguresRepository;
  beforeAll(async () => {
    database = await cloneDatabase();
    figures = new DeliveryFiguresRepository(await database.as('deliveryWorker'));
  });
  afterAll(() => database.drop());

  /** A receiver of its own org. @param openIn when its circuit lets a trial through; absent: it is closed */
  async function receiver(openIn?: string): Promise<{ org: string; id: string }> {
    const [org, id] = [randomUUID(), randomUUID()];
    await database.sql(
      `insert into public.delivery_settings (id, org_id, provider, secret, failures, open_until)
       values ($1, $2, 'zapier', 'hub1.k.s', 5, now() + $3::interval)`,
      [id, org, openIn ?? null],
    );
    return { org, id };
  }

  async function delivery(
    to: { org: string; id: string },
    row: { state?: string; dueIn?: string | null; leasedFor?: string } = {},
  ): Promise<void> {
    const { state = 'pending', dueIn = '0 s', leasedFor = null } = row;
    await database.sql(
      `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, state, next_attempt_at, lease_until)
       values ($1, $2, 'zapier', gen_random_uuid(), 1, 'x', now(), 'posted', $3, now() + $4::interval, now() + $5::interval)`,
      [to.org, to.id, state, dueIn, leasedFor],
    );
  }

  it('are nothing where there is nothing', async () => {
    expect(await figures.read()).toEqual({
      dead: 0,
      oldestDueSeconds: 0,
      waiting: { due: 0, circuit: 0, new_url: 0 },
      openCircuits: 0,
      fullOutboxes: 0,
      holds: 0,
    });
  });

  it('tell of all orgs together what is dead, what waits for what, and for how long the oldest has been due', async () => {
    const [well, open, trial] = [await receiver(), await receiver('5 minutes'), await receiver('-1 minutes')];
    await delivery(well, { dueIn: '-40 s' });
    await delivery(well, { dueIn: '-900 s', leasedFor: '10 s' });
    await delivery(well, { dueIn: '8 minutes' });
    await delivery(well, { dueIn: null });
    await delivery(well, { state: 'dead', dueIn: null });
    await delivery(well, { state: 'delivered', dueIn: null });
    await delivery(open, { dueIn: '-3600 s' });
    await delivery(open, { dueIn: '-3600 s' });
    await delivery(trial, { dueIn: '-30 s' });
    const seen = await figures.read();
    expect(seen).toMatchObject({ dead: 1, waiting: { due: 4, circuit: 2, new_url: 1 }, openCircuits: 2 });
    expect(seen.oldestDueSeconds).toBeGreaterThanOrEqual(40);
    expect(seen.oldestDueSeconds).toBeLessThan(900);
  });

  it('count one whose worker has died from the end of its lease', async () => {
    const to = await receiver();
    await delivery(to, { dueIn: '-7200 s', leasedFor: '-600 s' });
    const { oldestDueSeconds } = await figures.read();
    expect(oldestDueSeconds).toBeGreaterThanOrEqual(600);
    expect(oldestDueSeconds).toBeLessThan(7_200);
  });

  it('tell for how many the hub’s own events wait, and how many providers are not believed', async () => {
    const [waits, wantsNone] = [await receiver(), await receiver()];
    await receiver();
    await database.sql('update public.delivery_settings set outbox_full_since = now() where id = any($1)', [
      [waits.id, wantsNone.id],
    ]);
    await database.sql("update public.delivery_settings set events = '{sync.completed}' where id = $1", [waits.id]);
    await database.sql("insert into public.hook_holds (provider) values ('zapier')");
    expect(await figures.read()).toMatchObject({ fullOutboxes: 1, holds: 1 });
  });

  it.each(['gateway', 'syncWorker'] as const satisfies readonly AppLogin[])('are not for the %s', async (login) => {
    const others = new DeliveryFiguresRepository(await database.as(login));
    await expect(others.read()).rejects.toMatchObject({ code: '42501' });
  });
});
