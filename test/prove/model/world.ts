import type { Failure } from '@hub/domain';
import fc from 'fast-check';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How the provider answers while a spell lasts, or what keeps the hub from asking it. */
export type Spell =
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  | { readonly kind: 'answers_lost' }
  | { readonly kind: 'client_refused' }
  | { readonly kind: 'keys_away' };

/** A stretch of time in which nothing comes of a refresh. */
export interface Trouble {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly spell: Spell;
}

/** One world: a token, its provider, the machines that run the hub. Times count from its begin. */
export interface World {
  readonly lifeMs: number;
  readonly lengthMs: number;
  /** In order, and apart from each other. */
  readonly troubles: readonly Trouble[];
  /** When the provider ends the grant for good, if it does. */
  readonly endedAtMs: number | null;
  /** How often in a thousand attempts the worker dies before its answer is stored. */
  readonly crashesPerThousand: number;
  /** The longest wait between a due time and somebody who looks. */
  readonly doorbellMs: number;
  /** For the chances inside the world. */
  readonly seed: number;
}

const LIVES_MS = [20 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 8 * HOUR_MS, 24 * HOUR_MS];

const spell: fc.Arbitrary<Spell> = fc.oneof(
  fc.constant<Spell>({ kind: 'unavailable' }),
  fc.integer({ min: 1_000, max: 2 * HOUR_MS }).map((retryAfterMs): Spell => ({ kind: 'throttled', retryAfterMs })),
  fc.constant<Spell>({ kind: 'answers_lost' }),
  fc.constant<Spell>({ kind: 'client_refused' }),
  fc.constant<Spell>({ kind: 'keys_away' }),
);

/** Worlds of one token; the troubles are as likely to be short as long. */
export function worlds(lengthMs: number, most: { troubles: number }): fc.Arbitrary<World> {
  // one trouble often follows right upon another: what the second forgets of the first shows only then
  const gap = fc.oneof(
    { weight: 1, arbitrary: fc.constant(1) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: Math.floor((2 * lengthMs) / most.troubles) }) },
  );
  const length = fc
    .integer({ min: 0, max: 19 })
    .chain((size) => fc.integer({ min: 1_000, max: Math.floor(2_000 * 1.8 ** size) }));
  return fc.record({
    lifeMs: fc.constantFrom(...LIVES_MS),
    lengthMs: fc.constant(lengthMs),
    troubles: fc
      .array(fc.tuple(gap, length, spell), { maxLength: most.troubles })
      .map((drawn) => inOrder(drawn, lengthMs)),
    endedAtMs: fc.option(fc.integer({ min: 0, max: lengthMs }), { freq: 8, nil: null }),
    crashesPerThousand: fc.constantFrom(0, 0, 10, 100),
    doorbellMs: fc.constantFrom(500, 15_000),
    seed: fc.integer(),
  });
}

function inOrder(drawn: readonly (readonly [number, number, Spell])[], lengthMs: number): Trouble[] {
  const troubles: Trouble[] = [];
  let atMs = 0;
  for (const [gapMs, forMs, kind] of drawn) {
    const fromMs = atMs + gapMs;
    if (fromMs >= lengthMs) break;
    atMs = fromMs + Math.floor(forMs);
    troubles.push({ fromMs, untilMs: atMs, spell: kind });
  }
  return troubles;
}

/** What a spell means for the hub. */
export function failureOf(kind: Spell): Failure {
  switch (kind.kind) {
    case 'unavailable':
      return { code: 'provider_unavailable', kind: 'transient', reason: 'http_503' };
    case 'throttled':
      return { code: 'rate_limited', kind: 'transient', reason: 'http_429', retryAfterMs: kind.retryAfterMs };
    case 'answers_lost':
      return { code: 'token_refresh_failed', kind: 'in_doubt', reason: 'deadline' };
    case 'client_refused':
      return { code: 'provider_misconfigured', kind: 'ours', reason: 'invalid_client' };
    case 'keys_away':
      return { code: 'internal', kind: 'ours', reason: 'key_provider_unavailable' };
  }
}

/** Small and fast chances from a seed (mulberry32): the same world is the same story each time. */
export function chances(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
