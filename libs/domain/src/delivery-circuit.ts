import type { Failure } from './failure';

/**
 * A circuit stands before each receiver: one that is dead is not asked again and again, and what is for it waits without
 * spending its tries. Once the pause is over, one try goes through; what comes of it closes or opens the circuit.
 */
export interface Circuit {
  /** Failed tries in a row, whichever delivery they were of. */
  readonly failures: number;
  /** Nothing is sent before; `null`: nothing stands in the way. During a trial it is the end of that trial's lease. */
  readonly openUntil: Date | null;
}

export const CLOSED_CIRCUIT: Circuit = { failures: 0, openUntil: null };

/** With so many failures in a row the circuit opens. */
const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 30 * FIRST_PAUSE_MS;

/** Whether the next send is a trial: the circuit has opened, and lets one through at a time. */
export function isHalfOpen({ failures }: Circuit): boolean {
  return failures >= FAILURES_TO_OPEN;
}

/** How long nothing may be sent yet, in milliseconds; 0: a send may go out, if only one as a trial. */
export function circuitWaitMs({ openUntil }: Circuit, now: Date): number {
  return openUntil === null ? 0 : Math.max(0, openUntil.getTime() - now.getTime());
}

/** The pause that a circuit opens for: 1, 2, 4, 8, 16, then 30 minutes. @param failures in a row, 5 or more */
export function circuitPauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - FAILURES_TO_OPEN));
}

/** True for what speaks against the receiver: a throttle, a word about one message and a fault of the hub do not. */
export function speaksAgainstReceiver({ code, kind }: Failure): boolean {
  return code !== 'rate_limited' && (kind === 'transient' || kind === 'in_doubt');
}

/**
 * The circuit after a failed try. Whoever answers at all is there, so that a throttle or a refusal of one message closes it.
 *
 * @param isTrial whether the try was let through by a circuit that has opened: others that were under way when it opened
 *                say nothing new
 */
export function circuitAfterFailure(circuit: Circuit, failure: Failure, now: Date, isTrial: boolean): Circuit {
  if (failure.code === 'internal') return isTrial ? { ...circuit, openUntil: now } : circuit; // nobody was asked
  if (!speaksAgainstReceiver(failure)) return CLOSED_CIRCUIT;
  if (isHalfOpen(circuit) && !isTrial) return circuit;
  const failures = circuit.failures + 1;
  if (failures < FAILURES_TO_OPEN) return { failures, openUntil: null };
  return { failures, openUntil: new Date(now.getTime() + circuitPauseMs(failures)) };
}
