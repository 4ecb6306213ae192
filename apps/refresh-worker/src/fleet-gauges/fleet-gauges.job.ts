import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FleetFiguresRepository, type FleetFigures, type ProviderFigures } from '@hub/database';
import { ProviderRegistry } from '@hub/providers';
import { HubLogger, type GaugeName, type GaugeReading } from '@hub/telemetry';
import { FigureGauges } from '@hub/worker';
import { Inject, Injectable } from '@nestjs/common';
import { NO_FIGURES } from './no-figures';

/** Figures of one provider, as the series of a gauge. */
type Series<Name extends GaugeName> = (figures: ProviderFigures, provider: string) => GaugeReading<Name>[];

const QUEUES = { refresh: 'token-refresh', sync: 'metadata-sync', revocation: 'revocation' } as const;
const KINDS = ['refresh', 'sync', 'revocation'] as const;
const STREAKS = ['1', '2', '3', 'gt3'] as const;
const STATUSES = ['connected', 'refresh_failing', 'reauth_required'] as const;

/**
 * Tells gauges what PostgreSQL knows of all integrations. Every registered provider has its series, so that one which is
 * missing means that nobody looks. While the database is away they have no value: an old one would hide that.
 */
@Injectable()
export class FleetGaugesJob {
  private readonly gauges: FigureGauges<FleetFigures>;

  constructor(
    @Inject(HUB_CONFIG) config: HubConfig,
    private readonly providers: ProviderRegistry,
    fleet: FleetFiguresRepository,
    logger: HubLogger,
  ) {
    this.gauges = new FigureGauges(
      () => fleet.read(config.syncEveryMs),
      (error) => logger.failure('hub.figures.unread', error),
    );
  }

  start(): void {
    this.perProvider('lapsed', ({ lapsed }, provider) => [one(lapsed, provider)]);
    this.perProvider('refreshStreak', ({ byStreak }, provider) =>
      STREAKS.map((streak) => ({
        value: byStreak[streak],
        attributes: { 'hub.provider': provider, 'hub.streak': streak },
      })),
    );
    this.perProvider('windowElapsed', ({ windowElapsed }, provider) => [one(windowElapsed, provider)]);
    this.perProvider('expiryMinRemaining', ({ minRemaining }, provider) =>
      minRemaining === null ? [] : [one(minRemaining, provider)],
    );
    this.perProvider('integrations', ({ byStatus }, provider) =>
      STATUSES.map((status) => ({
        value: byStatus[status],
        attributes: { 'hub.provider': provider, 'hub.status': status },
      })),
    );
    this.perProvider('syncStaleness', ({ syncStaleness }, provider) => [one(syncStaleness, provider)]);
    this.perProvider('syncOverdue', ({ syncOverdue }, provider) => [one(syncOverdue, provider)]);
    this.perProvider('revocationOldestAge', ({ oldestGrant }, provider) => [one(oldestGrant, provider)]);
    this.gauges.observe('failingStreak', ({ worst }) =>
      worst.map(({ id, orgId, provider, failures }) => ({
        value: failures,
        attributes: { 'hub.provider': provider, 'hub.org.id': orgId, 'hub.integration.id': id },
      })),
    );
    this.gauges.observe('deadLetters', ({ providers }) =>
      KINDS.map((kind) => ({
        value: providers.reduce((sum, { deadLetters }) => sum + deadLetters[kind], 0),
        attributes: { 'hub.kind': kind },
      })),
    );
    this.gauges.observe('queueOldestJobAge', ({ providers }) =>
      KINDS.map((kind) => ({
        value: Math.max(0, ...providers.map(({ oldest }) => oldest[kind])),
        attributes: { 'messaging.destination.name': QUEUES[kind] },
      })),
    );
    this.gauges.observe('keyRotationRemaining', ({ rotations }) =>
      (['waiting', 'resealing', 'retiring'] as const).map((state) => ({
        value: rotations[state],
        attributes: { 'hub.state': state },
      })),
    );
  }

  /** The gauges have no value any more. */
  stop(): void {
    this.gauges.stop();
  }

  private perProvider<Name extends GaugeName>(name: Name, series: Series<Name>): void {
    this.gauges.observe(name, ({ providers }) => {
      const known = new Map(providers.map((figures) => [figures.provider, figures]));
      return this.providers
        .all()
        .flatMap(({ definition: { id } }) => series(known.get(id) ?? { ...NO_FIGURES, provider: id }, id));
    });
  }
}

/** The one series of a provider. */
function one(value: number, provider: string): { value: number; attributes: { 'hub.provider': string } } {
  return { value, attributes: { 'hub.provider': provider } };
}
