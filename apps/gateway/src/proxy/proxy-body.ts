import { Transform, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { HubError } from '@hub/domain';
import type { RawHeaders } from './proxy-headers';

/** A body no longer than this is kept until the call is answered, so that it can be sent once more. */
export const KEPT_BYTES = 256 * 1024;
/** The longest body that is passed on. */
export const MOST_BYTES = 64 * 1024 * 1024;
/** A caller who is waited for may be silent so long. */
const SILENT_MS = 30_000;

/** A caller's body: none, kept whole, or passed on as it comes, once. */
export type ProxyBody = { readonly kind: 'none' } | { readonly kind: 'kept'; readonly bytes: Buffer } | Passing;

interface Passing {
  readonly kind: 'passing';
  readonly stream: Readable;
  readonly length: string | undefined;
  /** All of it, once it has come and if it is short enough to be kept. */
  whole(): Buffer | undefined;
  /** What the caller did wrong with it, if that is why it ended. */
  fault(): HubError | undefined;
}

/**
 * @param stream   the request's body, unread
 * @param signal   the call is over: nothing is waited for any more
 * @param silentMs how long nothing may come while it is waited for; a provider that takes nothing does not count
 * @throws HubError `invalid_request`: 413 for one that says that it is longer than {@link MOST_BYTES}, 408 and 400 for a
 *                  short one that does not come (whole)
 */
export async function takeBody(
  stream: Readable | undefined,
  headers: RawHeaders,
  signal: AbortSignal,
  silentMs = SILENT_MS,
): Promise<ProxyBody> {
  const length = [headers['content-length']].flat()[0];
  const isEmpty = (length ?? '0') === '0' && headers['transfer-encoding'] === undefined;
  if (stream === undefined || isEmpty) return { kind: 'none' };
  if (length !== undefined && Number(length) > MOST_BYTES) throw bodyTooLarge();
  const copy = length === undefined || Number(length) <= KEPT_BYTES ? new Copy() : undefined;
  const body = passing(stream, length, copy, silentMs);
  if (length === undefined || !copy) return body;
  return { kind: 'kept', bytes: await wholeOf(body, copy, signal) };
}

async function wholeOf(body: Passing, copy: Copy, signal: AbortSignal): Promise<Buffer> {
  const end = (): void => void body.stream.destroy(bodyLate());
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    await finished(body.stream.resume());
    return copy.bytes();
  } catch (error) {
    throw body.fault() ?? (error instanceof HubError ? error : notWhole(error));
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Counted and watched on its way: a body of unknown length must end somewhere, and a caller who is waited for must go on. */
function passing(source: Readable, length: string | undefined, copy: Copy | undefined, silentMs: number): Passing {
  let bytes = 0;
  let fault: HubError | undefined;
  let isThere = false;
  const counted = new Transform({
    highWaterMark: 1, // one piece at a time: as many tiny ones as fit by their bytes would take a hundred times the memory
    transform(chunk: Buffer, _encoding, done) {
      if (!isThere) silence.refresh();
      bytes += chunk.length;
      copy?.add(chunk);
      if (bytes > MOST_BYTES) fault = bodyTooLarge();
      done(fault ?? null, chunk);
    },
  });
  const silence = setTimeout(() => {
    if (counted.writableNeedDrain) return void silence.refresh(); // the other side is waited for
    counted.destroy((fault = bodyLate()));
  }, silentMs);
  const endSilence = (): void => {
    isThere = true;
    clearTimeout(silence);
  };
  source.once('end', endSilence);
  counted.once('close', endSilence);
  counted.on('error', () => undefined); // told by the call's end, if there is a call by then
  source.on('error', (error) => counted.destroy(error));
  const left = (): void => {
    if (!source.readableEnded) counted.destroy(new Error('the caller has left'));
  };
  source.once('close', left);
  if (source.closed) left();
  return {
    kind: 'passing',
    stream: source.pipe(counted),
    length,
    whole: () => (counted.readableEnded && copy?.isWhole ? copy.bytes() : undefined),
    fault: () => fault,
  };
}

/** A body's bytes in one piece, as long as there are not more of them than {@link KEPT_BYTES}. */
class Copy {
  private all: Buffer = Buffer.alloc(0);
  private length = 0;
  isWhole = true;

  /** What is too long is let go of, and never whole again. */
  add(chunk: Buffer): void {
    const length = this.length + chunk.length;
    if (length > KEPT_BYTES) {
      this.isWhole = false;
      this.all = Buffer.alloc(0);
    }
    if (!this.isWhole) return;
    if (length > this.all.length) this.all = this.grown(length);
    chunk.copy(this.all, this.length);
    this.length = length;
  }

  bytes(): Buffer {
    return this.all.subarray(0, this.length);
  }

  /** At least twice as long as before, so that many small pieces are not copied again with each. */
  private grown(length: number): Buffer {
    const wanted = Math.max(length, Math.min(KEPT_BYTES, this.all.length * 2), LEAST_BYTES);
    const grown = Buffer.allocUnsafeSlow(wanted);
    this.all.copy(grown, 0, 0, this.length);
    return grown;
  }
}

const LEAST_BYTES = 1_024;

function bodyTooLarge(): HubError {
  return new HubError('invalid_request', `The body is too large: the proxy passes on ${MOST_BYTES} bytes at most.`, {
    status: 413,
  });
}

function bodyLate(): HubError {
  return new HubError('invalid_request', 'The body has stopped arriving.', { status: 408 });
}

function notWhole(cause: unknown): HubError {
  return new HubError('invalid_request', 'The body did not arrive whole.', { status: 400, cause });
}
