/** Merges callers who want the same thing at the same time: one does it, all get what came of it. */
export class SingleFlight<T> {
  private readonly running = new Map<string, Promise<T>>();

  /** Does `work`, unless the same key is at work already: then its outcome is shared. */
  once(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.running.get(key);
    if (known) return known;
    const started = work().finally(() => this.running.delete(key));
    this.running.set(key, started);
    return started;
  }

  /** Whether this key is at work now. */
  has(key: string): boolean {
    return this.running.has(key);
  }

  /** Comes back once nothing is at work any more, however it ended. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running.values());
  }
}
