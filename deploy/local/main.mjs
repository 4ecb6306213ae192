import { asRefusal, Refusal } from './refusal.mjs';
import { exitCodeOf, stopCommands } from './run.mjs';
import { listenForStop } from './stop-signals.mjs';

/**
 * Runs a command's main function; what it answers is the exit code. A request to stop ends the programs that it runs,
 * and with them itself.
 * @param {() => Promise<number | void>} main
 */
export async function runMain(main) {
  listenForStop({ onStop: stop, onHurry: stop });
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (thrown) {
    const error = asRefusal(thrown);
    // Not the error itself: its properties hold what was read, as a password in a URL.
    console.error(error instanceof Refusal ? error.message : (error.stack ?? error.message));
    process.exitCode = 1;
  }
}

async function stop(signal) {
  const stopped = await stopCommands(signal);
  if (stopped === 0) process.exit(exitCodeOf(signal));
}
