import type { Locator, Page } from 'playwright-core';
import type { Account } from './accounts';
import type { Caller } from './caller';
import { consents, type Consent } from './consent';
import { eventually } from './eventually';
import type { Visitor } from './visitor';

/** Providers as the page calls them. */
export const LABELS = {
  shopify: 'Shopify',
  notion: 'Notion',
  google_drive: 'Google Drive',
  zapier: 'Zapier',
} as const;
export type ProviderId = keyof typeof LABELS;

const labelOf = (provider: string): string => LABELS[provider as ProviderId];

/** The page of integrations, as somebody who is signed in there uses it. */
export class IntegrationsPage {
  private constructor(
    readonly visitor: Visitor,
    readonly caller: Caller,
  ) {}

  get page(): Page {
    return this.visitor.page;
  }

  /** Signs a browser in by a link that the caller asks for, as a product does, and waits for the page. */
  static async signIn(visitor: Visitor, caller: Caller, userLabel?: string): Promise<IntegrationsPage> {
    const answer = await caller.consoleLink(userLabel === undefined ? {} : { userLabel });
    if (answer.status !== 200) throw new Error(`No link was made: ${answer.status} ${answer.text}`);
    await visitor.page.goto(answer.body.url);
    const page = new IntegrationsPage(visitor, caller);
    await page.isThere();
    return page;
  }

  /** Opens the page of a hub that signs a browser in by itself, and waits for it. @param caller of the org that it signs in to */
  static async open(visitor: Visitor, caller: Caller, publicUrl: string): Promise<IntegrationsPage> {
    await visitor.page.goto(`${publicUrl}/integrations`);
    const page = new IntegrationsPage(visitor, caller);
    await page.isThere();
    return page;
  }

  /** Waits until its cards are shown and news arrive. */
  async isThere(): Promise<void> {
    await this.card('notion').waitFor();
    await this.page.getByRole('status').getByText('Live', { exact: true }).waitFor();
  }

  card(provider: string): Locator {
    return this.page.locator(`article[data-provider="${provider}"]`);
  }

  /** Waits until a card shows a status. */
  async shows(provider: string, status: string): Promise<void> {
    await this.page.locator(`article[data-provider="${provider}"][data-status="${status}"]`).waitFor();
  }

  /** A button of a card, by its words without the provider's name. */
  button(provider: string, words: string): Locator {
    return this.card(provider).getByRole('button', { name: `${words} ${labelOf(provider)}`, exact: true });
  }

  /** What stands beside a label on a card. */
  fact(provider: string, label: string): Locator {
    return this.card(provider)
      .locator('dl > div')
      .filter({ has: this.page.locator('dt', { hasText: new RegExp(`^${label}$`) }) })
      .locator('dd');
  }

  /** The moment beside a label, in milliseconds; undefined while there is none. */
  async moment(provider: string, label: string): Promise<number | undefined> {
    const times = this.fact(provider, label).locator('time');
    if ((await times.count()) === 0) return undefined;
    return Date.parse((await times.getAttribute('datetime')) ?? '');
  }

  /** Waits until the moment beside a label is a later one, without reloading anything. @returns it */
  laterMoment(provider: string, label: string, than: number): Promise<number> {
    return eventually(
      `a later "${label}" on the card of ${provider}`,
      async () => {
        const at = await this.moment(provider, label);
        return at !== undefined && at > than ? at : undefined;
      },
      { withinMs: 45_000 },
    );
  }

  /** Leaves for the provider by the button of its card, typing what the page asks for first. */
  async leavesFor(account: Account, words: 'Connect' | 'Reconnect' = 'Connect'): Promise<void> {
    const { provider, ...inputs } = account.order;
    await this.button(provider, words).click();
    if (Object.keys(inputs).length === 0) return;
    const dialog = this.page.getByRole('dialog');
    for (const [name, value] of Object.entries(inputs)) await dialog.locator(`[name="${name}"]`).fill(value);
    await dialog.getByRole('button', { name: 'Continue' }).click();
  }

  /** Connects by the card, over the provider's page, and waits for what the page says of it. */
  async connects(account: Account, words: 'Connect' | 'Reconnect' = 'Connect'): Promise<void> {
    await this.leavesFor(account, words);
    if (account.provider !== 'zapier') await consents(this.page, account);
    await this.page.getByText(`${labelOf(account.provider)} is connected.`).waitFor();
    await this.isThere();
    await this.shows(account.provider, 'connected');
  }

  /** Goes to the provider and comes back with nothing. @returns what the page says */
  async connectsInVain(account: Account, consent: Consent): Promise<string> {
    await this.leavesFor(account);
    await consents(this.page, account, consent);
    const alert = this.page.getByRole('alert');
    await alert.waitFor();
    await this.isThere();
    return (await alert.innerText()).replaceAll(/\s+/g, ' ');
  }

  /** Disconnects by the card, through its dialog. */
  async disconnects(provider: string): Promise<void> {
    await this.button(provider, 'Disconnect').click();
    await this.page
      .getByRole('dialog')
      .getByRole('button', { name: `Disconnect ${labelOf(provider)}` })
      .click();
    await this.shows(provider, 'not_connected');
  }
}
