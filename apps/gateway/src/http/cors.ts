import type { FastifyCorsOptions, FastifyCorsOptionsDelegateCallback } from '@fastify/cors';
import type { HubConfig } from '@hub/config';
import { pathPattern } from './allowed-methods';
import { allowedOrigins } from './allowed-origins';
import type { RouteSpec } from './route';

/** What pages of allowed origins may read of any answer beside its type and length. */
const EXPOSED = ['retry-after', 'x-request-id'];

/**
 * What pages of the allowed origins may send and read, by the path that they ask for. Where a route relays, which headers
 * are taken is for the provider to say, so those that a page asks for are allowed; what it may read is told with the answer.
 */
export function corsOf(
  config: Pick<HubConfig, 'publicUrl' | 'redirectAllowList'>,
  routes: readonly Pick<RouteSpec, 'path' | 'method' | 'relays'>[],
): FastifyCorsOptionsDelegateCallback {
  const usual: FastifyCorsOptions = {
    origin: [...allowedOrigins(config)],
    credentials: true,
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type'],
    exposedHeaders: EXPOSED,
    maxAge: 600,
  };
  const relaying = routes.filter(({ relays }) => relays);
  const { allowedHeaders: _anyThatAreAskedFor, ...others } = usual;
  const relayed: FastifyCorsOptions = { ...others, methods: [...new Set(relaying.map(({ method }) => method))] };
  const patterns = [...new Set(relaying.map(({ path }) => path))].map(pathPattern);
  return ({ url }, use) => {
    const path = url.split('?')[0] ?? '';
    use(null, patterns.some((pattern) => pattern.test(path)) ? relayed : usual);
  };
}

/** The header by which an answer tells a page of another origin what it may read of it. @param names of its headers */
export function exposing(names: readonly string[]): string {
  return [...new Set([...EXPOSED, ...names])].join(', ');
}
