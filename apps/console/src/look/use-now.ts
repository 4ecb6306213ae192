import { useSyncExternalStore } from 'react';

const EVERY_MS = 10_000;

let now = Date.now();
const readers = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

function subscribe(reader: () => void): () => void {
  readers.add(reader);
  if (!ticking) now = Date.now(); // nobody has looked at the clock for a while
  ticking ??= setInterval(() => {
    now = Date.now();
    for (const each of readers) each();
  }, EVERY_MS);
  return () => {
    readers.delete(reader);
    if (readers.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

/** The reader's clock in milliseconds, moving every ten seconds: one clock for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
