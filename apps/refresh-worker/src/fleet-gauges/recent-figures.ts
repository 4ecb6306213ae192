import { within } from '@hub/worker';

/** Figures are good for so long: however many gauges and readers ask, the database is asked once in it. */
const GOOD_FOR_MS = 10_000;
/** An export waits no longer. */
const PATIENCE_MS = 2_000;

/** Figures that were read a moment ago, shared by all who ask. */
export class RecentFigures<Figures> {
  private latest: { readonly figures: Figures; readonly readMs: number } | undefined;
  private reading: Promise<Figures> | undefined;
  private triedMs = -Infinity;
  private isTroubled = false;

  /**
   * @param read  looks once; one look at a time, however slow it is
   * @param tell  is told why there are none, once for each time that there are none
   * @param nowMs a monotonic clock
   */
  constructor(
    private readonly read: () => Promise<Figures>,
    private readonly tell: (error: unknown) => void,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @returns figures that are ten seconds old at most; `undefined` if there are none within two seconds. It never throws */
  async now(): Promise<Figures | undefined> {
    const { latest } = this;
    if (latest && this.nowMs() - latest.readMs < GOOD_FOR_MS) return latest.figures;
    try {
      return await within(PATIENCE_MS, this.look(), 'the figures took too long');
    } catch (error) {
      if (!this.isTroubled) this.tell(error);
      this.isTroubled = true;
      return undefined;
    }
  }

  private look(): Promise<Figures> {
    if (this.reading) return this.reading;
    const startedMs = this.nowMs();
    if (startedMs - this.triedMs < GOOD_FOR_MS) return Promise.reject(new Error('the figures were not to be had'));
    this.triedMs = startedMs;
    this.reading = this.read()
      .then((figures) => {
        this.latest = { figures, readMs: startedMs };
        this.isTroubled = false;
        return figures;
      })
      .finally(() => (this.reading = undefined));
    this.reading.catch(() => undefined); // whoever waits hears of it; one that nobody waits for any more is no bug
    return this.reading;
  }
}
