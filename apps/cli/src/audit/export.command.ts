import { rm } from 'node:fs/promises';
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
import { withDatabase } from '../database.client';
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
    const written = await write(database, before, to, keys[0], (line) => terminal.print(line));
    const detail = { before: before.name, events: written.events, orgs: written.orgs, sha256: written.sha256 };
    await new AuditRepository(database).appendToSystem({ ...BY_OPERATOR, name: 'audit.exported', detail });
    return written;
  });
  if (keys.length === 0) terminal.complain('AUDIT_SEAL_KEY is not set: the file has no stamp.');
  terminal.print(`${counted(total.events, 'event')} of ${counted(total.orgs, 'org')} before ${before.name} in ${to}.`);
  terminal.print(`Check it where it is kept: hub audit verify --file ${to}`);
}

/** What an operator does to the trail as a whole belongs to the system. */
export const BY_OPERATOR = { provider: null, integrationId: null, actor: OPERATOR } as const;

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
    await writeLines(to, lines());
  } catch (error) {
    if (!(error instanceof BrokenTrail)) throw error;
    await rm(to, { force: true });
    for (const finding of error.findings) tell(findingLine(finding));
    throw new CommandRefused('The trail does not fit together, so nothing was exported: hub audit verify tells more.');
  }
  if (!total) throw new Error('the export has no end');
  return total;
}
