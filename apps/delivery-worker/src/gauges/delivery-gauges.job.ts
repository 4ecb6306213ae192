import { DeliveryFiguresRepository, type DeliveryFigures } from '@hub/database';
import { HubLogger, observe, type GaugeName, type GaugeReading } from '@hub/telemetry';
import { RecentFigures } from '@hub/worker';
import { Injectable } from '@nestjs/common';

/**
 * Tells gauges what PostgreSQL knows of all deliveries. While the database is away they have no value: an old one would
 * hide that.
 */
@Injectable()
export class DeliveryGaugesJob {
  private readonly figures: RecentFigures<DeliveryFigures>;
  private readonly ends: (() => void)[] = [];

  constructor(deliveries: DeliveryFiguresRepository, logger: HubLogger) {
    this.figures = new RecentFigures(
      () => deliveries.read(),
      (error) => logger.failure('hub.figures.unread', error),
    );
  }

  start(): void {
    this.observe('deadLetters', ({ dead }) => [{ value: dead, attributes: { 'hub.kind': 'delivery' as const } }]);
    this.observe('queueOldestJobAge', ({ oldestDueSeconds }) => [
      { value: oldestDueSeconds, attributes: { 'messaging.destination.name': 'delivery' as const } },
    ]);
    this.observe('deliveriesWaiting', ({ waiting }) =>
      (['due', 'circuit', 'new_url'] as const).map((reason) => ({
        value: waiting[reason],
        attributes: { 'hub.reason': reason },
      })),
    );
    this.observe('deliveryCircuitsOpen', ({ openCircuits }) => [{ value: openCircuits, attributes: {} }]);
  }

  /** The gauges have no value any more. */
  stop(): void {
    for (const end of this.ends.splice(0)) end();
  }

  private observe<Name extends GaugeName>(name: Name, read: (figures: DeliveryFigures) => GaugeReading<Name>[]): void {
    this.ends.push(
      observe(name, async () => {
        const figures = await this.figures.now();
        return figures ? read(figures) : [];
      }),
    );
  }
}
