import {
  AuditChainRepository,
  AuditExportService,
  AuditVerificationService,
  ExportSum,
  pruneAudit,
  sealedPlace,
  type ExportTotal,
  type Head,
  type HubDatabase,
  type Pruned,
  type SealFolderRepository,
  type SealHistory,
} from '@hub/database';
import type { Command } from 'commander';
import { textArgument } from '../arguments';
import { CommandRefused, OPERATOR, type Surroundings } from '../command';
import { adminDatabaseUrl, reasonOf, TRAIL_READERS, withDatabase } from '../database.client';
import { readExport } from './export-file.client';
import { monthArgument, type Month } from './month';
import { sealFolder, sealHistory, sealSettings } from './seals.client';
import { counted, exportLines, findingLine } from './verdict-lines';

interface PruneOptions {
  readonly before: Month;
  readonly export: string;
}

/** What goes, once it is certain that the export has it. */
interface Plan {
  readonly total: ExportTotal;
  readonly checkpoints: readonly Head[];
}

/** `hub audit prune`: older months leave the database; the chains stay verifiable from where they went. */
export function addPruneCommand(command: Command, surroundings: Surroundings): void {
  command
    .command('prune')
    .description('Drop the events of earlier months that an export has; needs DATABASE_ADMIN_URL.')
    .requiredOption('--before <month>', 'the first month that stays, such as 2026-05', (text) => monthArgument(text))
    .requiredOption('--export <file>', 'the export of just these events', textArgument)
    .action((options: PruneOptions) => prune(surroundings, options));
}

async function prune(surroundings: Surroundings, { before, export: file }: PruneOptions): Promise<void> {
  const { environment, terminal } = surroundings;
  const adminUrl = adminDatabaseUrl(environment, 'only the owner of the tables drops partitions');
  const settings = sealSettings(environment);
  const folder = sealFolder(settings);
  const history = await sealHistory(settings);
  if (!folder || !history?.last)
    throw new CommandRefused('Nothing is sealed here: set AUDIT_SEAL_KEY and AUDIT_SEAL_DIR, and wait for a seal.');
  const verdict = await readExport(file, settings.keys);
  if (verdict.findings.length + verdict.troubles.length > 0 || verdict.header?.before !== before.name) {
    for (const line of exportLines(verdict, 0).slice(0, -1)) terminal.print(line);
    throw new CommandRefused(`${file} is no sound export of what is before ${before.name}: export it anew.`);
  }
  const pruned = await withDatabase(
    environment,
    async (database) => {
      await refuseIfBroken(database, history, (line) => terminal.print(line));
      const plan = await planOf(database, before);
      if (plan.total.sha256 !== verdict.total.sha256)
        throw new CommandRefused(`${file} holds other events than the database before ${before.name}: export it anew.`);
      if (plan.total.events === 0) return undefined;
      refuseUnlessSealed(plan, history);
      const { events, sha256: exportSha256 } = plan.total;
      return seal(database, folder, before, plan, () =>
        pruneAudit({ adminUrl, before: before.name, ...plan, events, exportSha256, actor: OPERATOR }),
      );
    },
    TRAIL_READERS,
  );
  if (!pruned) return terminal.print(`There is no event before ${before.name}.`);
  terminal.print(`${counted(pruned.events, 'event')} gone, ${counted(pruned.partitions.length, 'partition')} dropped.`);
}

async function refuseIfBroken(
  database: HubDatabase,
  history: SealHistory,
  tell: (line: string) => void,
): Promise<void> {
  const { findings } = await new AuditVerificationService(new AuditChainRepository(database), history).verify();
  for (const finding of findings) tell(findingLine(finding));
  if (findings.length > 0)
    throw new CommandRefused('The trail is not as it was written: nothing is pruned before that is cleared up.');
}

/** The very lines that an export has, read once more: their sum must be the file's. */
async function planOf(database: HubDatabase, before: Month): Promise<Plan> {
  const sum = new ExportSum();
  const lines = new AuditExportService(new AuditChainRepository(database)).lines(before.start, sum);
  for await (const _ of lines) continue;
  return { total: sum.total(), checkpoints: sum.ends };
}

function refuseUnlessSealed({ checkpoints }: Plan, history: SealHistory): void {
  for (const { orgId, seq } of checkpoints)
    if ((history.sealed(orgId).at(-1)?.seq ?? 0) < seq)
      throw new CommandRefused(`Event ${seq} of ${orgId} is not sealed yet: wait for the next seal.`);
}

/** The seal goes first: a checkpoint without one is a finding, a seal without its checkpoint is none. */
async function seal(
  database: HubDatabase,
  folder: SealFolderRepository,
  before: Month,
  { total, checkpoints }: Plan,
  act: () => Promise<Pruned>,
): Promise<Pruned> {
  const done = await new AuditChainRepository(database).whileSealing(async () => {
    const draft = {
      kind: 'prune',
      before: before.name,
      export: total.sha256,
      checkpoints: checkpoints.map(sealedPlace),
    } as const;
    await folder.append(draft, await folder.latest(), new Date());
    return true;
  });
  if (!done) throw new CommandRefused('A worker seals the trail just now: try again.');
  try {
    return await act();
  } catch (error) {
    throw new CommandRefused(`Nothing was pruned: ${reasonOf(error)}`);
  }
}
