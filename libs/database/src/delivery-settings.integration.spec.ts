import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId, Sealed } from '@hub/domain';
import { aConnect, ADA } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { AuditRepository } from './audit.repository';
import { DeliverySettingsRepository, type SettingsOwner } from './delivery-settings.repository';
import { DeliveryRepository } from './delivery.repository';
import { IntegrationRepository } from './integration.repository';

const DAY = 24 * 3_600_000;

describe('what an integration wants delivered', () => {
  let database: OwnDatabase;
  let byGateway: DeliverySettingsRepository;
  let byWorker: DeliverySettingsRepository;
  let deliveries: DeliveryRepository;
  let trail: AuditRepository;
  let integrations: IntegrationRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    const [gateway, worker] = [await database.as('gateway'), await database.as('deliveryWorker')];
    byGateway = new DeliverySettingsRepository(gateway);
    byWorker = new DeliverySettingsRepository(worker);
    deliveries = new DeliveryRepository(worker);
    trail = new AuditRepository(gateway);
    integrations = new IntegrationRepository(gateway);
  });
  afterAll(() => database.drop());

  async function connected(): Promise<SettingsOwner> {
    const owner = {
      orgId: randomUUID() as OrgId,
      integrationId: randomUUID() as IntegrationId,
      provider: 'zapier' as ProviderId,
      secret: 'hub1.key.first' as Sealed,
    };
    await integrations.storeConnect(
      { orgId: owner.orgId, provider: owner.provider, id: owner.integrationId, change: aConnect(), actor: ADA },
      () => Promise.resolve(true),
    );
    return owner;
  }
  const happens = ({ orgId }: SettingsOwner, name: 'sync.completed' | 'sync.failed') =>
    trail.append(orgId, [{ name, provider: null, integrationId: null, actor: ADA }]);
  const outboxOf = async ({ integrationId }: SettingsOwner) =>
    (await byWorker.outboxes(null, 1000)).find((one) => one.integrationId === integrationId);
  const eventsOf = async ({ orgId }: SettingsOwner): Promise<{ name: string; detail: unknown }[]> =>
    database.sql(
      "select name, detail from public.audit_events where org_id = $1 and name like 'delivery.%' order by seq",
      [orgId],
    );

  it('is nothing at first', async () => {
    const owner = await connected();
    expect(await byGateway.read(owner.orgId, owner.integrationId)).toEqual({
      events: [],
      pausedUntil: null,
      eventsWaitSince: null,
    });
    await happens(owner, 'sync.completed');
    expect(await outboxOf(owner)).toBeUndefined();
  });

  it('is what it has said last, and the trail tells of each change once', async () => {
    const owner = await connected();
    const change = (events: Parameters<typeof byGateway.setEvents>[1]) => byGateway.setEvents(owner, events, ADA);
    expect(await change(['sync.completed'])).toEqual({
      events: ['sync.completed'],
      pausedUntil: null,
      eventsWaitSince: null,
    });
    await change(['sync.completed']);
    await change(['integration.connected', 'sync.completed']);
    await change([]);
    expect(await byGateway.read(owner.orgId, owner.integrationId)).toEqual({
      events: [],
      pausedUntil: null,
      eventsWaitSince: null,
    });
    expect(await eventsOf(owner)).toEqual([
      { name: 'delivery.settings_changed', detail: { before: [], events: ['sync.completed'] } },
      {
        name: 'delivery.settings_changed',
        detail: { before: ['sync.completed'], events: ['integration.connected', 'sync.completed'] },
      },
      {
        name: 'delivery.settings_changed',
        detail: { before: ['integration.connected', 'sync.completed'], events: [] },
      },
    ]);
  });

  it('begins with what happens after the wish, and goes on where it was at the next one', async () => {
    const owner = await connected();
    await happens(owner, 'sync.completed');
    await byGateway.setEvents(owner, ['sync.completed'], ADA);
    await happens(owner, 'sync.failed');
    await happens(owner, 'sync.completed');
    const outbox = await outboxOf(owner);
    if (!outbox) throw new Error('there is no outbox');
    expect(outbox.headSeq - outbox.outboxSeq).toBe(3); // the change itself is behind the cursor as well
    const behind = await byWorker.trail(owner.orgId, { after: outbox.outboxSeq, limit: 10 });
    expect(behind.map(({ name }) => name)).toEqual(['delivery.settings_changed', 'sync.failed', 'sync.completed']);
    expect(await byWorker.trail(owner.orgId, { after: outbox.outboxSeq, limit: 2 })).toEqual(behind.slice(0, 2));

    const wanted = ['sync.completed', 'integration.connected'] as const;
    await byGateway.setEvents(owner, wanted, ADA);
    expect((await outboxOf(owner))?.outboxSeq).toBe(outbox.outboxSeq);
    await deliveries.acceptFromTrail(owner, { from: outbox.outboxSeq, to: outbox.headSeq + 1, wanted, events: [] });
    expect(await outboxOf(owner)).toBeUndefined();
  });

  it('shows since when the events wait for room, until the org says anew what it wants', async () => {
    const owner = await connected();
    await byGateway.setEvents(owner, ['sync.completed'], ADA);
    await database.sql('update public.delivery_settings set outbox_full_since = now() where id = $1', [
      owner.integrationId,
    ]);
    expect((await byGateway.read(owner.orgId, owner.integrationId)).eventsWaitSince).toBeInstanceOf(Date);
    expect((await byGateway.setEvents(owner, [], ADA))?.eventsWaitSince).toBeNull();
  });

  it('is told of page by page', async () => {
    const owners = [await connected(), await connected(), await connected()];
    for (const owner of owners) await byGateway.setEvents(owner, ['sync.completed'], ADA);
    const seen: string[] = [];
    for (let after: IntegrationId | null = null; ;) {
      const [one] = await byWorker.outboxes(after, 1);
      if (!one) break;
      seen.push(one.integrationId);
      after = one.integrationId;
    }
    expect(seen).toEqual([...seen].sort());
    expect(seen).toEqual(expect.arrayContaining(owners.map(({ integrationId }) => integrationId)));
  });

  it('shows until when the circuit before its receiver stands open, and not that it did', async () => {
    const owner = await connected();
    await byGateway.setEvents(owner, [], ADA);
    await byGateway.readSecret(owner, { rotate: false }, ADA);
    const open = (interval: string) =>
      database.sql(`update public.delivery_settings set open_until = now() + interval '${interval}' where id = $1`, [
        owner.integrationId,
      ]);
    await open('1 minute');
    expect((await byGateway.read(owner.orgId, owner.integrationId)).pausedUntil).toBeInstanceOf(Date);
    await open('-1 minute');
    expect((await byGateway.read(owner.orgId, owner.integrationId)).pausedUntil).toBeNull();
  });

  it('is nobody’s without an integration, and no other org’s', async () => {
    const owner = await connected();
    const stranger = { ...owner, orgId: randomUUID() as OrgId };
    expect(await byGateway.setEvents(stranger, ['sync.completed'], ADA)).toBeUndefined();
    expect(await byGateway.readSecret(stranger, { rotate: true }, ADA)).toBeUndefined();
    await byGateway.setEvents(owner, ['sync.completed'], ADA);
    expect(await byGateway.read(stranger.orgId, owner.integrationId)).toEqual({
      events: [],
      pausedUntil: null,
      eventsWaitSince: null,
    });
    expect(await byWorker.trail(stranger.orgId, { after: 0, limit: 10 })).toEqual([]);
  });

  describe('the secret that signs it', () => {
    const read = (owner: SettingsOwner, secret: string, rotate = false) =>
      byGateway.readSecret({ ...owner, secret: secret as Sealed }, { rotate }, ADA);

    it('is made by its first reading, by whoever of several is first, and stays', async () => {
      const owner = await connected();
      const read5 = await Promise.all(Array.from({ length: 5 }, (_, place) => read(owner, `hub1.key.${place}`)));
      expect(new Set(read5.map((one) => one?.secret)).size).toBe(1);
      expect(await read(owner, 'hub1.key.late')).toEqual({ secret: read5[0]?.secret, previousUntil: null });
    });

    it('gives way to a new one, beside which it signs for a day', async () => {
      const owner = await connected();
      await read(owner, 'hub1.key.a');
      const rotated = await read(owner, 'hub1.key.b', true);
      expect(rotated?.secret).toBe('hub1.key.b');
      const left = (rotated?.previousUntil?.getTime() ?? 0) - Date.now();
      expect(left).toBeGreaterThan(DAY - 60_000);
      expect(left).toBeLessThanOrEqual(DAY);
      expect(await read(owner, 'hub1.key.c')).toEqual(rotated);
      await read(owner, 'hub1.key.d', true);
      expect(
        await database.sql('select secret, previous_secret from public.delivery_settings where id = $1', [
          owner.integrationId,
        ]),
      ).toEqual([{ secret: 'hub1.key.d', previous_secret: 'hub1.key.b' }]);
    });

    it('that nobody has had yet is not replaced', async () => {
      const owner = await connected();
      expect(await read(owner, 'hub1.key.a', true)).toEqual({ secret: 'hub1.key.a', previousUntil: null });
    });

    it('is read by nobody unseen', async () => {
      const owner = await connected();
      await read(owner, 'hub1.key.a');
      await read(owner, 'hub1.key.b', true);
      expect(await eventsOf(owner)).toEqual([
        { name: 'delivery.secret_read', detail: { rotated: false } },
        { name: 'delivery.secret_read', detail: { rotated: true } },
      ]);
    });
  });
});
