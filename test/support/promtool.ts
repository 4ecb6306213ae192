import { execFile } from 'node:child_process';
import path from 'node:path';

const FETCH_WITHIN_MS = 150_000;

/** A `promtool` that can be run here. */
export interface Promtool {
  readonly command: string;
  readonly version: string;
  /** Folders of its libraries. */
  readonly libraries: string;
}

/**
 * Where promtool is, fetched if need be.
 *
 * @throws {Error} naming what to do where there is none: alerts that nobody tests are not left out in silence
 */
export async function findPromtool(): Promise<Promtool> {
  const script = path.join(process.cwd(), 'deploy/local/find-prometheus.mjs');
  const found = await new Promise<Promtool | { reason: string }>((resolve) => {
    execFile(process.execPath, [script, 'promtool'], { timeout: FETCH_WITHIN_MS }, (error, stdout, stderr) => {
      if (error) resolve({ reason: `the look for it failed: ${stderr || error.message}` });
      else resolve(JSON.parse(stdout) as Promtool | { reason: string });
    });
  });
  if ('reason' in found)
    throw new Error(
      `The alerts cannot be tested without promtool: ${found.reason}. ` +
        'Install Prometheus 2.42 or newer (Debian and Ubuntu: apt-get install prometheus) and put promtool on PATH.',
    );
  return found;
}

/** How a run of promtool ended. */
export interface PromtoolAnswer {
  readonly ok: boolean;
  /** What it wrote to both outputs. */
  readonly output: string;
}

/**
 * Runs it to its end.
 *
 * @param signal ends it before its time, which rejects
 * @throws {Error} if it cannot be run
 */
export function runPromtool(
  { command, libraries }: Promtool,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<PromtoolAnswer> {
  const env = { PATH: process.env['PATH'], ...(libraries && { LD_LIBRARY_PATH: libraries }) };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { env, signal, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(new Error('promtool did not run', { cause: error }));
      else resolve({ ok: !error, output: `${stdout}${stderr}` });
    });
  });
}
