import { isPast } from '../look/times';
import { problemWords, sentence } from '../outcome/problem-words';
import type { Integration, ProviderCard } from '../wire/wire';

/** How good a status is; colour and sign follow it, the words say it. */
export type Tone = 'good' | 'warn' | 'bad' | 'idle';

/** A status as it is shown. */
export interface StatusWords {
  readonly tone: Tone;
  readonly words: string;
}

/**
 * The status of a card.
 *
 * @param nowMs the reader's clock
 * @param card  a credential that is a URL is mended by another one, not by a sign-in
 */
export function statusWords(
  integration: Integration,
  nowMs: number,
  card: Pick<ProviderCard, 'hasToken'>,
): StatusWords {
  if (integration.status === 'not_connected')
    return integration.configured
      ? { tone: 'idle', words: 'Not connected' }
      : { tone: 'idle', words: 'Not set up in this hub' };
  if (integration.status === 'reauth_required')
    return { tone: 'bad', words: card.hasToken ? 'Sign in again needed' : 'New URL needed' };
  if (integration.status === 'refresh_failing') {
    return integration.expiresAt !== null && isPast(integration.expiresAt, nowMs)
      ? { tone: 'bad', words: 'Access has lapsed, a refresh is being retried' }
      : { tone: 'warn', words: 'Connected, a refresh is being retried' };
  }
  return isWebhookFailing(integration)
    ? { tone: 'warn', words: 'Connected, deliveries fail' }
    : { tone: 'good', words: 'Connected' };
}

/** Whether the receiver of what is delivered did not take the last of it. */
export function isWebhookFailing({ metadata }: Pick<Integration, 'metadata'>): boolean {
  return metadata['webhookStatus'] === 'failing';
}

/** What a person should know or do about an integration that is not well. */
export interface Trouble {
  readonly tone: 'warn' | 'bad';
  readonly what: string;
  readonly fix: string;
}

/** @returns `undefined`: all is well, or there is nothing to tell */
export function troubleOf(integration: Integration, { hasToken }: Pick<ProviderCard, 'hasToken'>): Trouble | undefined {
  const { status, failure, configured } = integration;
  if (status === 'not_connected')
    return configured
      ? undefined
      : { tone: 'warn', what: 'The hub has no credentials for it.', fix: 'Its operator has to set it up first.' };
  if (status === 'reauth_required' && !hasToken)
    return {
      tone: 'bad',
      what: 'The webhook is gone.',
      fix: 'Reconnect with a URL that works. What waits to be delivered is sent then.',
    };
  if (status === 'reauth_required')
    return {
      tone: 'bad',
      what: failure === null ? 'The provider wants you to sign in again.' : sentence(endWords(failure.code)),
      fix: 'Reconnect: sign in at the provider once more. Nothing else mends it.',
    };
  if (failure === null) return isWebhookFailing(integration) ? DELIVERIES_FAIL : undefined;
  const { what, fix } = problemWords(failure.code);
  // whoever is connected has no connect to start again: what stands there is tried by the hub itself
  const byItself = status === 'refresh_failing' || failure.code !== 'insufficient_scope';
  return {
    tone: 'warn',
    what: sentence(`${status === 'refresh_failing' ? 'the last refresh failed' : 'the last sync failed'}: ${what}`),
    fix: failure.code === 'provider_misconfigured' ? fix : byItself ? 'It is tried again by itself.' : fix,
  };
}

const DELIVERIES_FAIL: Trouble = {
  tone: 'warn',
  what: 'The webhook does not take deliveries.',
  fix: 'Each is tried several times by itself. If it stays so, look at what listens there.',
};

/** Why it has ended. A sign-in that once was accepted was taken back, which a connect's own words do not say. */
function endWords(code: string): string {
  return code === 'invalid_grant'
    ? 'the provider does not accept the earlier sign-in any more'
    : problemWords(code).what;
}

/** Whether work that was asked for has shown: a success or another failure. */
export function hasMoved(before: Integration, after: Integration): boolean {
  return (
    before.lastSyncAt !== after.lastSyncAt ||
    before.status !== after.status ||
    before.failure?.at !== after.failure?.at ||
    before.failure?.attempts !== after.failure?.attempts
  );
}
