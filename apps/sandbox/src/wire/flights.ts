/** One refresh under way. */
export interface Flight {
  readonly token: string;
  /** Another refresh with the same token was under way at some moment of this one. */
  overlapping: boolean;
}

/** The refreshes under way by presented token: two at once are what single flight must never let happen. */
export class Flights {
  private readonly byToken = new Map<string, Set<Flight>>();

  begin(token: string): Flight {
    const others = this.byToken.get(token) ?? new Set<Flight>();
    const flight: Flight = { token, overlapping: others.size > 0 };
    for (const other of others) other.overlapping = true;
    this.byToken.set(token, others.add(flight));
    return flight;
  }

  end(flight: Flight): void {
    const flights = this.byToken.get(flight.token);
    flights?.delete(flight);
    if (flights?.size === 0) this.byToken.delete(flight.token);
  }
}
