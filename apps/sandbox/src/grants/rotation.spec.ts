import { judge } from './rotation';
import type { Grant, RefreshToken } from './tokens';

const NOW = 1_000_000_000;
const DAY = 86_400;
const RULES = { rotationGrace: 'until_used' as const, rotationGraceCapSeconds: 30 * DAY };

function aToken(fields: Partial<RefreshToken> & { closed?: Grant['closed'] } = {}): RefreshToken {
  const { closed = null, ...own } = fields;
  return {
    value: 'secret',
    print: 'print',
    grant: { closed } as Grant,
    generation: 0,
    issuedAt: NOW - 1000,
    expiresAt: null,
    lastUsedAt: null,
    firstUsedAt: null,
    timesAccepted: 0,
    successor: null,
    dead: null,
    ...own,
  };
}

/** A token that was accepted `agoSeconds` ago, and whose successor was used or not. */
function spent(agoSeconds: number, successorUsed: boolean): RefreshToken {
  const refresh = aToken({ firstUsedAt: successorUsed ? NOW - 1 : null });
  const firstUsedAt = NOW - agoSeconds * 1000;
  return aToken({ firstUsedAt, successor: { refresh, access: {} as never } });
}

describe('a presented refresh token', () => {
  it.each([
    ['unused', aToken(), RULES, 'first'],
    ['of a revoked grant', aToken({ closed: 'revoked' }), RULES, 'closed'],
    ['replaced by a later connect', aToken({ dead: 'replaced' }), RULES, 'replaced'],
    ['past its expiry', aToken({ expiresAt: NOW }), RULES, 'expired'],
    ['just before its expiry', aToken({ expiresAt: NOW + 1 }), RULES, 'first'],
    ['spent, successor unused', spent(60, false), RULES, 'again'],
    ['spent, successor used', spent(60, true), RULES, 'spent'],
    ['spent longer ago than the cap', spent(30 * DAY, false), RULES, 'spent'],
    ['spent within a fixed window', spent(59, true), { ...RULES, rotationGrace: 60 }, 'again'],
    ['spent at the end of a fixed window', spent(60, false), { ...RULES, rotationGrace: 60 }, 'spent'],
    ['spent where nothing is forgiven', spent(0, false), { ...RULES, rotationGrace: 0 }, 'spent'],
  ])('%s: %#', (_case, token, rules, expected) => {
    const presentation = judge(token, rules, { rotates: true }, NOW);
    expect(presentation.kind === 'refused' ? presentation.reason : presentation.kind).toBe(expected);
  });

  it('is never spent where nothing rotates', () => {
    expect(judge(spent(5, true), { ...RULES, rotationGrace: 0 }, { rotates: false }, NOW)).toEqual({ kind: 'first' });
  });

  it('dies of idleness, counted from its last use', () => {
    const manner = { rotates: false, idleSeconds: DAY };
    const idle = aToken({ issuedAt: NOW - 2 * DAY * 1000 });
    expect(judge(idle, RULES, manner, NOW)).toEqual({ kind: 'refused', reason: 'idle' });
    expect(judge({ ...idle, lastUsedAt: NOW - 1000 }, RULES, manner, NOW)).toEqual({ kind: 'first' });
  });
});
