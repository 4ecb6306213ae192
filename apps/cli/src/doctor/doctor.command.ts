import { ConfigError, readConfig, type Environment, type HubConfig } from '@hub/config';
import { MIGRATIONS } from '@hub/database';
import { configurableProviders, ProviderRegistry } from '@hub/providers';
import type { Command } from 'commander';
import { CommandRefused, type Surroundings } from '../command';
import { databaseUrl, distrusts, reasonOf, withDatabase } from '../database.client';
import { DatabaseFactsRepository, type DatabaseFacts, type KeyUse } from './database-facts.repository';
import { databaseFindings, keyUseFinding, lineFinding, noticesFinding } from './database-findings';
import { bad, findingLine, type Finding } from './finding';
import { readRedisFacts, redisReach } from './redis-facts.client';
import { redisFindings } from './redis-findings';
import { keyProviderFindings } from './key-provider-findings';
import { nodeFinding } from './runtime-findings';
import { mistakeFindings, providerFindings, settingsFindings } from './settings-findings';

/** `hub doctor`: what an installation stands on, a line for each check, with what mends it. */
export function addDoctorCommand(program: Command, { environment, terminal }: Surroundings): void {
  program
    .command('doctor')
    .description('Check what this installation stands on; each finding says what mends it.')
    .action(async () => {
      const findings = await examine(environment);
      for (const finding of findings) terminal.print(findingLine(finding));
      if (findings.some(({ kind }) => kind === 'bad')) throw new CommandRefused();
    });
}

async function examine(environment: Environment): Promise<Finding[]> {
  const settings = readSettings(environment);
  return [
    nodeFinding(process.versions.node),
    ...settings.findings,
    ...(await examineDatabase(environment, settings.config)),
    ...(await examineRedis(environment)),
    ...(settings.config ? await keyProviderFindings(settings.config) : []),
    ...(settings.config ? providers(settings.config) : []),
  ];
}

function readSettings(environment: Environment): { config?: HubConfig; findings: Finding[] } {
  try {
    const config = readConfig(environment, { providers: configurableProviders, callers: true });
    return { config, findings: settingsFindings(config) };
  } catch (error) {
    if (error instanceof ConfigError) return { findings: mistakeFindings(error) };
    throw error;
  }
}

async function examineDatabase(environment: Environment, config: HubConfig | undefined): Promise<Finding[]> {
  let seen: { facts: DatabaseFacts; keyUses: KeyUse[] | null; areHeard: boolean | undefined };
  try {
    seen = await withDatabase(environment, async (database) => {
      const repository = new DatabaseFactsRepository(database);
      const facts = await repository.read();
      return {
        facts,
        keyUses: facts.orgTables.length > 0 ? await repository.keyUses() : [],
        areHeard: config && (await repository.hearsNotices(config.databaseNoticesUrl)),
      };
    });
  } catch (error) {
    if (error instanceof ConfigError) return []; // told among the settings
    return [bad('PostgreSQL cannot be examined', reasonOf(error))];
  }
  const expected = MIGRATIONS.map(({ name }) => name);
  const keys = config?.tokenKeys.map(({ id }) => id);
  return [
    ...databaseFindings(seen.facts, expected),
    lineFinding(seen.facts, databaseUrl(environment)),
    ...(seen.areHeard === undefined ? [] : [noticesFinding(seen.areHeard)]),
    ...(keys ? [keyUseFinding(seen.keyUses, keys)] : []),
  ];
}

async function examineRedis(environment: Environment): Promise<Finding[]> {
  try {
    return redisFindings(await readRedisFacts(redisReach(environment)));
  } catch (error) {
    if (error instanceof ConfigError) return []; // told among the settings
    return [
      bad(
        `Redis cannot be reached (${reasonOf(error)})`,
        distrusts(error)
          ? 'name the file of its certificates in REDIS_CACERT'
          : 'check REDIS_URL, and that the server runs',
      ),
    ];
  }
}

function providers(config: HubConfig): Finding[] {
  return providerFindings(new ProviderRegistry(config.providers).all(), config.publicUrl);
}
