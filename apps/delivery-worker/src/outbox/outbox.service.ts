import { randomUUID } from 'node:crypto';
import {
  DeliveryRepository,
  DeliverySettingsRepository,
  OrgForgotten,
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

/**
 * Reads the trails of orgs that want events of it, and takes in what is to be delivered. Cursor and deliveries are written
 * together, and each event has its own id at the receiver: whoever dies on the way leaves nothing out and doubles nothing.
 */
@Injectable()
export class OutboxService {
  private isInterrupted = false;

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
      const left = [...page];
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
      if (error instanceof KeyUnavailable) this.logger.warning('hub.keys.unavailable', { ...ids, ...error.facts });
      else this.logger.failure('hub.outbox.unread', error, ids);
    }
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
      if (!accepted) return; // another worker is at it, or other events are wanted by now: the next look reads them anew
      await this.ring(outbox, accepted.taken);
      from = to;
    }
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
