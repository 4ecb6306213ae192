import { createHmac } from 'node:crypto';
import { z } from 'zod';
import {
  type CallIdentity,
  commonDefaults,
  commonSettings,
  type ConsentAsk,
  type ConsentReading,
  defineSandbox,
  type IssuedTokens,
  type LivingGrant,
  type SandboxDesk,
} from '../../sandbox/sandbox-provider.sandbox';
import {
  ALL_METHODS,
  bodyFields,
  digitsOf,
  echoOf,
  htmlPage,
  isAllowedRedirect,
  json,
  randomHex,
  titled,
  type WireAnswer,
  type WireRequest,
  withParams,
} from '../../sandbox/wire.sandbox';

/**
 * Shopify's wire manners: a host per shop (here the first path segment), a signed callback, credentials in the body,
 * HTML errors for who does not ask for JSON, rotating refresh tokens with a way back after a lost answer.
 * https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
 */

const shopifySettings = commonSettings.extend({
  /** `plan.publicDisplayName` of the shop. */
  plan: z.string(),
  /** Host of the shop's primary domain; null is the shop's own myshopify.com host. */
  primaryDomain: z.string().nullable(),
  /** The shop that callbacks name: another one than was asked for is a renamed store. Null names the chosen one. */
  callbackShop: z.string().nullable(),
  /** What Cancel does: a callback with `error=access_denied`, or no callback at all. */
  denial: z.enum(['callback', 'silent']),
  /** Frozen answers 402, locked 423, gone 404 on the Admin API (gone also on the token endpoint). */
  shopState: z.enum(['active', 'frozen', 'locked', 'gone']),
  /** An error code that GraphQL answers with HTTP 200: THROTTLED, ACCESS_DENIED, SHOP_INACTIVE, …; null answers data. */
  graphqlError: z.string().nullable(),
  /** Version named in X-Shopify-API-Version; null names the one asked for, if it is a supported one. */
  apiVersion: z.string().nullable(),
  /** True refuses never-expiring tokens on the Admin API, as public apps meet it from 1 January 2027. */
  refuseNonExpiring: z.boolean(),
});
type ShopifySettings = z.infer<typeof shopifySettings>;
type Desk = SandboxDesk<ShopifySettings>;

/** Anchored at both ends, unlike the pattern printed in Shopify's documentation. */
const SHOP = /^[a-z0-9][a-z0-9-]*\.myshopify\.com$/;
const OLDEST_API_VERSION = '2026-01';
const ONLINE_SECONDS = 86_399;
const CODE_GONE = 'The authorization code was not found or was already used';
const DEAD_REFRESH_TOKEN = 'This request requires an active refresh_token';
const BAD_ACCESS_TOKEN = '[API] Invalid API key or access token (unrecognized login or wrong password)';

/** `some-shop` as well as `some-shop.myshopify.com` name a shop. */
function fullShop(text: string): string {
  const shop = text.trim().toLowerCase();
  return shop.includes('.') ? shop : `${shop}.myshopify.com`;
}

function shopOf(request: WireRequest): string {
  return (request.params.shop ?? '').toLowerCase();
}

/** Drops read scopes that a write scope implies, as Shopify's answers do. */
export function withoutImpliedReads(scopes: readonly string[]): string[] {
  const implied = new Set(
    scopes.filter((scope) => scope.startsWith('write_')).map((scope) => scope.replace(/^write_/, 'read_')),
  );
  return scopes.filter((scope) => !implied.has(scope));
}

/**
 * The `hmac` of a callback: all parameters but `hmac`, sorted by name, form-encoded with `%20` for a space.
 * Takes the callback's parameters and the client secret, gives lower-case hex of HMAC-SHA256.
 */
export function callbackHmac(params: URLSearchParams, secret: string): string {
  const signed = new URLSearchParams([...params].filter(([name]) => name !== 'hmac'));
  signed.sort();
  return createHmac('sha256', secret).update(signed.toString().replaceAll('+', '%20')).digest('hex');
}

