import { randomUUID } from 'node:crypto';
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
  basicCredentials,
  bearerToken,
  type BodyFields,
  echoOf,
  htmlPage,
  isAllowedRedirect,
  json,
  jsonFields,
  mediaType,
  randomText,
  titled,
  uuidOf,
  type WireAnswer,
  type WireRequest,
  withParams,
} from '../../sandbox/wire.sandbox';

/**
 * Notion's wire manners: Basic and JSON only at the token endpoint, a version header everywhere, no scopes, no
 * expires_in, refresh tokens that are spent by their first use, errors in two shapes.
 * https://developers.notion.com/docs/authorization
 */

const notionSettings = commonSettings.extend({
  /** People in the workspace (guests are never listed). */
  memberCount: z.number().int().nonnegative(),
  /** Bots in the workspace, listed among the people. */
  botCount: z.number().int().nonnegative(),
  /** Most users a page holds, whatever page_size asks; smaller than 100 makes short pages. */
  pageSize: z.number().int().min(1).max(100),
  /** False: the connection lacks the user-information capability, /v1/users answers 403 restricted_resource. */
  userCapability: z.boolean(),
  /** Shape of OAuth errors: `{"error"}` as the guide has it, or `{"object":"error","code"}` as the OpenAPI has it. */
  oauthErrorShape: z.enum(['guide', 'openapi']),
  /** What a second consent of the same workspace gives: a token pair of its own, or the existing one again. */
  reauthorization: z.enum(['new_pair', 'same_token']),
  /** False lets the token endpoint pass without Notion-Version, as the guide's own example does. */
  versionAtTokenEndpoint: z.boolean(),
});
type NotionSettings = z.infer<typeof notionSettings>;
type Desk = SandboxDesk<NotionSettings>;

const VERSIONS = ['2021-05-13', '2022-06-28', '2025-09-03', '2026-03-11'];
const MAX_PAGE = 100;
/** Every fourth listed user is a bot while there are bots left: counting people needs reading, not arithmetic. */
const BOT_EVERY = 4;

/** The sample pages of the page picker; a person may pick none. */
const PAGES = ['Roadmap', 'Meeting notes', 'Team wiki'];

function apiError(status: number, code: string, message: string, headers: Record<string, string> = {}): WireAnswer {
  const requestId = randomUUID();
  return json(
    status,
    { object: 'error', status, code, message, request_id: requestId },
    { ...headers, 'x-notion-request-id': requestId },
  );
}

function oauthError(desk: Desk, status: number, error: string, description: string): WireAnswer {
  if (desk.settings().oauthErrorShape === 'openapi') return apiError(status, error, description);
  const requestId = randomUUID();
  return json(
    status,
    { error, error_description: description, request_id: requestId },
    { 'x-notion-request-id': requestId },
  );
}

/** Measured: this one answer has the short shape whatever the documents say. */
function invalidClient(): WireAnswer {
  const requestId = randomUUID();
  return json(
    401,
    { error: 'invalid_client', request_id: requestId },
    { 'www-authenticate': 'Basic realm="OAuth"', 'x-notion-request-id': requestId },
  );
}

function missingVersion(request: WireRequest): WireAnswer | undefined {
  const version = request.headers['notion-version'];
  if (version === undefined) {
    return apiError(
      400,
      'missing_version',
      `Notion-Version header failed validation: Notion-Version header should be defined, instead was \`undefined\`.`,
    );
  }
  if (VERSIONS.includes(version)) return undefined;
  return apiError(400, 'validation_error', `Notion-Version header "${version}" is not a known version.`);
}

function readAuthorize(params: URLSearchParams, _request: WireRequest, desk: Desk): ConsentReading {
  const page = (text: string): ConsentReading => ({
    outcome: 'page',
    answer: htmlPage(400, 'Something is wrong with this connection', text),
  });
  const settings = desk.settings();
  const clientId = params.get('client_id') ?? '';
  if (clientId !== settings.clientId) return page('Missing or invalid client_id.');
  const redirectUri = params.get('redirect_uri') ?? '';
  if (!isAllowedRedirect(redirectUri, settings.redirectUris)) return page('Missing or invalid redirect_uri.');
  if (params.get('response_type') !== 'code') return page('response_type should be "code".');
  if (params.get('owner') !== 'user') return page('owner should be "user".');
  return {
    outcome: 'ask',
    ask: {
      clientId,
      redirectUri,
      account: params.get('account') ?? settings.account,
      accountLabel: 'Workspace',
      choices: {
        legend: 'Pages to share',
        options: PAGES.map((name) => ({ value: name, label: name, ticked: true })),
      },
      params,
    },
  };
}

