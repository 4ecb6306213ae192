import { failure, type Failure } from '@hub/domain';
import { readBearerGrant } from '../../grant-reading';
import { field, idField, labelField, numberField, textField, type JsonObject } from '../../json-fields';
import { basicClientAuth } from '../../oauth/client-auth';
import { defineProvider, type Conversation, type Grant, type WireAnswer } from '../../provider-definition';
import { isPage, isSuccess, oauthFailure, retryAfterMs } from '../../wire-failure';
import { readWorkspace } from './notion.metadata';

/** https://developers.notion.com/reference/versioning */
const NOTION_VERSION = '2026-03-11';
const VERSION_HEADER = { 'notion-version': NOTION_VERSION };

/** https://developers.notion.com/docs/authorization */
export const provider = defineProvider({
  id: 'notion',
  label: 'Notion',
  mark: { path: 'M6 5h3.2l5.8 8.8V5h3v14h-3.2L9 10.2V19H6z', colour: '#3a3a37' },
  docsUrl: 'https://developers.notion.com/docs/authorization',
  authMode: 'oauth2',
  credentialPrefix: 'NOTION',
  inputs: [],
  endpoints: {
    authorizeUrl: 'https://api.notion.com/v1/oauth/authorize',
    tokenUrl: 'https://api.notion.com/v1/oauth/token',
    revokeUrl: 'https://api.notion.com/v1/oauth/revoke',
    apiBaseUrl: 'https://api.notion.com',
  },
  authorize: {
    params: { owner: 'user' },
    pkce: 'off',
    pkceOffBecause: "Notion's REST authorization documents no PKCE parameters",
  },
  // What an integration may do is set in Notion's developer portal, and the user picks pages: there is no scope.
  scopes: { default: [], separator: null, normalise: () => [] },
  token: { clientAuth: 'basic', body: 'json', headers: VERSION_HEADER, sendsRedirectUri: true },
  readGrant: (answer, conversation) =>
    readBearerGrant(answer, conversation, { tokenType: 'required', normaliseScopes: () => [], more: readIdentity }),
  readFailure,
  // No expiry is announced and a refresh rotates without a documented grace: only a 401 is reason enough for one.
  refresh: { mode: 'reactive', retry: 'none' },
  revoke: {
    manner: 'token',
    request: ({ endpoints, accessToken, clientId, clientSecret }) => ({
      method: 'POST',
      url: endpoints.revokeUrl ?? '',
      headers: {
        ...VERSION_HEADER,
        accept: 'application/json',
        'content-type': 'application/json',
        authorization: basicClientAuth(clientId, clientSecret),
      },
      body: JSON.stringify({ token: accessToken }),
    }),
  },
  apiHeaders: (accessToken) => ({ authorization: `Bearer ${accessToken}`, ...VERSION_HEADER }),
  probe: (api) => api.get('/v1/users/me'),
  metadata: readWorkspace,
});

/** The workspace is the account; `bot_id` names this authorization in it and may change with a new one. */
function readIdentity(body: JsonObject): Partial<Pick<Grant, 'account' | 'metadata'>> {
  const workspaceId = idField(body, 'workspace_id');
  const workspaceName = labelField(body, 'workspace_name') ?? null;
  const botId = idField(body, 'bot_id') ?? null;
  return {
    account: workspaceId === undefined ? undefined : { id: workspaceId, label: workspaceName ?? workspaceId },
    metadata: { workspaceName, botId },
  };
}

/** OAuth refusals come as `error` (guide) or as `code` (API reference): https://developers.notion.com/reference/status-codes */
function readFailure(answer: WireAnswer, conversation: Conversation): Failure | undefined {
  const { status } = answer;
  // Overload (529) is told like a rate limit.
  if (status === 429 || status === 529) return readRateLimit(answer);
  if (isSuccess(answer) || status < 400 || status >= 500 || isPage(answer)) return undefined;
  const code = textField(answer.json, 'error') ?? textField(answer.json, 'code');
  if (conversation !== 'api')
    return code === 'test_env_error' ? failure('provider_misconfigured', code) : oauthFailure(code);
  return status === 401 && code !== undefined && code !== 'unauthorized'
    ? failure('provider_misconfigured', 'http_401')
    : undefined;
}

/** The wait stands in the header and in the body; one of the reasons is a block that waiting does not end. */
function readRateLimit(answer: WireAnswer): Failure {
  const details = field(answer.json, 'additional_data');
  const blocked = textField(details, 'rate_limit_reason') === 'public_api_request_blocked';
  const reason = blocked ? 'public_api_request_blocked' : `http_${answer.status}`;
  const wait = retryAfterMs(answer.headers['retry-after'] ?? numberField(details, 'retry_after')?.toString());
  return failure('rate_limited', reason, wait === undefined ? {} : { retryAfterMs: wait });
}