function callback(ask: ConsentAsk, shop: string, outcome: Record<string, string>, desk: Desk): string {
  const { callbackShop, clientSecrets } = desk.settings(shop);
  const named = callbackShop ?? shop;
  const url = withParams(ask.redirectUri, {
    ...outcome,
    host: Buffer.from(`admin.shopify.com/store/${named.split('.')[0]}`)
      .toString('base64')
      .replace(/=+$/, ''),
    shop: named,
    state: ask.params.get('state'),
    timestamp: String(Math.floor(desk.now() / 1000)),
  });
  return withParams(url, { hmac: callbackHmac(new URL(url).searchParams, clientSecrets[0]!) });
}

/** An OAuth error: JSON for who accepts JSON, else the HTML page that Shopify shows people. */
function oauthError(request: WireRequest, status: number, error: string, description?: string): WireAnswer {
  if ((request.headers.accept ?? '').includes('application/json')) {
    return json(status, description === undefined ? { error } : { error, error_description: description });
  }
  return htmlPage(status, `${status} - Oauth error ${error || 'invalid_request'}`, description);
}

function readAuthorize(params: URLSearchParams, request: WireRequest, desk: Desk): ConsentReading {
  const page = (status: number, error: string, text: string): ConsentReading => ({
    outcome: 'page',
    answer: htmlPage(status, `Oauth error ${error}`, text),
  });
  const shop = shopOf(request);
  if (!SHOP.test(shop)) return page(404, 'shop_not_found', 'There is no such shop.');
  const settings = desk.settings(shop);
  if (settings.shopState === 'gone') return page(404, 'shop_not_found', 'There is no such shop.');
  const clientId = params.get('client_id') ?? '';
  if (clientId !== settings.clientId) return page(400, 'application_cannot_be_found', 'There is no such application.');
  const redirectUri = params.get('redirect_uri') ?? '';
  if (!isAllowedRedirect(redirectUri, settings.redirectUris)) {
    return page(
      400,
      'invalid_request',
      'The redirect_uri and application url must have matching hosts, and it must be allow-listed.',
    );
  }
  const scopes = splitScopes(params.get('scope'));
  if (scopes.length === 0) return page(400, 'invalid_scope', 'The scope parameter is missing.');
  return {
    outcome: 'ask',
    ask: {
      clientId,
      redirectUri,
      account: fullShop(params.get('account') ?? shop),
      accountLabel: 'Shop',
      choices: {
        legend: 'Access scopes',
        options: scopes.map((scope) => ({ value: scope, label: scope, ticked: true })),
      },
      params,
    },
  };
}

function splitScopes(text: string | null | undefined): string[] {
  return [...new Set((text ?? '').split(/[\s,]+/).filter((scope) => scope !== ''))];
}

function approve(ask: ConsentAsk, choice: { account: string; granted: readonly string[] }, desk: Desk): string {
  const shop = fullShop(choice.account);
  const challenge = ask.params.get('code_challenge');
  const code = desk.openCode({
    account: shop,
    clientId: ask.clientId,
    redirectUri: ask.redirectUri,
    scopes: choice.granted,
    challenge: challenge ? { value: challenge, method: 'S256' } : null,
    details: { online: ask.params.getAll('grant_options[]').includes('per-user') ? 'yes' : 'no' },
  });
  return callback(ask, shop, { code }, desk);
}

function deny(ask: ConsentAsk, choice: { account: string }, desk: Desk): string | null {
  const shop = fullShop(choice.account);
  if (desk.settings(shop).denial === 'silent') return null;
  return callback(
    ask,
    shop,
    { error: 'access_denied', error_description: 'The merchant cancelled the request.' },
    desk,
  );
}

function identifyToken(request: WireRequest): CallIdentity {
  const fields = bodyFields(request);
  return fields.grant_type === 'refresh_token'
    ? { endpoint: 'refresh', account: shopOf(request), refreshToken: fields.refresh_token }
    : { endpoint: 'exchange', account: shopOf(request) };
}

