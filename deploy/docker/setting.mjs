import { readFileSync } from 'node:fs';

/**
 * A setting of the environment as the apps read theirs: the value itself, else the content of the file that `NAME_FILE`
 * names. What is empty counts as not set.
 *
 * @param {string} name
 * @returns {string | undefined}
 * @throws {Error} whose message says which file cannot be read
 */
export function setting(name) {
  const value = process.env[name]?.trim();
  const file = process.env[`${name}_FILE`]?.trim();
  if (value || !file) return value || undefined;
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    throw new Error(`${name}_FILE: the file cannot be read (${error.code ?? 'unknown reason'})`, { cause: error });
  }
}
