import path from 'node:path';

/**
 * A module of deploy/local. They are plain JavaScript, since they run before anything is installed; a test says which of
 * a module's exports it uses, and how.
 */
export function launcher<T>(name: string): Promise<T> {
  return import(path.join(process.cwd(), 'deploy/local', `${name}.mjs`)) as Promise<T>;
}
