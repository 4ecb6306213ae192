import { FAILURE_CODES } from './failure';
import { HubError, problemOf, PROBLEMS } from './hub-error';

describe('the catalogue of problems', () => {
  it('has every code of the contract, each with its status', () => {
    const statuses = Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]));
    expect(statuses).toEqual({
      invalid_request: 422,
      unauthorized: 401,
      forbidden: 403,
      not_found: 404,
      not_connected: 404,
      unknown_provider: 404,
      provider_not_configured: 409,
      redirect_uri_not_allowed: 422,
      webhook_host_not_allowed: 422,
      invalid_state: 400,
      access_denied: 409,
      invalid_grant: 409,
      insufficient_scope: 409,
      account_mismatch: 409,
      reauth_required: 409,
      token_refresh_failed: 502,
      rate_limited: 429,
      provider_unavailable: 503,
      bad_provider_response: 502,
      provider_misconfigured: 502,
      internal: 500,
    });
  });

  it.each(Object.entries(PROBLEMS))('%s has a title and tells what to do', (_code, { title, fix }) => {
    expect(title).toMatch(/^[A-Z]/);
    expect(fix.length).toBeGreaterThan(10);
  });

  it.each([
    ['invalid_grant', /connect again/],
    ['insufficient_scope', /grant what is asked, or ask for less/],
    ['reauth_required', /signs in at the provider again/],
    ['token_refresh_failed', /retried by itself; sign in again only when .* reauth_required/],
  ] as const)('%s tells the person: %s', (code, words) => {
    expect(PROBLEMS[code].fix).toMatch(words);
  });

  it.each(FAILURE_CODES)('has a problem for the failure %s', (code) => {
    expect(PROBLEMS).toHaveProperty(problemOf(code));
  });
});

describe('a hub error', () => {
  it('takes status, title and fix from its code', () => {
    const error = new HubError('not_connected', 'The org has not connected it.');
    expect(error).toMatchObject({ name: 'HubError', status: 404, title: 'Not connected', extensions: {} });
    expect(error.message).toBe('The org has not connected it.');
    expect(error.fix).toMatch(/^Connect the provider first/);
  });

  it('has no cause unless it is given one, so that a log shows none', () => {
    expect('cause' in new HubError('not_connected', 'detail')).toBe(false);
    expect('cause' in new HubError('internal', 'detail', { cause: null })).toBe(true);
  });

  it('may say more of one occurrence', () => {
    const cause = new Error('why');
    const error = new HubError('reauth_required', 'detail', {
      title: 'Token refresh failed',
      status: 418,
      retryAfterSeconds: 2,
      cause,
      extensions: { failure: { code: 'invalid_grant' } },
    });
    expect(error).toMatchObject({ title: 'Token refresh failed', status: 418, retryAfterSeconds: 2, cause });
    expect(error.extensions).toEqual({ failure: { code: 'invalid_grant' } });
  });
});
