import { readable } from './log-lines.mjs';

const NAME_WIDTH = 20;
// What matters of them, the apps say too; when one dies, its last lines are shown.
const QUIET = new Set(['postgres', 'redis']);

/** What `npm start` shows: its own sentences, and every app's lines with the app's name in front. */
export class Console {
  /** Once it stops, only failures and the apps' last words are of interest. */
  isStopping = false;
  #asJson;

  /** @param {{ asJson: boolean }} options asJson: an app's JSON lines are shown as they are */
  constructor({ asJson }) {
    this.#asJson = asJson;
    // A terminal that was closed must not end us before everything is stopped.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  }

  /** @param {string} sentence */
  say = (sentence) => {
    if (!this.isStopping) console.log(sentence);
  };

  /** @param {string} sentence */
  fail = (sentence) => console.error(sentence);

  /** @type {(name: string, line: string) => void} */
  line = (name, line) => {
    if (!QUIET.has(name)) console.log(this.format(name, line));
  };

  /** @returns {string} */
  format(name, line) {
    return `${name.padEnd(NAME_WIDTH)} | ${this.#asJson ? line : readable(line)}`;
  }
}
