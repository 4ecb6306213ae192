/**
 * What became of a job: done; done and to come again after a while; done, but its provider asks for patience, so that the
 * lane starts nothing for a while; or to be tried again by the queue's backoff. The message of a failed job reaches Redis,
 * so it is one of few fixed words.
 */
export type JobOutcome =
  'done' | { readonly againInMs: number } | { readonly holdLaneMs: number } | 'try_again' | 'give_up';

/** What a job failed by, as far as its queue is told; `undefined` if it did not. */
export function errorOf(outcome: JobOutcome): string | undefined {
  return outcome === 'try_again' || outcome === 'give_up' ? outcome : undefined;
}
