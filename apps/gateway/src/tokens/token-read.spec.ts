import { judge, judgeAfterRefresh } from './token-read';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);

/** A token of an hour's life with so much of it left. */
function withLeft(seconds: number, status: 'connected' | 'refresh_failing' | 'reauth_required' = 'connected') {
  return { status, issuedAt: inSeconds(seconds - 3_600), expiresAt: inSeconds(seconds), readAt: NOW };
}

describe('a token read', () => {
  it.each([
    ['with more left than is asked for', 1_000, 60, 'serve'],
    ['with just as much left', 60, 60, 'serve'],
    ['with a millisecond less', 59.999, 60, 'refresh_first'],
    ['of a caller who asks for nothing', 1, 0, 'serve'],
    ['of a token that is over', 0, 60, 'refresh_first'],
    ['of one long over', -10, 0, 'refresh_first'],
    ['in the first third of its life', 2_401, 86_400, 'serve'],
    ['just after it', 2_400, 86_400, 'refresh_first'],
  ])('%s', (_what, left, minTtl, verdict) => {
    expect(judge(withLeft(left), minTtl)).toBe(verdict);
  });

  it('of a token without an end meets any wish', () => {
    expect(judge({ ...withLeft(0), expiresAt: null }, 86_400)).toBe('serve');
  });

  it('is served by a token that is failing to be refreshed, as long as it lives', () => {
    expect(judge(withLeft(100, 'refresh_failing'), 60)).toBe('serve');
    expect(judge(withLeft(30, 'refresh_failing'), 60)).toBe('refresh_first');
  });

  it('is served nothing once the provider has refused the grant, whatever is left', () => {
    expect(judge(withLeft(3_000, 'reauth_required'), 0)).toBe('reauth_required');
    expect(judge({ ...withLeft(0, 'reauth_required'), expiresAt: null }, 0)).toBe('reauth_required');
  });

  it('does not serve a young token that is dead already', () => {
    expect(judge({ ...withLeft(0), issuedAt: NOW, expiresAt: NOW }, 60)).toBe('refresh_first');
  });
});

describe('after the refresh was tried', () => {
  it.each([
    ['any token that lives is served', withLeft(1, 'refresh_failing'), 'serve'],
    ['a token without an end is served', { ...withLeft(0), expiresAt: null }, 'serve'],
    ['a token that is over is dead', withLeft(0, 'refresh_failing'), 'dead'],
    ['a refused grant serves nothing', withLeft(100, 'reauth_required'), 'reauth_required'],
  ] as const)('%s', (_what, token, verdict) => {
    expect(judgeAfterRefresh(token)).toBe(verdict);
  });
});
