import { AuditChainRepository, AuditVerificationService } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { Option, type Command } from 'commander';
import { orgArgument, textArgument } from '../arguments';
import { CommandRefused, type Surroundings } from '../command';
import { withDatabase } from '../database.client';
import { readExport } from './export-file.client';
import { sealHistory, sealSettings } from './seals.client';
import { exportLines, findingLine, verdictLine } from './verdict-lines';

interface VerifyOptions {
  readonly org?: OrgId;
  readonly file?: string;
}

/** `hub audit verify`: every event against its hash, every chain against its head and its seals. */
export function addVerifyCommand(command: Command, surroundings: Surroundings): void {
  command
    .command('verify')
    .description('Find whatever was edited, taken out, moved, put in or cut off since it was written.')
    .option('--org <uuid>', 'one org alone', orgArgument)
    .addOption(
      new Option('--file <path>', 'an export instead of the database').argParser(textArgument).conflicts('org'),
    )
    .action(({ org, file }: VerifyOptions) =>
      file === undefined ? verifyTrail(surroundings, org) : verifyFile(surroundings, file),
    );
}

async function verifyTrail({ environment, terminal }: Surroundings, org: OrgId | undefined): Promise<void> {
  const startedMs = performance.now();
  const history = await sealHistory(sealSettings(environment));
  const verdict = await withDatabase(environment, (database) =>
    new AuditVerificationService(new AuditChainRepository(database), history).verify(org),
  );
  for (const finding of verdict.findings) terminal.print(findingLine(finding));
  if (!history) terminal.complain('AUDIT_SEAL_KEY and AUDIT_SEAL_DIR are not set: ends that were cut off go unseen.');
  else terminal.complain(`The latest seal is ${history.last ? `of ${history.last.seal.at}` : 'not there yet'}.`);
  terminal.print(verdictLine(verdict, history ? history.seals : null, performance.now() - startedMs));
  if (verdict.findings.length > 0) throw new CommandRefused();
}

async function verifyFile({ environment, terminal }: Surroundings, file: string): Promise<void> {
  const startedMs = performance.now();
  const verdict = await readExport(file, sealSettings(environment).keys);
  for (const line of exportLines(verdict, performance.now() - startedMs)) terminal.print(line);
  if (verdict.findings.length + verdict.troubles.length > 0) throw new CommandRefused();
}
