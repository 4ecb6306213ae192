import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import type { LiveAlert, Prometheus } from './prometheus';

const LOOK_EVERY_MS = 300;
/** Exports, figures (10 s old at most), `for` and `keep_firing_for`, on a machine that is busy. */
const WITHIN_MS = 60_000;

/** Looks at what Prometheus says again and again, so that nothing that fires goes unseen. */
export class AlertWatch {
  private readonly pages = new Set<string>();
  private readonly tickets = new Set<string>();
  private current: readonly LiveAlert[] = [];
  private looks = 0;
  private isStopped = false;
  private running: Promise<void> | undefined;

  constructor(private readonly prometheus: Prometheus) {}

  start(): void {
    this.running = this.look();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  /** Pages that fired since this was asked last, as `name` or `name provider`. */
  takePages(): string[] {
    const fired = [...this.pages].sort();
    this.pages.clear();
    return fired;
  }

  /** Tickets that fired at any time. */
  get allTickets(): string[] {
    return [...this.tickets].sort();
  }

  /** @returns after how many seconds it fires @throws Error if it does not */
  fires(alert: string): Promise<number> {
    return this.until(`${alert} to fire`, () => this.isFiring(alert));
  }

  /** @returns after how many seconds it is over @throws Error if it is not */
  clears(alert: string): Promise<number> {
    return this.until(`${alert} to clear`, () => !this.isFiring(alert));
  }

  /** Waits for so many more looks. */
  async fewLooks(count: number): Promise<void> {
    const enough = this.looks + count;
    await eventually('looks at the alerts', async () => this.looks >= enough, { withinMs: WITHIN_MS });
  }

  private isFiring(alert: string): boolean {
    return this.current.some((one) => nameOf(one) === alert && one.state === 'firing');
  }

  private async until(what: string, look: () => boolean): Promise<number> {
    const startedMs = performance.now();
    await eventually(what, async () => look(), { withinMs: WITHIN_MS });
    return Math.round((performance.now() - startedMs) / 1000);
  }

  private async look(): Promise<void> {
    while (!this.isStopped) {
      this.current = await this.prometheus.alerts();
      this.looks += 1;
      for (const alert of this.current.filter(({ state }) => state === 'firing')) {
        if (alert.severity === 'page') this.pages.add(nameOf(alert));
        if (alert.severity === 'ticket') this.tickets.add(nameOf(alert));
      }
      await sleep(LOOK_EVERY_MS);
    }
  }
}

const nameOf = ({ name, provider }: LiveAlert): string => (provider === undefined ? name : `${name} ${provider}`);
