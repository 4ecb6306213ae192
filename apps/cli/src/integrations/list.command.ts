import { IntegrationRepository } from '@hub/database';
import type { OrgId } from '@hub/domain';
import type { Command } from 'commander';
import { orgArgument } from '../arguments';
import type { Surroundings } from '../command';
import { withDatabase } from '../database.client';
import { integrationJson, integrationTable } from './integration-lines';

interface ListOptions {
  readonly org: OrgId;
  readonly json?: true;
}

/** `hub integrations list`: what an org has connected, and how it stands. */
export function addIntegrationsCommand(program: Command, { environment, terminal }: Surroundings): void {
  program
    .command('integrations')
    .description("Look at an org's integrations.")
    .command('list')
    .description('List what an org has connected, and how it stands.')
    .requiredOption('--org <uuid>', 'the org', orgArgument)
    .option('--json', 'for programs')
    .action(async ({ org, json }: ListOptions) => {
      const integrations = await withDatabase(environment, (database) => new IntegrationRepository(database).list(org));
      if (json) return terminal.print(integrationJson(integrations));
      if (integrations.length === 0) return terminal.print('This org has connected nothing.');
      for (const line of integrationTable(integrations)) terminal.print(line);
    });
}
