import { isWebhookFailing } from '../integrations/status-words';
import type { Integration } from '../wire/wire';
import { problemWords } from './problem-words';

/** What the address says of the connect that led here. */
export type Outcome =
  | { readonly kind: 'success'; readonly provider: string }
  | { readonly kind: 'error'; readonly code: string; readonly provider: string | null };

/** What the page says of it. */
export interface OutcomeMessage {
  readonly tone: 'good' | 'bad';
  readonly title: string;
  /** Empty where the title says it all. */
  readonly text: string;
  /** The provider that a connect can be started again for, if that is the way on. */
  readonly again: string | null;
  /** Whether that connect may bring another account. */
  readonly mayChangeAccount: boolean;
}

/** @param search of the address @returns `undefined`: it says nothing */
export function readOutcome(search: string): Outcome | undefined {
  const query = new URLSearchParams(search);
  const error = query.get('error');
  if (error !== null) return { kind: 'error', code: error, provider: query.get('provider') };
  const success = query.get('success');
  return success === null ? undefined : { kind: 'success', provider: success };
}

/** The address without what it said: a reload, a bookmark or a shared link does not say it again. */
export function withoutOutcome(url: string): string {
  const { origin, pathname, searchParams, hash } = new URL(url);
  for (const name of ['success', 'error', 'provider']) searchParams.delete(name);
  const query = searchParams.toString();
  return `${origin}${pathname}${query === '' ? '' : `?${query}`}${hash}`;
}

/** Who reads what came of a connect: somebody who sees the cards below, somebody who does not, or nobody knows yet. */
export type Reader = 'of_cards' | 'of_nothing' | 'unknown';

/**
 * @param labels       names of the providers by id: whatever else an address names is not repeated, so that a link cannot
 *                     put words on our page
 * @param reader       who sees no cards is told nothing of them, and that nothing is left to do
 * @param integrations `undefined`: not known yet
 * @returns `undefined` for an address that was made up
 */
export function outcomeMessage(
  outcome: Outcome,
  labels: ReadonlyMap<string, string>,
  reader: Reader,
  integrations: readonly Integration[] | undefined,
): OutcomeMessage | undefined {
  if (outcome.kind === 'success') {
    const label = labels.get(outcome.provider);
    if (label === undefined) return undefined;
    return {
      tone: 'good',
      title: `${label} is connected.`,
      text: successText(reader, integrationOf(outcome.provider, integrations)),
      again: null,
      mayChangeAccount: false,
    };
  }
  const label = outcome.provider === null ? undefined : labels.get(outcome.provider);
  const words = problemWords(outcome.code);
  return {
    tone: 'bad',
    title: `${label ?? 'The account'} was not connected: ${words.what}.`,
    text: words.fix,
    again: words.again && label !== undefined ? outcome.provider : null,
    mayChangeAccount: outcome.code === 'account_mismatch',
  };
}

function successText(reader: Reader, integration: Integration | undefined): string {
  if (reader === 'of_nothing') return 'You can close this page.';
  const isAwaited = integration?.status === 'connected' && integration.lastSyncAt === null && !integration.failure;
  return reader === 'of_cards' && isAwaited ? 'Its details are read now and appear below in a moment.' : '';
}

function integrationOf(wanted: string, integrations: readonly Integration[] | undefined): Integration | undefined {
  return integrations?.find(({ provider }) => provider === wanted);
}

/**
 * Whether a success is past: what is not connected any more, or whose webhook fails since, is not said to be well.
 *
 * @param integrations `undefined`: not known yet
 */
export function isOver(outcome: Outcome, integrations: readonly Integration[] | undefined): boolean {
  if (outcome.kind !== 'success') return false;
  const now = integrationOf(outcome.provider, integrations);
  if (now === undefined) return false;
  return now.status === 'not_connected' || now.status === 'reauth_required' || isWebhookFailing(now);
}
