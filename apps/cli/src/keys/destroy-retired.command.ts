import { RetiredKeyRepository, type RetiredKey } from '@hub/database';
import { InvalidArgumentError, type Command } from 'commander';
import { durationArgument } from '../arguments';
import { CommandRefused, OPERATOR, type Surroundings } from '../command';
import { confirm } from '../confirm';
import { adminDatabaseUrl, reasonOf } from '../database.client';
import { time } from '../table';
import { placesText } from './key-lines';

interface DestroyOptions {
  readonly olderThan: number;
  readonly auditKeys?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

const DAY_MS = 24 * 3_600_000;
/** The database destroys none that was retired later. */
const LEAST_MS = 30 * DAY_MS;

/** `hub keys destroy-retired`: data keys that were retired long ago are deleted, wrapped as they are. */
export function addDestroyRetiredCommand(command: Command, surroundings: Surroundings): void {
  command
    .command('destroy-retired')
    .description(
      'Delete data keys that were retired long ago, for ever: older than your oldest backup; needs DATABASE_ADMIN_URL.',
    )
    .option('--older-than <duration>', 'retired for so long, 30d at least', ageArgument, LEAST_MS)
    .option('--audit-keys', 'also those of the audit trail: what exports tell of people opens with nothing else')
    .option('--dry-run', 'only say what would go')
    .option('--yes', 'without being asked')
    .action((options: DestroyOptions) => destroyRetired(surroundings, options));
}

function ageArgument(text: string): number {
  const ageMs = durationArgument(text);
  if (ageMs < LEAST_MS) throw new InvalidArgumentError('30d is the least: backups may need what is younger.');
  return ageMs;
}

async function destroyRetired({ environment, terminal }: Surroundings, options: DestroyOptions): Promise<void> {
  const adminUrl = adminDatabaseUrl(environment, 'no app may delete keys, so that this needs an administrator');
  const retired = await open(adminUrl);
  try {
    if (!options.dryRun && !options.yes)
      await confirm(
        `Data keys that were retired more than ${options.olderThan / DAY_MS} days ago are deleted for ever. Rows of an older backup open by nothing else.\nType destroy: `,
        'destroy',
      );
    let [destroyed, kept] = [0, 0];
    for await (const all of retired.olderThan(options.olderThan)) {
      const keys = all.filter(({ purpose }) => purpose === 'tokens' || options.auditKeys);
      const unneeded = keys.filter(({ uses }) => uses.size === 0);
      for (const key of keys) if (key.uses.size > 0) terminal.complain(neededLine(key));
      kept += keys.length - unneeded.length;
      const gone = await destroy(retired, unneeded, options);
      for (const key of gone) terminal.print(keyLine(key));
      destroyed += gone.length;
    }
    terminal.print(`${destroyed} ${destroyed === 1 ? 'key' : 'keys'} ${options.dryRun ? 'would go' : 'destroyed'}.`);
    if (kept > 0)
      throw new CommandRefused(
        `${kept} retired ${kept === 1 ? 'key is' : 'keys are'} needed and stay. What they have sealed is sealed anew by: hub keys rotate --layer data --org <uuid>.`,
      );
  } finally {
    await retired.close();
  }
}

async function open(adminUrl: string): Promise<RetiredKeyRepository> {
  try {
    return await RetiredKeyRepository.open(adminUrl);
  } catch (error) {
    throw new CommandRefused(
      `PostgreSQL refuses: ${reasonOf(error)}. Check DATABASE_ADMIN_URL, and that the server runs.`,
    );
  }
}

/** @returns those that are gone, or would go */
async function destroy(
  retired: RetiredKeyRepository,
  keys: readonly RetiredKey[],
  { dryRun }: DestroyOptions,
): Promise<readonly RetiredKey[]> {
  const [first] = keys;
  if (!first || dryRun) return keys;
  return retired.destroy(first.orgId, keys, OPERATOR);
}

const keyLine = ({ orgId, id, purpose, retiredAt }: RetiredKey): string =>
  `${orgId} ${id} (${purpose}), retired ${time(retiredAt)}`;

const neededLine = (key: RetiredKey): string => `✗ ${keyLine(key)}, is needed: ${placesText(key.uses)}`;
