import { parentPort, workerData } from 'node:worker_threads';
import { liveAll, type Lives } from './live-all';

// A thread of its own: thousands of worlds take a processor for a minute, and the watch of the scenarios beside must go on.
parentPort?.postMessage(liveAll(workerData as Lives));
