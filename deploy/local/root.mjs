import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout, wherever the command was called from. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** A path inside the checkout. */
export const inRoot = (...parts) => path.join(root, ...parts);

/** A path as a person would write it: relative to the working directory where that is shorter. */
export function forPeople(file) {
  const relative = path.relative(process.cwd(), file);
  return relative && relative.length < file.length && !relative.startsWith('../..') ? relative : file;
}
