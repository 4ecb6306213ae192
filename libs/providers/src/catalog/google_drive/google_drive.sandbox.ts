import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { z } from 'zod';
import {
  type CallIdentity,
  type CodeRefusal,
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
  basicCredentials,
  bearerToken,
  bodyFields,
  type BodyFields,
  digitsOf,
  echoOf,
  htmlPage,
  isAllowedRedirect,
  json,
  randomText,
  titled,
  sha256,
  type WireAnswer,
  type WireRequest,
  withParams,
} from '../../sandbox/wire.sandbox';

/**
 * Google's wire manners: an access token of an hour less a second, a refresh token once, a revocation that ends the
 * whole grant of a user, scopes under other names, and Drive's own error envelope.
 * https://developers.google.com/identity/protocols/oauth2/web-server
 */

const googleSettings = commonSettings.extend({
  /** `storageQuota.limit` in bytes as a decimal string; null is an account without a limit. */
  quotaLimit: z.string().regex(/^\d+$/).nullable(),
  /** `storageQuota.usage` in bytes as a decimal string. */
  quotaUsage: z.string().regex(/^\d+$/),
  /** Root folder id; null derives one from the account. */
  rootFolderId: z.string().nullable(),
  /** Living refresh tokens per user and client; the oldest is dropped without a word. */
  refreshTokensPerAccount: z.number().int().positive(),
  /** A refresh token unused for this many seconds is dead. */
  idleSeconds: z.number().positive(),
  /** True announces refreshTokenSeconds as `refresh_token_expires_in`: the user granted for a limited time. */
  announceRefreshExpiry: z.boolean(),
  /** `error_subtype` of refused refreshes, such as `invalid_rapt`; null sends none. */
  refusalSubtype: z.string().nullable(),
  /** False: the Drive API is not enabled in the project (403 accessNotConfigured). */
  driveEnabled: z.boolean(),
  /** Hosted domain named in the callback; null for a consumer account. */
  hostedDomain: z.string().nullable(),
});
type GoogleSettings = z.infer<typeof googleSettings>;
type Desk = SandboxDesk<GoogleSettings>;

const ISSUER = 'https://accounts.google.com';
const DRIVE = 'https://www.googleapis.com/auth/drive';
const DRIVE_SCOPES = [DRIVE, `${DRIVE}.file`, `${DRIVE}.readonly`, `${DRIVE}.metadata.readonly`, `${DRIVE}.metadata`];
const SEES_ROOT = [DRIVE, `${DRIVE}.readonly`, `${DRIVE}.metadata.readonly`, `${DRIVE}.metadata`];
const SIX_MONTHS_SECONDS = 180 * 86_400;

const SCOPE_ALIASES: Readonly<Record<string, string>> = {
  email: 'https://www.googleapis.com/auth/userinfo.email',
  profile: 'https://www.googleapis.com/auth/userinfo.profile',
};
const SCOPE_LABELS: Readonly<Record<string, string>> = {
  [`${DRIVE}.file`]: 'See, edit, create and delete only the Drive files used with this app',
  [DRIVE]: 'See, edit, create and delete all of your Drive files',
  openid: 'Associate you with your personal info on Google',
  email: 'See your primary e-mail address',
  profile: 'See your personal info',
};

/** Scopes as Google answers them: aliases written out, and in an order of its own. */
export function answeredScopes(scopes: readonly string[]): string[] {
  return [...new Set(scopes.map((scope) => SCOPE_ALIASES[scope] ?? scope))].sort();
}

function subOf(account: string): string {
  return digitsOf(`google sub ${account}`, 21);
}

function permissionIdOf(account: string): string {
  return digitsOf(`google permission ${account}`, 20);
}

function rootFolderOf(account: string, settings: GoogleSettings): string {
  const derived = sha256(`google root ${account}`)
    .toString('base64url')
    .replace(/[^A-Za-z0-9]/g, 'x')
    .slice(0, 12);
  return settings.rootFolderId ?? `0A${derived}Uk9PVA`;
}

/** Google's own error page: the browser never returns from it. */
function page(status: number, error: string, text: string): ConsentReading {
  return { outcome: 'page', answer: htmlPage(status, `Error ${status}: ${error}`, text) };
}

