import type { FailureCode } from './failure';

/** What a problem code says to callers (contract §3, *Errors*). */
interface ProblemKind {
  /** The usual HTTP status. */
  readonly status: number;
  readonly title: string;
  /** What the person can do about it, where there is something. */
  readonly fix?: string;
}

export const PROBLEMS = {
  invalid_request: {
    status: 422,
    title: 'The request is not valid',
    fix: 'Mend what the detail names and send it again.',
  },
  unauthorized: {
    status: 401,
    title: 'No valid bearer token',
    fix: 'Send a current bearer token in the Authorization header.',
  },
  forbidden: { status: 403, title: 'Not allowed', fix: 'Use a token that has the scope which the detail names.' },
  not_found: {
    status: 404,
    title: 'There is nothing here',
    fix: 'See /openapi.json for the routes; ids come from the lists.',
  },
  not_connected: {
    status: 404,
    title: 'Not connected',
    fix: 'Connect the provider first (POST /functions/v1/integrations-connect).',
  },
  unknown_provider: {
    status: 404,
    title: 'Unknown provider',
    fix: 'GET /functions/v1/integrations lists the providers.',
  },
  provider_not_configured: {
    status: 409,
    title: 'The provider has no credentials here',
    fix: "The operator sets the provider's client id and secret and restarts the hub.",
  },
  redirect_uri_not_allowed: {
    status: 422,
    title: 'The return URL is not allowed',
    fix: 'Use a URL that REDIRECT_ALLOWLIST names, character for character.',
  },
  webhook_host_not_allowed: {
    status: 422,
    title: 'The webhook URL is not allowed',
    fix: 'Copy the URL of the Zap’s “Webhooks by Zapier” trigger: https://hooks.zapier.com/hooks/catch/…',
  },
  invalid_state: { status: 400, title: 'This link is not valid any more', fix: 'Start the connect again.' },
  access_denied: {
    status: 409,
    title: 'Access was denied at the provider',
    fix: 'Start the connect again and allow the access.',
  },
  invalid_grant: { status: 409, title: 'The provider refused the grant', fix: 'Start the connect again.' },
  insufficient_scope: {
    status: 409,
    title: 'Not all the rights were granted',
    fix: 'Connect again and grant what is asked, or ask for less.',
  },
  account_mismatch: {
    status: 409,
    title: 'Another account than before',
    fix: 'Connect again with the same account, or allow the change (allowAccountChange), or disconnect first.',
  },
  reauth_required: {
    status: 409,
    title: 'The user must sign in again',
    fix: 'The user signs in at the provider again: start a new connect.',
  },
  token_refresh_failed: {
    status: 502,
    title: 'Token refresh failed',
    fix: 'It is retried by itself; sign in again only when the status is reauth_required.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    fix: 'Wait for as long as Retry-After says, then try again.',
  },
  provider_unavailable: {
    status: 503,
    title: 'The provider cannot be reached',
    fix: 'It is retried by itself; try again later.',
  },
  bad_provider_response: {
    status: 502,
    title: 'The provider’s answer was unusable',
    fix: 'Try again; if it stays so, tell the operator.',
  },
  provider_misconfigured: {
    status: 502,
    title: 'The provider refuses this hub',
    fix: 'The operator checks the client id, secret and redirect URL at the provider; the user need not do anything.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong here',
    fix: 'Try again; if it stays so, tell the operator the instance.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Extra words and numbers for one occurrence of a problem. */
export interface ProblemOptions {
  readonly status?: number;
  readonly title?: string;
  /** Seconds for the Retry-After header. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
  /** More members of the problem document, such as `failure`. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** What the person can do, where it is not what the code usually asks for. */
  readonly fix?: string;
}

/** A caller's mistake or an expected refusal that a caller must hear of. Anything else that is thrown is a bug. */
export class HubError extends Error {
  readonly status: number;
  readonly title: string;
  readonly fix: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly extensions: Readonly<Record<string, unknown>>;

  /**
   * @param code   which problem
   * @param detail what is wrong this time, for a person; never a secret
   */
  constructor(
    readonly code: ProblemCode,
    detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HubError';
    const kind: ProblemKind = PROBLEMS[code];
    this.status = options.status ?? kind.status;
    this.title = options.title ?? kind.title;
    this.fix = options.fix ?? kind.fix;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.extensions = options.extensions ?? {};
  }
}

/** The problem by which callers hear of a provider's failure. Every failure code is a problem code. */
export function problemOf(code: FailureCode): ProblemCode {
  return code;
}
