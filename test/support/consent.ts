import type { Page } from 'playwright-core';
import type { Account } from './accounts';

/** What the person does at the provider. */
export interface Consent {
  readonly decision?: 'Allow' | 'Cancel';
  /** What is not ticked any more, by its label. */
  readonly without?: readonly string[];
}

/** Types into the hub's own page what the provider must be told first, and goes on. */
export async function answersHubPage(page: Page, account: Account): Promise<void> {
  const { provider: _provider, ...inputs } = account.order;
  for (const [name, value] of Object.entries(inputs)) await page.locator(`[name="${name}"]`).fill(value);
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Decides on the provider's consent page. */
export async function consents(
  page: Page,
  account: Account,
  { decision = 'Allow', without = [] }: Consent = {},
): Promise<void> {
  await page.getByRole('heading', { name: /^Allow access to / }).waitFor();
  if (account.choices.account !== undefined) await page.getByRole('textbox').fill(account.choices.account);
  for (const label of without) await page.getByLabel(label, { exact: true }).uncheck();
  await page.getByRole('button', { name: decision }).click();
}
