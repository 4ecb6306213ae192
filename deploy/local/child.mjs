import { spawn } from 'node:child_process';
import http from 'node:http';
import readline from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

const KEPT_LINES = 40;
const READY_MS = 90_000; // a cold start on a busy machine

/**
 * @typedef {object} ChildSpec a server or app that runs until it is stopped
 * @property {string} name how it is called in front of people
 * @property {string} command
 * @property {string[]} args
 * @property {{ env: Record<string, string | undefined>, cwd?: string, uid?: number, gid?: number }} options
 * @property {RegExp | string} ready a line it prints, or a URL that answers 200, once it can be used
 * @property {import('./stop-process.mjs').Stoppable['signals']} signals how it is asked to stop, before SIGKILL
 * @property {NodeJS.Signals} [hurrySignal] how it is stopped when there is no time; SIGKILL unless given
 * @property {() => void | Promise<void>} [beforeStart] clears what a crash left
 * @property {number} [readyMs] how long it may take to become ready
 */

/** One run of a server or app: from its start to its end. */
export class Child {
  /** @type {string[]} its last lines */
  tail = [];
  /** @type {Promise<string>} how it ended, in words */
  ended;
  hasEnded = false;
  #process;
  #spec;
  #onLine;
  #seenReadyLine = false;

  /**
   * @param {ChildSpec} spec
   * @param {{ guard: import('./guard.mjs').Guard, onLine?: (line: string) => void }} around
   */
  constructor(spec, { guard, onLine }) {
    this.#spec = spec;
    this.#onLine = onLine;
    // In a session of its own: Ctrl-C reaches only the process that stops everything in the right order.
    this.#process = spawn(spec.command, spec.args, {
      cwd: '/',
      ...spec.options,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = this.#process;
    if (pid) guard.watch(pid, spec.signals);
    for (const stream of [this.#process.stdout, this.#process.stderr])
      readline.createInterface({ input: stream }).on('line', (line) => this.#hear(line));
    this.ended = new Promise((resolve) => {
      const end = (how) => {
        if (this.hasEnded) return;
        this.hasEnded = true;
        if (pid) guard.forget(pid);
        resolve(how);
      };
      this.#process.once('error', (error) => end(`could not be started: ${error.message}`));
      this.#process.once('exit', (code, signal) => {
        const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
        this.#process.once('close', () => end(how)); // what it said last has been read
        setTimeout(end, 200, how); // but a grandchild may hold its pipes open
      });
    });
  }

  get pid() {
    return this.#process.pid;
  }

  /**
   * Waits until it can be used.
   * @returns {Promise<{ ready: true } | { ready: false, how: string }>}
   */
  async becomesReady() {
    const { ready, readyMs = READY_MS } = this.#spec;
    const until = Date.now() + readyMs;
    while (!this.hasEnded && Date.now() < until) {
      if (typeof ready === 'string' ? await answersOk(ready) : this.#seenReadyLine) return { ready: true };
      await Promise.race([wait(typeof ready === 'string' ? 60 : 10), this.ended]);
    }
    return { ready: false, how: this.hasEnded ? await this.ended : `was not ready after ${readyMs / 1000} s` };
  }

  /**
   * Stops it, and waits until it is gone.
   * @param {{ hurry?: () => boolean }} [options] asked again and again: whether there is no time left to do it orderly
   */
  async stop({ hurry = () => false } = {}) {
    for (const [signal, graceMs] of [...this.#spec.signals, ['SIGKILL', 5_000]]) {
      if (this.hasEnded) return;
      this.#send(signal);
      const until = Date.now() + graceMs;
      while (!this.hasEnded && Date.now() < until && !hurry()) await Promise.race([wait(50), this.ended]);
      if (!this.hasEnded && hurry()) return this.#stopAtOnce();
    }
  }

  async #stopAtOnce() {
    this.#send(this.#spec.hurrySignal ?? 'SIGKILL');
    await Promise.race([wait(3_000), this.ended]);
    if (!this.hasEnded) this.#send('SIGKILL');
    await this.ended;
  }

  #send(signal) {
    if (!this.pid) return;
    try {
      process.kill(signal === 'SIGKILL' ? -this.pid : this.pid, signal);
    } catch {
      // It ended just now.
    }
  }

  #hear(line) {
    this.tail = [...this.tail.slice(1 - KEPT_LINES), line];
    if (this.#spec.ready instanceof RegExp && this.#spec.ready.test(line)) this.#seenReadyLine = true;
    this.#onLine?.(line);
  }
}

function answersOk(url) {
  return new Promise((resolve) => {
    const request = http.get(url, { timeout: 2_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
