import { setTimeout as sleep } from 'node:timers/promises';
import { OrgErasureRepository, type Waiting } from '@hub/database';
import type { OrgId, ProviderId } from '@hub/domain';
import { givesBack, providerCatalog } from '@hub/providers';
import type { Command } from 'commander';
import { orgArgument } from '../arguments';
import { CommandRefused, OPERATOR, type Surroundings } from '../command';
import { confirm } from '../confirm';
import { adminDatabaseUrl, reasonOf } from '../database.client';

interface ForgetOptions {
  readonly yes?: true;
  readonly evenIfUnrevoked?: true;
}

const LOOK_EVERY_MS = 1_000;
const TELL_EVERY_MS = 10_000;

/** `hub org forget`: an org's grants go back, its keys are destroyed, its trail stays verifiable. */
export function addOrgCommand(program: Command, surroundings: Surroundings): void {
  program
    .command('org')
    .description('What concerns a whole org.')
    .command('forget')
    .description(
      'Give back all grants of an org and destroy its keys, for ever; needs DATABASE_ADMIN_URL and running workers.',
    )
    .argument('<uuid>', 'the org', orgArgument)
    .option('--yes', 'without being asked')
    .option('--even-if-unrevoked', 'drop what its provider has not taken back, or cannot be asked now')
    .action((org: OrgId, options: ForgetOptions) => forget(surroundings, org, options));
}

async function forget({ environment, terminal }: Surroundings, org: OrgId, options: ForgetOptions): Promise<void> {
  const adminUrl = adminDatabaseUrl(environment, 'no app may destroy keys, so that this needs an administrator');
  const erasure = await open(adminUrl);
  try {
    const outlive = await erasure.sealedWithoutDataKey(org);
    if (outlive > 0) terminal.complain(outlivingLine(outlive));
    if (!options.yes)
      await confirm(
        'Every integration of this org ends, and what the hub has sealed for it can never be read again.\nType its id once more: ',
        org,
      );
    const state = await erasure.begin(org, OPERATOR);
    if (state === 'unknown') throw new CommandRefused(`The hub has nothing of an org ${org}.`);
    const connected = await erasure.disconnect(org, toGiveBack, OPERATOR);
    for (const provider of connected) terminal.print(`${provider} is disconnected.`);
    if (state === 'begun' || connected.length > 0)
      await untilGivenBack(erasure, org, options, (line) => terminal.complain(line));
    const { dataKeys, grantsDropped } = await erasure.shred(org, OPERATOR);
    if (grantsDropped > 0) terminal.print(`Grants that were dropped without being given back: ${grantsDropped}.`);
    terminal.print(
      state === 'forgotten' && dataKeys === 0
        ? `The org ${org} was forgotten before.`
        : `The org ${org} is forgotten: ${dataKeys} data ${dataKeys === 1 ? 'key is' : 'keys are'} destroyed. Apps that run keep an opened key for five minutes.`,
    );
  } finally {
    await erasure.close();
  }
}

/** What destroying the org's data keys does not reach. */
function outlivingLine(values: number): string {
  const what = values === 1 ? 'value of this org is' : 'values of this org are';
  return `${values} ${what} sealed by a key of TOKEN_KEYS itself, as an earlier release did. A copy of the database opens them with that key, also when the org is forgotten. Rotate all orgs first (hub keys rotate), so that no copy from then on has them; those from before are good for nothing once that key is destroyed.`;
}

async function open(adminUrl: string): Promise<OrgErasureRepository> {
  try {
    return await OrgErasureRepository.open(adminUrl);
  } catch (error) {
    throw new CommandRefused(
      `PostgreSQL refuses: ${reasonOf(error)}. Check DATABASE_ADMIN_URL, and that the server runs.`,
    );
  }
}

/** Also where an app is removed at its provider only on explicit wish: this is one. */
function toGiveBack(provider: ProviderId): 'disconnect' | 'uninstall' | undefined {
  const known = providerCatalog.find(({ id }) => id === provider);
  if (!known || !givesBack(known, true)) return undefined;
  return givesBack(known, false) ? 'disconnect' : 'uninstall';
}

/** @throws CommandRefused if a provider does not take its grants back, and the operator has not said that they may be dropped */
async function untilGivenBack(
  erasure: OrgErasureRepository,
  org: OrgId,
  { evenIfUnrevoked }: ForgetOptions,
  tell: (line: string) => void,
): Promise<void> {
  for (let toldMs = -Infinity; ;) {
    const waiting = await erasure.waiting(org);
    if (waiting.dead > 0 && !evenIfUnrevoked)
      throw new CommandRefused(
        `${waiting.dead} of its grants could not be given back, however often the provider was asked (hub dead-letters list --org ${org}). Replay them and come back, or drop them with --even-if-unrevoked.`,
      );
    if (isOver(waiting, evenIfUnrevoked ?? false)) return;
    if (performance.now() - toldMs >= TELL_EVERY_MS) {
      tell(waitingLine(waiting));
      toldMs = performance.now();
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** Whoever drops grants waits for no provider, but for the answers: a grant that nobody knows yet cannot be dropped. */
function isOver({ revocations, answersForMs }: Waiting, mayDrop: boolean): boolean {
  return answersForMs === 0 && (revocations === 0 || mayDrop);
}

function waitingLine({ revocations, answersForMs }: Waiting): string {
  const grants = `${revocations} ${revocations === 1 ? 'grant is' : 'grants are'} on the way back`;
  return answersForMs > 0
    ? `${grants}, and a refresh or a connect under way may answer for ${Math.ceil(answersForMs / 1000)} s. It can be interrupted and begun anew.`
    : `${grants}. It can be interrupted and begun anew.`;
}
