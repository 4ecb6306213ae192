import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 50;

/**
 * Waits for something to become true: an event, not a time.
 *
 * @param what says in a failing test what was waited for
 * @param look answers what is waited for, `undefined` or false while it is not there
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { withinMs = 15_000 } = {},
): Promise<T> {
  const endsAt = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > endsAt) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}
