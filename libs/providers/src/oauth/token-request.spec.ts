import type { TokenRules } from '../provider-definition';
import { exchangeRequest, refreshRequest } from './token-request';

const client = { clientId: 'id-1', clientSecret: 's3cret' };
const code = { code: '4/abc', redirectUri: 'https://hub.example/callback', verifier: undefined };

const byBody: TokenRules = { clientAuth: 'body', body: 'form', sendsRedirectUri: true };
const byBasic: TokenRules = {
  clientAuth: 'basic',
  body: 'json',
  sendsRedirectUri: true,
  headers: { 'x-version': '1' },
};

describe('a token request', () => {
  it('is a form with the client in it', () => {
    const { headers, body } = exchangeRequest(byBody, client, code);
    expect(headers).toEqual({ accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' });
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      grant_type: 'authorization_code',
      code: '4/abc',
      redirect_uri: 'https://hub.example/callback',
      client_id: 'id-1',
      client_secret: 's3cret',
    });
  });

  it('is JSON with the client in a header, and no secret in the body', () => {
    const { headers, body } = exchangeRequest(byBasic, client, code);
    expect(headers).toEqual({
      accept: 'application/json',
      'content-type': 'application/json',
      'x-version': '1',
      authorization: `Basic ${Buffer.from('id-1:s3cret').toString('base64')}`,
    });
    expect(JSON.parse(body)).toEqual({
      grant_type: 'authorization_code',
      code: '4/abc',
      redirect_uri: 'https://hub.example/callback',
    });
  });

  it('encodes what would break the header apart (RFC 6749 §2.3.1)', () => {
    const { headers } = refreshRequest(byBasic, { clientId: 'a:b', clientSecret: 'c d' }, 'r');
    expect(headers['authorization']).toBe(`Basic ${Buffer.from('a%3Ab:c+d').toString('base64')}`);
  });

  it('brings the PKCE verifier where there is one', () => {
    const { body } = exchangeRequest(byBody, client, { ...code, verifier: 'v' });
    expect(new URLSearchParams(body).get('code_verifier')).toBe('v');
  });

  it('leaves grant type and redirect out where the provider wants neither, and adds its own parameters', () => {
    const rules: TokenRules = { ...byBody, sendsRedirectUri: false, exchangeParams: { expiring: '1', code: 'theirs' } };
    expect(Object.fromEntries(new URLSearchParams(exchangeRequest(rules, client, code).body))).toEqual({
      expiring: '1',
      code: '4/abc',
      client_id: 'id-1',
      client_secret: 's3cret',
    });
  });

  it('asks for a refresh with the refresh token alone', () => {
    expect(JSON.parse(refreshRequest(byBasic, client, 'r').body)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'r',
    });
  });
});
