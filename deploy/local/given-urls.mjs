import { isGiven, setting } from './environment.mjs';
import { Refusal } from './refusal.mjs';

const KINDS = {
  database: {
    protocols: ['postgres:', 'postgresql:'],
    sentence: 'is no database URL with a host: write it as postgres://user:password@host:5432/database',
  },
  redis: {
    protocols: ['redis:', 'rediss:'],
    sentence: 'is no Redis URL with a host: write it as redis://:password@host:6379, or rediss:// for TLS',
  },
};

/**
 * The administrator's URL of a database that comes from outside: DATABASE_ADMIN_URL, else DATABASE_URL.
 * @param {Record<string, string>} given environment and .env
 * @returns {string | undefined}
 * @throws {Refusal} if it is no URL of a database; it names the setting and repeats nothing of the value
 */
export function givenAdminUrl(given) {
  return checked(given, isGiven(given, 'DATABASE_ADMIN_URL') ? 'DATABASE_ADMIN_URL' : 'DATABASE_URL', KINDS.database);
}

/**
 * The URL of a Redis that comes from outside.
 * @param {Record<string, string>} given environment and .env
 * @returns {string | undefined}
 * @throws {Refusal} if it is no URL of a Redis; it names the setting and repeats nothing of the value
 */
export const givenRedisUrl = (given) => checked(given, 'REDIS_URL', KINDS.redis);

/**
 * The logins that HUB_DATABASE_LOGINS asks for.
 * @param {Record<string, string>} given environment and .env
 * @returns {object | undefined}
 * @throws {Refusal} if it is no JSON object; it repeats nothing of the value
 */
export function givenLogins(given) {
  const text = setting(given, 'HUB_DATABASE_LOGINS');
  if (text === undefined) return undefined;
  let logins;
  try {
    logins = JSON.parse(text);
  } catch {
    // said below, without the text: a SyntaxError quotes it
  }
  if (typeof logins !== 'object' || logins === null || Array.isArray(logins))
    throw new Refusal(
      `${nameOf(given, 'HUB_DATABASE_LOGINS')} is no JSON object: write it as {"gateway":{"user":"…","password":"…"},…}.`,
    );
  return logins;
}

/** The name by which a setting was given. */
const nameOf = (given, name) => (given[name] === undefined ? `${name}_FILE` : name);

function checked(given, name, { protocols, sentence }) {
  const text = setting(given, name);
  if (text === undefined || isUrl(text, protocols)) return text;
  throw new Refusal(
    `${nameOf(given, name)} ${sentence}, with %2F for a /, %23 for a # and %25 for a % in the password.`,
  );
}

function isUrl(text, protocols) {
  try {
    const { protocol, hostname, username, password, pathname, search, hash } = new URL(text);
    [username, password, pathname].forEach(decodeURIComponent);
    // A password with a bare / or # ends the host too early: what follows it, and the @, is then no part of the host.
    const isCut = username === '' && password === '' && `${pathname}${search}${hash}`.includes('@');
    return protocols.includes(protocol) && hostname !== '' && !isCut;
  } catch {
    return false;
  }
}
