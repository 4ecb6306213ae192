import { TALLY_WINDOW_MS, type CallTally } from '@hub/domain';

/** More calls than this say nothing more. */
const MOST_CALLS = 200;

/** The latest calls to one registration, as this process saw them. Times are monotonic milliseconds. */
export class CallLog {
  private calls: { readonly atMs: number; readonly isFailure: boolean }[] = [];

  note(isFailure: boolean, nowMs: number): void {
    this.calls.push({ atMs: nowMs, isFailure });
    this.calls = this.calls.filter((call) => call.atMs > nowMs - TALLY_WINDOW_MS).slice(-MOST_CALLS);
  }

  tally(): CallTally {
    const lastSuccess = this.calls.findLastIndex((call) => !call.isFailure);
    return {
      calls: this.calls.length,
      failures: this.calls.filter((call) => call.isFailure).length,
      failuresInARow: this.calls.length - 1 - lastSuccess,
    };
  }

  /** After a breaker has opened or closed, what was before says nothing more. */
  forget(): void {
    this.calls = [];
  }
}
