import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
} from '@opentelemetry/api';
import { getRPCMetadata, RPCType } from '@opentelemetry/core';

const SCOPE = 'integrations-hub';
const TRACEPARENT = 'traceparent';
const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

export interface SpanOptions<T> {
  /** `client` asks another machine, `producer` rings for a job, `consumer` does one. */
  readonly kind?: keyof typeof KINDS;
  /** What may be told of it: ids, codes and counts; no token, no address, no words of an error. */
  readonly facts?: Attributes;
  /** A trace of its own, with a link to what asked for it: a job, which may run long after. `undefined`: nobody is known. */
  readonly askedBy?: { readonly traceparent: string | undefined };
  /** Only within a trace: what runs by a timer all day would fill the collector with traces of one span. */
  readonly onlyWithin?: boolean;
  /** A code for what failed although nothing was thrown: an expected refusal is a value. */
  readonly failureOf?: (result: T) => string | undefined;
}

/**
 * Runs a piece of work as a span. It ends with the work, as an error if the work throws or `failureOf` names a failure.
 * Without telemetry the work runs as it is.
 */
export async function inSpan<T>(name: string, options: SpanOptions<T>, work: () => Promise<T>): Promise<T> {
  const { kind = 'internal', facts = {}, askedBy, onlyWithin = false, failureOf } = options;
  if (onlyWithin && !trace.getActiveSpan()?.isRecording()) return work();
  const link = askedBy && contextOf(askedBy.traceparent);
  const settings = {
    kind: KINDS[kind],
    attributes: facts,
    root: askedBy !== undefined,
    ...(link && { links: [{ context: link }] }),
  };
  return trace.getTracer(SCOPE).startActiveSpan(name, settings, async (span) => {
    try {
      const result = await work();
      const failure = failureOf?.(result);
      if (failure !== undefined) fail(span, failure);
      return result;
    } catch (error) {
      fail(span, error instanceof Error ? error.name : typeof error);
      throw error;
    } finally {
      span.end();
    }
  });
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The work that runs now has failed, although it throws nothing and comes to an end: its span is an error. @param type a code */
export function failSpan(type: string): void {
  const span = trace.getActiveSpan();
  if (span) fail(span, type);
}

/** Tells more of the work that runs now. @param facts as in {@link SpanOptions} */
export function tellSpan(facts: Attributes): void {
  trace.getActiveSpan()?.setAttributes(facts);
}

/** The trace that runs now, as W3C's `traceparent`, to be carried along with a job; `undefined` without one. */
export function traceparentNow(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier[TRACEPARENT];
}

function contextOf(traceparent: string | undefined) {
  if (traceparent === undefined) return undefined;
  return trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { [TRACEPARENT]: traceparent }));
}

/** Ids of the trace that runs now, for a record of the log; empty without one. */
export function traceIdsNow(): { trace_id?: string; span_id?: string } {
  const ids = trace.getActiveSpan()?.spanContext();
  return ids && trace.isSpanContextValid(ids) ? { trace_id: ids.traceId, span_id: ids.spanId } : {};
}

/** Names the request that is served now by its route, such as `/functions/v1/integrations/:provider`; its address may hold secrets. */
export function nameRoute(route: string): void {
  const request = getRPCMetadata(context.active());
  if (request?.type === RPCType.HTTP) request.route = route;
}
