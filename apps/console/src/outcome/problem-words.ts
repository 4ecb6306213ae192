import type { ProblemCode } from '@hub/domain';

/** What a problem means to the person before the page, and what to do now. */
export interface ProblemWords {
  /** Completes "Notion was not connected: …" and stands alone too. */
  readonly what: string;
  readonly fix: string;
  /** Whether starting the connect again is the way on. */
  readonly again: boolean;
}

const WORDS: Readonly<Record<ProblemCode, ProblemWords>> = {
  invalid_request: {
    what: 'something in the request was not as it must be',
    fix: 'Check what you entered and try again.',
    again: true,
  },
  unauthorized: {
    what: 'you are not signed in any more',
    fix: 'Open this page from your product again.',
    again: false,
  },
  forbidden: {
    what: 'you may not do this',
    fix: 'Ask whoever runs your product for the right to do it.',
    again: false,
  },
  not_found: { what: 'it is not there any more', fix: 'Reload the page.', again: false },
  not_connected: { what: 'it is not connected', fix: 'Connect it first.', again: true },
  unknown_provider: {
    what: 'this hub does not know the provider',
    fix: 'Choose one of those on this page.',
    again: false,
  },
  provider_not_configured: {
    what: 'this hub has no credentials for it',
    fix: 'The operator of the hub has to set it up first.',
    again: false,
  },
  redirect_uri_not_allowed: {
    what: 'the way back to your product is not allowed',
    fix: 'Tell the operator of the hub: the return URL is missing in its allow-list.',
    again: false,
  },
  webhook_host_not_allowed: {
    what: 'the webhook URL is not one of Zapier’s',
    fix: 'Copy the URL of the Zap’s “Webhooks by Zapier” trigger, and connect again with it.',
    again: true,
  },
  invalid_state: {
    what: 'the link was used before, or too old',
    fix: 'Start the connect again; it must be finished within ten minutes.',
    again: true,
  },
  access_denied: {
    what: 'access was denied at the provider',
    fix: 'Connect again and allow the access there. If your account may not allow it, ask its administrator.',
    again: true,
  },
  invalid_grant: { what: 'the provider did not accept the sign-in', fix: 'Start the connect again.', again: true },
  insufficient_scope: {
    what: 'not all of the rights were granted',
    fix: 'Connect again and leave every box ticked that the provider shows.',
    again: true,
  },
  account_mismatch: {
    what: 'you signed in with another account than before',
    fix: 'Connect again with the same account. To change to another account, disconnect first, or allow it as you connect.',
    again: true,
  },
  reauth_required: {
    what: 'the provider wants you to sign in again',
    fix: 'Reconnect: sign in at the provider once more.',
    again: true,
  },
  token_refresh_failed: {
    what: 'the provider gave no usable answer',
    fix: 'It is tried again by itself. You need not do anything unless the status says that you must sign in again.',
    again: false,
  },
  rate_limited: {
    what: 'there were too many requests in a short time',
    fix: 'Wait a minute, then try again.',
    again: true,
  },
  provider_unavailable: {
    what: 'the provider cannot be reached just now',
    fix: 'Nothing is lost. Try again in a few minutes.',
    again: true,
  },
  bad_provider_response: {
    what: 'the provider’s answer could not be used',
    fix: 'Try again; if it stays so, tell the operator of the hub.',
    again: true,
  },
  provider_misconfigured: {
    what: 'the provider refuses this hub',
    fix: 'You need not do anything: the operator has to check the hub’s registration at the provider.',
    again: false,
  },
  internal: {
    what: 'something went wrong in the hub',
    fix: 'Try again; if it stays so, tell the operator of the hub.',
    again: true,
  },
};

const UNREACHABLE: ProblemWords = {
  what: 'the hub cannot be reached',
  fix: 'Check your network, then try again.',
  again: false,
};

/** @param code of a problem, a failure or an address; one that nobody knows is told as `internal` */
export function problemWords(code: string): ProblemWords {
  if (code === 'unreachable') return UNREACHABLE;
  return Object.hasOwn(WORDS, code) ? WORDS[code as ProblemCode] : WORDS.internal;
}

/** A sentence of its own. */
export function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
