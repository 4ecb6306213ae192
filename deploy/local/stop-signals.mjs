const SAME_PRESS_MS = 700;
const LOOK_EVERY_MS = 300;
const PARENT = process.ppid; // when this process began

/**
 * Calls back at the first request to stop, and again at each later one. One press of Ctrl-C may come twice, from the
 * terminal and from npm, which passes it on: what follows at once is the same press.
 * @param {{ onStop: (signal: NodeJS.Signals) => void, onHurry?: (signal: NodeJS.Signals) => void }} listeners
 */
export function listenForStop({ onStop, onHurry = () => {} }) {
  let lastAt = 0;
  let count = 0;
  const hear = (signal) => {
    if (count > 0 && Date.now() - lastAt < SAME_PRESS_MS) return;
    lastAt = Date.now();
    count += 1;
    if (count === 1) onStop(signal);
    else onHurry(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => hear(signal));
  whenNpmIsGone(() => hear('SIGTERM'));
}

/** npm runs a script through a shell, and some shells die of a signal without passing it on: nobody would ever stop us. */
function whenNpmIsGone(callback) {
  if (!process.env.npm_lifecycle_event) return; // started by hand, perhaps to go on in the background
  const timer = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(timer);
    callback();
  }, LOOK_EVERY_MS);
  timer.unref();
}
