import fc from 'fast-check';
import { headersToSend, headersToTell } from './proxy-headers';

const TOKEN = 'the-token';
const NOTION = { authorization: `Bearer ${TOKEN}`, 'Notion-Version': '2026-03-11' };

describe('headers that are sent', () => {
  it('are the caller’s with the token and the provider’s usual ones', () => {
    expect(headersToSend({ accept: 'text/csv', 'if-match': '"1"' }, NOTION, TOKEN, 'application/json')).toEqual({
      accept: 'text/csv',
      'if-match': '"1"',
      'content-type': 'application/json',
      authorization: `Bearer ${TOKEN}`,
      'notion-version': '2026-03-11',
    });
  });

  it('let the caller choose another version, and never another token', () => {
    const own = { 'notion-version': '2022-06-28', authorization: 'Bearer own', 'x-shopify-access-token': 'own' };
    expect(headersToSend(own, NOTION, TOKEN, undefined)).toMatchObject({
      'notion-version': '2022-06-28',
      authorization: `Bearer ${TOKEN}`,
    });
    const shopify = headersToSend(own, { 'x-shopify-access-token': TOKEN }, TOKEN, undefined);
    expect(shopify).toEqual({ 'notion-version': '2022-06-28', 'x-shopify-access-token': TOKEN });
  });

  it('are those of Google’s APIs as well', () => {
    const own = { 'x-goog-drive-resource-keys': 'a/b', 'x-goog-user-project': 'p', 'x-goog-fieldmask': 'c' };
    expect(headersToSend(own, {}, TOKEN, undefined)).toEqual(own);
  });

  it('have nothing of the caller’s proofs, addresses and connection, nor what Connection names', () => {
    const names = fc.constantFrom(
      ...[
        'host',
        'cookie',
        'authorization',
        'proxy-authorization',
        'forwarded',
        'via',
        'x-real-ip',
        'origin',
        'referer',
      ],
      ...[
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-anything',
        'sec-fetch-site',
        'sec-websocket-key',
        'expect',
      ],
      ...[
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
        'keep-alive',
        'content-length',
        'x-csrf-token',
        'traceparent',
      ],
      ...['x-goog-iap-jwt-assertion', 'x-goog-authenticated-user-email', 'x-auth-request-access-token'],
      ...['x-ms-token-aad-access-token', 'x-ms-client-principal', 'x-ms-client-principal-id', 'x-remote-user'],
      ...['remote-user', 'x-original-url', 'x-original-host', 'x-host', 'x-envoy-external-address', 'x-azure-clientip'],
      ...['x-arr-clientcert', 'fastly-client-ip', 'x-appengine-user-email', 'x-b3-traceid', 'x-cloud-trace-context'],
      ...['uber-trace-id', 'x-request-id', 'hub-answer', 'x-http-method-override', 'x-secret-hop'],
    );
    fc.assert(
      fc.property(fc.uniqueArray(names), fc.string(), (chosen, value) => {
        const own = { ...Object.fromEntries(chosen.map((name) => [name, value])), connection: 'close, X-Secret-Hop' };
        expect(headersToSend(own, {}, TOKEN, undefined)).toEqual({});
      }),
    );
  });
});

describe('headers that are told', () => {
  it('are the provider’s', () => {
    const headers = { 'content-type': 'text/csv', etag: '"1"', 'retry-after': '3', 'x-list': ['a', 'b'] };
    expect(headersToTell(headers)).toEqual(headers);
  });

  it('are none for browsers and none of the connection', () => {
    expect(
      headersToTell({
        'set-cookie': ['a=b', 'c=d'],
        'Set-Cookie': 'e=f',
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        'transfer-encoding': 'chunked',
        connection: 'keep-alive, x-hop',
        'x-hop': 'here',
        'keep-alive': 'timeout=5',
        'alt-svc': 'h3',
        'clear-site-data': '"*"',
        'strict-transport-security': 'max-age=0',
        'www-authenticate': 'Basic',
        location: 'https://evil.example',
        refresh: '0; url=https://evil.example',
        'hub-answer': 'forged',
        'cross-origin-resource-policy': 'cross-origin',
        'accept-ch': 'sec-ch-ua-model',
        'critical-ch': 'sec-ch-ua-model',
        'timing-allow-origin': '*',
        'origin-trial': 'x',
        'set-login': 'logged-in',
        'activate-storage-access': 'load',
        'attribution-reporting-register-source': '{}',
        'permissions-policy': 'camera=*',
        'document-policy': 'x',
        'speculation-rules': '"/rules"',
      }),
    ).toEqual({});
  });
});
