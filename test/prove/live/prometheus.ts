import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { RulesFile } from '../../support/alert-rules';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';

const FETCH_WITHIN_MS = 150_000;
const READY_WITHIN_MS = 60_000;
/** It reads every second. */
const STEP_SECONDS = 1;

/** An alert that Prometheus holds just now. */
export interface LiveAlert {
  readonly name: string;
  readonly severity: string;
  readonly provider: string | undefined;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus that reads one page every second. */
export class Prometheus {
  private readonly startedSeconds = Date.now() / 1_000;

  private constructor(
    private readonly child: ChildProcess,
    private readonly base: string,
    readonly version: string,
  ) {}

  /**
   * @param targetPort whose `/metrics` it reads
   * @throws Error where there is none, or it does not take the rules
   */
  static async start(targetPort: number, rules: RulesFile, workFolder: string): Promise<Prometheus> {
    const { command, libraries, version } = findPrometheus();
    const folder = mkdtempSync(path.join(workFolder, 'prometheus-'));
    mkdirSync(path.join(folder, 'data'));
    writeFileSync(path.join(folder, 'rules.yaml'), stringify(rules));
    writeFileSync(
      path.join(folder, 'prometheus.yaml'),
      stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: ['rules.yaml'],
        scrape_configs: [{ job_name: 'hub', static_configs: [{ targets: [`127.0.0.1:${targetPort}`] }] }],
      }),
    );
    const port = await freePort();
    const words: string[] = [];
    const child = spawn(
      command,
      [
        `--config.file=${path.join(folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${path.join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      {
        env: { PATH: process.env['PATH'], ...(libraries && { LD_LIBRARY_PATH: libraries }) },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => words.push(chunk.toString('utf8')));
    const prometheus = new Prometheus(child, `http://127.0.0.1:${port}`, version);
    await eventually('Prometheus', () => prometheus.isReady(() => words.join('')), { withinMs: READY_WITHIN_MS });
    return prometheus;
  }

  /** Everything that is pending or fires. */
  async alerts(): Promise<LiveAlert[]> {
    const { alerts } = await this.ask<{
      alerts: { labels: Record<string, string | undefined>; state: LiveAlert['state'] }[];
    }>('/api/v1/alerts');
    return alerts.map(({ labels, state }) => ({
      name: labels['alertname'] ?? '',
      severity: labels['severity'] ?? '',
      provider: labels['hub_provider'],
      state,
    }));
  }

  /**
   * How many series an expression gives, as a panel that shows the whole time since the start would draw them: what was
   * there for a while counts.
   *
   * @throws Error with Prometheus' words if it takes it not
   */
  async seriesOf(expression: string): Promise<number> {
    const nowSeconds = Date.now() / 1_000;
    const range = { query: expression, start: this.startedSeconds, end: nowSeconds, step: STEP_SECONDS };
    const question = Object.entries(range).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    const { result } = await this.ask<{ result: unknown[] }>(`/api/v1/query_range?${question.join('&')}`);
    return result.length;
  }

  /** What it says of rules that it could not evaluate. */
  async ruleErrors(): Promise<string[]> {
    const { groups } = await this.ask<{ groups: { rules: { name: string; lastError?: string }[] }[] }>('/api/v1/rules');
    return groups.flatMap(({ rules }) =>
      rules.filter(({ lastError }) => lastError).map(({ name, lastError }) => `${name}: ${lastError}`),
    );
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }

  private async isReady(lastWords: () => string): Promise<boolean> {
    if (this.child.exitCode !== null) throw new Error(`Prometheus ended: ${lastWords()}`);
    try {
      return (await fetch(`${this.base}/-/ready`)).ok;
    } catch {
      return false; // it does not listen yet
    }
  }

  private async ask<Data>(question: string): Promise<Data> {
    const answer = (await (await fetch(this.base + question)).json()) as { status: string; error?: string; data: Data };
    if (answer.status !== 'success') throw new Error(`Prometheus: ${answer.error}`);
    return answer.data;
  }
}

function findPrometheus(): { command: string; libraries: string; version: string } {
  const script = path.join(process.cwd(), 'deploy/local/find-prometheus.mjs');
  const answer = spawnSync(process.execPath, [script, 'prometheus'], { encoding: 'utf8', timeout: FETCH_WITHIN_MS });
  if (answer.status !== 0) throw new Error(`the look for Prometheus failed: ${answer.error?.message ?? answer.stderr}`);
  const found = JSON.parse(answer.stdout) as { command: string; libraries: string; version: string; reason?: string };
  if (found.reason !== undefined) throw new Error(`There is no Prometheus to load the alerts into: ${found.reason}`);
  return found;
}
