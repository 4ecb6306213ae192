import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from './eventually';

/** The checkout. Compiled tests lie elsewhere, so it is not taken from this file's place. */
const ROOT = process.cwd();
const READY_WITHIN_MS = 40_000;
const STOP_WITHIN_MS = 30_000;
const TOLD_LINES = 30;

/** One app, as it is to be run. */
export interface HubProcessSpec {
  /** Folder below `apps/`. */
  readonly app: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Answers 200 once the app can be used. */
  readonly readyUrl: string;
  /** Where it was compiled; this checkout unless said otherwise. */
  readonly root?: string;
  /** Scripts that are loaded before it, relative to the checkout. */
  readonly preloads?: readonly string[];
}

/** One app of the hub as a process of its own, compiled, with its own environment and nothing of ours. */
export class HubProcess {
  /** Everything that it has written, in its order, over all its runs. */
  readonly lines: string[] = [];
  private child: ChildProcessWithoutNullStreams | undefined;
  private ended: Promise<number | NodeJS.Signals> | undefined;

  constructor(readonly spec: HubProcessSpec) {}

  /** Starts it and waits until it can be used. @throws Error with its last lines if it ends before that */
  async start(): Promise<void> {
    const { app, environment, readyUrl, root = ROOT, preloads = [] } = this.spec;
    const scripts = ['test/support/leash.cjs', ...preloads].flatMap((script) => ['--require', path.join(ROOT, script)]);
    const main = path.join(root, 'dist/apps', app, 'src/main.js');
    const child = spawn(process.execPath, [...scripts, main], { env: environment, cwd: root });
    this.child = child;
    child.stdin.on('error', () => undefined); // it ended
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    let end: number | NodeJS.Signals | undefined;
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve((end = signal ?? code ?? 0)));
    });
    await eventually(
      `${app} to be ready`,
      async () => {
        if (end !== undefined) throw new Error(this.story(`ended with ${end} before it was ready`));
        const answer = await fetch(readyUrl).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.ok || undefined;
      },
      { withinMs: READY_WITHIN_MS },
    ).catch((error: unknown) => Promise.reject(new Error(this.story((error as Error).message))));
  }

  /** Its process id, `undefined` before its first start. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Asks it to end, as an operator does. @throws Error unless it ends by itself with exit code 0 */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const overdue = setTimeout(() => this.child?.kill('SIGKILL'), STOP_WITHIN_MS);
    this.child?.kill('SIGTERM');
    const end = await this.ended;
    clearTimeout(overdue);
    if (end !== 0) throw new Error(this.story(`ended with ${end} after SIGTERM`));
  }

  /** Ends it as a crash of the machine would. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.child?.kill('SIGKILL');
    await this.ended;
  }

  /** Sends any signal, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  private story(what: string): string {
    return [`${this.spec.app} ${what}. Its last lines:`, ...this.lines.slice(-TOLD_LINES)].join('\n');
  }
}
