import { randomBytes, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { Refusal } from './refusal.mjs';

/**
 * @typedef {object} Settings what a data folder keeps, so that tomorrow's start can read today's data; each setting that
 *   the apps know has its name in the environment
 * @property {string} LOCAL_ORG_ID the org that the console and the printed token act for
 * @property {string} AUTH_JWT_SECRET signs the tokens of callers
 * @property {string} AUTH_ISSUER
 * @property {string} AUTH_AUDIENCE
 * @property {string} TOKEN_KEYS seals the providers' tokens in the database
 * @property {string} AUDIT_SEAL_KEY seals the audit trail outside the database
 * @property {string} POSTGRES_PASSWORD of the superuser
 * @property {string} REDIS_PASSWORD
 * @property {{ gateway: string, refreshWorker: string, syncWorker: string, deliveryWorker: string }} DATABASE_PASSWORDS of the apps' logins
 * @property {string[]} [DATABASES_WITH_LOGINS] databases from outside in which npm start has made the apps' logins
 * @property {number} [POSTGRES_PORT]
 * @property {number} [REDIS_PORT]
 * @property {number} [SANDBOX_PORT]
 * @property {Record<string, number>} WORKER_HEALTH_PORTS by worker
 */

const FILE = 'settings.json';
const random = (bytes) => randomBytes(bytes).toString('base64url');

/** How each setting is made where the data folder has none yet; ports are added when they are needed. */
const MAKE = {
  LOCAL_ORG_ID: () => randomUUID(),
  AUTH_JWT_SECRET: () => random(48),
  AUTH_ISSUER: () => 'integrations-hub',
  AUTH_AUDIENCE: () => 'integrations-hub',
  TOKEN_KEYS: () => `local1:${randomBytes(32).toString('base64')}`,
  AUDIT_SEAL_KEY: () => `local1:${randomBytes(32).toString('base64')}`,
  POSTGRES_PASSWORD: () => random(24),
  REDIS_PASSWORD: () => random(24),
  DATABASE_PASSWORDS: () => ({
    gateway: random(24),
    refreshWorker: random(24),
    syncWorker: random(24),
    deliveryWorker: random(24),
  }),
  WORKER_HEALTH_PORTS: () => ({}),
};

/**
 * Reads the settings of a data folder; what is missing is made and kept.
 * @param {string} dataDir
 * @returns {Promise<Settings>}
 */
export async function keptSettings(dataDir) {
  const known = read(dataDir);
  if (known && isWhole(known)) return known;
  return changeSettings(dataDir, (settings) => settings);
}

/**
 * @param {string} dataDir
 * @param {(settings: Settings) => Settings} change
 * @returns {Promise<Settings>}
 */
export async function changeSettings(dataDir, change) {
  fs.mkdirSync(dataDir, { recursive: true });
  return withLock(path.join(dataDir, `${FILE}.lock`), async () => {
    const made = Object.fromEntries(Object.entries(MAKE).map(([name, make]) => [name, make()]));
    const settings = change(completed(made, read(dataDir)));
    const draft = path.join(dataDir, `${FILE}.new`);
    fs.writeFileSync(draft, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
    fs.renameSync(draft, path.join(dataDir, FILE)); // whole or not at all, also when the disk is full
    return settings;
  });
}

/** Whether nothing is missing, also of what an earlier release has kept. */
function isWhole(known) {
  const { DATABASE_PASSWORDS: passwords } = known;
  return (
    Object.keys(MAKE).every((name) => name in known) &&
    Object.keys(MAKE.DATABASE_PASSWORDS()).every((login) => login in passwords)
  );
}

function completed(made, known) {
  return { ...made, ...known, DATABASE_PASSWORDS: { ...made.DATABASE_PASSWORDS, ...known?.DATABASE_PASSWORDS } };
}

function read(dataDir) {
  const file = path.join(dataDir, FILE);
  if (!fs.existsSync(file)) return undefined;
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code) throw error;
    throw new Refusal(`${file} is not valid JSON: mend it, or, if the data may be lost, move ${dataDir} away.`);
  }
}
