import fs from 'node:fs';
import path from 'node:path';
import { Refusal } from './refusal.mjs';
import { root } from './root.mjs';

const PLAIN =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|TEMP|TMP|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|CI|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|XDG_CACHE_HOME|CHROMIUM_PATH|npm_(config|execpath|node).*|(https?|no|all)_proxy|SYSTEMROOT|PATHEXT|APPDATA|LOCALAPPDATA|USERPROFILE)$/i;

/**
 * Only what programs in general need: no setting of the hub, so that tests are the same everywhere.
 * @returns {Record<string, string>}
 */
export function plainEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => PLAIN.test(name)));
}

/**
 * The environment, and below it `.env` (or the file that HUB_ENV_FILE names). What is set to nothing counts as not set: a copied `.env.example` is full of such lines.
 * @returns {Record<string, string>}
 */
export function hubEnvironment() {
  const file = path.resolve(root, process.env.HUB_ENV_FILE || '.env');
  const all = { ...readDotEnv(file), ...process.env };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value.trim() !== ''));
}

/**
 * A setting, or the content of the file that `<name>_FILE` names.
 * @param {Record<string, string>} environment
 * @param {string} name
 * @returns {string | undefined}
 */
export function setting(environment, name) {
  if (environment[name] !== undefined) return environment[name];
  const file = environment[`${name}_FILE`];
  if (file === undefined) return undefined;
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Refusal(
      `${name}_FILE names ${file}, which cannot be read (${error.code}): correct the path or its permissions.`,
    );
  }
}

/** Whether a setting comes from outside, in either form. */
export const isGiven = (environment, name) =>
  environment[name] !== undefined || environment[`${name}_FILE`] !== undefined;

/**
 * @param {Record<string, string>} environment
 * @returns {string} the absolute path of the data folder
 */
export const dataDirOf = (environment) => path.resolve(root, environment.HUB_DATA_DIR ?? '.hub');

/**
 * Reads KEY=VALUE lines: comments, `export`, quotes (with \n in double ones), and a comment after an unquoted value.
 * Written here because util.parseEnv came in the middle of Node 20 and is experimental there.
 * @param {string} file
 * @returns {Record<string, string>}
 */
export function readDotEnv(file) {
  if (!fs.existsSync(file)) return {};
  const line =
    /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\r\n]*))/gm;
  const found = {};
  for (const [, name, double, single, bare] of fs.readFileSync(file, 'utf8').matchAll(line))
    found[name] =
      double?.replaceAll('\\n', '\n').replaceAll(/\\(["\\])/g, '$1') ?? single ?? bare.replace(/(^|\s)#.*$/, '').trim();
  return found;
}
