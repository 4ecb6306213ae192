import type { RevokeRules } from '@hub/providers';

/** What is to become of a grant on its way back: given back, left alone with a reason to tell, or silently forgotten. */
export type RevocationVerdict =
  | { readonly kind: 'give_back' }
  | { readonly kind: 'leave_alone'; readonly reason: 'others_stand_on_it' | 'account_unknown' }
  | { readonly kind: 'forget' };

/**
 * Whether a grant may be given back.
 *
 * @param manner  how its provider takes grants back
 * @param reason  why it goes back; an app is uninstalled only where that was asked for
 * @param others  how many living integrations stand on the same account; `null` where the account is not known
 */
export function revocationVerdict(
  manner: RevokeRules['manner'],
  reason: string,
  others: number | null,
): RevocationVerdict {
  if (manner === 'none' || (manner === 'uninstall' && reason !== 'uninstall')) return { kind: 'forget' };
  if (others !== null && others > 0) return { kind: 'leave_alone', reason: 'others_stand_on_it' };
  // the end of one grant would be the end of all on the account, and nobody can tell whose it is
  if (others === null && manner === 'grant') return { kind: 'leave_alone', reason: 'account_unknown' };
  return { kind: 'give_back' };
}
