import {
  AuditChainRepository,
  AuditExportService,
  AuditRepository,
  BrokenTrail,
  endLine,
  ExportSum,
  type ExportHeader,
  type ExportTotal,
  type HubDatabase,
  type SealKey,
} from '@hub/database';
import type { Command } from 'commander';
import { textArgument } from '../arguments';
import { CommandRefused, OPERATOR, type Surroundings } from '../command';
import { databaseUrl, loginRefused, withDatabase } from '../database.client';
import { writeLines } from './export-file.client';
import { monthArgument, type Month } from './month';
import { sealSettings } from './seals.client';
import { counted, findingLine } from './verdict-lines';

interface ExportOptions {
  readonly before: Month;
  readonly to: string;
}

/** `hub audit export`: the events of older months as lines of a file that can be verified by itself. */
export function addExportCommand(command: Command, surroundings: Surroundings): void {
  command
    .command('export')
    .description('Write all events of earlier months into a file, with their hashes.')
    .requiredOption('--before <month>', 'the first month that stays out, such as 2026-05', (text) =>
      monthArgument(text),
    )
    .requiredOption('--to <file>', 'a file that is not there yet', textArgument)
    .action((options: ExportOptions) => exportTrail(surroundings, options));
}

async function exportTrail({ environment, terminal }: Surroundings, { before, to }: ExportOptions): Promise<void> {
  const { keys } = sealSettings(environment);
  const total = await withDatabase(environment, async (database) => {
    // before anything is read: an export that nothing tells of is none
    if (!(await new AuditRepository(database).mayAppend()))
      throw loginRefused(databaseUrl(environment), 'each export is told in the trail, which it may not write');
    return write(database, before, to, keys[0], (line) => terminal.print(line));
  });
  if (keys.length === 0) terminal.complain('AUDIT_SEAL_KEY is not set: the file has no stamp.');
  terminal.print(`${counted(total.events, 'event')} of ${counted(total.orgs, 'org')} before ${before.name} in ${to}.`);
  terminal.print(`Check it where it is kept: hub audit verify --file ${to}`);
}

async function write(
  database: HubDatabase,
  { name, start }: Month,
  to: string,
  key: SealKey | undefined,
  tell: (line: string) => void,
): Promise<ExportTotal> {
  const header: ExportHeader = { export: 'hub-audit/1', before: name };
  const sum = new ExportSum();
  let total: ExportTotal | undefined;
  async function* lines(): AsyncGenerator<string> {
    yield JSON.stringify(header);
    yield* new AuditExportService(new AuditChainRepository(database)).lines(start, sum);
    total = sum.total();
    yield endLine(header, total, key);
  }
  try {
    await writeLines(to, lines(), () => tellOf(database, name, total));
  } catch (error) {
    if (!(error instanceof BrokenTrail)) throw error;
    for (const finding of error.findings) tell(findingLine(finding));
    throw new CommandRefused('The trail does not fit together, so nothing was exported: hub audit verify tells more.');
  }
  if (!total) throw new Error('the export has no end');
  return total;
}

/** What an operator does to the trail as a whole belongs to the system. */
async function tellOf(database: HubDatabase, before: string, total: ExportTotal | undefined): Promise<void> {
  if (!total) throw new Error('the export has no end');
  const { events, orgs, sha256 } = total;
  await new AuditRepository(database).appendToSystem({
    name: 'audit.exported',
    detail: { before, events, orgs, sha256 },
    provider: null,
    integrationId: null,
    actor: OPERATOR,
  });
}
