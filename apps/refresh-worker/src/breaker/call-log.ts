import { TALLY_WINDOW_MS, type CallTally, type FailedCalls } from '@hub/domain';

/** More calls than this say nothing more. */
const MOST_CALLS = 200;

/** One call to a registration's token endpoint, or to the API that is asked first. */
export interface HeardCall {
  readonly integrationId: string;
  /** The tenant's own token endpoint; `null` where one serves all. */
  readonly host: string | null;
  readonly isFailure: boolean;
}

/** The latest calls to one registration, as this process saw them. Times are monotonic milliseconds. */
export class CallLog {
  private calls: (HeardCall & { readonly atMs: number })[] = [];

  note(call: HeardCall, nowMs: number): void {
    this.calls.push({ ...call, atMs: nowMs });
    this.calls = this.calls.filter(({ atMs }) => atMs > nowMs - TALLY_WINDOW_MS).slice(-MOST_CALLS);
  }

  tally(): CallTally {
    const lastSuccess = this.calls.findLastIndex(({ isFailure }) => !isFailure);
    return {
      calls: this.calls.length,
      failed: sumOf(this.calls.filter(({ isFailure }) => isFailure)),
      failedInARow: sumOf(this.calls.slice(lastSuccess + 1)),
    };
  }

  /** After a breaker has opened or closed, what was before says nothing more. */
  forget(): void {
    this.calls = [];
  }
}

function sumOf(failed: readonly HeardCall[]): FailedCalls {
  const hosts = failed.map(({ host }) => host);
  return {
    calls: failed.length,
    integrations: new Set(failed.map(({ integrationId }) => integrationId)).size,
    hosts: hosts.includes(null) ? null : new Set(hosts).size,
  };
}
