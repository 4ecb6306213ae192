import { endsGrant, failure, FAILURE_CODES } from './failure';

describe('a failure', () => {
  it.each([
    ['invalid_grant', 'definite'],
    ['insufficient_scope', 'definite'],
    ['access_denied', 'definite'],
    ['account_mismatch', 'definite'],
    ['token_refresh_failed', 'in_doubt'],
    ['bad_provider_response', 'in_doubt'],
    ['rate_limited', 'transient'],
    ['provider_unavailable', 'transient'],
    ['provider_misconfigured', 'ours'],
    ['internal', 'ours'],
  ] as const)('%s is usually %s', (code, kind) => {
    expect(failure(code, 'words')).toEqual({ code, kind, reason: 'words' });
  });

  it('is of another kind where its reader knows better', () => {
    expect(failure('bad_provider_response', 'status_400', { kind: 'transient' }).kind).toBe('transient');
  });

  it('ends a grant by one code alone, and only if it is definite', () => {
    expect(FAILURE_CODES.filter((code) => endsGrant(failure(code, 'words')))).toEqual(['invalid_grant']);
    expect(endsGrant(failure('invalid_grant', 'words', { kind: 'transient' }))).toBe(false);
    expect(endsGrant(failure('access_denied', 'words', { kind: 'definite' }))).toBe(false);
  });
});
