import { anAnswer } from '../testing/scripted-wire';
import type { OutboundOutcome } from '@hub/outbound';
import type { Conversation, WireAnswer } from './provider-definition';
import { isClientRefusal, oauthFailure, readAbsence, readRefusal, readUnusable, retryAfterMs } from './wire-failure';

const PAGE = { 'content-type': 'text/html; charset=utf-8' };

describe('a refusal by status', () => {
  it.each<[string, WireAnswer, Conversation, string, string]>([
    ['a throttle is a throttle', anAnswer(429), 'refresh', 'rate_limited', 'transient'],
    [
      'a throttle wins over its words',
      anAnswer(429, { error: 'invalid_grant' }),
      'refresh',
      'rate_limited',
      'transient',
    ],
    ['a gateway error is an outage', anAnswer(502, '<h1>', PAGE), 'refresh', 'provider_unavailable', 'transient'],
    ['unavailable is an outage', anAnswer(503), 'refresh', 'provider_unavailable', 'transient'],
    ['an edge error is an outage', anAnswer(522, '', PAGE), 'refresh', 'provider_unavailable', 'transient'],
    ['overload is an outage', anAnswer(529), 'exchange', 'provider_unavailable', 'transient'],
    [
      'an outage wins over its words',
      anAnswer(503, { error: 'invalid_grant' }),
      'refresh',
      'provider_unavailable',
      'transient',
    ],
    ['a server error leaves a refresh in doubt', anAnswer(500), 'refresh', 'token_refresh_failed', 'in_doubt'],
    [
      'a server error with words too',
      anAnswer(500, { error: 'invalid_grant' }),
      'refresh',
      'token_refresh_failed',
      'in_doubt',
    ],
    ['an unknown server error too', anAnswer(599), 'refresh', 'token_refresh_failed', 'in_doubt'],
    ['a server error ends an exchange', anAnswer(500), 'exchange', 'provider_unavailable', 'transient'],
    ['a server error may pass at a revocation', anAnswer(500), 'revoke', 'provider_unavailable', 'transient'],
    ['a server error may pass at the API', anAnswer(500), 'api', 'provider_unavailable', 'transient'],
    ['a dead grant is dead', anAnswer(400, { error: 'invalid_grant' }), 'refresh', 'invalid_grant', 'definite'],
    ['a dead code is dead', anAnswer(400, { error: 'invalid_grant' }), 'exchange', 'invalid_grant', 'definite'],
    ['a wrong secret is ours', anAnswer(401, { error: 'invalid_client' }), 'refresh', 'provider_misconfigured', 'ours'],
    [
      'a client without the right is ours',
      anAnswer(400, { error: 'unauthorized_client' }),
      'refresh',
      'provider_misconfigured',
      'ours',
    ],
    [
      'a wrong redirect is ours',
      anAnswer(400, { error: 'redirect_uri_mismatch' }),
      'exchange',
      'provider_misconfigured',
      'ours',
    ],
    [
      'a wrong request is ours',
      anAnswer(400, { error: 'invalid_request' }),
      'refresh',
      'provider_misconfigured',
      'ours',
    ],
    ['a wrong scope is ours', anAnswer(400, { error: 'invalid_scope' }), 'refresh', 'provider_misconfigured', 'ours'],
    [
      'a wrong grant type is ours',
      anAnswer(400, { error: 'unsupported_grant_type' }),
      'refresh',
      'provider_misconfigured',
      'ours',
    ],
    ['a denial is a denial', anAnswer(400, { error: 'access_denied' }), 'exchange', 'access_denied', 'definite'],
    [
      'a request to slow down is a throttle',
      anAnswer(400, { error: 'slow_down' }),
      'refresh',
      'rate_limited',
      'transient',
    ],
    ['an unknown word ends nothing', anAnswer(400, { error: 'odd' }), 'refresh', 'token_refresh_failed', 'transient'],
    [
      'a word of the prototype ends nothing',
      anAnswer(400, { error: 'constructor' }),
      'refresh',
      'token_refresh_failed',
      'transient',
    ],
    [
      'a page with 400 ends nothing',
      anAnswer(400, 'invalid_grant', PAGE),
      'refresh',
      'token_refresh_failed',
      'transient',
    ],
    ['a page with 403 ends nothing', anAnswer(403, '<h1>', PAGE), 'refresh', 'token_refresh_failed', 'transient'],
    ['an empty 401 ends nothing', anAnswer(401), 'refresh', 'token_refresh_failed', 'transient'],
    ['an empty 400 is no answer to an exchange', anAnswer(400), 'exchange', 'bad_provider_response', 'in_doubt'],
    ['a redirect is no answer to a refresh', anAnswer(302), 'refresh', 'token_refresh_failed', 'in_doubt'],
    ['a redirect is no answer to an exchange', anAnswer(307), 'exchange', 'bad_provider_response', 'in_doubt'],
    ['401 of the API speaks of the token', anAnswer(401), 'api', 'invalid_grant', 'definite'],
    ['401 of the API in a page does not', anAnswer(401, '<h1>', PAGE), 'api', 'bad_provider_response', 'transient'],
    ['403 of the API speaks of rights', anAnswer(403), 'api', 'insufficient_scope', 'definite'],
    ['403 of the API in a page does not', anAnswer(403, '<h1>', PAGE), 'api', 'bad_provider_response', 'transient'],
    ['404 of the API says nothing of the token', anAnswer(404, {}), 'api', 'bad_provider_response', 'transient'],
    ['409 of the API passes', anAnswer(409, {}), 'api', 'provider_unavailable', 'transient'],
    ['400 of the API is ours', anAnswer(400, {}), 'api', 'provider_misconfigured', 'ours'],
    ['400 of the API in a page is not', anAnswer(400, '<h1>', PAGE), 'api', 'bad_provider_response', 'transient'],
    ['a redirect is no answer of the API', anAnswer(301), 'api', 'bad_provider_response', 'transient'],
  ])('%s', (_sentence, answer, conversation, code, kind) => {
    expect(readRefusal(answer, conversation)).toMatchObject({ code, kind });
  });

  it.each([
    ['invalid_client', undefined],
    ['unauthorized_client', undefined],
    ['unsupported_grant_type', undefined],
    ['invalid_scope', 'integration'],
    ['invalid_request', 'integration'],
  ])('%s concerns %s', (error, whom) => {
    expect(readRefusal(anAnswer(400, { error }), 'refresh').concerns).toBe(whom);
  });

  it('repeats no text of the answer but known codes', () => {
    const answer = anAnswer(400, { error: 'secret-123', error_description: 'secret-123' });
    for (const conversation of ['exchange', 'refresh', 'revoke', 'api'] as const)
      expect(readRefusal(answer, conversation).reason).toBe('http_400');
  });

  it('tells how long the provider asks us to wait', () => {
    expect(readRefusal(anAnswer(429, '', { 'retry-after': '7' }), 'refresh').retryAfterMs).toBe(7_000);
    expect(readRefusal(anAnswer(503, '', { 'retry-after': '7' }), 'api').retryAfterMs).toBe(7_000);
    expect(readRefusal(anAnswer(429), 'refresh')).not.toHaveProperty('retryAfterMs');
  });
});

