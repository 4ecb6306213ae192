import { DatabaseBusy } from '@hub/database';

/**
 * The part of the database's connections that token reads may have. So many look at once; the others wait here, in their
 * order, and not in the pool, where a callback would stand behind them. Whoever has no answer in time is told so: a service
 * that asks for tokens has a deadline of its own.
 */
export class ReadShare {
  private inside = 0;
  private readonly waiting = new Set<() => void>();

  /**
   * @param atOnce     so many look at once
   * @param patienceMs so long a read waits, for its turn and its answer together
   */
  constructor(
    private readonly atOnce: number,
    private readonly patienceMs: number,
  ) {}

  /**
   * Looks once it is this one's turn. What is under way when its time is up keeps its place until it has ended.
   *
   * @throws DatabaseBusy if there is no answer in time; else what `look` throws
   */
  async take<T>(look: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const begin = (): void => {
        this.waiting.delete(begin);
        this.inside += 1;
        look()
          .finally(() => {
            clearTimeout(timer);
            this.leave();
          })
          .then(resolve, reject);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(begin);
        reject(new DatabaseBusy());
      }, this.patienceMs);
      if (this.inside < this.atOnce) begin();
      else this.waiting.add(begin);
    });
  }

  private leave(): void {
    this.inside -= 1;
    const [next] = this.waiting;
    next?.();
  }
}
