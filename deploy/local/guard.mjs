import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { identityOf, isStillRunning } from './process-identity.mjs';
import { inRoot } from './root.mjs';
import { stopProcess } from './stop-process.mjs';

const GUARDIANS = 5; // one that cannot even run is not tried for ever

/**
 * Sees to it that no server outlives the process that started it, not even when that one is killed with SIGKILL: a
 * small guardian process stops them then. Should the guardian be killed too, the record tells the next start.
 */
export class Guard {
  /** @type {Map<number, import('./stop-process.mjs').Stoppable>} */
  #watched = new Map();
  #folders = [];
  #record;
  #guardian;
  #hired = 0;
  #closing = false;

  /** @param {{ record?: string }} [options] record: a file that keeps what runs, for `stopLeftovers` */
  constructor({ record } = {}) {
    this.#record = record;
    this.#hireGuardian();
  }

  /**
   * @param {number} pid leader of a process group
   * @param {import('./stop-process.mjs').Stoppable['signals']} signals
   */
  watch(pid, signals) {
    const identity = identityOf(pid);
    if (!identity) return; // it ended already
    this.#watched.set(pid, { pid, identity, signals });
    this.#tell({ watch: { pid, identity, signals } });
    this.#writeRecord();
  }

  /** @param {number} pid a process that has ended */
  forget(pid) {
    if (!this.#watched.delete(pid)) return;
    this.#tell({ forget: pid });
    this.#writeRecord();
  }

  /** @param {string} folder removed when this process has ended */
  removeAtEnd(folder) {
    this.#folders.push(folder);
    this.#tell({ remove: folder });
  }

  /** Lets the guardian go; it first stops what is still watched. */
  async close() {
    this.#closing = true;
    const guardian = this.#guardian;
    const hasEnded = guardian.exitCode !== null || guardian.signalCode !== null;
    const gone = hasEnded ? Promise.resolve() : new Promise((resolve) => guardian.once('exit', resolve));
    guardian.ref();
    guardian.stdin.end();
    await gone;
    if (this.#record) fs.rmSync(this.#record, { force: true });
  }

  #hireGuardian() {
    this.#hired += 1;
    const guardian = spawn(process.execPath, [inRoot('deploy/local/guardian.mjs')], {
      detached: true, // Ctrl-C in the terminal must not reach it
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env: { PATH: process.env.PATH },
    });
    guardian.stdin.on('error', () => {}); // its end is dealt with here:
    guardian.once('exit', () => {
      if (!this.#closing && this.#hired < GUARDIANS) this.#hireGuardian();
    });
    guardian.unref();
    guardian.stdin.unref?.();
    this.#guardian = guardian;
    for (const watch of this.#watched.values()) this.#tell({ watch });
    for (const remove of this.#folders) this.#tell({ remove });
  }

  #tell(order) {
    this.#guardian.stdin.write(`${JSON.stringify(order)}\n`);
  }

  #writeRecord() {
    if (this.#record) fs.writeFileSync(this.#record, JSON.stringify([...this.#watched.values()]), { mode: 0o600 });
  }
}

/**
 * Stops what an earlier start left running because it was killed together with its guardian.
 * @param {string} record
 * @param {(line: string) => void} say
 */
export async function stopLeftovers(record, say) {
  let leftovers = [];
  try {
    leftovers = JSON.parse(fs.readFileSync(record, 'utf8'));
  } catch {
    return; // none was left, or the record is cut short: then the servers' own locks still speak
  }
  const alive = leftovers.filter(isStillRunning);
  if (alive.length > 0) say(`Stopping ${alive.length} processes that an earlier start left behind.`);
  await Promise.all(alive.map(stopProcess));
  fs.rmSync(record, { force: true });
}
