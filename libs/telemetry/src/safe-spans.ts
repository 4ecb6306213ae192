import type { Attributes, AttributeValue } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/**
 * What may be told of a span. Instrumentation adds more with each of its releases: addresses with codes and states in
 * them, statements, headers, words of errors. What stands here has been looked at; all else is dropped.
 */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  'http.request.method',
  'http.response.status_code',
  'http.route',
  'url.scheme',
  'network.protocol.version',
  'error.type',
  'db.system.name',
  'db.system',
  'db.operation.name',
  'messaging.system',
  'messaging.destination.name',
  'messaging.operation.name',
  'messaging.operation.type',
  'messaging.batch.message_count',
]);
/** Ids, codes and counts that the hub itself sets. */
const OWN = 'hub.';

/** The span as it may leave the process: known attributes, no events (they hold words of errors) and no words of its status. */
export function safeSpan(span: ReadableSpan): ReadableSpan {
  return Object.create(span, {
    attributes: { value: safeAttributes(span.attributes) },
    events: { value: [] },
    status: { value: { code: span.status.code } },
    links: { value: span.links.map(({ context }) => ({ context })) },
  }) as ReadableSpan;
}

function safeAttributes(attributes: Attributes): Attributes {
  const kept = Object.entries(attributes).filter(([key]) => ATTRIBUTES.has(key) || key.startsWith(OWN));
  return Object.fromEntries(kept) as Record<string, AttributeValue>;
}
