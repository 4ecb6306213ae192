// A process of its own that outlives the one it serves, for a moment: when that one ends, by whatever means, the pipe on
// our stdin closes, and what it had started is stopped. It reads one JSON line per order:
//   {"watch": {pid, identity, signals}}   {"forget": pid}   {"remove": folder}
import fs from 'node:fs';
import readline from 'node:readline';
import { stopProcess } from './stop-process.mjs';

/** @type {Map<number, import('./stop-process.mjs').Stoppable>} */
const watched = new Map();
const folders = new Set();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {}); // only the pipe tells when to end

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  if (order.watch) watched.set(order.watch.pid, order.watch);
  if (order.forget) watched.delete(order.forget);
  if (order.remove) folders.add(order.remove);
});

process.stdin.on('close', async () => {
  await Promise.all([...watched.values()].map(stopProcess));
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.exit(0);
});
