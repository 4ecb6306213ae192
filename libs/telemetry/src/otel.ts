import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import type { HubLogger } from './logger';
import type * as Sdk from './otel-sdk';
import { completeEnvironment, wantedSignals, type WritableEnvironment } from './otel-environment';
import { sendRecordsBy } from './record-export';

/** The end of a process waits no longer for a collector. */
const STOP_WITHIN_MS = 3_000;
/** A collector that is away is told of so often. */
const TELL_EVERY_MS = 10 * 60_000;

let sdk: { shutdown(): Promise<void> } | undefined;
let exportAtOnce: (() => void) | undefined;
let logger: HubLogger | undefined;

/**
 * Starts OpenTelemetry for this process if `OTEL_*` names a collector; else it does nothing. To be called before anything is
 * loaded that is to be instrumented: each app has a file of its own for that, which its `main.ts` imports first. It never
 * throws: settings that are wrong are told by the configuration, all together.
 *
 * @param app         such as `gateway`; by default the service is `hub-gateway`
 * @param environment that of the process, which the kit reads: what is not set in it is filled in
 */
export function startTelemetry(app: string, environment: WritableEnvironment): void {
  readHeadersFile(environment);
  const signals = wantedSignals(environment);
  if (sdk || !Object.values(signals).includes(true)) return;
  completeEnvironment(environment, app, signals);
  diag.setLogger(new Complaints(), { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  // only where it is wanted: loading it took 70 to 80 ms and 13 MB (Node 20)
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { startSdk } = require('./otel-sdk') as typeof Sdk;
  const started = startSdk(signals, environment);
  sdk = started.sdk;
  sendRecordsBy(started.sendRecord);
  exportAtOnce = started.exportMetrics;
}

/** Tells the operator through this from now on what telemetry itself meets. */
export function telemetryTellsTo(told: HubLogger): void {
  logger = told;
}

/**
 * Exports metrics now, to be called once an app is made and before it works: counters that are preset stand at 0 then, and
 * what happens in the first seconds is a rise. Nobody waits for it.
 */
export function exportMetrics(): void {
  exportAtOnce?.();
}

/** Sends what has gathered, within three seconds; without telemetry it does nothing. A collector that is away is no failure. */
export async function stopTelemetry(): Promise<void> {
  const stopping = sdk?.shutdown();
  sdk = undefined;
  exportAtOnce = undefined;
  sendRecordsBy(undefined); // what is written from here on would not go any more
  if (!stopping) return;
  const failed = stopping.then(
    () => undefined,
    () => 'the collector did not take it',
  );
  const late = sleep(STOP_WITHIN_MS, 'the collector did not answer in time', { ref: false });
  const reason = await Promise.race([failed, late]);
  if (reason) logger?.warning('hub.telemetry.last_export_lost', { reason });
}

/** Headers of the export may hold a token, so they too may come from a file. */
function readHeadersFile(environment: WritableEnvironment): void {
  const file = environment['OTEL_EXPORTER_OTLP_HEADERS_FILE'];
  if (!file || environment['OTEL_EXPORTER_OTLP_HEADERS']) return;
  try {
    environment['OTEL_EXPORTER_OTLP_HEADERS'] = readFileSync(file, 'utf8').trim();
  } catch {
    // the configuration reads it too, and says so
  }
}

/**
 * What the kit complains of, once in a while and without its words: they quote addresses and answers. It complains anew of
 * each export that failed.
 */
class Complaints implements DiagLogger {
  private toldMs = -Infinity;

  error(...words: unknown[]): void {
    if (!logger || performance.now() - this.toldMs < TELL_EVERY_MS) return;
    this.toldMs = performance.now();
    const code = /\b(E[A-Z]{4,}|HTTP \d{3}|[Tt]imeout|[Tt]imed out)\b/.exec(words.map(String).join(' '))?.[1];
    logger.warning('hub.telemetry.export_failed', { reason: code ?? 'unknown' });
  }

  warn(): void {}
  info(): void {}
  debug(): void {}
  verbose(): void {}
}
