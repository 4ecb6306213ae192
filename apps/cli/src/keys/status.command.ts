import { Mistakes, parseTokenKeys, SettingReader, type Environment } from '@hub/config';
import { KeyRotationRepository, type HubDatabase } from '@hub/database';
import type { Command } from 'commander';
import type { Surroundings } from '../command';
import { withDatabase } from '../database.client';
import { keyLines, keysJson, type KeyFacts } from './key-lines';

/** `hub keys status`: which keys there are, what needs them, and how far a rotation has come. */
export function addStatusCommand(command: Command, { environment, terminal }: Surroundings): void {
  command
    .command('status')
    .description(
      'Show which keys wrap and seal, which of TOKEN_KEYS nothing needs any more, and how far a rotation is.',
    )
    .option('--json', 'for programs')
    .action(async ({ json }: { json?: true }) => {
      const facts = await withDatabase(environment, (database) => factsOf(database, tokenKeyIds(environment)));
      if (json) return terminal.print(keysJson(facts));
      for (const line of keyLines(facts)) terminal.print(line);
    });
}

async function factsOf(database: HubDatabase, tokenKeys: readonly string[]): Promise<KeyFacts> {
  const rotations = new KeyRotationRepository(database);
  const dataKeys = await rotations.dataKeys();
  const cells = new Map<string, number>(tokenKeys.map((id) => [id, 0]));
  for await (const orgs of rotations.orgs())
    for (const orgId of orgs)
      for (const [key, count] of await rotations.cellsByKey(orgId))
        if (cells.has(key)) cells.set(key, (cells.get(key) ?? 0) + count);
  return { dataKeys, progress: await rotations.progress(null), tokenKeys, cellsUnder: cells };
}

/** The ids of the keyring, in its order. */
function tokenKeyIds(environment: Environment): string[] {
  const mistakes = new Mistakes();
  const keys = parseTokenKeys(new SettingReader(environment, mistakes).text('TOKEN_KEYS'), mistakes);
  mistakes.throwIfAny();
  return keys.map(({ id }) => id);
}
