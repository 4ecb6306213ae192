import { ConfigError } from '@hub/config';
import { Command, CommanderError } from 'commander';
import { addAuditCommand } from './audit/audit.command';
import { CommandRefused, type Surroundings } from './command';
import { addDeadLettersCommand } from './dead-letters/dead-letters.command';
import { addDoctorCommand } from './doctor/doctor.command';
import { addIntegrationsCommand } from './integrations/list.command';
import { addKeysCommand } from './keys/keys.command';
import { addOrgCommand } from './org/forget.command';
import { addRefreshCommand } from './refresh/refresh.command';
import { addTokenCommand } from './token/token.command';

/** Exit codes as scripts know them: done, not possible, not understood. */
const DONE = 0;
const REFUSED = 1;
const WRONG_USAGE = 2;

/**
 * Runs one command.
 *
 * @param args what stands behind the program's name
 * @returns the exit code
 * @throws what is a bug
 */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings;
  try {
    await commandLine(surroundings).parseAsync([...args], { from: 'user' });
    return DONE;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_USAGE; // it has said what is wrong
    if (!(error instanceof CommandRefused) && !(error instanceof ConfigError)) throw error;
    if (error.message !== '') terminal.complain(error.message);
    return REFUSED;
  }
}

/** All commands, ready to parse. */
export function commandLine(surroundings: Surroundings): Command {
  const { terminal } = surroundings;
  const program = new Command('hub')
    .description("The operators' command line of the Integrations Hub.")
    .exitOverride()
    .showHelpAfterError('(add --help for what it takes)')
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.complain(text.trimEnd()),
    });
  for (const add of [
    addTokenCommand,
    addIntegrationsCommand,
    addRefreshCommand,
    addDeadLettersCommand,
    addAuditCommand,
    addKeysCommand,
    addOrgCommand,
    addDoctorCommand,
  ])
    add(program, surroundings);
  return program;
}
