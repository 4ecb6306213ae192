import type { CommonSettings, RefreshRefusal } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { isAlive, type RefreshToken } from './tokens';

export type RotationRules = Pick<CommonSettings, 'rotationGrace' | 'rotationGraceCapSeconds'>;

/** What is to happen when a refresh token of a living grant is presented. */
export type Presentation = { kind: 'first' } | { kind: 'again' } | { kind: 'refused'; reason: RefreshRefusal };

/**
 * Judges a presented refresh token. A token that was already accepted may come again only within the provider's grace
 * (a lost answer); outside it the token is spent. `rotates: false` means any number of uses.
 */
export function judge(
  token: RefreshToken,
  rules: RotationRules,
  manner: { rotates: boolean; idleSeconds?: number | undefined },
  now: number,
): Presentation {
  if (token.grant.closed !== null) return { kind: 'refused', reason: 'closed' };
  if (token.dead !== null) return { kind: 'refused', reason: token.dead };
  if (!isAlive(token, now)) return { kind: 'refused', reason: 'expired' };
  const idleSince = token.lastUsedAt ?? token.issuedAt;
  if (manner.idleSeconds !== undefined && now - idleSince > manner.idleSeconds * 1000) {
    return { kind: 'refused', reason: 'idle' };
  }
  if (!manner.rotates || token.firstUsedAt === null) return { kind: 'first' };
  return mayComeAgain(token, rules, now) ? { kind: 'again' } : { kind: 'refused', reason: 'spent' };
}

function mayComeAgain(token: RefreshToken, rules: RotationRules, now: number): boolean {
  const since = now - (token.firstUsedAt ?? now);
  if (rules.rotationGrace !== 'until_used') return since < rules.rotationGrace * 1000;
  return token.successor?.refresh.firstUsedAt === null && since < rules.rotationGraceCapSeconds * 1000;
}
