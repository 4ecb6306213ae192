/** What pg's pool says once a caller has waited for `connectionTimeoutMillis` while all of its connections were lent. */
const ALL_LENT = 'timeout exceeded when trying to connect';

/**
 * Every connection of this process's pool was lent for as long as a caller waits for one (five seconds; two and a half
 * where a refresh is settled). Nothing was asked, and the database is not away: the same may be tried again in a while.
 */
export class DatabaseBusy extends Error {
  constructor(options: { readonly cause?: unknown } = {}) {
    super('no connection to the database came free in time', options);
    this.name = 'DatabaseBusy';
  }
}

/** True if pg's pool has lent no connection in time, as distinct from one that was tried and not established. */
export function isOfFullPool(error: unknown): boolean {
  return error instanceof Error && error.message === ALL_LENT;
}
