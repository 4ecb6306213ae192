import { PROBLEMS, type ProblemCode } from '@hub/domain';
import { escapeHtml, page, type Page } from '../http/page';
import type { IntegrationView } from '../integrations/integration-view';

/** What the return from a connect says. */
export interface Outcome {
  readonly success?: string;
  readonly error?: string;
  readonly provider?: string;
}

const STATUS_WORDS: Record<IntegrationView['status'], string> = {
  connected: 'Connected',
  refresh_failing: 'Connected, refresh is being retried',
  reauth_required: 'Sign in again needed',
  not_connected: 'Not connected',
};

/**
 * The landing page.
 *
 * @param labels       names of the providers, by id; anything else is not named, so that a link cannot put words on our page
 * @param integrations what is connected; `undefined` where nobody is signed in
 */
export function landingPage(
  outcome: Outcome,
  labels: Readonly<Record<string, string>>,
  integrations: readonly IntegrationView[] | undefined,
): Page {
  return page('Integrations', `<h1>Integrations</h1>${message(outcome, labels)}${cards(labels, integrations)}`);
}

function message({ success, error, provider }: Outcome, labels: Readonly<Record<string, string>>): string {
  if (success !== undefined && Object.hasOwn(labels, success)) {
    return `<div class="note good" role="status"><strong>${escapeHtml(labels[success] ?? '')} is connected.</strong> You can close this page.</div>`;
  }
  if (error === undefined) return '';
  const label = provider !== undefined && Object.hasOwn(labels, provider) ? labels[provider] : 'The account';
  const problem = Object.hasOwn(PROBLEMS, error) ? PROBLEMS[error as ProblemCode] : PROBLEMS.internal;
  return `<div class="note bad" role="alert"><strong>${escapeHtml(label ?? '')} was not connected: ${escapeHtml(problem.title.toLowerCase())}.</strong> ${escapeHtml(problem.fix)}</div>`;
}

function cards(labels: Readonly<Record<string, string>>, integrations: readonly IntegrationView[] | undefined): string {
  if (!integrations) return '<p>Sign in to your product to see what is connected.</p>';
  return `<ul class="cards">${integrations.map((integration) => card(integration, labels[integration.provider] ?? integration.provider)).join('')}</ul>`;
}

function card(integration: IntegrationView, label: string): string {
  const facts = [
    ['Account', integration.account?.label],
    ['Last sync', integration.lastSyncAt],
    ['Token until', integration.expiresAt],
    ['Trouble', integration.failure?.code],
  ].filter((fact): fact is [string, string] => typeof fact[1] === 'string');
  const status = integration.configured ? STATUS_WORDS[integration.status] : 'No credentials in this hub';
  return `<li><span class="status">${escapeHtml(status)}</span><strong>${escapeHtml(label)}</strong>${
    facts.length === 0
      ? ''
      : `<dl>${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>`
  }</li>`;
}
