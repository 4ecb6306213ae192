import { findPgBouncer } from './pgbouncer.mjs';
import { inRoot } from './root.mjs';

// For tests, which must know whether they can run before they begin: where PgBouncer is, or why there is none.
const program = await findPgBouncer({ fallbackFolder: inRoot('.cache'), say: console.error }).catch((error) => error);
const answer =
  program instanceof Error
    ? { reason: program.message }
    : program
      ? { command: program.command, version: program.version, libraries: program.env.LD_LIBRARY_PATH ?? '' }
      : { reason: 'it is not on PATH, and cannot be fetched with apt here' };
console.log(JSON.stringify(answer));
