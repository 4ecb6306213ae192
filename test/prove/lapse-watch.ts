import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from './history/history';
import type { ProveDatabase } from './servers/prove-database';

/** Between two looks; with the look itself it stays below a quarter of a second. */
const LOOK_EVERY_MS = 200;

interface Look {
  at: Date;
  lapsed: string[] | null;
  oldest_due_ms: number | null;
}

/**
 * Looks at the table again and again: which connected integrations have no valid token, and how long the refresh that has
 * waited longest is due, both by the database's own time. While PostgreSQL is away it sees nothing; the trail still tells.
 */
export class LapseWatch {
  readonly samples: Sample[] = [];
  private running: Promise<void> | undefined;
  private isStopped = false;

  constructor(private readonly database: ProveDatabase) {}

  start(): void {
    this.running = this.watch();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  async look(): Promise<Sample | undefined> {
    const [look] = await this.database
      .rows<Look>(
        `select clock_timestamp() as at,
           array_agg(id) filter (where expires_at <= clock_timestamp()) as lapsed,
           extract(epoch from clock_timestamp() - min(next_refresh_at))::float8 * 1000 as oldest_due_ms
         from public.integrations where status <> 'reauth_required'`,
      )
      .catch(() => []);
    return look && { at: look.at.getTime(), lapsed: look.lapsed ?? [], oldestDueMs: look.oldest_due_ms ?? -1 };
  }

  private async watch(): Promise<void> {
    while (!this.isStopped) {
      const sample = await this.look();
      if (sample) this.samples.push(sample);
      await sleep(LOOK_EVERY_MS);
    }
  }
}
