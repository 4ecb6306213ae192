import net from 'node:net';
import { randomInt } from 'node:crypto';

// Below the range from which systems hand out ports for outgoing connections (32768–60999 on Linux): a port in there
// may be lent to anybody between two starts.
const FIRST = 15_000;
const LAST = 31_999;

/** Host names that mean this machine alone: the same ones as in libs/config. */
export function isLoopback(host) {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (net.isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<boolean>} whether one could listen there now
 */
export function isFree(port, host = '127.0.0.1') {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', (error) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT')
        resolve(true); // no such address here, so nobody has it
      else reject(error);
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A free port, drawn at random so that stacks and tests that start at the same moment seldom meet.
 * @param {Set<number>} [taken] ports that are promised already
 * @returns {Promise<number>}
 */
export async function drawPort(taken = new Set()) {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
}
