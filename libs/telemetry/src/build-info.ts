import { readFileSync } from 'node:fs';
import path from 'node:path';
import { observe } from './metrics';

let isTold = false;

/** Has the version that runs told, for as long as the process lives. */
export function tellBuild(): void {
  if (isTold) return;
  isTold = true;
  const version = versionAbove(__dirname);
  observe('buildInfo', () => [{ value: 1, attributes: { 'hub.version': version } }]);
}

/** That of the nearest package.json: the sources lie below it, and so does what is compiled of them. */
function versionAbove(folder: string): string {
  for (let place = folder; ; place = path.dirname(place)) {
    try {
      return (JSON.parse(readFileSync(path.join(place, 'package.json'), 'utf8')) as { version: string }).version;
    } catch (error) {
      const isNotHere = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isNotHere || path.dirname(place) === place) throw error;
    }
  }
}
