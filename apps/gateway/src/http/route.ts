import type { CallerScope, ProblemCode } from '@hub/domain';
import type { z } from 'zod';

/** One answer that a route may give. */
export interface RouteAnswer {
  readonly description: string;
  /** Absent: no JSON body. */
  readonly schema?: z.ZodType;
}

/** What a route that speaks WebSocket says beyond HTTP. */
export interface SocketSpec {
  /** The subprotocol that is spoken where the client offers any. */
  readonly protocol: string;
  /** What the hub sends, each message a text of JSON. */
  readonly messages: z.ZodType;
  /** Why the hub closes. */
  readonly closes: Readonly<Record<number, string>>;
}

/**
 * One route as data. The controller takes its method and path from here, callers are checked and requests are validated
 * by it, and the OpenAPI document is made of it, so none of them can drift from the others.
 */
export interface RouteSpec {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `:name` parameters; `:provider` must be a known provider. A `*` at its end stands for any rest. */
  readonly path: string;
  readonly summary: string;
  /** What the caller's token, or the session, must hold; `null`: no caller is asked for. */
  readonly scope: CallerScope | null;
  /**
   * Whose proof it takes. Absent: a bearer token, or the console's session where there is none. `bearer`: no session.
   * `session`: a session alone, whatever its scopes; its controller refuses where there is none.
   */
  readonly caller?: 'bearer' | 'session';
  readonly query?: z.ZodObject;
  /** Parameters are not looked at, whatever they are. */
  readonly anyQuery?: true;
  /** HEAD is answered as GET is, without the body. Not where a GET uses anything up. */
  readonly head?: true;
  readonly body?: z.ZodObject;
  /** Of its body, where that may be larger than the bodies of other routes. */
  readonly bodyLimitBytes?: number;
  /** Query and body are given on as they come, of any media type, and the answers are those of somebody else. */
  readonly relays?: true;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** Problems beyond those that every route of its kind may answer with. */
  readonly problems?: readonly ProblemCode[];
  /** It is a GET that asks to go on as a WebSocket, from a page of the hub's own origins or from no page at all. */
  readonly socket?: SocketSpec;
  /** `page`: for browsers: HTML, forms instead of JSON, any query. */
  readonly kind: 'api' | 'page';
  /**
   * How its requests are counted, beside those of their caller or address. `guesses`: a secret stands in the address that
   * could be guessed. `connects`: each is a connect of its caller. `off`: they are not counted at all.
   */
  readonly limit?: 'guesses' | 'connects' | 'off';
}

/** What of a request is given on to the controller, validated. */
export interface RouteInput<Spec extends RouteSpec> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Spec['query'] extends z.ZodObject ? z.infer<Spec['query']> : Record<string, never>;
  readonly body: Spec['body'] extends z.ZodObject ? z.infer<Spec['body']> : undefined;
}

/** The methods by which a route is served. */
export function methodsOfRoute({ method, head }: Pick<RouteSpec, 'method' | 'head'>): RouteSpec['method'][] {
  return head ? [method, 'HEAD'] : [method];
}

/** Marks a route; its only job is the type. */
export function defineRoute<const Spec extends RouteSpec>(spec: Spec): Spec {
  return spec;
}
