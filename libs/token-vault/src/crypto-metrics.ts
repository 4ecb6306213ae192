import { count, measure, preset } from '@hub/telemetry';

type Operation = 'seal' | 'open';

const MS_IN_SECOND = 1_000;
/** What is wrong with a value, a key or a key provider. That the database is away, or an org forgotten, is told elsewhere. */
const CRYPTO_ERRORS: ReadonlySet<string> = new Set(['OpenFailed', 'KeyUnavailable', 'KeyRefused']);

/** Records one seal or opening that has ended well. @param durationMs the key that it needed included */
export function recordDone(operation: Operation, durationMs: number): void {
  measure('cryptoDuration', durationMs / MS_IN_SECOND, { 'hub.operation': operation, 'hub.outcome': 'ok' });
}

/** Records one that came to nothing. @param error absent: the key did not come in time, or the value does not open */
export function recordFailed(operation: Operation, durationMs: number, error?: unknown): void {
  measure('cryptoDuration', durationMs / MS_IN_SECOND, { 'hub.operation': operation, 'hub.outcome': 'failed' });
  if (error === undefined || CRYPTO_ERRORS.has((error as Error).name))
    count('cryptoFailures', { 'hub.operation': operation });
}

/** Opens, and records it: as failed where it throws, or answers with what `isFailed` names. */
export async function recordedOpening<T>(
  open: () => Promise<T>,
  isFailed: (result: T) => boolean = () => false,
): Promise<T> {
  const startedMs = performance.now();
  const result = await open().catch((error: unknown) => {
    recordFailed('open', performance.now() - startedMs, error);
    throw error;
  });
  if (isFailed(result)) recordFailed('open', performance.now() - startedMs);
  else recordDone('open', performance.now() - startedMs);
  return result;
}

/** Makes the counters of failures known, at the start of an app that seals or opens. */
export function presetCrypto(): void {
  preset('cryptoFailures');
}
