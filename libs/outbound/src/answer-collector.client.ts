import type { Dispatcher } from 'undici';
import { noAnswerReason, notSentReason, type OutboundOutcome, type WireAnswer } from './outbound-outcome';

type AnswerHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** Follows one request from its queue to its last byte, and says how it ended. */
export class AnswerCollector implements Dispatcher.DispatchHandler {
  readonly outcome: Promise<OutboundOutcome>;
  private settle: (outcome: OutboundOutcome) => void;
  private settled = false;
  /** There from the moment at which the request's first byte may leave. */
  private controller: Dispatcher.DispatchController | undefined;
  private status = 0;
  private headers: WireAnswer['headers'] = {};
  private chunks: Buffer[] = [];
  private size = 0;
  private readonly deadline: NodeJS.Timeout;

  constructor(
    deadlineMs: number,
    private readonly maxBytes: number,
  ) {
    this.outcome = new Promise((resolve) => (this.settle = resolve));
    this.deadline = setTimeout(() => this.giveUp('timeout'), deadlineMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // The deadline passed while the request waited for its connection: it must not go out after all.
    if (this.settled) return controller.abort(new Error('the deadline has passed'));
    this.controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return;
    this.status = status;
    this.headers = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name.toLowerCase(),
        Array.isArray(value) ? value.join(', ') : value,
      ]),
    );
    const encoding = this.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity' && this.isSuccess()) this.giveUp('bad_encoding');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.settled) return;
    this.size += chunk.length;
    if (this.size <= this.maxBytes) this.chunks.push(chunk);
    else if (this.isSuccess()) this.giveUp('too_large');
    else this.answerWithoutBody(controller);
  }

  onResponseEnd(): void {
    const text = Buffer.concat(this.chunks).toString('utf8');
    this.end({ kind: 'answer', answer: { status: this.status, headers: this.headers, text, json: parseJson(text) } });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.end(
      this.controller === undefined
        ? { kind: 'not_sent', reason: notSentReason(error) }
        : { kind: 'no_answer', reason: noAnswerReason(error) },
    );
  }

  private giveUp(reason: 'timeout' | 'too_large' | 'bad_encoding'): void {
    const { controller } = this;
    this.end(controller === undefined ? { kind: 'not_sent', reason: 'timeout' } : { kind: 'no_answer', reason });
    controller?.abort(new Error('the answer is given up'));
  }

  /** An endless error page still has its status, and that is all a reader needs of it. */
  private answerWithoutBody(controller: Dispatcher.DispatchController): void {
    const { status, headers } = this;
    this.end({ kind: 'answer', answer: { status, headers, text: '', json: undefined } });
    controller.abort(new Error('the answer is given up'));
  }

  private isSuccess(): boolean {
    return this.status < 300;
  }

  private end(outcome: OutboundOutcome): void {
    if (this.settled) return;
    this.settled = true;
    this.chunks = [];
    clearTimeout(this.deadline);
    this.settle(outcome);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
