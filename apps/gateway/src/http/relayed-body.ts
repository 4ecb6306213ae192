import type { FastifyInstance } from 'fastify';
import type { HubRequest } from './hub-request';

/** What a body that is given on is called meanwhile. No other route takes this type, so it opens nothing to who sends it. */
const RELAYED_TYPE = 'application/x-hub-relayed';

/** Leaves the bodies of routes that relay unread: their handler has the stream as the body. */
export function takeRelayedBodies(server: FastifyInstance): void {
  server.addContentTypeParser(RELAYED_TYPE, (_request, payload, done) => done(null, payload));
}

/** Before the body is read: keeps any parser from it, and the type it was sent as for who gives it on and watches how it arrives. */
export function relayBody(request: HubRequest): void {
  const { headers } = request.raw;
  if (headers['content-type'] !== undefined) request.relayedType = headers['content-type'];
  headers['content-type'] = RELAYED_TYPE;
  request.arrival?.handOver();
}
