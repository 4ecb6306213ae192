import type { Endpoints } from '@hub/domain';
import { API_BYTES, USUAL_DEADLINE_MS, type OutboundClient, type OutboundOutcome } from '@hub/outbound';
import type { ApiAnswer, ApiClient, ApiRequest, OAuthProvider } from '../provider-definition';
import { isSuccess, readAbsence, readRefusal, readUnusable } from '../wire-failure';
import { noteThrottle } from './exchange-metrics';

const TOO_MANY = 429;

/** Calls a provider's API with one access token; every call has a deadline and a size limit, refusals are values. */
export class GuardedApiClient implements ApiClient {
  /** @param endsAtMs when all calls together must have ended, by `performance.now()`; without it each has the usual deadline */
  constructor(
    private readonly outbound: OutboundClient,
    private readonly definition: OAuthProvider,
    private readonly endpoints: Endpoints,
    private readonly accessToken: string,
    private readonly endsAtMs = Infinity,
  ) {}

  get(path: string): Promise<ApiAnswer> {
    return this.call({ method: 'GET', url: this.urlOf(path) });
  }

  post(path: string, body: unknown): Promise<ApiAnswer> {
    return this.call({
      method: 'POST',
      url: this.urlOf(path),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  private urlOf(path: string): string {
    if (!path.startsWith('/')) throw new Error('an API path starts with a slash');
    return this.endpoints.apiBaseUrl + path;
  }

  private async call(request: ApiRequest): Promise<ApiAnswer> {
    const deadlineMs = Math.min(USUAL_DEADLINE_MS, this.endsAtMs - performance.now());
    if (deadlineMs <= 0) return readApiAnswer(this.definition, { kind: 'no_answer', reason: 'timeout' });
    const outcome = await this.outbound.send({
      ...request,
      headers: { accept: 'application/json', ...request.headers, ...this.definition.apiHeaders(this.accessToken) },
      deadlineMs,
      maxBytes: API_BYTES,
    });
    if (outcome.kind === 'answer' && outcome.answer.status === TOO_MANY) noteThrottle(this.definition.id);
    return readApiAnswer(this.definition, outcome);
  }
}

function readApiAnswer(definition: OAuthProvider, outcome: OutboundOutcome): ApiAnswer {
  if (outcome.kind !== 'answer') return { ok: false, failure: readAbsence(outcome, 'api'), status: null };
  const { answer } = outcome;
  const no = (failure = readUnusable('api', 'no_json')): ApiAnswer => ({ ok: false, failure, status: answer.status });
  const named = definition.readFailure(answer, 'api');
  if (named !== undefined) return no(named);
  if (!isSuccess(answer)) return no(readRefusal(answer, 'api'));
  return answer.json === undefined ? no() : { ok: true, json: answer.json, headers: answer.headers };
}