function answerToken(request: WireRequest, desk: Desk): WireAnswer {
  const shop = shopOf(request);
  const settings = desk.settings(shop);
  const fields = bodyFields(request);
  const endpoint = fields.grant_type === 'refresh_token' ? 'refresh' : 'exchange';
  const refused = (reason: string, status: number, error: string, description?: string): WireAnswer => {
    desk.refuse(endpoint, reason, endpoint === 'refresh' ? fields.refresh_token : fields.code);
    return oauthError(request, status, error, description);
  };
  if (!SHOP.test(shop) || settings.shopState === 'gone') {
    desk.refuse(endpoint, 'no_such_shop');
    return htmlPage(404, 'Not Found');
  }
  if (fields.client_id !== settings.clientId) return refused('invalid_client', 400, 'application_cannot_be_found');
  if (!settings.clientSecrets.includes(fields.client_secret ?? '')) {
    return refused('invalid_client', 401, 'invalid_client', 'The client secret is invalid.');
  }
  if (endpoint === 'refresh') return refresh(request, fields, desk);
  if (fields.grant_type !== undefined && fields.grant_type !== 'authorization_code') {
    return refused('unsupported_grant_type', 400, 'unsupported_grant_type');
  }
  return exchange(request, fields, desk);
}

function refresh(request: WireRequest, fields: Readonly<Record<string, string>>, desk: Desk): WireAnswer {
  const outcome = desk.refresh(fields.refresh_token, {
    rotates: true,
    clientId: fields.client_id!,
    account: shopOf(request),
  });
  // A dead refresh token is 401 invalid_request, not invalid_grant (community.shopify.dev, several reports).
  if (!outcome.ok) return oauthError(request, 401, 'invalid_request', DEAD_REFRESH_TOKEN);
  return json(200, expiringAnswer(outcome.issued));
}

function exchange(request: WireRequest, fields: Readonly<Record<string, string>>, desk: Desk): WireAnswer {
  const shop = shopOf(request);
  const redeemed = desk.redeemCode(fields.code, {
    clientId: fields.client_id!,
    account: shop,
    redirectUri: fields.redirect_uri,
    verifier: fields.code_verifier,
  });
  if (!redeemed.ok) {
    // The empty `error` is what Shopify's own CLI meets when the PKCE proof fails.
    return redeemed.reason.startsWith('verifier')
      ? oauthError(request, 400, '', 'code_verifier is invalid.')
      : oauthError(request, 400, 'invalid_request', CODE_GONE);
  }
  const { order } = redeemed;
  const settings = desk.settings(shop);
  const base = { account: shop, clientId: order.clientId, scopes: order.scopes };
  if (order.details.online === 'yes') {
    const issued = desk.grant({ ...base, accessSeconds: ONLINE_SECONDS, refresh: null, details: { kind: 'online' } });
    return json(200, onlineAnswer(issued, shop));
  }
  if (['1', 'true'].includes(fields.expiring ?? '')) {
    const issued = desk.grant({
      ...base,
      accessSeconds: settings.accessTokenSeconds,
      refresh: settings.issueRefreshToken ? { seconds: settings.refreshTokenSeconds } : null,
      details: { kind: 'expiring' },
      replacesRefreshTokens: true,
    });
    return json(200, expiringAnswer(issued));
  }
  const kept = { kind: 'non_expiring' };
  const issued = desk.grant({ ...base, accessSeconds: null, refresh: null, details: kept, reuse: true });
  return json(200, { access_token: issued.accessToken, scope: scopeText(issued) });
}

function scopeText(issued: IssuedTokens): string {
  return withoutImpliedReads(issued.scopes).join(',');
}

function expiringAnswer(issued: IssuedTokens): object {
  return {
    access_token: issued.accessToken,
    scope: scopeText(issued),
    ...(issued.accessSeconds === null ? {} : { expires_in: issued.accessSeconds }),
    ...(issued.refreshToken === null ? {} : { refresh_token: issued.refreshToken }),
    ...(issued.refreshSeconds === null ? {} : { refresh_token_expires_in: issued.refreshSeconds }),
  };
}

function onlineAnswer(issued: IssuedTokens, shop: string): object {
  return {
    access_token: issued.accessToken,
    scope: scopeText(issued),
    expires_in: issued.accessSeconds,
    associated_user_scope: scopeText(issued),
    associated_user: {
      id: 902541635,
      first_name: 'Sandbox',
      last_name: 'Owner',
      email: `owner@${shop}`,
      email_verified: true,
      account_owner: true,
      locale: 'en',
      collaborator: false,
    },
  };
}

