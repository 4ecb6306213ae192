import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { safeSpan } from './safe-spans';

const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 };
const span = {
  name: 'GET /x',
  attributes: {
    'http.route': '/x',
    'hub.provider': 'notion',
    'url.full': 'https://a.example/?code=canary',
    'url.path': '/integrations-confirm/canary',
    'url.query': 'state=canary',
    'db.query.text': "select 'canary'",
    'http.request.header.authorization': ['canary'],
    'of.a.release.to.come': 'canary',
  },
  events: [{ name: 'exception', time: [0, 0], attributes: { 'exception.message': 'canary' } }],
  status: { code: SpanStatusCode.ERROR, message: 'canary' },
  links: [{ context, attributes: { said: 'canary' } }],
  spanContext: () => context,
} as unknown as ReadableSpan;

it('a span leaves the process with what is known to be harmless, and nothing else', () => {
  const safe = safeSpan(span);
  expect(safe.attributes).toEqual({ 'http.route': '/x', 'hub.provider': 'notion' });
  expect(safe.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(JSON.stringify([safe.attributes, safe.events, safe.status, safe.links])).not.toContain('canary');
});

it('it is still the same span, and what it was made of is untouched', () => {
  expect(safeSpan(span).name).toBe('GET /x');
  expect(trace.isSpanContextValid(safeSpan(span).spanContext())).toBe(true);
  expect(span.attributes['url.full']).toContain('canary');
});