describe('no answer', () => {
  const unsent: OutboundOutcome = { kind: 'not_sent', reason: 'refused' };
  const lost: OutboundOutcome = { kind: 'no_answer', reason: 'timeout' };

  it.each(['exchange', 'refresh', 'revoke', 'api'] as const)(
    'to what was never sent is an outage (%s)',
    (conversation) => {
      expect(readAbsence(unsent, conversation)).toEqual({
        code: 'provider_unavailable',
        kind: 'transient',
        reason: 'refused',
      });
    },
  );

  it.each<[Conversation, string, string]>([
    ['refresh', 'token_refresh_failed', 'in_doubt'],
    ['exchange', 'bad_provider_response', 'in_doubt'],
    ['revoke', 'provider_unavailable', 'transient'],
    ['api', 'provider_unavailable', 'transient'],
  ])('to a request of the kind %s is %s', (conversation, code, kind) => {
    expect(readAbsence(lost, conversation)).toMatchObject({ code, kind, reason: 'timeout' });
  });

  it.each<[Conversation, string, string]>([
    ['refresh', 'token_refresh_failed', 'in_doubt'],
    ['exchange', 'bad_provider_response', 'in_doubt'],
    ['api', 'bad_provider_response', 'transient'],
  ])('that could be used by %s is %s', (conversation, code, kind) => {
    expect(readUnusable(conversation, 'expires_in')).toMatchObject({ code, kind, reason: 'expires_in' });
  });
});

describe('Retry-After', () => {
  const now = 'Sun, 22 Nov 2026 10:00:00 GMT';

  it.each<[string | undefined, number | undefined]>([
    ['30', 30_000],
    [' 30 ', 30_000],
    ['2.0', 2_000],
    ['0.25', 250],
    ['0', 0],
    ['Sun, 22 Nov 2026 10:00:05 GMT', 5_000],
    ['Sunday, 22-Nov-26 10:00:05 GMT', 5_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['999999999', 86_400_000],
    ['-5', undefined],
    ['1e3', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %j ms', (header, wait) => {
    expect(retryAfterMs(header, now)).toBe(wait);
  });

  it('counts to a date only by the clock that set it', () => {
    expect(retryAfterMs('Sun, 22 Nov 2026 10:00:05 GMT')).toBeUndefined();
  });
});

describe('a refusal of the client', () => {
  it('is worth a try with the next secret', () => {
    expect(isClientRefusal(oauthFailure('invalid_client')!)).toBe(true);
  });

  it.each(['unauthorized_client', 'invalid_grant', 'invalid_request'])('is not %s', (code) => {
    expect(isClientRefusal(oauthFailure(code)!)).toBe(false);
  });
});
