import {
  DeadLetterRepository,
  ReplayBrokenOff,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterPlace,
} from '@hub/database';
import type { DeadLetterKind, OrgId, ProviderId } from '@hub/domain';
import { Option, type Command } from 'commander';
import { kindArgument, orgArgument, providerArgument, textArgument } from '../arguments';
import { CommandRefused, OPERATOR, type Surroundings } from '../command';
import { withDatabase } from '../database.client';
import { NOBODY_RUNG, ring } from '../doorbell.client';
import { deadLetterTable } from './dead-letter-lines';

const PAGE = 200;

interface Wanted {
  readonly org: OrgId;
  readonly kind?: DeadLetterKind;
  readonly provider?: ProviderId;
}

type ListOptions = Wanted & { readonly json?: true };
type ReplayOptions = Wanted & { readonly id?: string };

/** `hub dead-letters`: an org's jobs that ran out of tries, to see and to have tried again. */
export function addDeadLettersCommand(program: Command, surroundings: Surroundings): void {
  const command = program.command('dead-letters').description("Look at an org's jobs that ran out of tries.");
  addList(command, surroundings);
  addReplay(command, surroundings);
}

function addList(command: Command, { environment, terminal }: Surroundings): void {
  withFilter(command.command('list'))
    .description('List them, the oldest failure first.')
    .option('--json', 'for programs')
    .action(async ({ org, json, ...filter }: ListOptions) => {
      const letters = await withDatabase(environment, (database) =>
        all(new DeadLetterRepository(database), org, filter),
      );
      if (json) return terminal.print(JSON.stringify(letters, null, 2));
      if (letters.length === 0) return terminal.print('There is no such dead letter.');
      for (const line of deadLetterTable(letters)) terminal.print(line);
    });
}

function addReplay(command: Command, { environment, terminal }: Surroundings): void {
  withFilter(command.command('replay'))
    .description('Have one tried again, or all that match.')
    .addOption(
      new Option('--id <id>', 'this one alone, as the list names it')
        .argParser(textArgument)
        .conflicts(['kind', 'provider']),
    )
    .action(async ({ org, id, ...filter }: ReplayOptions) => {
      const replayed = await withDatabase(environment, async (database) => {
        const letters = new DeadLetterRepository(database);
        if (id === undefined) return letters.replay(org, filter, OPERATOR).catch(refuseTheRest);
        const letter = await letters.replayOne(org, id, OPERATOR);
        if (!letter) throw new CommandRefused(`This org has no dead letter ${id}.`);
        return [letter];
      });
      if (replayed.length === 0) return terminal.print('There is no such dead letter.');
      const rings = replayed.map(({ kind, ...work }) => ({ job: kind, work }));
      if (!(await ring(environment, rings))) terminal.complain(NOBODY_RUNG);
      terminal.print(`${replayed.length} due now. A success clears a letter; dead-letters list shows what is left.`);
    });
}

/** The workers' watch finds what is due already. */
function refuseTheRest(error: unknown): never {
  if (!(error instanceof ReplayBrokenOff)) throw error;
  const why = error.cause instanceof Error ? error.cause.message : 'unknown';
  throw new CommandRefused(`${error.message}: ${why}`);
}

function withFilter(command: Command): Command {
  return command
    .requiredOption('--org <uuid>', 'the org', orgArgument)
    .option('--kind <kind>', 'only this kind', kindArgument)
    .option('--provider <id>', 'only this provider', providerArgument);
}

async function all(letters: DeadLetterRepository, org: OrgId, filter: DeadLetterFilter): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for (let after: DeadLetterPlace | null | undefined; after !== null;) {
    const page = await letters.page(org, { ...filter, after, limit: PAGE });
    found.push(...page.deadLetters);
    after = page.next;
  }
  return found;
}
