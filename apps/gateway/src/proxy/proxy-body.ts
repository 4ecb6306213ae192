import { Transform, type Readable } from 'node:stream';
import { HubError } from '@hub/domain';
import type { RawHeaders } from './proxy-headers';

/** A body this long is kept until the call is answered, so that it can be sent once more. */
export const KEPT_BYTES = 256 * 1024;
/** The longest body that is passed on. */
export const MOST_BYTES = 64 * 1024 * 1024;

/** A caller's body: none, kept whole, or passed on as it comes, once. */
export type ProxyBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'kept'; readonly bytes: Buffer }
  | { readonly kind: 'passing'; readonly stream: Readable; readonly length: string | undefined; isTooLarge(): boolean };

/**
 * @param stream the request's body, unread
 * @throws HubError `invalid_request` (413) for one that says that it is longer than {@link MOST_BYTES}
 */
export async function takeBody(stream: Readable | undefined, headers: RawHeaders): Promise<ProxyBody> {
  const length = [headers['content-length']].flat()[0];
  const isEmpty = (length ?? '0') === '0' && headers['transfer-encoding'] === undefined;
  if (stream === undefined || isEmpty) return { kind: 'none' };
  if (length !== undefined && Number(length) > MOST_BYTES) throw bodyTooLarge();
  if (length !== undefined && Number(length) <= KEPT_BYTES) {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of stream) chunks.push(chunk as Buffer);
    } catch (error) {
      throw new HubError('invalid_request', 'The body did not arrive whole.', { status: 400, cause: error });
    }
    return { kind: 'kept', bytes: Buffer.concat(chunks) };
  }
  return passing(stream, length);
}

export function bodyTooLarge(): HubError {
  return new HubError('invalid_request', `The body is too large: the proxy passes on ${MOST_BYTES} bytes at most.`, {
    status: 413,
  });
}

/** Counted on its way: a body of unknown length must end somewhere. */
function passing(source: Readable, length: string | undefined): ProxyBody {
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(bytes > MOST_BYTES ? new Error('the body is too large') : null, chunk);
    },
  });
  // a caller that leaves ends the call by its signal; the source's own error has no more to say
  counted.on('error', () => undefined); // told by the call's end, if there is a call by then
  source.on('error', (error) => counted.destroy(error));
  source.once('close', () => {
    if (!source.readableEnded) counted.destroy(new Error('the caller has left'));
  });
  return { kind: 'passing', stream: source.pipe(counted), length, isTooLarge: () => bytes > MOST_BYTES };
}
