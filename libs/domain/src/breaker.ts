import type { Failure } from './failure';

/**
 * A breaker stands before each registration at a provider. It tells "the provider, or our registration there, is sick"
 * from "this grant is dead": only the latter may cost an org its connection.
 *
 * - `closed`: calls go through.
 * - `open`: refreshes are put off, not failed; one probe at a time goes through when its hour has come.
 */
export const BREAKER_STATES = ['closed', 'open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Failed calls of one registration, and how many they are of. */
export interface FailedCalls {
  readonly calls: number;
  /** Distinct integrations among them: one that is tried again and again is one. */
  readonly integrations: number;
  /** Distinct token endpoints among them, where each tenant has one of its own, such as a shop; `null`: one serves all. */
  readonly hosts: number | null;
}

/** Calls of one registration in the last while, as one process saw them. */
export interface CallTally {
  readonly calls: number;
  readonly failed: FailedCalls;
  /** Those of them since the last success. */
  readonly failedInARow: FailedCalls;
}

/**
 * Definite verdicts about grants of one registration, or about hooks of one provider, in the last while, beside all
 * attempts that came to an end.
 */
export interface VerdictTally {
  /** Integrations that were refused for good, each of another org: an org has one at a provider. */
  readonly definite: number;
  readonly settled: number;
  /** Distinct accounts among those that were refused. */
  readonly accounts: number;
}

/** The reason of a refusal that was not believed, since it came with many others. */
export const HELD_REASON = 'refused_with_many_others';
/** Calls older than this say nothing about now. */
export const TALLY_WINDOW_MS = 5 * 60_000;
const FEWEST_CALLS = 20;
const SICK_IN_A_ROW = 5;
/** What fewer have met is theirs, not the provider's: a dead shop, a broken integration that is tried in a loop, an account. */
const FEWEST_STRUCK = 3;
const FEWEST_VERDICTS = 20;
const HALF = 1 / 2;
const FIRST_PROBE_MS = 5_000;
const LONGEST_PROBE_MS = 60_000;

/**
 * True for what speaks against the provider or the registration. A throttle asks for patience, a definite word is about
 * one grant, a refusal may be about one shop, and what failed in the hub was never said by anybody.
 */
export function speaksAgainstProvider({ code, kind, concerns }: Failure): boolean {
  return code !== 'rate_limited' && code !== 'internal' && kind !== 'definite' && concerns !== 'integration';
}

/** True for a refusal of the hub's registration at a provider: it meets all integrations there alike (RFC 6749 §5.2, `invalid_client`). */
export function refusesRegistration(failure: Failure): boolean {
  return failure.kind === 'ours' && speaksAgainstProvider(failure);
}

/**
 * Whether so many failed calls are the provider's own trouble, or that of our registration there. No single integration
 * and no single tenant's host can say so, however often it is asked: the breaker stands before everybody. Where fewer
 * than three integrations are, it never opens by this: their own ladder spares the provider as well.
 */
export function isOutage({ calls, failed, failedInARow }: CallTally): boolean {
  const isRow = failedInARow.calls >= SICK_IN_A_ROW && isWidespread(failedInARow);
  const isHalf = calls >= FEWEST_CALLS && failed.calls >= calls * HALF && isWidespread(failed);
  return isRow || isHalf;
}

function isWidespread({ integrations, hosts }: FailedCalls): boolean {
  return integrations >= FEWEST_STRUCK && (hosts === null || hosts >= FEWEST_STRUCK);
}

/**
 * Whether so many grants, or hooks, cannot all have died by themselves: then the word is not believed until a probe
 * confirms it. Grants on one account can, all at once: its owner has revoked them, or removed the app.
 *
 * @param tally with the verdict at hand counted in; its account may be left out
 */
export function isMassVerdict({ definite, settled, accounts }: VerdictTally): boolean {
  return definite >= FEWEST_VERDICTS && definite >= settled * HALF && accounts >= FEWEST_STRUCK;
}

/**
 * Whether a refusal is the second one of a grant, with a grant to somebody else between the two: then the provider is
 * well and this grant is dead, however many others are.
 *
 * @param heldAt   when a refusal of this grant was not believed; `null`: none was
 * @param closedAt when the breaker closed last; `null`: it never did
 */
export function isConfirmedVerdict(heldAt: Date | null, closedAt: Date | null): boolean {
  return heldAt !== null && closedAt !== null && closedAt.getTime() >= heldAt.getTime();
}

/** The wait before the next probe. @param probes failed probes since the breaker opened, 0 at first */
export function probeDelayMs(probes: number): number {
  return Math.min(LONGEST_PROBE_MS, FIRST_PROBE_MS * 2 ** Math.max(0, probes));
}
