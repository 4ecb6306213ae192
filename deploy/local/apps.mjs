import { createHash } from 'node:crypto';
import path from 'node:path';
import { isGiven } from './environment.mjs';
import { isLoopback } from './ports.mjs';
import { inRoot } from './root.mjs';

/**
 * The hub's apps. login: whose rights each has in the database; health: where it says that it is ready (the gateway on
 * its own port, a worker on a port of its own); stopMs: how long it may take to end: a worker finishes and stores what it
 * has asked a provider for, a call of 15 s and a commit of 5 s.
 */
export const APPS = [
  { name: 'gateway', login: 'gateway', health: 'PORT', stopMs: 12_000 },
  { name: 'refresh-worker', login: 'refreshWorker', health: 'WORKER_HEALTH_PORT', stopMs: 25_000 },
  { name: 'metadata-sync-worker', login: 'syncWorker', health: 'WORKER_HEALTH_PORT', stopMs: 25_000 },
  { name: 'delivery-worker', login: 'deliveryWorker', health: 'WORKER_HEALTH_PORT', stopMs: 25_000 },
];

/** The compiled main file of an app. */
export const mainOf = (name) => inRoot('dist/apps', name, 'src/main.js');

/**
 * What can be known before a server runs: given settings as they are, local defaults for the rest.
 * @param {Record<string, string>} given environment and .env
 * @param {import('./settings.mjs').Settings} kept
 * @param {string} dataDir
 * @returns {Record<string, string>}
 */
export function localDefaults(given, kept, dataDir) {
  const host = given.HOST ?? '127.0.0.1';
  const port = given.PORT ?? '3000';
  const publicUrl = given.PUBLIC_URL ?? `http://localhost:${port}`;
  const own = {
    HOST: host,
    PORT: port,
    PUBLIC_URL: publicUrl,
    SITE_URL: publicUrl,
    AUTH_ISSUER: kept.AUTH_ISSUER,
    AUTH_AUDIENCE: kept.AUTH_AUDIENCE,
    AUTH_JWT_SECRET: kept.AUTH_JWT_SECRET,
    TOKEN_KEYS: kept.TOKEN_KEYS,
    HUB_LOCAL_ORG_ID: kept.LOCAL_ORG_ID,
    SPOOL_DIR: path.join(dataDir, 'spool'),
    AUDIT_SEAL_KEY: kept.AUDIT_SEAL_KEY,
    AUDIT_SEAL_DIR: path.join(dataDir, 'audit-seals'),
    LOG_LEVEL: 'info',
  };
  const missing = Object.entries(own).filter(([name]) => !isGiven(given, name));
  return { ...given, ...Object.fromEntries(missing) };
}

/**
 * The console signs itself in where this stack can be reached from this machine alone, unless HUB_LOCAL says otherwise.
 * @param {Record<string, string>} settings
 * @returns {{ HUB_LOCAL?: string }}
 */
export const localSignIn = (settings) => (isLocalOnly(settings) ? { HUB_LOCAL: settings.HUB_LOCAL ?? 'true' } : {});

/** Whether this stack can be reached from this machine alone. */
export function isLocalOnly({ HOST, PUBLIC_URL }) {
  try {
    return isLoopback(HOST) && isLoopback(new URL(PUBLIC_URL).hostname);
  } catch {
    return false; // the apps name the mistake in the URL
  }
}

/** The base address at which an app that listens on a host is reached from this machine. */
export function addressOf(host, port) {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Which database a URL means, whoever logs in: host, port and name. */
export function databaseOf(url) {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}

/** A stack's own corner of a Redis that it may share with others. */
export function redisPrefix(databaseUrl) {
  return `hub-${createHash('sha256').update(databaseOf(databaseUrl)).digest('hex').slice(0, 8)}`;
}

/**
 * @param {string} adminUrl
 * @param {import('./provision.mjs').Login} login
 * @returns {string} the same database, as that login
 */
export function asLogin(adminUrl, { user, password }) {
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  return url.href;
}
