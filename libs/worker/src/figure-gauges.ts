import { observe, type GaugeName, type GaugeReading } from '@hub/telemetry';
import { RecentFigures } from './recent-figures';

/** Gauges of one set of figures. While those cannot be read, the gauges have no value: an old one would hide that. */
export class FigureGauges<Figures> {
  private readonly figures: RecentFigures<Figures>;
  private readonly ends: (() => void)[] = [];

  /**
   * @param read reads the figures
   * @param tell is told once that they cannot be read
   */
  constructor(read: () => Promise<Figures>, tell: (error: unknown) => void) {
    this.figures = new RecentFigures(read, tell);
  }

  /** Has a gauge read from the figures at each export. */
  observe<Name extends GaugeName>(name: Name, readings: (figures: Figures) => GaugeReading<Name>[]): void {
    this.ends.push(
      observe(name, async () => {
        const figures = await this.figures.now();
        return figures ? readings(figures) : [];
      }),
    );
  }

  /** The gauges have no value any more. */
  stop(): void {
    for (const end of this.ends.splice(0)) end();
  }
}
