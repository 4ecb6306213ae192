import type { Lease } from '@hub/database';

/**
 * A lease with the database's time while it is held: the database's own word, carried on by the monotonic clock, so that
 * this machine's wall clock plays no part. It runs behind the true time by one answer of the database at most.
 */
export class HeldLease {
  private readMs = performance.now();

  constructor(private current: Lease) {}

  get lease(): Lease {
    return this.current;
  }

  /** The database's time. */
  now(): Date {
    return new Date(this.current.claimedAt.getTime() + (performance.now() - this.readMs));
  }

  /** How long others surely keep away, in milliseconds. */
  leftMs(): number {
    return this.current.leaseMs - (performance.now() - this.current.claimedMs);
  }

  /** The lease has begun anew. */
  renew(lease: Lease): void {
    this.current = lease;
    this.readMs = performance.now();
  }

  /** From now on an answer may be lost: whoever gives the lease back must know. */
  noteSent(at: Date): void {
    this.current = { ...this.current, inDoubtSince: this.current.inDoubtSince ?? at };
  }
}
