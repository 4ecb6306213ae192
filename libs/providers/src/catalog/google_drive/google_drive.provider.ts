import { failure, type Failure } from '@hub/domain';
import { readBearerGrant } from '../../grant-reading';
import { asList, field, textField } from '../../json-fields';
import { defineProvider, type Conversation, type WireAnswer } from '../../provider-definition';
import { isPage, readOutage, readUnusable } from '../../wire-failure';
import { identify, readDrive } from './google_drive.metadata';

/** https://developers.google.com/identity/protocols/oauth2/web-server */
export const provider = defineProvider({
  id: 'google_drive',
  label: 'Google Drive',
  mark: { path: 'M12 4l9.2 16H2.8zM12 9.2L7.9 16.5h8.2z', colour: '#1a63c4' },
  docsUrl: 'https://developers.google.com/identity/protocols/oauth2/web-server',
  authMode: 'oauth2',
  credentialPrefix: 'GOOGLE',
  inputs: [],
  endpoints: {
    authorizeUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    revokeUrl: 'https://oauth2.googleapis.com/revoke',
    apiBaseUrl: 'https://www.googleapis.com',
  },
  authorize: {
    // A refresh token comes only with offline access, and after the first consent only if consent is asked again.
    params: { access_type: 'offline', prompt: 'consent' },
    pkce: 'S256',
  },
  scopes: {
    default: ['https://www.googleapis.com/auth/drive.file'],
    separator: ' ',
    normalise: normaliseScopes,
  },
  // Sent since February 2026 (RFC 9207), though not promised in the metadata.
  issuer: 'https://accounts.google.com',
  token: { clientAuth: 'body', body: 'form', sendsRedirectUri: true },
  readGrant: (answer, conversation) =>
    readBearerGrant(answer, conversation, { tokenType: 'required', normaliseScopes }),
  readFailure,
  refresh: { mode: 'proactive', retry: 'nonRotating' },
  // Ends everything that this user granted to the project: https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
  revoke: {
    manner: 'grant',
    request: ({ endpoints, refreshToken, accessToken }) => ({
      method: 'POST',
      url: endpoints.revokeUrl ?? '',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token: refreshToken ?? accessToken }).toString(),
    }),
    isAlreadyRevoked: (answer) => answer.status === 400 && textField(answer.json, 'error') === 'invalid_token',
  },
  apiHeaders: (accessToken) => ({ authorization: `Bearer ${accessToken}` }),
  identify,
  metadata: readDrive,
});

/** Sign-in scopes come back under their long names. */
const LONG_NAMES: ReadonlyMap<string, string> = new Map([
  ['email', 'https://www.googleapis.com/auth/userinfo.email'],
  ['profile', 'https://www.googleapis.com/auth/userinfo.profile'],
]);

function normaliseScopes(scopes: readonly string[]): string[] {
  return [...new Set(scopes.map((scope) => LONG_NAMES.get(scope) ?? scope))];
}

function readFailure(answer: WireAnswer, conversation: Conversation): Failure | undefined {
  return conversation === 'api' ? readDriveFailure(answer) : readTokenFailure(answer);
}

const TOKEN_ERRORS: ReadonlyMap<string, Failure['code']> = new Map([
  ['deleted_client', 'provider_misconfigured'],
  ['disabled_client', 'provider_misconfigured'],
  ['org_internal', 'access_denied'],
  ['admin_policy_enforced', 'access_denied'],
  ['rate_limit_exceeded', 'rate_limited'],
  ['internal_failure', 'provider_unavailable'],
]);

/** https://developers.google.com/identity/protocols/oauth2/web-server#authorization-errors */
function readTokenFailure(answer: WireAnswer): Failure | undefined {
  const { status } = answer;
  // A refresh spends nothing, so a server error is no doubt but an outage.
  if (status >= 500) return readOutage(answer);
  if (status < 400 || status === 429) return undefined;
  if (status === 403 && isPage(answer)) return failure('rate_limited', 'http_403');
  const error = textField(answer.json, 'error') ?? '';
  const subtype = textField(answer.json, 'error_subtype');
  // The Workspace's session policy asks for a new sign-in.
  if (error === 'invalid_grant' && (subtype === 'invalid_rapt' || subtype === 'rapt_required'))
    return failure('invalid_grant', subtype);
  const code = TOKEN_ERRORS.get(error);
  return code === undefined ? undefined : failure(code, error);
}

/** Refusals of the Drive API by their `reason`; many a rate limit comes as 403. */
const DRIVE_REASONS: ReadonlyMap<string, Failure['code']> = new Map([
  ['userRateLimitExceeded', 'rate_limited'],
  ['rateLimitExceeded', 'rate_limited'],
  ['sharingRateLimitExceeded', 'rate_limited'],
  ['dailyLimitExceeded', 'rate_limited'],
  ['RATE_LIMIT_EXCEEDED', 'rate_limited'],
  ['insufficientPermissions', 'insufficient_scope'],
  ['ACCESS_TOKEN_SCOPE_INSUFFICIENT', 'insufficient_scope'],
  ['accessNotConfigured', 'provider_misconfigured'],
  ['SERVICE_DISABLED', 'provider_misconfigured'],
  ['forbidden', 'provider_misconfigured'],
  ['domainPolicy', 'access_denied'],
]);

/** Refusals of one request that say nothing about the token or its rights. */
const NO_TOKEN_TROUBLE: ReadonlySet<string> = new Set(['storageQuotaExceeded', 'appNotAuthorizedToFile']);

/** https://developers.google.com/workspace/drive/api/guides/handle-errors */
function readDriveFailure(answer: WireAnswer): Failure | undefined {
  if (answer.status !== 403) return undefined;
  const entries = [...asList(field(answer.json, 'error', 'details')), ...asList(field(answer.json, 'error', 'errors'))];
  for (const entry of entries) {
    const reason = textField(entry, 'reason') ?? '';
    const code = DRIVE_REASONS.get(reason);
    if (code !== undefined) return failure(code, reason);
    if (NO_TOKEN_TROUBLE.has(reason)) return readUnusable('api', reason);
  }
  return undefined;
}
