import type { Mistakes } from './environment';
import { splitList } from './environment';
import type { SettingName } from './settings';

/** One key of the local keyring. */
export interface TokenKey {
  /** Names the key inside every sealed value; never reused for another key. */
  readonly id: string;
  /** 32 random bytes. */
  readonly key: Buffer;
}

const KEY_BYTES = 32;
/** 32 random bytes hold 30 different ones on average; fewer than this happens once in more than 10^12 draws. */
const FEWEST_DIFFERENT_BYTES = 20;

/**
 * Reads `TOKEN_KEYS` (`id:base64,…`; the first wraps data keys, all unwrap).
 *
 * @returns the keys in their order; what is wrong is told to `mistakes`, without the key
 */
export function parseTokenKeys(text: string | undefined, mistakes: Mistakes): TokenKey[] {
  const items = splitList(text);
  if (items.length === 0) {
    mistakes.add('TOKEN_KEYS is missing: make a key with `openssl rand -base64 32` and set TOKEN_KEYS=k1:<key>');
    return [];
  }
  return parseKeys('TOKEN_KEYS', items, mistakes);
}

/** Keys of any setting that holds `id:base64` items; what is wrong is told to `mistakes`, without the key. */
export function parseKeys(setting: SettingName, items: readonly string[], mistakes: Mistakes): TokenKey[] {
  const keys = items
    .map((item, place) => parseKey(`${setting}, key ${place + 1}`, item, mistakes))
    .filter((key) => key !== undefined);
  if (new Set(keys.map((key) => key.id)).size < keys.length)
    mistakes.add(`${setting} names one id twice: every key needs an id of its own`);
  if (new Set(keys.map(({ key }) => key.toString('base64'))).size < keys.length)
    mistakes.add(`${setting} holds one key under two ids: an old key is not made new by another name`);
  return keys;
}

function parseKey(where: string, item: string, mistakes: Mistakes): TokenKey | undefined {
  const colon = item.indexOf(':');
  const id = item.slice(0, Math.max(colon, 0));
  const encoded = item.slice(colon + 1);
  const problem = idProblem(id) ?? keyProblem(encoded);
  if (problem === undefined) return { id, key: Buffer.from(encoded, 'base64') };
  mistakes.add(`${where}: ${problem}`);
  return undefined;
}

function idProblem(id: string): string | undefined {
  return /^[A-Za-z0-9_-]{1,32}$/.test(id) ? undefined : 'must be `id:base64`, the id 1 to 32 letters, digits, _ or -';
}

function keyProblem(encoded: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]+=*$/.test(encoded)) return 'the key must be base64';
  const key = Buffer.from(encoded, 'base64');
  if (key.length !== KEY_BYTES) return `the key must be ${KEY_BYTES} bytes long, it has ${key.length}`;
  if (new Set(key).size < FEWEST_DIFFERENT_BYTES || isText(key) || isCounted(key))
    return 'the key is not random: make one with `openssl rand -base64 32`';
  return undefined;
}

/** 30 and more of 32 random bytes are letters, digits, signs and white space once in 10^9 draws and more; a password with its line break always is. */
function isText(key: Buffer): boolean {
  const written = key.filter((byte) => (byte >= 0x20 && byte <= 0x7e) || (byte >= 0x09 && byte <= 0x0d));
  return written.length >= KEY_BYTES - 2;
}

/** Bytes that count up or down, as in examples: most steps between neighbours are one and the same. */
function isCounted(key: Buffer): boolean {
  const steps = new Map<number, number>();
  for (let place = 1; place < key.length; place += 1) {
    const step = ((key[place] ?? 0) - (key[place - 1] ?? 0)) & 0xff;
    steps.set(step, (steps.get(step) ?? 0) + 1);
  }
  return Math.max(...steps.values()) > key.length / 2;
}
