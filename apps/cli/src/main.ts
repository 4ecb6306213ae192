import { runCommandLine } from './command-line';
import { Terminal } from './terminal';

const terminal = new Terminal(process.stdout, process.stderr);

runCommandLine(process.argv.slice(2), { environment: process.env, terminal }).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    terminal.complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  },
);