function readAuthorize(params: URLSearchParams, _request: WireRequest, desk: Desk): ConsentReading {
  const settings = desk.settings();
  const clientId = params.get('client_id') ?? '';
  if (clientId !== settings.clientId) return page(401, 'invalid_client', 'The OAuth client was not found.');
  const redirectUri = params.get('redirect_uri') ?? '';
  if (!isAllowedRedirect(redirectUri, settings.redirectUris)) {
    return page(400, 'redirect_uri_mismatch', 'The redirect URI in the request does not match an authorized one.');
  }
  if (params.get('response_type') !== 'code') {
    return page(400, 'invalid_request', 'Required parameter is missing or wrong: response_type');
  }
  const scopes = (params.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  if (scopes.length === 0) return page(400, 'invalid_request', 'Missing required parameter: scope');
  const method = params.get('code_challenge_method') ?? 'plain';
  if (params.has('code_challenge') && !['S256', 'plain'].includes(method)) {
    return page(400, 'invalid_request', 'Invalid parameter value for code_challenge_method.');
  }
  if (params.get('prompt') === 'none') {
    const url = withParams(redirectUri, { error: 'interaction_required', state: params.get('state') });
    return { outcome: 'redirect', url };
  }
  return {
    outcome: 'ask',
    ask: {
      clientId,
      redirectUri,
      account: params.get('account') ?? params.get('login_hint') ?? settings.account,
      accountLabel: 'Google account (e-mail)',
      choices: {
        legend: 'Access you allow',
        options: scopes.map((scope) => ({ value: scope, label: SCOPE_LABELS[scope] ?? scope, ticked: true })),
      },
      params,
    },
  };
}

function approve(ask: ConsentAsk, choice: { account: string; granted: readonly string[] }, desk: Desk): string {
  const { params } = ask;
  // With one scope the screen is all or nothing: nothing ticked is a denial (granular consent).
  if (choice.granted.length === 0) return deny(ask);
  const earlier = params.get('include_granted_scopes') === 'true' ? desk.grantedScopes(choice.account) : [];
  const scopes = answeredScopes([...choice.granted, ...earlier]);
  const prompts = (params.get('prompt') ?? '').split(' ');
  const offline = params.get('access_type') === 'offline';
  const asksAgain = prompts.includes('consent') || !desk.hasLivingGrant(choice.account);
  const challenge = params.get('code_challenge');
  const code = desk.openCode({
    account: choice.account,
    clientId: ask.clientId,
    redirectUri: ask.redirectUri,
    scopes,
    challenge: challenge
      ? { value: challenge, method: params.get('code_challenge_method') === 'S256' ? 'S256' : 'plain' }
      : null,
    details: { refreshToken: offline && asksAgain ? 'yes' : 'no' },
  });
  return withParams(ask.redirectUri, {
    state: params.get('state'),
    iss: ISSUER, // RFC 9207, sent since early 2026 though discovery does not say so
    code,
    scope: scopes.join(' '),
    authuser: '0',
    hd: desk.settings(choice.account).hostedDomain,
    prompt: asksAgain ? 'consent' : 'none',
  });
}

function deny(ask: ConsentAsk): string {
  return withParams(ask.redirectUri, { error: 'access_denied', state: ask.params.get('state') });
}

/** Client credentials by Basic or body; Basic wins when both are there. */
function clientOf(request: WireRequest, fields: BodyFields): { id: string; secret: string } {
  return basicCredentials(request) ?? { id: fields.client_id ?? '', secret: fields.client_secret ?? '' };
}

function oauthError(status: number, error: string, description: string, subtype?: string | null): WireAnswer {
  return json(status, { error, error_description: description, ...(subtype ? { error_subtype: subtype } : {}) });
}

function identifyToken(request: WireRequest, desk: Desk): CallIdentity {
  const fields = bodyFields(request);
  return fields.grant_type === 'refresh_token'
    ? { endpoint: 'refresh', account: desk.accountOf(fields.refresh_token), refreshToken: fields.refresh_token }
    : { endpoint: 'exchange', account: desk.accountOf(fields.code) };
}

function answerToken(request: WireRequest, desk: Desk): WireAnswer {
  const settings = desk.settings();
  const fields = bodyFields(request);
  const endpoint = fields.grant_type === 'refresh_token' ? 'refresh' : 'exchange';
  const refused = (reason: string, answer: WireAnswer): WireAnswer => {
    desk.refuse(endpoint, reason, endpoint === 'refresh' ? fields.refresh_token : fields.code);
    return answer;
  };
  const client = clientOf(request, fields);
  if (client.id === '') {
    return refused('invalid_client', oauthError(400, 'invalid_request', 'Could not determine client ID from request.'));
  }
  if (client.id !== settings.clientId) {
    return refused('invalid_client', oauthError(401, 'invalid_client', 'The OAuth client was not found.'));
  }
  if (!settings.clientSecrets.includes(client.secret)) {
    return refused('invalid_client', oauthError(401, 'invalid_client', 'Unauthorized'));
  }
  if (endpoint === 'refresh') return refresh(fields, client.id, desk);
  if (fields.grant_type !== 'authorization_code') {
    const description = `Invalid grant_type: ${fields.grant_type ?? ''}`;
    return refused('unsupported_grant_type', oauthError(400, 'unsupported_grant_type', description));
  }
  return exchange(fields, client.id, desk);
}

function refresh(fields: BodyFields, clientId: string, desk: Desk): WireAnswer {
  if (!fields.refresh_token) {
    desk.refuse('refresh', 'missing');
    return oauthError(400, 'invalid_request', 'Missing required parameter: refresh_token');
  }
  const { idleSeconds, refusalSubtype } = desk.settings(desk.accountOf(fields.refresh_token));
  const outcome = desk.refresh(fields.refresh_token, { rotates: false, clientId, idleSeconds });
  if (!outcome.ok) return oauthError(400, 'invalid_grant', 'Token has been expired or revoked.', refusalSubtype);
  return json(200, tokenAnswer(outcome.issued, desk));
}

const REFUSED_CODE: Readonly<Record<CodeRefusal, () => WireAnswer>> = {
  unknown: () => oauthError(400, 'invalid_grant', 'Malformed auth code.'),
  used: () => oauthError(400, 'invalid_grant', 'Bad Request'),
  expired: () => oauthError(400, 'invalid_grant', 'Bad Request'),
  foreign: () => oauthError(400, 'invalid_grant', 'Bad Request'),
  redirect_mismatch: () => oauthError(400, 'redirect_uri_mismatch', 'Bad Request'),
  verifier_missing: () => oauthError(400, 'invalid_grant', 'Missing code verifier.'),
  verifier_wrong: () => oauthError(400, 'invalid_grant', 'Invalid code verifier.'),
};

function exchange(fields: BodyFields, clientId: string, desk: Desk): WireAnswer {
  const redeemed = desk.redeemCode(fields.code, {
    clientId,
    redirectUri: fields.redirect_uri ?? '',
    verifier: fields.code_verifier,
  });
  if (!redeemed.ok) {
    if (fields.code === undefined) return oauthError(400, 'invalid_request', 'Missing required parameter: code');
    return REFUSED_CODE[redeemed.reason]();
  }
  const { order } = redeemed;
  const settings = desk.settings(order.account);
  const withRefresh = order.details.refreshToken === 'yes' && settings.issueRefreshToken;
  const issued = desk.grant({
    account: order.account,
    clientId,
    scopes: order.scopes,
    accessSeconds: settings.accessTokenSeconds,
    refresh: withRefresh ? { seconds: settings.refreshTokenSeconds } : null,
    details: {},
    keepsRefreshTokens: settings.refreshTokensPerAccount,
  });
  return json(200, tokenAnswer(issued, desk));
}

/** A refresh answers without a refresh token: the desk hands none out when nothing rotated. */
function tokenAnswer(issued: IssuedTokens, desk: Desk): object {
  const { announceRefreshExpiry, clientId } = desk.settings(issued.account);
  const announced = announceRefreshExpiry && issued.refreshSeconds !== null;
  return {
    access_token: issued.accessToken,
    expires_in: issued.accessSeconds ?? undefined,
    ...(issued.refreshToken === null ? {} : { refresh_token: issued.refreshToken }),
    ...(announced ? { refresh_token_expires_in: issued.refreshSeconds } : {}),
    scope: issued.scopes.join(' '),
    token_type: 'Bearer',
    ...(issued.scopes.includes('openid') ? { id_token: idToken(issued, clientId, desk) } : {}),
  };
}

const KEY_ID = 'sandbox';
let signingKeys: { privateKey: KeyObject; publicKey: KeyObject } | undefined;

/** Made at the first use: a key pair costs a tenth of a second, and most runs never ask for openid. */
function keys(): { privateKey: KeyObject; publicKey: KeyObject } {
  signingKeys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return signingKeys;
}

function idToken(issued: IssuedTokens, clientId: string, desk: Desk): string {
  const now = Math.floor(desk.now() / 1000);
  const sees = (name: string): boolean => issued.scopes.includes(SCOPE_ALIASES[name]!);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: ISSUER,
    azp: clientId,
    aud: clientId,
    sub: subOf(issued.account),
    ...(sees('email') ? { email: issued.account, email_verified: true } : {}),
    ...(sees('profile') ? { name: displayName(issued.account, desk) } : {}),
    iat: now,
    exp: now + 3600,
  };
  const signed = `${part({ alg: 'RS256', kid: KEY_ID, typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), keys().privateKey).toString('base64url')}`;
}

