import { byteSize } from '../look/amounts';
import type { Integration, ProviderCard } from '../wire/wire';

/** A fact of a card: text, a moment, or how full something is. */
export type Fact = { readonly label: string } & (
  | { readonly kind: 'text'; readonly text: string }
  // `isDue`: something is to be done then, and waits for it once that has passed
  | { readonly kind: 'time'; readonly at: string; readonly isDue?: boolean }
  | { readonly kind: 'meter'; readonly value: number; readonly max: number; readonly text: string }
);

const LABELS: Readonly<Record<string, string>> = {
  shopName: 'Shop',
  plan: 'Plan',
  primaryDomain: 'Domain',
  workspaceName: 'Workspace',
  botId: 'Bot',
  memberCount: 'Members',
  rootFolderId: 'Root folder',
  quota: 'Storage',
  webhookStatus: 'Webhook',
  lastDeliveryAt: 'Last delivery',
};

const WEBHOOK_WORDS: Readonly<Record<string, string>> = {
  unverified: 'Not tried yet',
  reachable: 'Reachable',
  failing: 'Failing, deliveries are retried',
  gone: 'Gone: connect a new URL',
};

/** What a card tells of a connected integration, in the order in which it is read. */
export function factsOf(integration: Integration, card: Pick<ProviderCard, 'hasToken'>): Fact[] {
  if (integration.status === 'not_connected') return [];
  return [
    text('Account', integration.account?.label),
    ...Object.entries(integration.metadata)
      .sort(([one], [other]) => placeOf(one) - placeOf(other)) // the database keeps no order of keys
      .map(([key, value]) => metadataFact(key, value)),
    time(card.hasToken ? 'Last sync' : 'Last check', integration.lastSyncAt) ?? text('Last sync', 'Not yet'),
    due('Next refresh', integration.nextRefreshAt),
    // what is left of a token is served to nobody before a new sign-in
    integration.status === 'reauth_required' ? undefined : time('Access until', integration.expiresAt),
  ].filter((fact): fact is Fact => fact !== undefined);
}

const ORDER = Object.keys(LABELS);

/** Where a key stands: what has no word of its own comes last. */
function placeOf(key: string): number {
  const place = ORDER.indexOf(key);
  return place < 0 ? ORDER.length : place;
}

function metadataFact(key: string, value: unknown): Fact | undefined {
  const label = Object.hasOwn(LABELS, key) ? (LABELS[key] ?? key) : inWords(key);
  if (isQuota(value)) return meter(label, value);
  if (key === 'webhookStatus' && typeof value === 'string') return text(label, WEBHOOK_WORDS[value] ?? value);
  if (typeof value === 'string') return isTime(value) ? time(label, value) : text(label, value);
  return typeof value === 'number' ? text(label, value.toLocaleString('en')) : undefined;
}

function text(label: string, value: string | undefined): Fact | undefined {
  return value === undefined || value === '' ? undefined : { kind: 'text', label, text: value };
}

function time(label: string, at: string | null): Fact | undefined {
  return at === null ? undefined : { kind: 'time', label, at };
}

function due(label: string, at: string | null): Fact | undefined {
  return at === null ? undefined : { kind: 'time', label, at, isDue: true };
}

/** Bytes that are used, of those that may be: no limit is no bar. */
function meter(label: string, { usage, limit }: { usage: number | null; limit: number | null }): Fact | undefined {
  if (usage === null) return undefined;
  if (limit === null || limit <= 0) return text(label, `${byteSize(usage)} used, no limit`);
  return { kind: 'meter', label, value: usage, max: limit, text: `${byteSize(usage)} of ${byteSize(limit)} used` };
}

function isQuota(value: unknown): value is { usage: number | null; limit: number | null } {
  if (typeof value !== 'object' || value === null || !('usage' in value) || !('limit' in value)) return false;
  return [value.usage, value.limit].every((part) => part === null || typeof part === 'number');
}

function isTime(value: string): boolean {
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
}

/** `teamName` as `Team name`: a provider that came later is shown all the same. */
export function inWords(key: string): string {
  const words = key
    .replace(/[_.]+/g, ' ')
    .replace(/([a-z\d])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
