import type { ConsoleSession } from '@hub/domain';

/** A session with what its own browser needs of it. */
export interface BrowserSession {
  readonly session: ConsoleSession;
  /** The cookie's value. */
  readonly cookie: string;
}
