/** A lane of the watch, as a worker sees it. Spans in milliseconds. */
export interface LaneProgress {
  readonly provider: string;
  /** For how long its oldest work had been due that nobody was at, when the watch last looked. */
  readonly overdueMs: number;
  /** Since a job or a run of it last began or ended in this process. */
  readonly stillMs: number;
  /** Whether the provider has asked for patience, and is given it. */
  readonly isHeld: boolean;
}

/** What a worker knows of its own clockwork. */
export interface Progress {
  /** Since a look for work last came to its end, good or bad. */
  readonly sinceLookMs: number;
  readonly lanes: readonly LaneProgress[];
}

/** Longer than any work and any look takes, with all their deadlines. */
export const WEDGED_AFTER_MS = 5 * 60_000;

/**
 * Why a worker is to be started anew: its event loop turns, and yet it does nothing about what it is there for. Neither
 * PostgreSQL nor Redis nor a provider can bring that about: without them a look ends all the same, and work fails, which is
 * movement. An idle worker is well, and so is one whose provider asks for patience.
 *
 * @returns `undefined` for a worker that is well; else a few words for the operator
 */
export function wedgeOf({ sinceLookMs, lanes }: Progress): string | undefined {
  if (sinceLookMs > WEDGED_AFTER_MS) return 'it has not looked for work for five minutes';
  const stuck = lanes.find(
    ({ overdueMs, stillMs, isHeld }) => !isHeld && overdueMs > WEDGED_AFTER_MS && stillMs > WEDGED_AFTER_MS,
  );
  return stuck && `it has done nothing for five minutes about what is due at ${stuck.provider}`;
}
