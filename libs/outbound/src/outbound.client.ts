import { pipeline, Readable, Transform } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import type { OutboundRules } from './address-rules';
import { AnswerCollector } from './answer-collector.client';
import { guardedConnector } from './guarded-connector.client';
import { streamFailure, type OutboundOutcome, type StreamedOutcome } from './outbound-outcome';

/** One outbound call. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, https (plain http only to this machine, and only where the settings allow it). */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From now to the last byte of the answer, in milliseconds. */
  readonly deadlineMs?: number;
  /** Longest body that a good answer may have, in bytes; a longer one is no answer. */
  readonly maxBytes?: number;
  /**
   * Opens a connection of its own. For calls that spend something (a code, a refresh token): on a kept connection that
   * the other side has just closed one cannot tell whether the request arrived.
   */
  readonly freshConnection?: boolean;
}

/** One outbound call whose bodies are streamed. */
export interface StreamedRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Scheme, host and port, nothing behind them. */
  readonly origin: string;
  /** Path and query, sent as they are written. */
  readonly path: string;
  /** All but those of the connection, which undici sets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | Readable | null;
  /** To the head of the answer, from now or from the last bytes of the request's body that were given on, in milliseconds. */
  readonly answerWithinMs: number;
  /** Ends the call at any time, also while the answer's body is read. */
  readonly signal: AbortSignal;
}

export const USUAL_DEADLINE_MS = 15_000;
/** Longest answer of an API. */
export const API_BYTES = 1024 * 1024;
/** Longest answer of a token endpoint. */
export const TOKEN_BYTES = 64 * 1024;

const USER_AGENT = 'integrations-hub';
/** To one origin: whoever calls more at once waits, and its deadline with it. */
const CONNECTIONS = 32;
const POOL = { headersTimeout: 60_000, bodyTimeout: 60_000, autoSelectFamily: true } as const;

/**
 * The one way out of the hub: https to public addresses, no redirects, a deadline and a size limit on every call. How a
 * call ends is a value, never a throw, and its reasons are fixed words, so that no secret travels in them.
 */
export class OutboundClient {
  private readonly kept: Agent;
  private readonly fresh: Agent;

  /**
   * @param rules       which hosts beyond the public ones may be called
   * @param connections to one origin at once; `null`: as many as are asked for
   */
  constructor(rules: OutboundRules, connections: number | null = CONNECTIONS) {
    const pool = { ...POOL, connections, connect: guardedConnector(rules) };
    this.kept = new Agent({ ...pool, keepAliveTimeout: 4_000, keepAliveMaxTimeout: 30_000 });
    // Zero pipelining: every request closes its connection.
    this.fresh = new Agent({ ...pool, pipelining: 0 });
  }

  /** For streams, which `send` does not do: the same guarded connections, without deadline and size limit. */
  get dispatcher(): Dispatcher {
    return this.kept;
  }

  /** Sends one request and waits for its whole answer, at most until the deadline. Never throws. */
  async send(request: OutboundRequest): Promise<OutboundOutcome> {
    const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
    if (url === undefined || url.username !== '' || url.password !== '')
      return { kind: 'not_sent', reason: 'bad_request' };
    const agent = request.freshConnection ? this.fresh : this.kept;
    const collector = new AnswerCollector(request.deadlineMs ?? USUAL_DEADLINE_MS, request.maxBytes ?? API_BYTES);
    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...request.headers },
        body: request.body ?? null,
      },
      collector,
    );
    return collector.outcome;
  }

  /**
   * Sends one request and gives its answer's body on as it comes, no faster than it is read; the request's body goes no
   * faster than it is taken. What may change something has a connection of its own. Never throws. How the answer's body
   * ends is told by its stream alone: it fails where the answer was cut.
   */
  async stream(request: StreamedRequest): Promise<StreamedOutcome> {
    const { origin, path, method, headers, body, answerWithinMs, signal } = request;
    if (!isBelow(origin, path)) return { kind: 'not_sent', reason: 'bad_request' };
    if (this.kept.closed) return { kind: 'not_sent', reason: 'closed' };
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), answerWithinMs);
    let isAnswered = false;
    const moves = (): void => {
      if (!isAnswered) timer.refresh();
    };
    const agent = method === 'GET' || method === 'HEAD' ? this.kept : this.fresh;
    try {
      const answer = await agent.request({
        origin,
        path,
        method,
        headers: { 'user-agent': USER_AGENT, ...headers },
        body: body instanceof Readable ? telling(body, moves) : body,
        headersTimeout: 0, // undici's own would count from the start of a long body
        signal: AbortSignal.any([signal, late.signal]),
      });
      // whoever reads it hears of its end; without a reader it must not be an error that nobody catches
      answer.body.on('error', () => undefined);
      return { kind: 'answer', status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      return late.signal.aborted ? { kind: 'no_answer', reason: 'timeout' } : streamFailure(error);
    } finally {
      isAnswered = true;
      clearTimeout(timer);
    }
  }

  /** Lets running calls end, then closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.kept.close(), this.fresh.close()]);
  }
}

function isBelow(origin: string, path: string): boolean {
  if (!path.startsWith('/') || !URL.canParse(origin + path)) return false;
  const url = new URL(origin + path);
  return url.origin === origin && url.username === '' && url.password === '';
}

/** The same bytes. @param moves called whenever some are given on */
function telling(body: Readable, moves: () => void): Readable {
  const told = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      moves();
      done(null, chunk);
    },
  });
  // either end that fails ends the other; who has asked for the call hears of it by the call
  pipeline(body, told, () => undefined);
  return told;
}
