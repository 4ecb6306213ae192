import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemCode } from '@hub/domain';
import type { Caller } from '../callers/caller';
import type { BrowserSession } from '../console-session/browser-session';
import type { Arrival } from './arrival';
import type { RouteSpec } from './route';

/** A request with what the hub's checks have put on it. */
export interface HubRequest extends FastifyRequest {
  /** There on routes with a scope. */
  caller?: Caller;
  /** There where the caller is a browser that is signed in to the console. */
  session?: BrowserSession;
  /** When it arrived, by `performance.now()`. */
  arrivedMs?: number;
  /** The problem that it was answered with, if it was. */
  problem?: ProblemCode;
  /** It is a token read that was not answered from the store at once. */
  waitedForRefresh?: boolean;
  /** Watches that its body arrives in time. */
  arrival?: Arrival;
  /** The media type of a body that is given on, where the request names one. */
  relayedType?: string;
  /** Headers of the answer that belong to what is relayed, and go with it where the hub answers instead. */
  relayedHeaders?: readonly string[];
  input?: { params: Record<string, string>; query: Record<string, unknown>; body: unknown };
}

export type HubReply = FastifyReply;

/** The spec of the route that a request has met; `undefined` where it has met none. */
export function specOf(request: FastifyRequest): RouteSpec | undefined {
  return (request.routeOptions.config as { spec?: RouteSpec }).spec;
}
