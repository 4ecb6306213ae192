import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../servers/launchers';

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 70_000;
const KEPT_LINES = 400;
/** A conversation with a provider that began longer ago has ended, whatever the log says. */
const ASKED_KEPT_MS = 60_000;

/** One app of the hub as it is to be run. */
export interface AppSpec {
  /** Folder below `apps/`. */
  readonly app: string;
  /** Folder of the compiled code that this run uses. */
  readonly dist: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A record that it writes once it can be used. */
  readonly ready: RegExp;
  /** Scripts that are loaded before the app, such as one that shifts its clock. */
  readonly preloads?: readonly string[];
  /** Where all its records are kept, over all its runs. */
  readonly logFile: string;
}

/** When an integration's provider was asked, by the log of the process that asked. */
export interface Asked {
  readonly integrationId: string;
  readonly at: number;
  /** When the process told that it is done with the answer; absent: it has not. */
  endedAt?: number;
}

/** How one run of a process ended, and what it had begun. */
export interface Ending {
  readonly pid: number;
  readonly signal: NodeJS.Signals | number;
  readonly at: number;
  /** Whom it had asked a provider about shortly before. */
  readonly asked: readonly Asked[];
  /** How many of them it was not done with when it was told to end; 0 where nobody told it. */
  readonly underWay: number;
}

/** A start takes a processor for a second: as many at once as there are processors, and the others wait for their turn. */
class Turns {
  private free = availableParallelism();
  private readonly waiting: (() => void)[] = [];

  async enter(): Promise<void> {
    if (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.free -= 1;
  }

  leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}

const STARTS = new Turns();

/** One app as a process of its own, compiled, started as often as a scenario wants. */
export class AppProcess {
  /** Its last records, over all its runs. */
  readonly lines: string[] = [];
  private child: ChildProcess | undefined;
  private ended: Promise<Ending> | undefined;
  private asked: Asked[] = [];
  private isAtWork = false;
  private readyAtMs = 0;
  private clockOff: number | undefined;
  private readonly log: WriteStream;

  constructor(private readonly spec: AppSpec) {
    this.log = createWriteStream(spec.logFile, { flags: 'a' });
  }

  /** What it is started with. */
  get environment(): Readonly<Record<string, string>> {
    return this.spec.environment;
  }

  /** True from its readiness to its end. */
  get isWorking(): boolean {
    return this.isAtWork;
  }

  /** When it became ready, in milliseconds. */
  get workingSince(): number {
    return this.readyAtMs;
  }

  /**
   * How far its clock is ahead of ours, in milliseconds, by the record of its own that was heard soonest after it was
   * written; absent: it has written none.
   */
  get clockOffMs(): number | undefined {
    return this.clockOff;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  async start(): Promise<void> {
    await STARTS.enter();
    await this.startNow().finally(() => STARTS.leave());
  }

  private async startNow(): Promise<void> {
    const { app, dist, environment, preloads = [] } = this.spec;
    // on a leash: it ends with this process, even if that is killed
    const loaded = [path.join(ROOT, 'test/support/leash.cjs'), ...preloads].flatMap((file) => ['--require', file]);
    const child = spawn(process.execPath, [...loaded, path.join(dist, 'apps', app, 'src/main.js')], {
      env: environment,
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    this.asked = [];
    child.stdin.on('error', () => undefined); // it ended
    const ready = new Promise<boolean>((resolve) => {
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream }).on('line', (line) => {
          this.hear(line);
          if (this.spec.ready.test(line)) resolve(true);
        });
      child.once('close', () => resolve(false));
      setTimeout(() => resolve(false), READY_WITHIN_MS).unref();
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.isAtWork = false;
        const how = { pid: child.pid ?? 0, signal: signal ?? code ?? 0 };
        resolve({ ...how, at: Date.now(), asked: this.recentlyAsked(), underWay: 0 });
      });
    });
    if (!(await ready)) {
      const lastWords = this.lines.slice(-20).join('\n');
      await this.kill();
      throw new Error(`${app} was not ready:\n${lastWords}`);
    }
    this.readyAtMs = Date.now();
    this.isAtWork = child.exitCode === null && child.signalCode === null;
  }

  /** Ends it at once. @returns undefined if it was not running */
  async kill(): Promise<Ending | undefined> {
    if (!this.isRunning) return undefined;
    this.isAtWork = false;
    const at = Date.now();
    const underWay = this.underWay();
    this.child?.kill('SIGKILL');
    const ending = await this.ended;
    return ending && { ...ending, at, underWay };
  }

  /** Asks it to end, as an operator does; after a while it is made to. */
  async stop(): Promise<Ending | undefined> {
    if (!this.isRunning) return undefined;
    this.isAtWork = false;
    const overdue = setTimeout(() => this.child?.kill('SIGKILL'), STOP_WITHIN_MS);
    const underWay = this.underWay();
    this.child?.kill('SIGTERM');
    const ending = await this.ended;
    clearTimeout(overdue);
    return ending && { ...ending, underWay };
  }

  /** Sends any signal, such as the one that blocks its event loop. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  private get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  private hear(line: string): void {
    this.log.write(`${line}\n`);
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.splice(0, this.lines.length - KEPT_LINES);
    this.noteClock(line);
    const [, word] = /"hub\.refresh\.(started|succeeded|failed)"/.exec(line) ?? [];
    if (word === undefined) return;
    const { integration } = JSON.parse(line) as { integration?: string };
    if (integration !== undefined) this.note(integration, word === 'started');
  }

  private noteClock(line: string): void {
    const [, time] = /"time":"([^"]+)"/.exec(line) ?? [];
    if (time !== undefined) this.clockOff = Math.max(this.clockOff ?? -Infinity, Date.parse(time) - Date.now());
  }

  /** By our own clock: that of the process may be shifted. */
  private note(integrationId: string, isBegun: boolean): void {
    const at = Date.now();
    const underWay = this.asked.findLast((asked) => asked.integrationId === integrationId);
    if (isBegun) this.asked.push({ integrationId, at });
    else if (underWay) underWay.endedAt ??= at;
    if (this.asked.length > 5_000) this.asked = this.recentlyAsked();
  }

  private underWay(): number {
    return this.recentlyAsked().filter(({ endedAt }) => endedAt === undefined).length;
  }

  /** Whom it asked a provider about in the minute before a moment, and since. */
  recentlyAsked(before = Date.now()): Asked[] {
    const since = before - ASKED_KEPT_MS;
    return this.asked.filter(({ at }) => at >= since);
  }
}