function approve(ask: ConsentAsk, choice: { account: string; granted: readonly string[] }, desk: Desk): string {
  const code = desk.openCode({
    account: choice.account,
    clientId: ask.clientId,
    redirectUri: ask.redirectUri,
    scopes: [], // Notion has none; what was ticked are pages
    challenge: null,
    details: { pages: choice.granted.join('\n') },
  });
  return withParams(ask.redirectUri, { code, state: ask.params.get('state') });
}

function deny(ask: ConsentAsk): string {
  return withParams(ask.redirectUri, { error: 'access_denied', state: ask.params.get('state') });
}

/** Client, version and body of an OAuth call, or the answer that refuses it. */
function admitClient(request: WireRequest, desk: Desk): { fields: BodyFields } | { why: string; refusal: WireAnswer } {
  const settings = desk.settings();
  const client = basicCredentials(request);
  if (!client || client.id !== settings.clientId || !settings.clientSecrets.includes(client.secret)) {
    return { why: 'invalid_client', refusal: invalidClient() };
  }
  const unversioned = settings.versionAtTokenEndpoint ? missingVersion(request) : undefined;
  if (unversioned) return { why: 'missing_version', refusal: unversioned };
  const fields = mediaType(request) === 'application/json' ? jsonFields(request) : undefined;
  if (!fields) {
    const refusal = oauthError(desk, 400, 'invalid_request', 'The request body should be a JSON object.');
    return { why: 'body_not_json', refusal };
  }
  return { fields };
}

function identifyToken(request: WireRequest, desk: Desk): CallIdentity {
  const fields = jsonFields(request) ?? {};
  return fields.grant_type === 'refresh_token'
    ? { endpoint: 'refresh', account: desk.accountOf(fields.refresh_token), refreshToken: fields.refresh_token }
    : { endpoint: 'exchange', account: desk.accountOf(fields.code) };
}

function answerToken(request: WireRequest, desk: Desk): WireAnswer {
  const peeked = jsonFields(request) ?? {};
  const endpoint = peeked.grant_type === 'refresh_token' ? 'refresh' : 'exchange';
  const admitted = admitClient(request, desk);
  if ('refusal' in admitted) {
    desk.refuse(endpoint, admitted.why, endpoint === 'refresh' ? peeked.refresh_token : peeked.code);
    return admitted.refusal;
  }
  const { fields } = admitted;
  const { clientId } = desk.settings();
  if (endpoint === 'refresh') {
    const outcome = desk.refresh(fields.refresh_token, { rotates: true, clientId });
    if (outcome.ok) return json(200, tokenAnswer(outcome.issued, desk));
    return outcome.reason === 'missing'
      ? oauthError(desk, 400, 'invalid_request', 'refresh_token should be defined.')
      : oauthError(desk, 400, 'invalid_grant', 'The refresh token is invalid or has expired.');
  }
  if (fields.grant_type !== 'authorization_code') {
    desk.refuse('exchange', 'unsupported_grant_type', fields.code);
    return oauthError(desk, 400, 'unsupported_grant_type', 'grant_type should be "authorization_code".');
  }
  return exchange(fields, clientId, desk);
}

function exchange(fields: BodyFields, clientId: string, desk: Desk): WireAnswer {
  const redeemed = desk.redeemCode(fields.code, {
    clientId,
    redirectUri: fields.redirect_uri ?? '', // it was sent to authorize, so it must be sent here
    verifier: undefined,
  });
  if (!redeemed.ok) {
    return redeemed.reason === 'redirect_mismatch' || fields.code === undefined
      ? oauthError(desk, 400, 'invalid_request', 'redirect_uri or code is missing or does not match.')
      : oauthError(desk, 400, 'invalid_grant', 'The authorization code is invalid, expired or was already used.');
  }
  const { order } = redeemed;
  const settings = desk.settings(order.account);
  const issued = desk.grant({
    account: order.account,
    clientId,
    scopes: [],
    accessSeconds: settings.accessTokenSeconds,
    refresh: settings.issueRefreshToken ? { seconds: settings.refreshTokenSeconds } : null,
    details: { ...order.details, botId: randomUUID() },
    reuse: settings.reauthorization === 'same_token',
  });
  return json(200, tokenAnswer(issued, desk));
}

function tokenAnswer(issued: IssuedTokens, desk: Desk): object {
  return {
    access_token: issued.accessToken,
    token_type: 'bearer',
    refresh_token: issued.refreshToken,
    bot_id: issued.details.botId,
    workspace_id: workspaceId(issued.account),
    workspace_name: workspaceName(issued.account, desk),
    workspace_icon: null,
    owner: { type: 'user', user: person(issued.account, 0) },
    duplicated_template_id: null,
    request_id: randomUUID(),
  };
}

function workspaceId(account: string): string {
  return uuidOf(`notion workspace ${account}`);
}

function workspaceName(account: string, desk: Desk): string {
  return desk.settings(account).accountName ?? titled(account);
}

