import type { Endpoint } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

/** Calls at one endpoint or route. */
export class CallCount {
  calls = 0;
  /** Answers by HTTP status. */
  answered: Record<string, number> = {};
  rateLimited = 0;
  /** Answers that never left: a fault cut the connection, or the caller hung up. */
  lost = 0;
  inFlight = 0;
  peakInFlight = 0;
  /** Most calls that began within one second of this machine's clock. */
  peakPerSecond = 0;
  private second = 0;
  private inSecond = 0;

  begin(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.inSecond = 0;
    }
    this.calls += 1;
    this.inFlight += 1;
    this.inSecond += 1;
    this.peakPerSecond = Math.max(this.peakPerSecond, this.inSecond);
    this.peakInFlight = Math.max(this.peakInFlight, this.inFlight);
  }

  end(status: number | 'lost'): void {
    this.inFlight -= 1;
    if (status === 'lost') this.lost += 1;
    else this.answered[status] = (this.answered[status] ?? 0) + 1;
  }

  toJSON(): object {
    const { calls, answered, rateLimited, lost, inFlight, peakInFlight, peakPerSecond } = this;
    return { calls, answered, rateLimited, lost, inFlight, peakInFlight, peakPerSecond };
  }
}

/** What one provider has counted since its start or its last reset. */
export class Statistics {
  readonly endpoints = new Map<string, CallCount>();
  readonly routes = new Map<string, CallCount>();
  readonly faults: Record<string, number> = {};
  readonly exchanges = { accepted: 0, refused: 0 };
  readonly refreshes = {
    accepted: 0,
    refused: 0,
    /** Accepted with a token that had been accepted before: the provider's grace after a lost answer. */
    acceptedAgain: 0,
    /** Refused because the token was spent: what would have cost a connection. */
    refusedSpent: 0,
    /** Presented while another refresh with the same token was under way. */
    overlapping: 0,
    /** acceptedAgain + refusedSpent: every presentation of a rotated token after its first acceptance. */
    doubleSpends: 0,
    /** Accepted, but the answer was lost or spoiled: the caller is in doubt. */
    answersLost: 0,
  };
  revocations = 0;

  endpoint(name: Endpoint): CallCount {
    return count(this.endpoints, name);
  }

  route(name: string): CallCount {
    return count(this.routes, name);
  }

  toJSON(): object {
    const { exchanges, refreshes, revocations, faults } = this;
    return {
      endpoints: Object.fromEntries(this.endpoints),
      routes: Object.fromEntries(this.routes),
      exchanges,
      refreshes,
      revocations,
      faults,
    };
  }
}

function count(counts: Map<string, CallCount>, name: string): CallCount {
  let found = counts.get(name);
  if (!found) {
    found = new CallCount();
    counts.set(name, found);
  }
  return found;
}
