import type { LentToken } from '../tokens/tokens.service';

/** A token, and what it is for. */
export interface Addressed extends Pick<LentToken, 'id' | 'account'> {
  readonly apiBaseUrl: string;
}

/** Why a call is not made again with a newer token: it is for another account, or nobody knows whether it is. */
export type NotTheSame = 'account_changed' | 'account_unknown';

/**
 * Somebody may have connected another account in between: what was meant for the one is not done to the other. A reconnect
 * keeps the row, so that the row alone says nothing of the account.
 *
 * @returns the newer token if it is surely for the same account
 */
export function ofTheSame<Token extends Addressed>(refused: Token, newer: Token): Token | NotTheSame {
  if (newer.id !== refused.id || newer.apiBaseUrl !== refused.apiBaseUrl) return 'account_changed';
  if (!newer.account || !refused.account) return 'account_unknown';
  return newer.account.id === refused.account.id ? newer : 'account_changed';
}
