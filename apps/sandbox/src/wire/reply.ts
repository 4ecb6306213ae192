import type { FastifyReply } from 'fastify';
import type { WireAnswer } from '../../../../libs/providers/src/sandbox/wire.sandbox';

const DRIP_PIECES = 20;

export function bodyText(answer: WireAnswer): string {
  return typeof answer.body === 'object' ? JSON.stringify(answer.body) : (answer.body ?? '');
}

/** Sends an answer whole. */
export function sendWhole(reply: FastifyReply, answer: WireAnswer): void {
  const type = typeof answer.body === 'object' ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8';
  void reply
    .code(answer.status)
    .headers({ 'content-type': type, 'cache-control': 'no-store', ...answer.headers })
    .send(bodyText(answer));
}

/** Sends headers at once and the body in small pieces over `dripMs`, as a sick server or a slow line does. */
export function sendDripping(reply: FastifyReply, answer: WireAnswer, dripMs: number): void {
  const raw = reply.hijack().raw;
  const body = Buffer.from(bodyText(answer));
  const size = Math.max(1, Math.ceil(body.length / DRIP_PIECES));
  raw.writeHead(answer.status, {
    'content-type': 'application/json; charset=utf-8',
    ...answer.headers,
    'content-length': body.length,
  });
  raw.flushHeaders();
  let sent = 0;
  const timer = setInterval(() => {
    raw.write(body.subarray(sent, sent + size));
    sent += size;
    if (sent < body.length) return;
    clearInterval(timer);
    raw.end();
  }, dripMs / DRIP_PIECES);
  raw.on('close', () => clearInterval(timer));
}

/** Cuts the connection without an answer. */
export function cut(reply: FastifyReply): void {
  reply.hijack().raw.destroy();
}
