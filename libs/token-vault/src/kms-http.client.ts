import type { OutboundClient, OutboundOutcome } from '@hub/outbound';

const LONGEST_ANSWER_BYTES = 64 * 1024;

/** What AWS's client hands over to be sent, as far as KMS needs it: its protocol has one path and no query. */
interface KmsRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface KmsResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** KMS was not reached, or gave no answer that can be used. Its name is the outbound client's word for why. */
export class KmsNotReached extends Error {
  /** AWS's client asks once more. */
  readonly $retryable = {};

  constructor(reason: string) {
    super('AWS KMS was not reached');
    this.name = reason;
  }
}

/** Sends what AWS's client asks by the hub's one way out. Where KMS is that client knows, so the way is made at the first question. */
export class KmsHttp {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  private way: OutboundClient | undefined;

  constructor(
    private readonly wayTo: (url: string) => OutboundClient,
    private readonly deadlineMs: number,
  ) {}

  /** @throws KmsNotReached, or an `AbortError` once the signal is given */
  async handle(
    { method, protocol, hostname, port, path, headers, body }: KmsRequest,
    { abortSignal }: { readonly abortSignal?: unknown } = {},
  ): Promise<{ response: KmsResponse }> {
    const url = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;
    this.way ??= this.wayTo(url);
    const sent = this.way.send({
      method: method as 'POST',
      url,
      headers,
      body: textOf(body),
      deadlineMs: this.deadlineMs,
      maxBytes: LONGEST_ANSWER_BYTES,
    });
    return { response: responseOf(await unlessAborted(sent, abortSignal as AbortSignal | undefined)) };
  }

  /** Nobody sets anything here. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): object {
    return {};
  }
}

function textOf(body: unknown): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body ?? '');
}

function responseOf(outcome: OutboundOutcome): KmsResponse {
  if (outcome.kind !== 'answer') throw new KmsNotReached(outcome.reason);
  const { status, headers, text } = outcome.answer;
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { statusCode: status, headers: Object.fromEntries(given), body: Buffer.from(text, 'utf8') };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(Object.assign(new Error('the question is given up'), { name: 'AbortError' }));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
