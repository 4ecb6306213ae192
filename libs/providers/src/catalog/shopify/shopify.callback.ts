import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackQuery } from '@hub/domain';
import type { CallbackRefusal, CallbackToVerify } from '../../provider-definition';

/**
 * Shopify's shops, scopes and signed callbacks.
 * https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
 */

/** Anchored at both ends, unlike the pattern in Shopify's documentation: `x.myshopify.com.evil.example` is no shop. */
const SHOP = /^[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com$/;
const HANDLE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const ADMIN_PATH = /^\/store\/([a-z0-9-]+)(?:\/|$)/;
const LONGEST_INPUT = 500;
const TIMESTAMP_SLACK_SECONDS = 90;

/**
 * The permanent domain of a shop, lower case, from what people paste: `store`, `store.myshopify.com`, a URL of the shop
 * or of its admin. A merchant's own domain (`www.brand.example`) does not tell it.
 */
export function normaliseShop(text: string): string | undefined {
  const typed = text.trim();
  // Only ASCII: other scripts have letters that fold into these.
  if (typed.length > LONGEST_INPUT || !/^[\x21-\x7e]+$/.test(typed)) return undefined;
  const name = typed.toLowerCase();
  if (HANDLE.test(name)) return `${name}.myshopify.com`;
  const shop = name.includes('/') ? shopOfUrl(/^https?:\/\//.test(name) ? name : `https://${name}`) : name;
  return shop !== undefined && SHOP.test(shop) ? shop : undefined;
}

function shopOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || url.port !== '') return undefined;
  if (url.hostname !== 'admin.shopify.com') return url.hostname;
  const handle = ADMIN_PATH.exec(url.pathname)?.[1];
  return handle === undefined ? undefined : `${handle}.myshopify.com`;
}

/** `write_x` implies `read_x`, and Shopify leaves the implied one out of its answers: it is added on both sides. */
export function normaliseShopifyScopes(scopes: readonly string[]): string[] {
  const implied = scopes.flatMap((scope) => {
    const match = /^(unauthenticated_)?write_(.+)$/.exec(scope);
    return match ? [`${match[1] ?? ''}read_${match[2]}`, scope] : [scope];
  });
  return [...new Set(implied)];
}

/** Checks in Shopify's order: signature, shop, age, and that it is the shop which the flow was started for. */
export function verifyShopifyCallback(callback: CallbackToVerify): CallbackRefusal | undefined {
  const { query, inputs, clientSecrets, nowSeconds } = callback;
  if (!isSigned(query, clientSecrets)) return { kind: 'not_authentic', reason: 'hmac' };
  const shop = own(query, 'shop') ?? '';
  if (!SHOP.test(shop)) return { kind: 'not_authentic', reason: 'shop' };
  if (!isRecent(own(query, 'timestamp'), nowSeconds)) return { kind: 'not_authentic', reason: 'timestamp' };
  // A renamed shop comes back under its permanent domain.
  return shop === inputs['shop'] ? undefined : { kind: 'other_account', account: shop };
}

/** The text that Shopify signs: every parameter but the signatures, sorted, encoded as in a query with `%20`. */
export function signedMessage(query: CallbackQuery): string {
  return Object.keys(query)
    .filter((name) => name !== 'hmac' && name !== 'signature')
    .sort()
    .map((name) => `${encode(name)}=${encode(own(query, name) ?? '')}`)
    .join('&');
}

function isSigned(query: CallbackQuery, clientSecrets: readonly string[]): boolean {
  const claimed = own(query, 'hmac') ?? '';
  if (!/^[0-9a-f]{64}$/.test(claimed)) return false;
  const message = signedMessage(query);
  const matches = (secret: string) =>
    timingSafeEqual(createHmac('sha256', secret).update(message).digest(), Buffer.from(claimed, 'hex'));
  return clientSecrets.filter(matches).length > 0;
}

function isRecent(timestamp: string | undefined, nowSeconds: number): boolean {
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
  return Math.abs(nowSeconds - Number(timestamp)) <= TIMESTAMP_SLACK_SECONDS;
}

function own(query: CallbackQuery, name: string): string | undefined {
  return Object.hasOwn(query, name) ? query[name] : undefined;
}

function encode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1).replaceAll('+', '%20');
}
