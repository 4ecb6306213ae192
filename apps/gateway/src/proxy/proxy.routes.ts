import { defineRoute, type RouteSpec } from '../http/route';

/** What of a request's path stands before the provider's own. */
export function proxyPrefix(provider: string): string {
  return `/functions/v1/integrations/${provider}/proxy`;
}

function relays<const Method extends RouteSpec['method']>(method: Method) {
  return defineRoute({
    method,
    path: '/functions/v1/integrations/:provider/proxy/*',
    summary: "The provider's API with the token put in",
    scope: 'tokens:read',
    caller: 'bearer',
    kind: 'api',
    relays: true,
    answers: { 200: { description: 'What the provider answers, streamed.' } },
    problems: ['not_connected', 'reauth_required', 'provider_unavailable', 'bad_provider_response'],
  });
}

export const proxyGet = relays('GET');
export const proxyHead = relays('HEAD');
export const proxyPost = relays('POST');
export const proxyPut = relays('PUT');
export const proxyPatch = relays('PATCH');
export const proxyDelete = relays('DELETE');

export const PROXY_ROUTES: readonly RouteSpec[] = [proxyGet, proxyHead, proxyPost, proxyPut, proxyPatch, proxyDelete];
