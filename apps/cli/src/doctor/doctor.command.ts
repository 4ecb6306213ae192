import { ConfigError, readConfig, type Environment, type HubConfig } from '@hub/config';
import { MIGRATIONS } from '@hub/database';
import { configurableProviders, ProviderRegistry } from '@hub/providers';
import type { Command } from 'commander';
import { CommandRefused, type Surroundings } from '../command';
import { databaseUrl, distrusts, reasonOf, withDatabase } from '../database.client';
import { DatabaseFactsRepository, type DatabaseFacts, type KeyUse } from './database-facts.repository';
import { databaseFindings, keyUseFinding, lineFinding, noticesFinding } from './database-findings';
import { bad, findingLine, good, type Finding } from './finding';
import { readRedisFacts, redisReach } from './redis-facts.client';
import { redisFindings } from './redis-findings';
import { keyProviderFindings } from './key-provider-findings';
import { nodeFinding } from './runtime-findings';
import {
  CALLERS_UNKNOWN,
  mistakeFindings,
  providerFindings,
  settingsFindings,
  tellsOfCallers,
} from './settings-findings';

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

/** The settings as far as they can be used; `config` is missing where they cannot. */
interface Settings {
  readonly config?: HubConfig;
  readonly findings: Finding[];
}

function readSettings(environment: Environment): Settings {
  try {
    const config = configOf(environment, { callers: true });
    return { config, findings: [good('Settings can be used'), ...settingsFindings(config)] };
  } catch (error) {
    if (error instanceof ConfigError) return withoutCallers(environment, error);
    throw error;
  }
}

/** Only the gateway knows how callers are verified; all else is examined without that, as in a worker's pod. */
function withoutCallers(environment: Environment, { mistakes }: ConfigError): Settings {
  try {
    const config = configOf(environment, { callers: false });
    const ofCallers = tellsOfCallers(environment) ? mistakeFindings(mistakes) : [CALLERS_UNKNOWN];
    return { config, findings: [...ofCallers, ...settingsFindings(config)] };
  } catch (error) {
    if (error instanceof ConfigError) return { findings: mistakeFindings(mistakes) };
    throw error;
  }
}

function configOf(environment: Environment, { callers }: { callers: boolean }): HubConfig {
  return readConfig(environment, { providers: configurableProviders, callers });
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
