import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range that systems lend to outgoing connections: a port in there may be taken between two starts.
const FIRST = 15_000;
const LAST = 31_999;

/** A port that nobody listens on, drawn at random so that test files beside each other seldom meet. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
