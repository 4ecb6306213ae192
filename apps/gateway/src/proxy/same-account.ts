import type { LentToken } from '../tokens/tokens.service';

/** A token, and what it is for. */
export interface Addressed extends Pick<LentToken, 'id' | 'account'> {
  readonly apiBaseUrl: string;
  /** Which connect of its row the token comes from. It counts only where the account is not known. */
  readonly connectedEpoch?: number;
}

/** Why a call is not made again with a newer token: it is for another account, or nobody knows whether it is. */
export type NotTheSame = 'account_changed' | 'account_unknown';

/**
 * Somebody may have connected another account in between: what was meant for the one is not done to the other. A reconnect
 * keeps the row, so that the row alone says nothing of the account. A refresh changes no account: where it is not known, a
 * token of the same connect is for the same one.
 *
 * @returns the newer token if it is surely for the same account
 */
export function ofTheSame<Token extends Addressed>(refused: Token, newer: Token): Token | NotTheSame {
  if (newer.id !== refused.id || newer.apiBaseUrl !== refused.apiBaseUrl) return 'account_changed';
  if (!refused.account)
    return refused.connectedEpoch !== undefined && refused.connectedEpoch === newer.connectedEpoch
      ? newer
      : 'account_unknown';
  if (!newer.account) return 'account_unknown';
  return newer.account.id === refused.account.id ? newer : 'account_changed';
}