function answerCertificates(): WireAnswer {
  return json(200, {
    keys: [{ ...keys().publicKey.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig', alg: 'RS256' }],
  });
}

function displayName(account: string, desk: Desk): string {
  return desk.settings(account).accountName ?? titled(account.split('@')[0]!);
}

function answerRevoke(request: WireRequest, desk: Desk): WireAnswer {
  const token = bodyFields(request).token ?? request.query.get('token') ?? undefined;
  if (!token) {
    desk.refuse('revoke', 'missing');
    return oauthError(400, 'invalid_request', 'Missing required parameter: token');
  }
  const grant = desk.findGrant(token);
  if (!grant) {
    desk.refuse('revoke', 'unknown', token);
    return oauthError(400, 'invalid_token', 'Token expired or revoked');
  }
  desk.close({ account: grant.account }, 'revoked'); // the whole grant of this user, whichever token was named
  return json(200, {});
}

interface DriveError {
  message: string;
  /** Message of the inner entry; the outer one when not given. */
  detail?: string;
  domain?: string;
  reason: string;
  location?: { location: string; locationType: string };
  status?: string;
  details?: object[];
  headers?: Record<string, string>;
}

/** Drive's error envelope; `status` is there only on auth failures. */
function driveError(status: number, error: DriveError): WireAnswer {
  return json(
    status,
    {
      error: {
        code: status,
        message: error.message,
        errors: [
          {
            message: error.detail ?? error.message,
            domain: error.domain ?? 'global',
            reason: error.reason,
            ...error.location,
          },
        ],
        ...(error.status ? { status: error.status } : {}),
        ...(error.details ? { details: error.details } : {}),
      },
    },
    error.headers,
  );
}

function admit(request: WireRequest, desk: Desk): { grant: LivingGrant } | { refusal: WireAnswer } {
  if (request.headers.authorization === undefined) {
    const message =
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
    return { refusal: driveError(403, { message, reason: 'forbidden', status: 'PERMISSION_DENIED' }) };
  }
  const grant = desk.findAccess(bearerToken(request));
  if (!grant) {
    const message =
      'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.';
    return {
      refusal: driveError(401, {
        message,
        detail: 'Invalid Credentials',
        reason: 'authError',
        location: { location: 'Authorization', locationType: 'header' },
        status: 'UNAUTHENTICATED',
        headers: { 'www-authenticate': `Bearer realm="${ISSUER}/", error="invalid_token"` },
      }),
    };
  }
  if (!desk.settings(grant.account).driveEnabled) {
    const message = 'Google Drive API has not been used in project 1 before or it is disabled.';
    const refusal = driveError(403, { message, domain: 'usageLimits', reason: 'accessNotConfigured' });
    return { refusal };
  }
  if (!grant.scopes.some((scope) => DRIVE_SCOPES.includes(scope))) {
    return {
      refusal: driveError(403, {
        message: 'Request had insufficient authentication scopes.',
        detail: 'Insufficient Permission',
        reason: 'insufficientPermissions',
        status: 'PERMISSION_DENIED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }],
        headers: { 'www-authenticate': `Bearer realm="${ISSUER}/", error="insufficient_scope"` },
      }),
    };
  }
  return { grant };
}

/** Parses a field mask such as `storageQuota(limit,usage),user/permissionId` into the fields to keep, by name. */
export function fieldMask(text: string): Map<string, string> {
  const mask = new Map<string, string>();
  const keep = (item: string): void => {
    const match = /^([^(/]+)(?:\((.*)\)|\/(.*))?$/.exec(item.trim());
    if (!match) return;
    const [, name, inner, rest] = match;
    const below = inner ?? rest ?? '';
    const known = mask.get(name!);
    mask.set(name!, known ? `${known},${below}` : below);
  };
  let depth = 0;
  let item = '';
  for (const sign of text) {
    if (sign === '(') depth += 1;
    if (sign === ')') depth -= 1;
    if (sign === ',' && depth === 0) {
      keep(item);
      item = '';
    } else item += sign;
  }
  keep(item);
  return mask;
}

/** The part of an answer that a field mask selects; `*` is all. */
function masked(value: Readonly<Record<string, unknown>>, fields: string): Record<string, unknown> {
  const mask = fieldMask(fields);
  if (mask.has('*')) return { ...value };
  const kept = Object.entries(value).filter(([name]) => mask.has(name));
  return Object.fromEntries(
    kept.map(([name, field]) => {
      const below = mask.get(name)!;
      const nested = typeof field === 'object' && field !== null && below !== '';
      return [name, nested ? masked(field as Record<string, unknown>, below) : field];
    }),
  );
}

function answerAbout(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const fields = request.query.get('fields');
  if (!fields) {
    return driveError(400, {
      message: "The 'fields' parameter is required for this method.",
      reason: 'required',
      location: { location: 'fields', locationType: 'parameter' },
    });
  }
  const { account } = admitted.grant;
  const { quotaLimit, quotaUsage } = desk.settings(account);
  const about = {
    kind: 'drive#about',
    user: {
      kind: 'drive#user',
      displayName: displayName(account, desk),
      me: true,
      permissionId: permissionIdOf(account),
      emailAddress: account,
    },
    storageQuota: {
      ...(quotaLimit === null ? {} : { limit: quotaLimit }),
      usage: quotaUsage,
      usageInDrive: quotaUsage,
      usageInDriveTrash: '0',
    },
  };
  return json(200, masked(about, fields));
}

function answerAboutV2(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const { account } = admitted.grant;
  const settings = desk.settings(account);
  const about = {
    kind: 'drive#about',
    name: displayName(account, desk),
    rootFolderId: rootFolderOf(account, settings),
    permissionId: permissionIdOf(account),
    ...(settings.quotaLimit === null ? {} : { quotaBytesTotal: settings.quotaLimit }),
    quotaBytesUsed: settings.quotaUsage,
  };
  return json(200, masked(about, request.query.get('fields') ?? '*'));
}

function answerFile(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const { account, scopes } = admitted.grant;
  const root = rootFolderOf(account, desk.settings(account));
  const id = request.params.id === 'root' ? root : (request.params.id ?? '');
  if (id === root && scopes.some((scope) => SEES_ROOT.includes(scope))) {
    const file = { kind: 'drive#file', id: root, name: 'My Drive', mimeType: 'application/vnd.google-apps.folder' };
    return json(200, masked(file, request.query.get('fields') ?? '*'));
  }
  return driveError(404, {
    message: `File not found: ${id}.`,
    reason: 'notFound',
    location: { location: 'fileId', locationType: 'parameter' },
  });
}

function answerFiles(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  return json(200, { kind: 'drive#fileList', incompleteSearch: false, files: [] });
}

function answerEcho(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admit(request, desk);
  return 'refusal' in admitted ? admitted.refusal : echoOf(request);
}

function identifyApi(request: WireRequest, desk: Desk): CallIdentity {
  return { endpoint: 'api', account: desk.accountOf(bearerToken(request)) };
}

export const sandbox = defineSandbox<GoogleSettings>({
  id: 'google_drive',
  label: 'Google Drive',
  credentials: {
    prefix: 'GOOGLE',
    clientId: 'sandbox-google-client.apps.googleusercontent.com',
    clientSecret: 'sandbox-google-secret-never-use-outside',
  },
  defaults: {
    ...commonDefaults,
    account: 'sandbox.user@example.com',
    clientId: 'sandbox-google-client.apps.googleusercontent.com',
    clientSecrets: ['sandbox-google-secret-never-use-outside'],
    accessTokenSeconds: 3599,
    refreshTokenSeconds: null,
    quotaLimit: '16106127360',
    quotaUsage: '1234567890',
    rootFolderId: null,
    refreshTokensPerAccount: 100,
    idleSeconds: SIX_MONTHS_SECONDS,
    announceRefreshExpiry: false,
    refusalSubtype: null,
    driveEnabled: true,
    hostedDomain: null,
  },
  readSettings: (candidate) => googleSettings.parse(candidate),
  endpoints: (base) => ({
    authorizeUrl: `${base}/o/oauth2/v2/auth`,
    tokenUrl: `${base}/token`,
    revokeUrl: `${base}/revoke`,
    apiBaseUrl: base,
  }),
  accountId: permissionIdOf,
  usualScopes: [`${DRIVE}.file`],
  mint: {
    code: () => `4/0A${randomText(36)}`,
    accessToken: () => `ya29.a0${randomText(96)}`,
    refreshToken: () => `1//0g${randomText(60)}`,
    details: () => ({}),
  },
  consent: { path: '/o/oauth2/v2/auth', read: readAuthorize, approve, deny },
  routes: [
    { name: 'token', methods: ['POST'], path: '/token', identify: identifyToken, handle: answerToken },
    {
      name: 'revoke',
      methods: ['POST'],
      path: '/revoke',
      identify: (request, desk) => ({ endpoint: 'revoke', account: desk.accountOf(bodyFields(request).token) }),
      handle: answerRevoke,
    },
    {
      name: 'certs',
      methods: ['GET'],
      path: '/oauth2/v3/certs',
      identify: () => ({ endpoint: 'api' }),
      handle: answerCertificates,
    },
    { name: 'about', methods: ['GET'], path: '/drive/v3/about', identify: identifyApi, handle: answerAbout },
    { name: 'about_v2', methods: ['GET'], path: '/drive/v2/about', identify: identifyApi, handle: answerAboutV2 },
    { name: 'file', methods: ['GET'], path: '/drive/v3/files/:id', identify: identifyApi, handle: answerFile },
    { name: 'echo', methods: ALL_METHODS, path: '/drive/sandbox/echo', identify: identifyApi, handle: answerEcho },
    { name: 'files', methods: ['GET'], path: '/drive/v3/files', identify: identifyApi, handle: answerFiles },
  ],
  rateLimited: ({ endpoint, reason }) => {
    if (endpoint !== 'api') return oauthError(429, 'rate_limit_exceeded', 'Rate limit exceeded.');
    // Drive limits by 403 with a reason of its own; only the plain one comes as 429. No Retry-After is promised.
    const named = reason ?? 'userRateLimitExceeded';
    const status = named === 'rateLimitExceeded' ? 429 : 403;
    return driveError(status, { message: 'User Rate Limit Exceeded', domain: 'usageLimits', reason: named });
  },
  failure: ({ endpoint, status }) =>
    endpoint === 'api'
      ? driveError(status, { message: 'Backend Error', reason: status >= 500 ? 'backendError' : 'badRequest' })
      : oauthError(status, status >= 500 ? 'internal_failure' : 'invalid_request', 'Backend Error'),
  unknownPath: (request) =>
    request.path.includes('/drive/')
      ? driveError(404, { message: 'Not Found', reason: 'notFound' })
      : htmlPage(404, 'Error 404 (Not Found)'),
});
