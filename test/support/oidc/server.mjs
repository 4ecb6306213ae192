// A certified authorization server as a process of its own, with nothing of the hub in it.
// Arguments: port, client id, client secret, redirect URI.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const settings = { accessSeconds: 3_600 };
/** What the token endpoint was asked for, and what came of it. */
const conversations = [];

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  scopes: ['openid', 'offline_access', 'files'],
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: true }, // forms for any login, and for consent
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  ttl: { AccessToken: () => settings.accessSeconds },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
});

const told = (context, error) =>
  conversations.push({
    grantType: context.oidc.params?.grant_type ?? null,
    presented: context.oidc.params?.refresh_token ?? null,
    handedOut: error ? null : (context.body?.refresh_token ?? null),
    error: error?.error ?? null,
  });
provider.on('grant.success', (context) => told(context));
provider.on('grant.error', told);

const answer = provider.callback();
createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  if (pathname === '/test/conversations') return response.end(JSON.stringify(conversations));
  if (pathname === '/test/settings') {
    settings.accessSeconds = Number(searchParams.get('accessSeconds'));
    return response.writeHead(204).end();
  }
  return answer(request, response);
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
