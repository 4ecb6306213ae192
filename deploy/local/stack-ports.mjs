import { APPS } from './apps.mjs';
import { drawPort, isFree, isLoopback } from './ports.mjs';
import { Refusal } from './refusal.mjs';
import { changeSettings } from './settings.mjs';

const SERVERS = { postgres: 'POSTGRES_PORT', redis: 'REDIS_PORT', sandbox: 'SANDBOX_PORT' };
const WORKERS = APPS.filter((app) => app.health === 'WORKER_HEALTH_PORT').map((app) => app.name);

/**
 * A port for every server and worker: a given one or none; else the one that was kept, as long as it is free, so that
 * bookmarks and database tools find the same address tomorrow.
 * @param {Record<string, string>} given
 * @param {import('./settings.mjs').Settings} kept
 * @param {string} dataDir
 * @returns {Promise<Record<string, number>>} by the name of server or worker
 */
export async function choosePorts(given, kept, dataDir) {
  const before = { ...kept.WORKER_HEALTH_PORTS };
  for (const [name, setting] of Object.entries(SERVERS)) before[name] = kept[setting];
  const taken = new Set([Number(given.PORT ?? 3000), ...Object.values(before)]);
  const choose = async (name, setting, wanted) => {
    const port = wanted === undefined ? await ownPort(before[name], taken) : await givenPort(name, setting, wanted);
    taken.add(port);
    return port;
  };

  const servers = {};
  for (const [name, setting] of Object.entries(SERVERS)) servers[name] = await choose(name, setting, given[setting]);
  const workers = {};
  for (const [index, name] of WORKERS.entries()) {
    // One setting for several workers: they take that number and the ones after it.
    const first = given.WORKER_HEALTH_PORT;
    const wanted = first === undefined ? undefined : asPort('WORKER_HEALTH_PORT', first) + index;
    workers[name] = await choose(name, 'WORKER_HEALTH_PORT', wanted);
  }
  const bySetting = Object.fromEntries(Object.entries(SERVERS).map(([name, setting]) => [setting, servers[name]]));
  await changeSettings(dataDir, (settings) => ({ ...settings, ...bySetting, WORKER_HEALTH_PORTS: workers }));
  return { ...servers, ...workers };
}

/**
 * Refuses when the gateway's port is taken.
 * @param {{ HOST: string, PORT: string }} settings
 */
export async function requireGatewayPort({ HOST, PORT }) {
  const port = asPort('PORT', PORT);
  // A browser tries both loopback addresses for "localhost", and must not meet some other program at one of them.
  const hosts = isLoopback(HOST) ? [...new Set([HOST, '127.0.0.1', '::1'])] : [HOST];
  for (const host of hosts)
    if (!(await isFree(port, host)))
      throw new Refusal(
        `Port ${port} is in use: stop what listens there, or take another one with PORT=${port + 1} npm start.`,
      );
}

async function ownPort(before, taken) {
  return before !== undefined && (await isFree(before)) ? before : drawPort(taken);
}

async function givenPort(name, setting, wanted) {
  const port = asPort(setting, wanted);
  if (await isFree(port)) return port;
  throw new Refusal(
    `Port ${port} for ${name} (${setting}) is in use: stop what listens there, or set ${setting} to a free port.`,
  );
}

/**
 * @param {string} setting
 * @param {string | number} text
 * @returns {number}
 * @throws {Refusal} if it is no port
 */
export function asPort(setting, text) {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Refusal(`${setting} is "${text}": set it to a port number between 1 and 65535.`);
  return port;
}
