// Loaded into the hub's processes before they start: one more provider in the catalog, which is OAuth 2.0 as its documents
// have it, without any manner of a provider's own.
const path = require('node:path');

const built = (file) => require(path.join(process.cwd(), 'dist/libs/providers/src', `${file}.js`));
const { providerCatalog } = built('catalog/index');
const { readBearerGrant } = built('grant-reading');
const { textField } = built('json-fields');
const { basicClientAuth } = built('oauth/client-auth');

const NOWHERE = 'https://authorization-server.invalid'; // PROVIDER_ENDPOINTS_FILE says where it is

/** OpenID Connect Core 5.3: whose token it is. */
async function userinfo(api) {
  const answer = await api.get('/me');
  if (!answer.ok) return answer;
  const sub = textField(answer.json, 'sub');
  return { ok: true, account: { id: sub, label: sub } };
}

providerCatalog.push({
  id: 'standard',
  label: 'Standard',
  docsUrl: 'https://www.rfc-editor.org/rfc/rfc6749',
  authMode: 'oauth2',
  credentialPrefix: 'STANDARD',
  inputs: [],
  endpoints: {
    authorizeUrl: `${NOWHERE}/auth`,
    tokenUrl: `${NOWHERE}/token`,
    revokeUrl: `${NOWHERE}/token/revocation`,
    apiBaseUrl: NOWHERE,
  },
  authorize: { params: { prompt: 'consent' }, pkce: 'S256' },
  scopes: {
    default: ['openid', 'offline_access', 'files'],
    separator: ' ',
    normalise: (scopes) => [...new Set(scopes)],
  },
  issuer: process.env.STANDARD_ISSUER,
  issuerPromised: true,
  token: { clientAuth: 'basic', body: 'form', sendsRedirectUri: true },
  readGrant: (answer, conversation) =>
    readBearerGrant(answer, conversation, { tokenType: 'required', normaliseScopes: (scopes) => [...scopes] }),
  readFailure: () => undefined,
  refresh: { mode: 'proactive', retry: 'none' },
  // RFC 7009: a client shows who it is
  revoke: {
    manner: 'grant',
    request: ({ endpoints, accessToken, refreshToken, clientId, clientSecret }) => ({
      method: 'POST',
      url: endpoints.revokeUrl,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        authorization: basicClientAuth(clientId, clientSecret),
      },
      body: new URLSearchParams({ token: refreshToken ?? accessToken }).toString(),
    }),
  },
  apiHeaders: (accessToken) => ({ authorization: `Bearer ${accessToken}` }),
  identify: userinfo,
  metadata: async ({ api }) => {
    const answer = await userinfo(api);
    return answer.ok ? { ok: true, metadata: {}, account: answer.account } : answer;
  },
});
