import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppProcess } from '../fleet/app-process';
import type { Interruption } from '../history/history';

export interface KillOptions {
  readonly everyMs: number;
  /** `SIGKILL`: a crash; `SIGTERM`: an orderly end. */
  readonly manner: 'SIGKILL' | 'SIGTERM';
}

/**
 * Ends a worker at every tick, the one that has worked longest, and starts it anew at once. A tick passes while the one
 * before still starts: a worker takes a second of a processor to start, and a machine that is given more of them than it
 * can start would show the machine's end, not the hub's.
 */
export class KillLoop {
  /** What was struck, in order. */
  readonly interruptions: Interruption[] = [];
  /** Refreshes that were under way in a worker when it was told to end, over all ends. */
  underWay = 0;
  private readonly restarts = new Set<Promise<void>>();
  private running: Promise<void> | undefined;
  private isStopped = false;
  private failure: unknown;
  /** How many may be starting together: one for every two processors. */
  private readonly atOnce = Math.max(1, Math.floor(availableParallelism() / 2));

  constructor(
    private readonly workers: readonly AppProcess[],
    private readonly options: KillOptions,
  ) {}

  start(): void {
    this.running = this.loop();
  }

  /** Ends no more, and comes back once every worker works. @throws Error if one did not start again */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
    await Promise.all(this.restarts);
    if (this.failure) throw this.failure as Error;
  }

  private async loop(): Promise<void> {
    while (!this.isStopped) {
      const atWork = this.workers
        .filter((worker) => worker.isWorking)
        .sort((one, other) => one.workingSince - other.workingSince);
      if (atWork[0] && this.restarts.size < this.atOnce) this.strike(atWork[0]);
      await sleep(this.options.everyMs);
    }
  }

  private strike(worker: AppProcess): void {
    const restart = this.restart(worker)
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.restarts.delete(restart));
    this.restarts.add(restart);
  }

  private async restart(worker: AppProcess): Promise<void> {
    const ending = await (this.options.manner === 'SIGKILL' ? worker.kill() : worker.stop());
    if (ending) {
      this.interruptions.push({ at: ending.at, forMs: 0, struck: ending.asked });
      this.underWay += ending.underWay;
    }
    await worker.start();
  }
}
