import { randomBytes, randomUUID } from 'node:crypto';
import { DeliveryRepository, DeliverySettingsRepository, type SettingsOwner } from '@hub/database';
import type { Actor, DeliveredEvent } from '@hub/domain';
import { deliveryDataCell, deliverySecretCell, PlainToken } from '@hub/token-vault';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../../support/eventually';
import type { SandboxDelivery } from '../../support/sandbox-admin';
import type { Stored } from '../../support/stored-integration';
import { WorkerStand } from './worker-stand';

const USER: Actor = { type: 'user', id: 'ada' };

/** What a receiver is sent. */
export interface SentEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly data: Record<string, unknown>;
}

/** The row of a delivery, as far as tests read it. */
export interface DeliveryRow {
  readonly id: string;
  readonly event_id: string;
  readonly seq: number;
  readonly type: string;
  readonly state: 'pending' | 'delivered' | 'dead' | 'cancelled';
  readonly data: string | null;
  readonly next_attempt_at: Date | null;
  readonly lease_until: Date | null;
  readonly epoch: number;
  readonly failed_attempts: number;
  readonly failure_code: string | null;
  readonly last_status: number | null;
  readonly in_ms: number | null;
}

/** Deliveries on top of what every test of the workers stands on. */
export class DeliveryStand {
  private lastUser = 0;

  private constructor(
    readonly base: WorkerStand,
    private readonly deliveries: DeliveryRepository,
    private readonly settings: DeliverySettingsRepository,
  ) {}

  static async set(changed: Record<string, string> = {}): Promise<DeliveryStand> {
    const base = await WorkerStand.set(changed);
    const gateway = await base.database.as('gateway');
    // its own limit would answer in the hub's place where a test is about something else
    await base.sandbox.admin.set('zapier', { apiLimit: null });
    return new DeliveryStand(base, new DeliveryRepository(gateway), new DeliverySettingsRepository(gateway));
  }

  clear(): Promise<void> {
    return this.base.clear();
  }

  /** An integration whose webhook lies at the sandbox. @param kind a standard hook can be gone, a catch hook never is */
  async hook({ kind = 'catch', user = String(++this.lastUser) } = {}): Promise<Hook> {
    const name = randomBytes(8).toString('hex');
    const url = `https://hooks.zapier.com/hooks/${kind}/${user}/${name}/`;
    const { stored } = await this.base.webhook({ grant: { accessToken: url, refreshToken: null }, dueInSeconds: 3600 });
    return new Hook(this.base, this.deliveries, this.settings, stored, `${user}/${name}`, url);
  }
}

/** One org's webhook: what is posted for it, what it was sent, and how the rows stand. */
export class Hook {
  constructor(
    private readonly stand: WorkerStand,
    private readonly deliveries: DeliveryRepository,
    private readonly settings: DeliverySettingsRepository,
    readonly stored: Stored,
    /** By which the sandbox knows it. */
    readonly account: string,
    readonly url: string,
  ) {}

  /** Takes in an event as the gateway does, without ringing. @returns the id by which the receiver will know it */
  async post(data: Record<string, unknown> = { order: 1 }, type = 'order.paid'): Promise<string> {
    const [id, eventId] = [randomUUID(), randomUUID()];
    const { orgId, provider } = this.stored;
    const sealed = await this.stand.settings.vault.seal(
      deliveryDataCell({ orgId, provider, id }),
      new PlainToken(JSON.stringify(data)),
    );
    const taken = await this.deliveries.accept(await this.owner(), {
      id,
      eventId,
      type,
      data: sealed,
      source: 'posted',
    });
    if (taken.kind !== 'accepted') throw new Error(`the event was not taken: ${taken.kind}`);
    return eventId;
  }

  /** Has events of the hub's own delivered. */
  async wants(...events: DeliveredEvent[]): Promise<void> {
    await this.settings.setEvents(await this.owner(), events, USER);
  }

