import type { FastifyRequest } from 'fastify';
import type { WireRequest } from '../../../../libs/providers/src/sandbox/wire.sandbox';

/** The request as provider descriptions read it. The body parser has left the body as text. */
export function wireRequest(request: FastifyRequest): WireRequest {
  const raw = request.raw.url ?? '/';
  const mark = raw.indexOf('?');
  return {
    method: request.method,
    path: mark < 0 ? raw : raw.slice(0, mark),
    params: request.params as Record<string, string>,
    query: new URLSearchParams(mark < 0 ? '' : raw.slice(mark + 1)),
    headers: joined(request.headers),
    body: typeof request.body === 'string' ? request.body : '',
  };
}

function joined(headers: FastifyRequest['headers']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
