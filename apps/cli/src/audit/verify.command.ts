import { AuditChainRepository, AuditVerificationService, type ToldSeal } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { orgArgument, textArgument } from '../arguments';
import { CommandRefused, type Surroundings } from '../command';
import { TRAIL_READERS, withDatabase } from '../database.client';
import { readExport } from './export-file.client';
import { sealHistory, sealSettings } from './seals.client';
import { exportLines, findingLine, verdictLine } from './verdict-lines';

interface VerifyOptions {
  readonly org?: OrgId;
  readonly file?: string;
  readonly expectSeal?: ToldSeal;
}

/** A worker seals each interval, and seals anew after an outage: so many without a seal are a finding. */
const INTERVALS_WITHOUT_SEAL = 10;
/** A pause of less is no finding, however short the interval: a deployment takes its time. */
const LEAST_PAUSE_MS = 10 * 60_000;

/** `hub audit verify`: every event against its hash, every chain against its head and its seals. */
export function addVerifyCommand(command: Command, surroundings: Surroundings): void {
  command
    .command('verify')
    .description('Find whatever was edited, taken out, moved, put in or cut off since it was written.')
    .option('--org <uuid>', 'one org alone', orgArgument)
    .addOption(
      new Option('--file <path>', 'an export instead of the database').argParser(textArgument).conflicts('org'),
    )
    .addOption(
      new Option('--expect-seal <n:mac>', 'a seal that must be in the folder, as a record hub.audit.sealed has told it')
        .argParser(sealArgument)
        .conflicts('file'),
    )
    .action(({ file, ...options }: VerifyOptions) =>
      file === undefined ? verifyTrail(surroundings, options) : verifyFile(surroundings, file),
    );
}

function sealArgument(text: string): ToldSeal {
  const [, n, mac] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (n === undefined || mac === undefined)
    throw new InvalidArgumentError('A seal is its number and its mac, such as 1201:5f2c… with all 64 digits.');
  return { n: Number(n), mac };
}

async function verifyTrail(
  { environment, terminal }: Surroundings,
  { org, expectSeal }: Omit<VerifyOptions, 'file'>,
): Promise<void> {
  const startedMs = performance.now();
  const settings = sealSettings(environment);
  const history = await sealHistory(settings, expectSeal);
  if (expectSeal && !history)
    throw new CommandRefused('There are no seals to look into: set AUDIT_SEAL_KEY and AUDIT_SEAL_DIR.');
  history?.end(new Date(), Math.max(LEAST_PAUSE_MS, INTERVALS_WITHOUT_SEAL * settings.everyMs));
  const verdict = await withDatabase(
    environment,
    (database) => new AuditVerificationService(new AuditChainRepository(database), history).verify(org),
    TRAIL_READERS,
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