/** Who calls the Admin API, or the answer that refuses the call. */
function admit(request: WireRequest, desk: Desk): { grant: LivingGrant } | { refusal: WireAnswer } {
  const shop = shopOf(request);
  const { shopState, refuseNonExpiring } = desk.settings(shop);
  if (!SHOP.test(shop) || shopState === 'gone') return { refusal: htmlPage(404, 'Not Found') };
  const grant = desk.findAccess(request.headers['x-shopify-access-token']);
  if (!grant || grant.account !== shop) return { refusal: json(401, { errors: BAD_ACCESS_TOKEN }) };
  if (shopState === 'frozen') return { refusal: json(402, { errors: 'Unavailable Shop' }) };
  if (shopState === 'locked') return { refusal: json(423, { errors: 'Locked' }) };
  if (refuseNonExpiring && grant.expiresAt === null) {
    return { refusal: json(403, { errors: '[API] Non-expiring access tokens are no longer accepted.' }) };
  }
  return { grant };
}

/** The version that runs: what was asked for, or the oldest supported one (shopify.dev, "API versioning"). */
function servedVersion(request: WireRequest, desk: Desk): string {
  const asked = request.params.version ?? '';
  const fixed = desk.settings(shopOf(request)).apiVersion;
  return fixed ?? (/^\d{4}-(01|04|07|10)$/.test(asked) && asked >= OLDEST_API_VERSION ? asked : OLDEST_API_VERSION);
}

function shopFields(shop: string, desk: Desk): { name: string; domain: string; plan: string } {
  const settings = desk.settings(shop);
  return {
    name: settings.accountName ?? titled(shop.split('.')[0]!),
    domain: settings.primaryDomain ?? shop,
    plan: settings.plan,
  };
}

function answerGraphql(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const { grant } = admitted;
  const shop = shopOf(request);
  const headers = { 'x-shopify-api-version': servedVersion(request, desk) };
  const query = bodyFields(request).query ?? '';
  if (query === '') return json(400, { errors: { query: 'Required parameter missing or invalid' } }, headers);
  const { graphqlError } = desk.settings(shop);
  if (graphqlError !== null) return graphqlFailure(graphqlError, headers);
  if (query.includes('appUninstall')) {
    desk.close({ account: shop }, 'uninstalled');
    return json(200, { data: { appUninstall: { app: { id: 'gid://shopify/App/1' }, userErrors: [] } } }, headers);
  }
  const { name, domain, plan } = shopFields(shop, desk);
  const data = {
    shop: {
      id: `gid://shopify/Shop/${shopNumber(shop)}`,
      name,
      email: `owner@${shop}`,
      myshopifyDomain: shop,
      primaryDomain: { host: domain, url: `https://${domain}` },
      plan: { publicDisplayName: plan, partnerDevelopment: plan === 'Development', shopifyPlus: plan === 'Plus' },
      currencyCode: 'EUR',
      ianaTimezone: 'Europe/Berlin',
    },
    // Unlike the token answer, the installation lists implied reads too.
    currentAppInstallation: { accessScopes: installedScopes(grant.scopes).map((handle) => ({ handle })) },
  };
  return json(200, { data, extensions: { cost: queryCost(1998) } }, headers);
}

function installedScopes(scopes: readonly string[]): string[] {
  return [
    ...new Set(scopes.flatMap((scope) => [scope, ...(scope.startsWith('write_') ? [`read_${scope.slice(6)}`] : [])])),
  ];
}

function shopNumber(shop: string): number {
  return Number(digitsOf(`shopify shop ${shop}`, 11));
}

function queryCost(currentlyAvailable: number): object {
  return {
    requestedQueryCost: 2,
    actualQueryCost: 2,
    throttleStatus: { maximumAvailable: 2000, currentlyAvailable, restoreRate: 100 },
  };
}

/** GraphQL reports errors with HTTP 200; there is no Retry-After, the wait follows from the cost. */
function graphqlFailure(code: string, headers: Record<string, string>): WireAnswer {
  const message = code === 'THROTTLED' ? 'Throttled' : `The request failed: ${code}`;
  return json(200, { errors: [{ message, extensions: { code } }], extensions: { cost: queryCost(0) } }, headers);
}

function answerShopJson(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const shop = shopOf(request);
  const { name, domain, plan } = shopFields(shop, desk);
  const body = {
    shop: { id: shopNumber(shop), name, domain, myshopify_domain: shop, plan_name: plan, plan_display_name: plan },
  };
  return json(200, body, {
    'x-shopify-api-version': servedVersion(request, desk),
    'x-shopify-shop-api-call-limit': '1/40',
  });
}

