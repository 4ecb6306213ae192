import { htmlPage, json, type WireAnswer, type WireRequest } from '../../../../libs/providers/src/sandbox/wire.sandbox';
import type { ProviderSandbox } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import type { FaultSpec } from '../faults/fault-rule';
import type { CallIdentity } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

/** How an answer leaves: whole, in small pieces over `dripMs`, or not at all. */
export type Departure = { answer: WireAnswer; dripMs: number } | 'cut';

const DEFAULT_DRIP_MS = 10_000;
const DEFAULT_FLOOD_BYTES = 16 * 1024 * 1024;
const DEFAULT_RETRY_AFTER_SECONDS = 2;

/** Faults after which nothing of the provider's work is done, unless the rule says `afterWork`. */
export function sparesTheWork(spec: FaultSpec): boolean {
  const worksFirst = spec.kind === 'lost_response' || spec.kind === 'drip' || spec.kind === 'garbled';
  return !worksFirst && spec.afterWork !== true;
}

/** Faults that do the work and then send something else in place of its answer. */
export function hidesTheAnswer(spec: FaultSpec): boolean {
  return spec.kind !== 'latency' && spec.kind !== 'drip' && !sparesTheWork(spec);
}

/** What a fault rule makes of an answer; `answer` is undefined when the work was spared. */
export function spoil(
  spec: FaultSpec,
  answer: WireAnswer | undefined,
  about: { provider: ProviderSandbox; identity: CallIdentity; request: WireRequest },
): Departure {
  const whole = (spoiled: WireAnswer): Departure => ({ answer: withHeaders(spoiled, spec.headers), dripMs: 0 });
  const { provider, request } = about;
  const { endpoint } = about.identity;
  switch (spec.kind) {
    case 'lost_response':
    case 'drop_before':
      return 'cut';
    case 'drip':
      return { answer: answer ?? json(200, {}), dripMs: spec.ms ?? DEFAULT_DRIP_MS };
    case 'garbled':
      return whole(halved(answer ?? json(200, {})));
    case 'flood':
      return whole(json(200, { flood: 'x'.repeat(spec.bytes ?? DEFAULT_FLOOD_BYTES) }));
    case 'html':
      return whole(htmlPage(spec.status ?? 502, `${spec.status ?? 502} Bad Gateway`, 'The server is not available.'));
    case 'rate_limit': {
      const retryAfterSeconds = spec.retryAfter ?? DEFAULT_RETRY_AFTER_SECONDS;
      const limited = provider.rateLimited({ endpoint, request, retryAfterSeconds, reason: spec.reason });
      return whole(spec.status === undefined ? limited : { ...limited, status: spec.status });
    }
    case 'error':
      return whole(verbatim(spec.status ?? 400, spec.body ?? { error: 'invalid_request' }));
    case 'status': {
      const status = spec.status ?? 503;
      return whole(
        spec.body === undefined ? provider.failure({ endpoint, status, request }) : verbatim(status, spec.body),
      );
    }
    case 'latency':
      return whole(answer ?? json(200, {}));
  }
}

function verbatim(status: number, body: string | object): WireAnswer {
  return typeof body === 'string' ? { status, body, headers: { 'content-type': 'text/plain' } } : json(status, body);
}

function withHeaders(answer: WireAnswer, headers: Readonly<Record<string, string>> = {}): WireAnswer {
  const all = { ...answer.headers };
  for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value;
  return { ...answer, headers: all };
}

/** The first half of the body, sent as if it were all: HTTP is in order, the JSON is not. */
function halved(answer: WireAnswer): WireAnswer {
  const body = typeof answer.body === 'object' ? JSON.stringify(answer.body) : (answer.body ?? '');
  return { ...answer, body: body.slice(0, Math.floor(body.length / 2)) };
}
