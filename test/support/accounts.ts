import { randomInt, randomUUID } from 'node:crypto';
import type { Choices } from './person';

/** Somebody's account at a provider, and how it comes to be connected. */
export interface Account {
  readonly provider: string;
  /** The sandbox's name for it: the key of its settings, faults and history. */
  readonly name: string;
  /** What the connect route is sent. */
  readonly order: { readonly provider: string } & Readonly<Record<string, string>>;
  /** What the person does at the provider. */
  readonly choices: Choices;
}

/** An account that nobody else has, so that tests beside each other never meet. */
export const ANYONES: Readonly<Record<'shopify' | 'notion' | 'google_drive' | 'zapier', () => Account>> = {
  shopify: () => {
    const shop = `shop-${unique()}.myshopify.com`;
    return { provider: 'shopify', name: shop, order: { provider: 'shopify', shop }, choices: {} };
  },
  notion: () => {
    const name = `Workspace W${unique()}`; // the sandbox writes its words with capitals
    return { provider: 'notion', name, order: { provider: 'notion' }, choices: { account: name } };
  },
  google_drive: () => {
    const name = `${unique()}@example.com`;
    return { provider: 'google_drive', name, order: { provider: 'google_drive' }, choices: { account: name } };
  },
  zapier: () => {
    const name = `${randomInt(1e9)}/${unique()}`;
    const webhookUrl = `https://hooks.zapier.com/hooks/catch/${name}/`;
    return { provider: 'zapier', name, order: { provider: 'zapier', webhookUrl }, choices: {} };
  },
};

function unique(): string {
  return randomUUID().replaceAll('-', '').slice(0, 16);
}
