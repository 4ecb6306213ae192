import type { CallbackQuery, Endpoints, ProviderId } from '@hub/domain';
import { judgeCallback, type CallbackContext } from './callback-verdict';

const ENDPOINTS: Endpoints = {
  authorizeUrl: 'https://provider.example/authorize',
  tokenUrl: 'https://provider.example/token',
  revokeUrl: null,
  apiBaseUrl: 'https://api.provider.example',
};

/** A good callback of a provider with an issuer and a signature, unless something is different. */
function judged(query: CallbackQuery, different: Partial<CallbackContext> = {}) {
  return judgeCallback(query, {
    flow: { provider: 'acme' as ProviderId, endpoints: ENDPOINTS, clientId: 'client', inputs: {} },
    definition: { id: 'acme', issuer: 'https://provider.example' },
    endpoints: ENDPOINTS,
    clientId: 'client',
    clientSecrets: ['secret'],
    nowSeconds: 1_000,
    doubled: [],
    ...different,
  });
}

const flow = (different: Partial<CallbackContext['flow']>): Partial<CallbackContext> => ({
  flow: { provider: 'acme' as ProviderId, endpoints: ENDPOINTS, clientId: 'client', inputs: {}, ...different },
});
const promised: Partial<CallbackContext> = {
  definition: { id: 'acme', issuer: 'https://provider.example', issuerPromised: true },
};
const signedBy = (answer: ReturnType<NonNullable<CallbackContext['definition']['verifyCallback']>>) => ({
  definition: { id: 'acme', verifyCallback: () => answer },
});

