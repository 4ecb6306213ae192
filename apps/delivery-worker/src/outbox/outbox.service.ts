import { randomUUID } from 'node:crypto';
import {
  DeliveryRepository,
  DeliverySettingsRepository,
  OrgForgotten,
  type AcceptedFromTrail,
  type DeliveryOutbox,
  type NewDelivery,
  type TrailEvent,
} from '@hub/database';
import type { IntegrationId } from '@hub/domain';
import { JobProducer } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { deliveryDataCell, KeyUnavailable, PlainToken, TokenVault } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import { hubEventData, isWanted } from './hub-event';

/** Orgs that are looked up together, and how many of them are read at the same time. */
const ORGS = 100;
const AT_ONCE = 4;
/** Events of one trail that are read together, and taken in by one transaction. */
const EVENTS = 500;
/** A trail whose events wait for room is looked at again after so long. */
const FULL_FOR_MS = 10_000;
/** The same trouble is told again after so long. */
const TOLD_FOR_MS = 60_000;

/**
 * Reads the trails of orgs that want events of it, and takes in what is to be delivered. Cursor and deliveries are written
 * together, and each event has its own id at the receiver: whoever dies on the way leaves nothing out and doubles nothing.
 * Where there is no room for more, the cursor stays: the trail has kept them when there is.
 */
@Injectable()
export class OutboxService {
  private isInterrupted = false;
  /** Integrations whose events wait for room, and when they were looked at, in monotonic milliseconds. */
  private readonly fullMs = new Map<IntegrationId, number>();
  /** Troubles, and when they were told, in monotonic milliseconds. */
  private readonly toldMs = new Map<string, number>();

  constructor(
    private readonly settings: DeliverySettingsRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly vault: TokenVault,
    private readonly jobs: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  /** Takes in what all trails have come to since the last time. */
  async takeIn(): Promise<void> {
    let after: IntegrationId | null = null;
    do {
      const page: DeliveryOutbox[] = await this.settings.outboxes(after, ORGS);
      after = page.length === ORGS ? page.at(-1)!.integrationId : null;
      const left = page.filter(({ integrationId }) => !this.isFull(integrationId));
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let outbox = left.shift(); outbox && !this.isInterrupted; outbox = left.shift())
            await this.takeInOrTell(outbox);
        }),
      );
    } while (after !== null && !this.isInterrupted);
  }

  /** Ends after the events that are being taken in. */
  interrupt(): void {
    this.isInterrupted = true;
  }

  /** One org's trouble is no other's. */
  private async takeInOrTell(outbox: DeliveryOutbox): Promise<void> {
    const ids = { provider: outbox.provider, org: outbox.orgId, integration: outbox.integrationId };
    try {
      await this.takeInOf(outbox);
    } catch (error) {
      if (error instanceof OrgForgotten) return;
      // a key provider that is away meets every org at each look: one record stands for all of them
      if (error instanceof KeyUnavailable) {
        if (this.isToTell('keys')) this.logger.warning('hub.keys.unavailable', { ...ids, ...error.facts });
      } else if (this.isToTell(outbox.integrationId)) this.logger.failure('hub.outbox.unread', error, ids);
    }
  }

  /** Whether a trouble is news, or was told so long ago that it is told again. */
  private isToTell(trouble: string): boolean {
    const nowMs = performance.now();
    for (const [told, atMs] of this.toldMs) if (nowMs - atMs >= TOLD_FOR_MS) this.toldMs.delete(told);
    if (this.toldMs.has(trouble)) return false;
    this.toldMs.set(trouble, nowMs);
    return true;
  }

  private isFull(id: IntegrationId): boolean {
    const atMs = this.fullMs.get(id);
    if (atMs === undefined) return false;
    if (performance.now() - atMs < FULL_FOR_MS) return true;
    this.fullMs.delete(id);
    return false;
  }

  private async takeInOf(outbox: DeliveryOutbox): Promise<void> {
    const { orgId, integrationId, headSeq } = outbox;
    const { events: wanted } = await this.settings.read(orgId, integrationId);
    for (let from = outbox.outboxSeq; from < headSeq && !this.isInterrupted;) {
      const read = await this.settings.trail(orgId, { after: from, limit: EVENTS });
      const events = await this.sealed(
        outbox,
        read.filter((event) => isWanted(event, wanted, integrationId)),
      );
      const to = read.at(-1)?.seq ?? headSeq;
      const accepted = await this.deliveries.acceptFromTrail(outbox, { from, to, wanted, events });
      // another worker is at it, or other events are wanted by now: the next look reads them anew
      if (accepted.kind === 'passed_over') return;
      if (accepted.kind === 'full') return this.waitForRoom(outbox, accepted);
      await this.ring(outbox, accepted.taken);
      from = to;
    }
  }

  private waitForRoom(
    { provider, orgId, integrationId }: DeliveryOutbox,
    { of, isNew }: Extract<AcceptedFromTrail, { kind: 'full' }>,
  ): void {
    this.fullMs.set(integrationId, performance.now());
    if (isNew) this.logger.warning('hub.outbox.full', { provider, org: orgId, integration: integrationId, of });
  }

  private async sealed({ orgId, provider }: DeliveryOutbox, events: readonly TrailEvent[]): Promise<NewDelivery[]> {
    if (events.length === 0) return [];
    return this.vault.withSealer(orgId, (sealer) =>
      events.map((event) => {
        const id = randomUUID();
        const data = new PlainToken(JSON.stringify(hubEventData(event)));
        return {
          id,
          eventId: event.id,
          type: event.name,
          data: sealer.seal(deliveryDataCell({ orgId, provider, id }), data),
          source: 'hub' as const,
          at: event.at,
        };
      }),
    );
  }

  /** A ring that is lost is made up for by the watch. */
  private async ring({ orgId, provider }: DeliveryOutbox, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.jobs.ringAll(
      'delivery',
      provider,
      ids.map((id) => ({ id, orgId, provider, epoch: 0 })),
    );
  }
}
