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

/**
 * @param labels names of the providers by id: whatever else an address names is not repeated, so that a link cannot put
 *               words on our page
 * @returns `undefined` for an address that was made up
 */
export function outcomeMessage(outcome: Outcome, labels: ReadonlyMap<string, string>): OutcomeMessage | undefined {
  if (outcome.kind === 'success') {
    const label = labels.get(outcome.provider);
    if (label === undefined) return undefined;
    return {
      tone: 'good',
      title: `${label} is connected.`,
      text: 'Its details are read now and appear below in a moment.',
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

/** Whether a success has been undone since: what is not connected any more is not said to be. @param integrations `undefined`: not known yet */
export function isOver(outcome: Outcome, integrations: readonly Integration[] | undefined): boolean {
  if (outcome.kind !== 'success') return false;
  const now = integrations?.find(({ provider }) => provider === outcome.provider)?.status;
  return now === 'not_connected' || now === 'reauth_required';
}
