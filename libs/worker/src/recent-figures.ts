/** Figures are good for so long: however many gauges and readers ask, the database is asked once in it. */
const GOOD_FOR_MS = 10_000;
/** An export waits no longer. */
const PATIENCE_MS = 2_000;
/** While a look takes longer than that, those before it are told for so long: a slow database is not one that is away. */
const GOOD_MEANWHILE_MS = 30_000;
const SLOW = Symbol('slow');

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

  /**
   * @returns figures that are ten seconds old at most, thirty while a look is slow; `undefined` if there are none within two
   *          seconds. It never throws
   */
  async now(): Promise<Figures | undefined> {
    const latest = this.notOlderThan(GOOD_FOR_MS);
    if (latest) return latest.figures;
    try {
      const found = await soon(this.look());
      return found === SLOW ? this.notOlderThan(GOOD_MEANWHILE_MS)?.figures : found;
    } catch (error) {
      if (!this.isTroubled) this.tell(error);
      this.isTroubled = true;
      return undefined;
    }
  }

  private notOlderThan(ms: number): { readonly figures: Figures } | undefined {
    const { latest } = this;
    return latest && this.nowMs() - latest.readMs < ms ? latest : undefined;
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

async function soon<T>(coming: Promise<T>): Promise<T | typeof SLOW> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof SLOW>((resolve) => {
    timer = setTimeout(() => resolve(SLOW), PATIENCE_MS);
  });
  return Promise.race([coming, late]).finally(() => clearTimeout(timer));
}
