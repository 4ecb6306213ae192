import { Mistakes, parseTokenKeys, SettingReader, type Environment } from '@hub/config';
import { KeyRotationRepository, type DataKeyFacts, type HubDatabase } from '@hub/database';
import type { OrgId } from '@hub/domain';
import type { Command } from 'commander';
import { orgArgument } from '../arguments';
import type { Surroundings } from '../command';
import { withDatabase } from '../database.client';
import { keyLines, keysJson, type KeyFacts } from './key-lines';
import { KeyTally } from './key-tally';

interface StatusOptions {
  readonly org?: OrgId;
  readonly json?: true;
}

/** Lost keys are looked at one by one: more than these are told as a number alone. */
const MOST_REFUSED = 1_000;

/** `hub keys status`: which keys there are, what needs them, and how far a rotation has come. */
export function addStatusCommand(command: Command, { environment, terminal }: Surroundings): void {
  command
    .command('status')
    .description(
      'Show how many values each key opens and in which columns, which of TOKEN_KEYS nothing needs any more, and how far a rotation is.',
    )
    .option('--org <uuid>', 'the keys of this org alone, each of them', orgArgument)
    .option('--json', 'for programs')
    .action(async ({ org, json }: StatusOptions) => {
      const facts = await withDatabase(environment, (database) => factsOf(database, tokenKeyIds(environment), org));
      if (json) return terminal.print(keysJson(facts));
      for (const line of keyLines(facts)) terminal.print(line);
    });
}

async function factsOf(database: HubDatabase, tokenKeys: readonly string[], org: OrgId | undefined): Promise<KeyFacts> {
  const rotations = new KeyRotationRepository(database);
  const tally = new KeyTally(org ? () => true : isLeftOver);
  for await (const orgs of org ? [[org]] : rotations.orgs())
    for (const use of await rotations.uses(orgs)) tally.add(use);
  const [progress, refused] = [
    await rotations.progress(org ?? null),
    await rotations.refused(org ?? null, MOST_REFUSED),
  ];
  return { tally, refused, progress, tokenKeys };
}

/** A key that seals no more, and is not retired or needed all the same. That the trail keeps its own for years is no news. */
const isLeftOver = ({ purpose, status }: DataKeyFacts, opensAnything: boolean): boolean =>
  purpose === 'tokens' && (status === 'retiring' || (status === 'retired' && opensAnything));

/** The ids of the keyring, in its order. */
function tokenKeyIds(environment: Environment): string[] {
  const mistakes = new Mistakes();
  const keys = parseTokenKeys(new SettingReader(environment, mistakes).text('TOKEN_KEYS'), mistakes);
  mistakes.throwIfAny();
  return keys.map(({ id }) => id);
}
