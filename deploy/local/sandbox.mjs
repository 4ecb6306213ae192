import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { mainOf } from './apps.mjs';
import { isGiven, plainEnvironment, setting } from './environment.mjs';
import { isLoopback } from './ports.mjs';

const HOST = '127.0.0.1';

/**
 * The stand-in for all providers.
 * @param {{ port: number, logLevel: string }} options
 * @returns {import('./child.mjs').ChildSpec}
 */
export function sandboxSpec({ port, logLevel }) {
  return {
    name: 'sandbox',
    command: process.execPath,
    args: [mainOf('sandbox')],
    options: { env: { ...plainEnvironment(), SANDBOX_PORT: String(port), HOST, LOG_LEVEL: logLevel } },
    ready: `http://${HOST}:${port}/admin/ready`,
    signals: [['SIGTERM', 5_000]],
  };
}

/**
 * What the running sandbox offers.
 * @param {number} port
 */
export async function askSandbox(port) {
  const [endpoints, credentials, providers] = await Promise.all(
    ['endpoints', 'credentials', 'providers'].map((name) => getJson(`http://${HOST}:${port}/admin/${name}`)),
  );
  return { endpoints, credentials, providers };
}

/**
 * Points the providers that nobody gave credentials for at the sandbox. With an endpoints file from outside, that file
 * alone says where providers are: the sandbox lends its credentials only to those that it names.
 * @param {Record<string, string>} given environment and .env
 * @param {{ endpoints: Record<string, object>, credentials: Record<string, string>, providers: Array<{ id: string, prefix: string | null }> }} sandbox
 * @param {string} dataDir
 * @returns {{ environment: Record<string, string>, real: string[] }} what the apps are told, and which providers are the real ones
 */
export function sandboxSettings(given, sandbox, dataDir) {
  // Half of a pair counts too: the apps then say which half is missing, instead of quietly meeting the sandbox.
  const isReal = ({ prefix }) =>
    prefix !== null && ['CLIENT_ID', 'CLIENT_SECRET'].some((half) => isGiven(given, `${prefix}_${half}`));
  const pretended = sandbox.providers.filter((provider) => !isReal(provider));
  const givenFile = setting(given, 'PROVIDER_ENDPOINTS_FILE');
  const named = givenFile === undefined ? sandbox.endpoints : readEndpoints(givenFile);
  const environment = {};
  for (const { prefix } of pretended.filter(({ id, prefix }) => prefix !== null && Object.hasOwn(named, id)))
    for (const [name, value] of Object.entries(sandbox.credentials))
      if (name.startsWith(`${prefix}_CLIENT_`)) environment[name] = value;

  if (givenFile === undefined) {
    const file = path.join(dataDir, 'provider-endpoints.json');
    const endpoints = Object.fromEntries(
      pretended.map(({ id }) => [id, sandbox.endpoints[id]]).filter(([, value]) => value),
    );
    fs.writeFileSync(file, `${JSON.stringify(endpoints, null, 2)}\n`);
    environment.PROVIDER_ENDPOINTS_FILE = file;
  }
  Object.assign(environment, privateCalls(given));
  return { environment, real: sandbox.providers.filter(isReal).map(({ id }) => id) };
}

/**
 * Calls to this machine are allowed where a provider lies on it, as the sandbox does, unless the setting is given.
 * @param {Record<string, string>} given
 * @returns {{ OUTBOUND_ALLOW_PRIVATE?: 'true' }}
 */
export function privateCalls(given) {
  if (isGiven(given, 'OUTBOUND_ALLOW_PRIVATE')) return {};
  const file = setting(given, 'PROVIDER_ENDPOINTS_FILE');
  return file === undefined || namesLoopback(readEndpoints(file)) ? { OUTBOUND_ALLOW_PRIVATE: 'true' } : {};
}

/** What an endpoints file holds; one that is wrong counts as empty, and is the apps' to complain about. */
function readEndpoints(file) {
  try {
    const content = JSON.parse(fs.readFileSync(file, 'utf8'));
    return typeof content === 'object' && content !== null ? content : {};
  } catch {
    return {};
  }
}

/** Whether some provider lies on this machine. */
function namesLoopback(endpoints) {
  try {
    const urls = Object.values(endpoints).flatMap((provider) => Object.values(provider));
    return urls.some((url) => isLoopback(new URL(url).hostname));
  } catch {
    return false;
  }
}

function getJson(url) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { timeout: 10_000, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => {
        try {
          if (response.statusCode !== 200) throw new Error(`${url} answers ${response.statusCode}`);
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
    request.on('error', reject);
  });
}
