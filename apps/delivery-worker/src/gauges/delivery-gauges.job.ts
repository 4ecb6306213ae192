import { DeliveryFiguresRepository, type DeliveryFigures } from '@hub/database';
import { HubLogger } from '@hub/telemetry';
import { FigureGauges } from '@hub/worker';
import { Injectable } from '@nestjs/common';

/**
 * Tells gauges what PostgreSQL knows of all deliveries. While the database is away they have no value: an old one would
 * hide that.
 */
@Injectable()
export class DeliveryGaugesJob {
  private readonly gauges: FigureGauges<DeliveryFigures>;

  constructor(deliveries: DeliveryFiguresRepository, logger: HubLogger) {
    this.gauges = new FigureGauges(
      () => deliveries.read(),
      (error) => logger.failure('hub.figures.unread', error),
    );
  }

  start(): void {
    this.gauges.observe('deadLetters', ({ dead }) => [
      { value: dead, attributes: { 'hub.kind': 'delivery' as const } },
    ]);
    this.gauges.observe('queueOldestJobAge', ({ oldestDueSeconds }) => [
      { value: oldestDueSeconds, attributes: { 'messaging.destination.name': 'delivery' as const } },
    ]);
    this.gauges.observe('deliveriesWaiting', ({ waiting }) =>
      (['due', 'circuit', 'new_url'] as const).map((reason) => ({
        value: waiting[reason],
        attributes: { 'hub.reason': reason },
      })),
    );
    this.gauges.observe('deliveryOutboxesFull', ({ fullOutboxes }) => [{ value: fullOutboxes, attributes: {} }]);
    this.gauges.observe('deliveryHolds', ({ holds }) => [{ value: holds, attributes: {} }]);
    this.gauges.observe('deliveryCircuitsOpen', ({ openCircuits }) => [{ value: openCircuits, attributes: {} }]);
  }

  /** The gauges have no value any more. */
  stop(): void {
    this.gauges.stop();
  }
}
