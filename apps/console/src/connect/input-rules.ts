/**
 * The same rules by which the hub reads a typed input, so that a mistake is named while it is made. The hub decides all
 * the same; a test holds both to one list.
 */

/** What an input turns out to be: the spelling that is kept, or what is wrong with it. */
export type InputReading =
  { readonly ok: true; readonly kept: string } | { readonly ok: false; readonly complaint: string };

const RULES: Readonly<Record<string, (text: string) => InputReading>> = {
  shop: readShop,
  webhookUrl: readWebhookUrl,
};

/**
 * @param name of the input, as the catalog has it
 * @param text as it was typed
 * @returns for an input that this page has no rule for: any text but none
 */
export function readInput(name: string, text: string): InputReading {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rule) return rule(text);
  return text.trim() === '' ? refuse('Fill this in.') : { ok: true, kept: text };
}

const refuse = (complaint: string): InputReading => ({ ok: false, complaint });

const SHOP = /^[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com$/;
const HANDLE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const ADMIN_PATH = /^\/store\/([a-z0-9-]+)(?:\/|$)/;
const LONGEST_SHOP = 500;

function readShop(text: string): InputReading {
  const typed = text.trim();
  if (typed === '') return refuse('Enter the name of your shop.');
  if (typed.length > LONGEST_SHOP || !/^[\x21-\x7e]+$/.test(typed))
    return refuse('A shop’s name has only letters a to z, digits and hyphens, without spaces.');
  const name = typed.toLowerCase();
  if (HANDLE.test(name)) return { ok: true, kept: `${name}.myshopify.com` };
  const shop = name.includes('/') ? shopOfUrl(/^https?:\/\//.test(name) ? name : `https://${name}`) : name;
  if (shop !== undefined && SHOP.test(shop)) return { ok: true, kept: shop };
  return refuse(
    name.includes('.')
      ? 'This must end in .myshopify.com. Your own domain does not tell which shop it is; the name stands in your Shopify admin under Settings, Domains.'
      : 'A shop’s name has only letters a to z, digits and hyphens, such as example-store.',
  );
}

function shopOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || url.port !== '') return undefined;
  if (url.hostname !== 'admin.shopify.com') return url.hostname;
  const handle = ADMIN_PATH.exec(url.pathname)?.[1];
  return handle === undefined ? undefined : `${handle}.myshopify.com`;
}

const HOOK_ORIGIN = 'https://hooks.zapier.com';
const HOOK_PATH = /^\/hooks\/(?:catch\/\d+\/[\w-]+|catch\/[\w-]+|standard\/\d+\/[\w-]+)(?:\/silent)?\/?$/;
const LONGEST_URL = 512;

function readWebhookUrl(text: string): InputReading {
  if (text === '') return refuse('Paste the URL of the Zap’s trigger.');
  if (text.length > LONGEST_URL) return refuse('This is too long for a webhook URL.');
  if (text !== text.trim()) return refuse('There is a space before or after the URL: remove it.');
  if (!URL.canParse(text)) return refuse(`A webhook URL begins with ${HOOK_ORIGIN}/hooks/.`);
  const url = new URL(text);
  if (url.protocol === 'http:') return refuse('The URL must begin with https, not http.');
  if (url.origin !== HOOK_ORIGIN) return refuse(`Only URLs of hooks.zapier.com can be used: ${HOOK_ORIGIN}/hooks/…`);
  if (url.search !== '' || url.hash !== '') return refuse('Leave out everything from the “?” or “#” on.');
  if (url.href !== text || text !== HOOK_ORIGIN + url.pathname || !HOOK_PATH.test(url.pathname))
    return refuse(`Copy the whole URL as Zapier shows it: ${HOOK_ORIGIN}/hooks/catch/123456/abcdef/`);
  return { ok: true, kept: text };
}