  /** The secret as its org reads it. */
  async secret({ rotate = false } = {}): Promise<string> {
    const read = await this.settings.readSecret(await this.owner(), { rotate }, USER);
    if (!read) throw new Error('there is no such integration');
    return (await this.stand.settings.vault.open(deliverySecretCell(this.cell), read.secret)).reveal();
  }

  /** What came, in its order; the first is what the receiver got first. */
  received(): Promise<SandboxDelivery[]> {
    return this.stand.sandbox.admin.deliveries(this.account);
  }

  /** What came, read and verified as a receiver would. @throws WebhookVerificationError */
  async verified(secret?: string): Promise<SentEvent[]> {
    const webhook = new Webhook(secret ?? (await this.secret()));
    return (await this.received()).map(({ body, headers }) => webhook.verify(body, { ...headers }) as SentEvent);
  }

  rows(): Promise<DeliveryRow[]> {
    return this.stand.database.sql<DeliveryRow>(
      `select id, event_id, seq::int as seq, type, state, data, next_attempt_at, lease_until, epoch::int as epoch, failed_attempts,
         failure_code, last_status, extract(epoch from next_attempt_at - clock_timestamp())::float8 * 1000 as in_ms
       from public.deliveries where integration_id = $1 order by deliveries.seq`,
      [this.stored.id],
    );
  }

  async row(eventId: string): Promise<DeliveryRow> {
    const row = (await this.rows()).find((one) => one.event_id === eventId);
    if (!row) throw new Error('there is no such delivery');
    return row;
  }

  /** Comes back once so many of its deliveries are in a state. */
  async until(state: DeliveryRow['state'], count = 1, withinMs = 30_000): Promise<DeliveryRow[]> {
    return eventually(
      `${count} deliveries in the state ${state}`,
      async () => {
        const rows = (await this.rows()).filter((row) => row.state === state);
        return rows.length >= count && rows;
      },
      { withinMs },
    );
  }

  /** A job that rings for a delivery. */
  async work(eventId: string): Promise<{ id: string; orgId: string; provider: string; epoch: number }> {
    const { id, epoch } = await this.row(eventId);
    return { id, orgId: this.stored.orgId, provider: this.stored.provider, epoch };
  }

  /** The next rung of the ladder has come, and the circuit's pause is over. */
  async makeDue(): Promise<void> {
    await this.stand.database.sql(
      "update public.deliveries set next_attempt_at = now() where integration_id = $1 and state = 'pending' and next_attempt_at is not null",
      [this.stored.id],
    );
    await this.endPause();
  }

  /** The circuit's pause is over. */
  async endPause(): Promise<void> {
    await this.stand.database.sql(
      'update public.delivery_settings set open_until = now() where id = $1 and open_until is not null',
      [this.stored.id],
    );
  }

  async circuit(): Promise<{ failures: number; open_in_ms: number | null }> {
    const [row] = await this.stand.database.sql<{ failures: number; open_in_ms: number | null }>(
      `select failures, extract(epoch from open_until - clock_timestamp())::float8 * 1000 as open_in_ms
       from public.delivery_settings where id = $1`,
      [this.stored.id],
    );
    if (!row) throw new Error('there are no settings');
    return row;
  }

  /** A mishap at its receiver. @returns ends it */
  fault(fault: { kind: string; [field: string]: unknown }): Promise<() => Promise<void>> {
    return this.stand.sandbox.admin.fault('zapier', { on: 'api', account: this.account, ...fault });
  }

  private get cell() {
    const { orgId, provider, id } = this.stored;
    return { orgId, provider, integrationId: id };
  }

  private async owner(): Promise<SettingsOwner> {
    const secret = new PlainToken(`whsec_${randomBytes(32).toString('base64')}`);
    return { ...this.cell, secret: await this.stand.settings.vault.seal(deliverySecretCell(this.cell), secret) };
  }
}
