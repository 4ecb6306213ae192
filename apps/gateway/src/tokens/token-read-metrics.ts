import type { ProblemCode } from '@hub/domain';
import { measure, type AttributesOf } from '@hub/telemetry';
import { specOf, type HubReply, type HubRequest } from '../http/hub-request';
import { readToken } from './tokens.routes';

type Outcome = NonNullable<AttributesOf<'tokenReadDuration'>['hub.outcome']>;

const MS_IN_SECOND = 1_000;
/** Of deploy/alerts: 99 of 100 reads take no longer. */
const OBJECTIVE_MS = 100;

/** Problems that are no fault of the hub or of a provider. Any other is an error. */
const OUTCOMES: Readonly<Partial<Record<ProblemCode, Outcome>>> = {
  not_connected: 'not_connected',
  reauth_required: 'reauth_required',
  unauthorized: 'denied',
  forbidden: 'denied',
  rate_limited: 'denied',
  invalid_request: 'denied',
  unknown_provider: 'denied',
};

/** Has a request recorded once it is over, answered or not, if it is a token read. */
export function watchTokenRead(request: HubRequest, reply: HubReply): void {
  if (specOf(request) !== readToken) return;
  const arrivedMs = performance.now();
  reply.raw.once('close', () => recordTokenRead(request, reply, performance.now() - arrivedMs));
}

/**
 * A caller who leaves after the objective's time was kept waiting too long: when reads are so slow that nobody waits for
 * them, all of them end so. One who leaves sooner was answered to nobody, and counts not at all.
 */
function recordTokenRead(request: HubRequest, reply: HubReply, tookMs: number): void {
  const isAnswered = reply.raw.writableFinished;
  if (!isAnswered && tookMs <= OBJECTIVE_MS) return;
  measure('tokenReadDuration', tookMs / MS_IN_SECOND, {
    'hub.source': request.waitedForRefresh ? 'after_refresh' : 'stored',
    'hub.outcome': isAnswered ? outcomeOf(request.problem) : 'error',
  });
}

/** @param problem `undefined`: a token was handed out */
export function outcomeOf(problem: ProblemCode | undefined): Outcome {
  return problem === undefined ? 'ok' : (OUTCOMES[problem] ?? 'error');
}