describe('a callback', () => {
  it('whose code may be spent gives the code', () => {
    expect(judged({ code: 'abc' })).toEqual({ kind: 'code', code: 'abc' });
    expect(judged({ code: 'abc', iss: 'https://provider.example' })).toEqual({ kind: 'code', code: 'abc' });
  });

  it.each<[string, CallbackQuery, Partial<CallbackContext>, string]>([
    ['of another provider', { code: 'a' }, flow({ provider: 'other' as ProviderId }), 'flow.provider_mismatch'],
    ['of another registration', { code: 'a' }, { clientId: 'other' }, 'flow.context_mismatch'],
    ['whose token endpoint has moved', { code: 'a' }, withEndpoint('tokenUrl'), 'flow.context_mismatch'],
    ['whose authorize endpoint has moved', { code: 'a' }, withEndpoint('authorizeUrl'), 'flow.context_mismatch'],
    ['whose API has moved', { code: 'a' }, withEndpoint('apiBaseUrl'), 'flow.context_mismatch'],
    ['whose revocation has moved', { code: 'a' }, withEndpoint('revokeUrl'), 'flow.context_mismatch'],
    ['of a flow that was never opened', { code: 'a' }, flow({ endpoints: null }), 'flow.context_mismatch'],
    ['with a parameter twice', { code: 'a' }, { doubled: ['code'] }, 'flow.response_rejected'],
    ['with a token in its query', { code: 'a', access_token: 'x' }, {}, 'flow.response_rejected'],
    [
      'that its provider did not sign',
      { code: 'a' },
      signedBy({ kind: 'not_authentic', reason: 'hmac' }),
      'flow.response_rejected',
    ],
    ['of another issuer', { code: 'a', iss: 'https://evil.example' }, {}, 'flow.issuer_mismatch'],
    ['of nearly the issuer', { code: 'a', iss: 'https://provider.example/' }, {}, 'flow.issuer_mismatch'],
    ['of an empty issuer', { code: 'a', iss: '' }, {}, 'flow.issuer_mismatch'],
    ['of its issuer in other letters', { code: 'a', iss: 'https://Provider.example' }, {}, 'flow.issuer_mismatch'],
    [
      'of its issuer, twice',
      { code: 'a', iss: 'https://provider.example' },
      { doubled: ['iss'] },
      'flow.issuer_mismatch',
    ],
    [
      'of any issuer, twice',
      { code: 'a', iss: 'x' },
      { definition: { id: 'acme' }, doubled: ['iss'] },
      'flow.issuer_mismatch',
    ],
    ['without the issuer that its provider promises', { code: 'a' }, promised, 'flow.issuer_mismatch'],
    ['of a denial without the promised issuer', { error: 'access_denied' }, promised, 'flow.issuer_mismatch'],
    [
      'of its issuer and of a code, both twice',
      { code: 'a', iss: 'x' },
      { doubled: ['iss', 'code'] },
      'flow.response_rejected',
    ],
  ])('%s is answered with the one plain page', (_what, query, context, event) => {
    expect(judged(query, context)).toEqual({ kind: 'bad_state', event });
  });

  function withEndpoint(name: keyof Endpoints): Partial<CallbackContext> {
    return { endpoints: { ...ENDPOINTS, [name]: 'https://evil.example/' } };
  }

  it.each<[string, CallbackQuery, string, string]>([
    ['a denial', { error: 'access_denied' }, 'access_denied', 'flow.denied'],
    ['an error that nobody lists', { error: 'consent_required' }, 'access_denied', 'flow.denied'],
    ['an outage', { error: 'temporarily_unavailable' }, 'provider_unavailable', 'flow.denied'],
    ['a broken server', { error: 'server_error' }, 'provider_unavailable', 'flow.denied'],
    ['a refusal of the hub', { error: 'unauthorized_client' }, 'provider_misconfigured', 'flow.denied'],
    ['a scope that is none', { error: 'invalid_scope' }, 'provider_misconfigured', 'flow.denied'],
    ['an error and a code', { error: 'access_denied', code: 'a' }, 'invalid_request', 'flow.response_rejected'],
    ['a name that every object has', { error: 'constructor' }, 'access_denied', 'flow.denied'],
  ])('with %s leads back with a code of the list', (_what, query, code, event) => {
    expect(judged(query)).toMatchObject({ kind: 'refused', code, event });
  });

  it.each<[string, CallbackQuery]>([
    ['neither error nor code', {}],
    ['an empty code', { code: '' }],
    ['a code with spaces', { code: 'a b' }],
    ['a code of other letters', { code: 'ä' }],
    ['an endless code', { code: 'a'.repeat(2_049) }],
  ])('with %s has nothing to spend, and who brought it decides what is told', (_what, query) => {
    expect(judged(query)).toEqual({ kind: 'unusable_code' });
    expect(judged(query, { clientId: 'other' })).toMatchObject({ kind: 'bad_state' });
  });

  it('takes a code as long as they come', () => {
    expect(judged({ code: 'a'.repeat(2_048) })).toMatchObject({ kind: 'code' });
  });

  it('of a provider that promises its issuer is taken with it', () => {
    expect(judged({ code: 'abc', iss: 'https://provider.example' }, promised)).toEqual({ kind: 'code', code: 'abc' });
  });

  it('repeats a known kind of error and nothing else that the query says', () => {
    expect(judged({ error: 'access_denied' })).toMatchObject({ reason: 'access_denied' });
    expect(judged({ error: '<script>alert(1)</script>' })).toMatchObject({ reason: 'unlisted error' });
    expect(judged({ error: 'x'.repeat(65) })).toMatchObject({ reason: 'unlisted error' });
  });

  it('for another account than was asked leads back with account_mismatch', () => {
    const verdict = judged({ code: 'a' }, signedBy({ kind: 'other_account', account: 'other.example' }));
    expect(verdict).toMatchObject({ kind: 'refused', code: 'account_mismatch', event: 'integration.account_mismatch' });
  });

  it('that is refused may come unsigned, but not if it carries anything to spend', () => {
    const forged = signedBy({ kind: 'not_authentic', reason: 'hmac' });
    expect(judged({ error: 'access_denied' }, forged)).toMatchObject({ kind: 'refused', code: 'access_denied' });
    expect(judged({ error: 'access_denied', hmac: 'x' }, forged)).toMatchObject({ kind: 'bad_state' });
    expect(judged({ error: 'access_denied', code: 'a' }, forged)).toMatchObject({ kind: 'bad_state' });
  });

  it('is held against its context before anything that it says is believed', () => {
    expect(judged({ error: 'access_denied' }, { clientId: 'other' })).toMatchObject({ kind: 'bad_state' });
    expect(judged({ error: 'access_denied', iss: 'https://evil.example' })).toMatchObject({ kind: 'bad_state' });
  });

  it('of a provider without an issuer is not judged by one', () => {
    expect(judged({ code: 'a', iss: 'https://any.example' }, { definition: { id: 'acme' } })).toMatchObject({
      kind: 'code',
    });
  });
});
