import type { ProblemCode } from '@hub/domain';
import { measure, type AttributesOf } from '@hub/telemetry';
import { specOf, type HubReply, type HubRequest } from '../http/hub-request';
import { readToken } from './tokens.routes';

type Outcome = NonNullable<AttributesOf<'tokenReadDuration'>['hub.outcome']>;

const MS_IN_SECOND = 1_000;

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

/** Records a request that has been answered, if it was a token read. One whose caller has gone was answered to nobody. */
export function recordTokenRead(request: HubRequest, reply: HubReply): void {
  if (specOf(request) !== readToken || request.arrivedMs === undefined || !reply.raw.writableFinished) return;
  measure('tokenReadDuration', (performance.now() - request.arrivedMs) / MS_IN_SECOND, {
    'hub.source': request.waitedForRefresh ? 'after_refresh' : 'stored',
    'hub.outcome': outcomeOf(request.problem),
  });
}

/** @param problem `undefined`: a token was handed out */
export function outcomeOf(problem: ProblemCode | undefined): Outcome {
  return problem === undefined ? 'ok' : (OUTCOMES[problem] ?? 'error');
}