function person(account: string, index: number): object {
  return {
    object: 'user',
    id: uuidOf(`notion person ${account} ${index}`),
    name: `Person ${index + 1}`,
    avatar_url: null,
    type: 'person',
    person: { email: `person-${index + 1}@example.com`, email_verified: true },
  };
}

function bot(id: string, name: string, account: string, desk: Desk): object {
  return {
    object: 'user',
    id,
    name,
    avatar_url: null,
    type: 'bot',
    bot: {
      owner: { type: 'user', user: person(account, 0) },
      workspace_id: workspaceId(account),
      workspace_name: workspaceName(account, desk),
      workspace_limits: { max_file_upload_size_in_bytes: 5_242_880 },
    },
  };
}

function admitApi(request: WireRequest, desk: Desk): { grant: LivingGrant } | { refusal: WireAnswer } {
  const token = bearerToken(request);
  if (token === undefined) {
    return { refusal: apiError(401, 'unauthorized', 'Authorization header should be "Bearer <token>".') };
  }
  const grant = desk.findAccess(token);
  if (!grant) return { refusal: apiError(401, 'unauthorized', 'API token is invalid.') };
  const unversioned = missingVersion(request);
  return unversioned ? { refusal: unversioned } : { grant };
}

/** Kind of the user at a place of the list: bots are strewn among the people until they run out. */
function kindsUpTo(end: number, people: number, bots: number): ('person' | 'bot')[] {
  const kinds: ('person' | 'bot')[] = [];
  let botsLeft = bots;
  let peopleLeft = people;
  while (kinds.length < end && peopleLeft + botsLeft > 0) {
    const isBot = botsLeft > 0 && (peopleLeft === 0 || kinds.length % BOT_EVERY === 1);
    kinds.push(isBot ? 'bot' : 'person');
    if (isBot) botsLeft -= 1;
    else peopleLeft -= 1;
  }
  return kinds;
}

/** Cursors are UUIDs to the outside; the offset sits in the last group. */
function cursorAt(offset: number): string {
  return `c0ffee00-0000-4000-8000-${offset.toString(16).padStart(12, '0')}`;
}

function offsetOf(cursor: string): number | undefined {
  const match = /^c0ffee00-0000-4000-8000-([0-9a-f]{12})$/.exec(cursor);
  return match ? parseInt(match[1]!, 16) : undefined;
}

