import { bad, good, type Finding } from './finding';

const OLDEST_NODE: readonly [major: number, minor: number] = [20, 19];

/** @param version as `process.versions.node` has it */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return isNewEnough
    ? good(`Node ${version}`)
    : bad(`Node ${version} is too old`, `install Node ${OLDEST_NODE.join('.')} or newer (24 is recommended)`);
}
