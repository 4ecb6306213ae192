import { setTimeout as wait } from 'node:timers/promises';
import { Child } from './child.mjs';

const DEATHS = 5;
const WITHIN_MS = 60_000;
const FIRST_TRIES = 2; // one that never came up is seldom mended by trying again
const DELAYS_MS = [250, 1_000, 3_000, 8_000];

/**
 * Keeps servers and apps running: one that dies is named and started again after a growing delay; one that keeps dying,
 * or does not become ready, is given up.
 */
export class Supervisor {
  /** @type {Map<string, Child>} */
  #children = new Map();
  #stopping = false;
  #hurry = false;
  #around;

  /**
   * @param {object} around
   * @param {import('./guard.mjs').Guard} around.guard
   * @param {(line: string) => void} around.say
   * @param {(name: string, line: string) => void} around.onLine
   * @param {(failure: { name: string, how: string, lines: string[] }) => void} around.onGivenUp
   */
  constructor(around) {
    this.#around = around;
  }

  /**
   * Starts a child and waits until it is ready. A child that is given up never resolves: `onGivenUp` tells.
   * @param {import('./child.mjs').ChildSpec} spec
   * @returns {Promise<void>}
   */
  start(spec) {
    return new Promise((resolve) => void this.#keepRunning(spec, resolve));
  }

  /**
   * Stops the named children at the same time.
   * @param {string[]} names
   */
  async stop(names) {
    this.#stopping = true;
    const chosen = names.map((name) => this.#children.get(name)).filter((child) => child !== undefined);
    await Promise.all(chosen.map((child) => child.stop({ hurry: () => this.#hurry })));
  }

  /** From now on nothing is started any more. */
  close() {
    this.#stopping = true;
  }

  /** Stops that are under way take no more time than they must. */
  hurry() {
    this.#hurry = true;
  }

  async #keepRunning(spec, onFirstReady) {
    /** @type {number[]} */
    let deaths = [];
    let hasBeenReady = false;
    while (!this.#stopping) {
      const { how, lines, neverReady } = await this.#runOnce(spec, () => {
        hasBeenReady = true;
        onFirstReady();
      });
      if (this.#stopping) return;
      deaths = [...deaths.filter((at) => Date.now() - at < WITHIN_MS), Date.now()];
      const tries = hasBeenReady ? DEATHS : FIRST_TRIES;
      if (neverReady || deaths.length >= tries) return this.#giveUp(spec.name, how, lines);
      const delayMs = DELAYS_MS[Math.min(deaths.length, DELAYS_MS.length) - 1];
      this.#around.say(`${spec.name} ${how}; starting it again in ${delayMs / 1000} s.`);
      await wait(delayMs);
    }
  }

  /** From start to end of one run of a child. */
  async #runOnce(spec, onReady) {
    await spec.beforeStart?.();
    if (this.#stopping) return { how: '', lines: [], neverReady: false };
    const child = new Child(spec, {
      guard: this.#around.guard,
      onLine: (line) => this.#around.onLine(spec.name, line),
    });
    this.#children.set(spec.name, child);
    const outcome = await child.becomesReady();
    if (outcome.ready) onReady();
    else if (!child.hasEnded && !this.#stopping) return { ...outcome, lines: child.tail, neverReady: true };
    return { how: await child.ended, lines: child.tail, neverReady: false };
  }

  #giveUp(name, how, lines) {
    this.#stopping = true;
    this.#around.onGivenUp({ name, how, lines });
  }
}