function answerUsers(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admitApi(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const { account } = admitted.grant;
  const settings = desk.settings(account);
  if (!settings.userCapability) {
    return apiError(403, 'restricted_resource', 'Insufficient permissions for this endpoint.');
  }
  const asked = Number(request.query.get('page_size') ?? MAX_PAGE);
  if (!Number.isInteger(asked) || asked < 1 || asked > MAX_PAGE) {
    return apiError(400, 'validation_error', 'query.page_size should be an integer between 1 and 100.');
  }
  const cursor = request.query.get('start_cursor');
  const start = cursor === null ? 0 : offsetOf(cursor);
  if (start === undefined) return apiError(400, 'validation_error', 'The start_cursor provided is invalid.');
  const end = start + Math.min(asked, settings.pageSize);
  const total = settings.memberCount + settings.botCount;
  const results = kindsUpTo(end, settings.memberCount, settings.botCount)
    .map((kind, index) =>
      kind === 'person'
        ? person(account, index)
        : bot(uuidOf(`notion bot ${account} ${index}`), `Bot ${index + 1}`, account, desk),
    )
    .slice(start);
  const more = end < total;
  return json(200, {
    object: 'list',
    results,
    next_cursor: more ? cursorAt(end) : null,
    has_more: more,
    type: 'user',
    user: {},
    request_id: randomUUID(),
  });
}

function answerMe(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admitApi(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const { account, details } = admitted.grant;
  return json(200, { ...bot(details.botId!, 'Sandbox connection', account, desk), request_id: randomUUID() });
}

function answerSearch(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admitApi(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const pages = (admitted.grant.details.pages ?? '').split('\n').filter((name) => name !== '');
  const results = pages.map((name) => ({ object: 'page', id: uuidOf(`notion page ${name}`), url: null }));
  return json(200, { object: 'list', results, next_cursor: null, has_more: false, request_id: randomUUID() });
}

function answerEcho(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admitApi(request, desk);
  return 'refusal' in admitted ? admitted.refusal : echoOf(request);
}

function answerRevoke(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admitClient(request, desk);
  if ('refusal' in admitted) {
    desk.refuse('revoke', admitted.why, (jsonFields(request) ?? {}).token);
    return admitted.refusal;
  }
  const token = admitted.fields.token;
  if (token === undefined) return oauthError(desk, 400, 'invalid_request', 'token should be defined.');
  const grant = desk.findGrant(token);
  // RFC 7009 section 2.2: a token that is dead already is no error.
  if (grant) desk.close({ grantId: grant.grantId }, 'revoked');
  else desk.refuse('revoke', 'unknown', token);
  return json(200, { request_id: randomUUID() });
}

function answerIntrospect(request: WireRequest, desk: Desk): WireAnswer {
  const admitted = admitClient(request, desk);
  if ('refusal' in admitted) return admitted.refusal;
  const grant = desk.findAccess(admitted.fields.token);
  if (!grant) return json(200, { active: false, request_id: randomUUID() });
  return json(200, { active: true, iat: Math.floor(grant.issuedAt / 1000), request_id: randomUUID() });
}

function identifyApi(request: WireRequest, desk: Desk): CallIdentity {
  return { endpoint: 'api', account: desk.accountOf(bearerToken(request)) };
}

function identifyByToken(endpoint: 'revoke' | 'api') {
  return (request: WireRequest, desk: Desk): CallIdentity => ({
    endpoint,
    account: desk.accountOf((jsonFields(request) ?? {}).token),
  });
}

export const sandbox = defineSandbox<NotionSettings>({
  id: 'notion',
  label: 'Notion',
  credentials: {
    prefix: 'NOTION',
    clientId: 'sandbox-notion-client',
    clientSecret: 'sandbox-notion-secret-never-use-outside',
  },
  defaults: {
    ...commonDefaults,
    account: 'Sandbox workspace',
    clientId: 'sandbox-notion-client',
    clientSecrets: ['sandbox-notion-secret-never-use-outside'],
    accessTokenSeconds: null,
    refreshTokenSeconds: null,
    rotationGrace: 0,
    apiLimit: { calls: 180, perSeconds: 60 },
    memberCount: 3,
    botCount: 2,
    pageSize: 100,
    userCapability: true,
    oauthErrorShape: 'guide',
    reauthorization: 'new_pair',
    versionAtTokenEndpoint: true,
  },
  readSettings: (candidate) => notionSettings.parse(candidate),
  endpoints: (base) => ({
    authorizeUrl: `${base}/v1/oauth/authorize`,
    tokenUrl: `${base}/v1/oauth/token`,
    revokeUrl: `${base}/v1/oauth/revoke`,
    apiBaseUrl: base,
  }),
  accountId: workspaceId,
  usualScopes: [],
  mint: {
    code: () => randomUUID(),
    accessToken: () => `ntn_${randomText(32)}`,
    refreshToken: () => `nrt_${randomText(32)}`,
    details: () => ({ pages: PAGES.join('\n'), botId: randomUUID() }),
  },
  consent: { path: '/v1/oauth/authorize', read: readAuthorize, approve, deny },
  routes: [
    { name: 'token', methods: ['POST'], path: '/v1/oauth/token', identify: identifyToken, handle: answerToken },
    {
      name: 'revoke',
      methods: ['POST'],
      path: '/v1/oauth/revoke',
      identify: identifyByToken('revoke'),
      handle: answerRevoke,
    },
    {
      name: 'introspect',
      methods: ['POST'],
      path: '/v1/oauth/introspect',
      identify: identifyByToken('api'),
      handle: answerIntrospect,
    },
    { name: 'me', methods: ['GET'], path: '/v1/users/me', identify: identifyApi, handle: answerMe },
    { name: 'users', methods: ['GET'], path: '/v1/users', identify: identifyApi, handle: answerUsers },
    { name: 'echo', methods: ALL_METHODS, path: '/v1/sandbox/echo', identify: identifyApi, handle: answerEcho },
    { name: 'search', methods: ['POST'], path: '/v1/search', identify: identifyApi, handle: answerSearch },
  ],
  rateLimited: ({ retryAfterSeconds, reason = 'public_api_request_rate_limit' }) => {
    const seconds = Math.max(1, Math.ceil(retryAfterSeconds)); // an integer, unlike Shopify's
    const requestId = randomUUID();
    return json(
      429,
      {
        object: 'error',
        status: 429,
        code: 'rate_limited',
        message: 'You have been rate limited. Please try again in a few minutes.',
        request_id: requestId,
        additional_data: { retry_after: String(seconds), rate_limit_reason: reason },
      },
      { 'retry-after': String(seconds), 'x-notion-request-id': requestId },
    );
  },
  failure: ({ status }) => {
    const codes: Record<number, string> = {
      409: 'conflict_error',
      500: 'internal_server_error',
      502: 'bad_gateway',
      503: 'service_unavailable',
      504: 'gateway_timeout',
      529: 'service_overload',
    };
    return apiError(status, codes[status] ?? 'internal_server_error', 'Unexpected error occurred.');
  },
  // Measured: an unknown URL or a wrong method is 400, not 404 or 405.
  unknownPath: () => apiError(400, 'invalid_request_url', 'Invalid request URL.'),
});
