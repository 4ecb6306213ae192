/** Headers as Node and undici have them: lower-case names, what came more than once as a list. */
export type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Of one connection, never of the next (RFC 9110 §7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** The caller's own proofs and addresses, what browsers add, and what the client sets anew. */
const NOT_SENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'content-type',
  'expect',
  'user-agent',
  'authorization',
  'cookie',
  'cookie2',
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-request-id',
  'x-csrf-token',
  'x-remote-user',
  'remote-user',
  'x-cloud-trace-context',
  'uber-trace-id',
  'true-client-ip',
  'client-ip',
  'origin',
  'referer',
  'traceparent',
  'tracestate',
  'baggage',
]);
/** Those of ingresses and identity proxies among them; of `x-goog-` only what proves somebody, for Google's APIs take others. */
const NOT_SENT_PREFIXES = [
  'x-forwarded-',
  'x-original-',
  'x-auth-request-',
  'x-goog-iap-',
  'x-goog-authenticated-user-',
  'x-ms-token-',
  'x-ms-client-principal',
  'x-envoy-',
  'x-azure-',
  'x-arr-',
  'x-appengine-',
  'x-amzn-',
  'x-b3-',
  'x-hub-',
  'access-control-',
  'fastly-',
  'proxy-',
  'sec-',
  'cf-',
  'hub-',
];

/** What a provider says to browsers and to the connection; the hub speaks for itself. */
const NOT_TOLD: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'set-cookie',
  'set-cookie2',
  'location',
  'content-location',
  'refresh',
  'link',
  'www-authenticate',
  'alt-svc',
  'clear-site-data',
  'strict-transport-security',
  'content-security-policy',
  'content-security-policy-report-only',
  'report-to',
  'reporting-endpoints',
  'nel',
  'server',
  'via',
  'x-request-id',
  'cache-control',
  'pragma',
  'expires',
  'service-worker-allowed',
  'sourcemap',
  'x-sourcemap',
  'accept-ch',
  'critical-ch',
  'timing-allow-origin',
  'origin-trial',
  'set-login',
  'activate-storage-access',
  'permissions-policy',
  'permissions-policy-report-only',
  'document-policy',
  'document-policy-report-only',
  'speculation-rules',
]);
const NOT_TOLD_PREFIXES = ['access-control-', 'attribution-reporting-', 'cross-origin-', 'proxy-', 'hub-', 'x-accel-'];

/** Names that `Connection` makes hop-by-hop as well. */
function connectionNames(headers: RawHeaders): Set<string> {
  return new Set(
    [headers['connection'] ?? []]
      .flat()
      .flatMap((value) => value.split(','))
      .map((name) => name.trim().toLowerCase()),
  );
}

function isUnder(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix));
}

/**
 * The headers of the call: the caller's without its proofs, its addresses and those of the connection, under what the
 * definition sets. Of that, what carries the token goes over the caller's, the rest (a version) under it.
 *
 * @param apiHeaders   of the provider's definition, with the token
 * @param contentType  of the caller's body
 */
export function headersToSend(
  headers: RawHeaders,
  apiHeaders: Readonly<Record<string, string>>,
  accessToken: string,
  contentType: string | undefined,
): Record<string, string> {
  const named = connectionNames(headers);
  const own = Object.entries(headers)
    .filter(([name]) => !NOT_SENT.has(name) && !isUnder(name, NOT_SENT_PREFIXES) && !named.has(name))
    .flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat().join(', ')] as const]));
  const [carriers, usual] = [true, false].map((carries) =>
    Object.entries(apiHeaders)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([, value]) => value.includes(accessToken) === carries),
  );
  return Object.fromEntries([
    ...(usual ?? []),
    ...own,
    ...(contentType === undefined ? [] : [['content-type', contentType] as const]),
    ...(carriers ?? []),
  ]);
}

/** The headers of the provider's answer that are passed back; `Location` is judged apart. */
export function headersToTell(headers: RawHeaders): Record<string, string | string[]> {
  const named = connectionNames(headers);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([raw, value]) => {
      const name = raw.toLowerCase();
      const isTold =
        value !== undefined && !NOT_TOLD.has(name) && !isUnder(name, NOT_TOLD_PREFIXES) && !named.has(name);
      return isTold ? [[name, value] as const] : [];
    }),
  );
}
