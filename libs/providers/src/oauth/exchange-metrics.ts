import { FAILURE_CODES, type Failure } from '@hub/domain';
import { count, measure, preset } from '@hub/telemetry';
import { isClientRefusal } from '../wire-failure';

/** What a token endpoint is asked for, as metrics name it. */
export type ExchangeOperation = 'code_exchange' | 'refresh' | 'revoke';

/** A refusal of the hub's own registration is told apart from other failures of that code: it meets every org alike. */
const CLIENT_REFUSAL = 'invalid_client';
const MS_IN_SECOND = 1_000;

/** What one call comes to. @param failure absent: it did what was asked */
interface Ended {
  readonly provider: string;
  readonly operation: ExchangeOperation;
  readonly durationMs: number;
  readonly failure?: Failure;
}

/** Records one conversation with a token endpoint, all secrets of a list included. */
export function recordExchange({ provider, operation, durationMs, failure }: Ended): void {
  const about = { 'hub.provider': provider, 'hub.operation': operation } as const;
  const seconds = durationMs / MS_IN_SECOND;
  if (!failure) return measure('exchangeDuration', seconds, { ...about, 'hub.outcome': 'success' });
  const type = errorTypeOf(failure);
  const isFinal = failure.kind === 'definite' || failure.kind === 'ours';
  measure('exchangeDuration', seconds, {
    ...about,
    'hub.outcome': isFinal ? 'terminal' : 'retryable',
    'error.type': type,
  });
  count('oauthErrors', { ...about, 'error.type': type });
  if (failure.code === 'rate_limited') noteThrottle(provider);
}

/** How metrics and spans name a failure of a conversation. */
export function errorTypeOf(failure: Failure): string {
  return isClientRefusal(failure) ? CLIENT_REFUSAL : failure.code;
}

/** A provider has asked for patience (429). */
export function noteThrottle(provider: string): void {
  count('throttled', { 'hub.provider': provider });
}

/** Makes the counters of conversations known, at the start of an app that has them. */
export function presetExchanges(providers: readonly string[], operations: readonly ExchangeOperation[]): void {
  preset('oauthErrors', {
    'hub.provider': providers,
    'hub.operation': operations,
    'error.type': [...FAILURE_CODES, CLIENT_REFUSAL],
  });
  preset('throttled', { 'hub.provider': providers });
}
