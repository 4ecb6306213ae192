import { parseScopes } from '@hub/domain';
import { readBearerGrant, type GrantManners } from './grant-reading';
import type { WireAnswer } from './provider-definition';

const manners: GrantManners = { tokenType: 'required', normaliseScopes: (scopes) => parseScopes(scopes) };

function read(
  body: unknown,
  more: Partial<GrantManners> = {},
  conversation: Parameters<typeof readBearerGrant>[1] = 'exchange',
) {
  const answer: WireAnswer = { status: 200, headers: {}, text: '', json: body };
  return readBearerGrant(answer, conversation, { ...manners, ...more });
}

const good = { access_token: 'abc', token_type: 'Bearer' };

describe('a grant', () => {
  it('is read with all it says', () => {
    const body = {
      ...good,
      refresh_token: 'def',
      expires_in: 3599,
      refresh_token_expires_in: 7_776_000,
      scope: 'b a  b',
      extra: 1,
    };
    expect(read(body)).toEqual({
      ok: true,
      grant: {
        accessToken: 'abc',
        refreshToken: 'def',
        expiresInSeconds: 3599,
        refreshExpiresInSeconds: 7_776_000,
        scopes: ['b', 'a'],
        account: undefined,
        metadata: {},
      },
    });
  });

  it('may leave out all but token and type', () => {
    expect(read(good)).toMatchObject({
      ok: true,
      grant: { refreshToken: undefined, expiresInSeconds: null, refreshExpiresInSeconds: null, scopes: undefined },
    });
  });

  it.each([
    ['a type in small letters', { token_type: 'bearer' }],
    ['an expiry in digits', { expires_in: '3600' }],
    ['a refresh token that is null', { refresh_token: null }],
    ['an empty refresh token', { refresh_token: '' }],
    ['an empty scope', { scope: '' }],
    ['a null scope and expiry', { scope: null, expires_in: null }],
    ['a strange life of the refresh token', { refresh_token_expires_in: 'soon' }],
  ])('may have %s', (_what, more) => {
    expect(read({ ...good, ...more })).toMatchObject({ ok: true, grant: { accessToken: 'abc' } });
  });

  it.each<[string, unknown, string]>([
    ['no JSON', undefined, 'no_json_object'],
    ['null', null, 'no_json_object'],
    ['a list', [good], 'no_json_object'],
    ['a text', 'access_token', 'no_json_object'],
    ['no token', { token_type: 'bearer' }, 'access_token'],
    ['an error instead of a token', { error: 'invalid_grant' }, 'access_token'],
    ['an empty token', { ...good, access_token: '' }, 'access_token'],
    ['a number as token', { ...good, access_token: 5 }, 'access_token'],
    ['a token with a line break', { ...good, access_token: 'a\r\nb' }, 'access_token'],
    ['a token with a space', { ...good, access_token: 'a b' }, 'access_token'],
    ['a token beyond ASCII', { ...good, access_token: 'ä' }, 'access_token'],
    ['a token of more than 8 KiB', { ...good, access_token: 'a'.repeat(8_193) }, 'access_token'],
    ['a token of the prototype only', Object.create(good) as object, 'access_token'],
    ['no type', { access_token: 'abc' }, 'token_type'],
    ['another type', { ...good, token_type: 'mac' }, 'token_type'],
    ['a type that is no text', { ...good, token_type: ['bearer'] }, 'token_type'],
    ['a refresh token that is no text', { ...good, refresh_token: { a: 1 } }, 'refresh_token'],
    ['a refresh token with a NUL', { ...good, refresh_token: 'a\0' }, 'refresh_token'],
    ['an expiry in the past', { ...good, expires_in: -1 }, 'expires_in'],
    ['an expiry at once', { ...good, expires_in: 0 }, 'expires_in'],
    ['an expiry in words', { ...good, expires_in: 'abc' }, 'expires_in'],
    ['an expiry beyond all bounds', { ...good, expires_in: 1e99 }, 'expires_in'],
    ['an expiry that is no number', { ...good, expires_in: {} }, 'expires_in'],
    ['a scope that is a list', { ...good, scope: ['a'] }, 'scope'],
  ])('is not read from %s', (_what, body, reason) => {
    expect(read(body)).toEqual({ ok: false, reason });
  });

  it('needs no type where the provider has none', () => {
    expect(read({ access_token: 'abc' }, { tokenType: 'optional' })).toMatchObject({ ok: true });
    expect(read({ access_token: 'abc', token_type: 'mac' }, { tokenType: 'optional' })).toMatchObject({ ok: false });
  });

  it('takes members named like the prototype for what they are', () => {
    const body: unknown = JSON.parse('{"access_token":"abc","token_type":"bearer","__proto__":{"scope":"admin"}}');
    expect(read(body)).toMatchObject({ ok: true, grant: { scopes: undefined } });
  });
});

describe('the grant of a refresh, which may be the only copy of a successor', () => {
  const fresh = { ...good, refresh_token: 'def', expires_in: 3_600, scope: 'a' };
  const whole = { accessToken: 'abc', refreshToken: 'def', expiresInSeconds: 3_600, scopes: ['a'] };

  it.each<[string, object, object]>([
    ['no type', { token_type: undefined }, {}],
    ['another type', { token_type: 'N_A' }, {}],
    ['a type that is no text', { token_type: ['bearer'] }, {}],
    ['an end at once', { expires_in: 0 }, { expiresInSeconds: null }],
    ['an end in words', { expires_in: 'soon' }, { expiresInSeconds: null }],
    ['an end beyond all bounds', { expires_in: 1e99 }, { expiresInSeconds: null }],
    ['a list of scopes', { scope: ['a'] }, { scopes: undefined }],
    ['a strange life of the refresh token', { refresh_token_expires_in: {} }, { refreshExpiresInSeconds: null }],
    ['a refresh token that is none', { refresh_token: { a: 1 } }, { refreshToken: undefined }],
    [
      'everything odd at once',
      { token_type: 5, expires_in: -1, scope: {} },
      { expiresInSeconds: null, scopes: undefined },
    ],
  ])('keeps its tokens beside %s, which counts as absent', (_what, odd, different) => {
    expect(read({ ...fresh, ...odd }, {}, 'refresh')).toMatchObject({ ok: true, grant: { ...whole, ...different } });
  });

  it.each<[string, unknown, string]>([
    ['no JSON', undefined, 'no_json_object'],
    ['no access token', { ...fresh, access_token: undefined }, 'access_token'],
    ['an access token that could not be sent on', { ...fresh, access_token: 'a b' }, 'access_token'],
  ])('is none all the same with %s', (_what, body, reason) => {
    expect(read(body, {}, 'refresh')).toEqual({ ok: false, reason });
  });
});