function answerUninstall(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) {
    desk.refuse('revoke', 'invalid_token', request.headers['x-shopify-access-token']);
    return admitted.refusal;
  }
  desk.close({ account: shopOf(request) }, 'uninstalled');
  return json(200, {});
}

function answerEcho(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  return 'refusal' in admitted ? admitted.refusal : echoOf(request);
}

const identifyApi = (request: WireRequest): CallIdentity => ({ endpoint: 'api', account: shopOf(request) });

export const sandbox = defineSandbox<ShopifySettings>({
  id: 'shopify',
  label: 'Shopify',
  credentials: {
    prefix: 'SHOPIFY',
    clientId: 'sandbox-shopify-client',
    clientSecret: 'sandbox-shopify-secret-never-use-outside',
  },
  defaults: {
    ...commonDefaults,
    account: 'sandbox-shop.myshopify.com',
    clientId: 'sandbox-shopify-client',
    clientSecrets: ['sandbox-shopify-secret-never-use-outside'],
    accessTokenSeconds: 3600,
    refreshTokenSeconds: 7_776_000,
    rotationGrace: 'until_used',
    plan: 'Basic',
    primaryDomain: null,
    callbackShop: null,
    denial: 'callback',
    shopState: 'active',
    graphqlError: null,
    apiVersion: null,
    refuseNonExpiring: false,
  },
  readSettings: (candidate) => shopifySettings.parse(candidate),
  endpoints: (base) => ({
    authorizeUrl: `${base}/{shop}/admin/oauth/authorize`,
    tokenUrl: `${base}/{shop}/admin/oauth/access_token`,
    apiBaseUrl: `${base}/{shop}`,
  }),
  accountId: (account) => account,
  usualScopes: ['read_products', 'write_products', 'read_orders'],
  mint: {
    code: () => randomHex(16),
    accessToken: () => `shpat_${randomHex(16)}`,
    refreshToken: () => `shprt_${randomHex(16)}`,
    details: () => ({ kind: 'expiring' }),
  },
  consent: { path: '/:shop/admin/oauth/authorize', read: readAuthorize, approve, deny },
  routes: [
    {
      name: 'token',
      methods: ['POST'],
      path: '/:shop/admin/oauth/access_token',
      identify: identifyToken,
      handle: answerToken,
    },
    {
      name: 'graphql',
      methods: ['POST'],
      path: '/:shop/admin/api/:version/graphql.json',
      identify: identifyApi,
      handle: answerGraphql,
    },
    {
      name: 'shop',
      methods: ['GET'],
      path: '/:shop/admin/api/:version/shop.json',
      identify: identifyApi,
      handle: answerShopJson,
    },
    { name: 'echo', methods: ALL_METHODS, path: '/:shop/sandbox/echo', identify: identifyApi, handle: answerEcho },
    {
      name: 'uninstall',
      methods: ['DELETE'],
      path: '/:shop/admin/api_permissions/current.json',
      identify: (request) => ({ endpoint: 'revoke', account: shopOf(request) }),
      handle: answerUninstall,
    },
  ],
  rateLimited: ({ endpoint, retryAfterSeconds, reason }) => {
    if (endpoint === 'api' && reason === 'THROTTLED') return graphqlFailure(reason, {});
    const decimal = retryAfterSeconds.toFixed(1); // Shopify's Retry-After is a decimal, "2.0"
    return json(
      429,
      { errors: 'Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.' },
      { 'retry-after': decimal, ...(endpoint === 'api' ? { 'x-shopify-shop-api-call-limit': '40/40' } : {}) },
    );
  },
  failure: ({ endpoint, status, request }) => {
    if (status >= 520 && status <= 530)
      return htmlPage(status, `Error ${status}`, 'The edge could not reach the shop.');
    return endpoint === 'api'
      ? json(status, { errors: status >= 500 ? 'Internal Server Error' : `Error ${status}` })
      : oauthError(request, status, status >= 500 ? 'server_error' : 'invalid_request');
  },
  unknownPath: (request) =>
    request.path.endsWith('.json') ? json(404, { errors: 'Not Found' }) : htmlPage(404, 'Not Found'),
});
