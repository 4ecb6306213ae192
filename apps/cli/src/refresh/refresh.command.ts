import { AwaitedWork, IntegrationRepository, type Requested, type RequestedWork } from '@hub/database';
import type { Integration, OrgId, ProviderId } from '@hub/domain';
import type { Command } from 'commander';
import { orgArgument, providerArgument } from '../arguments';
import { CommandRefused, type Surroundings } from '../command';
import { withDatabase } from '../database.client';
import { NOBODY_RUNG, ring } from '../doorbell.client';

interface RefreshOptions {
  readonly org: OrgId;
  readonly provider: ProviderId;
}

/** `hub refresh`: has a worker refresh one integration now. */
export function addRefreshCommand(program: Command, { environment, terminal }: Surroundings): void {
  program
    .command('refresh')
    .description('Have a worker refresh an integration now, and tell how it went.')
    .requiredOption('--org <uuid>', 'the org', orgArgument)
    .requiredOption('--provider <id>', 'the provider', providerArgument)
    .action(async ({ org, provider }: RefreshOptions) => {
      await withDatabase(environment, async (database) => {
        const integrations = new IntegrationRepository(database);
        const request = requested(await integrations.requestRefresh(org, provider), provider);
        const { id, epoch } = request.integration;
        const work = { id, orgId: org, provider, epoch };
        if (!(await ring(environment, [{ job: 'refresh', work }]))) terminal.complain(NOBODY_RUNG);
        const after = await waitFor(integrations, request);
        terminal.print(outcomeOf(request.integration, after));
      });
    });
}

/** @throws CommandRefused where there is nothing to refresh */
function requested(request: RequestedWork, provider: ProviderId): Requested {
  if (request.kind === 'requested') return request;
  throw new CommandRefused(
    request.kind === 'not_connected'
      ? `This org has not connected ${provider}.`
      : `${provider} needs its user: the provider has refused the grant (${request.integration.refreshFailure?.code ?? 'unknown'}). A new connect mends it.`,
  );
}

/** The integration once a worker is through with it; `undefined` if none is in time. */
async function waitFor(integrations: IntegrationRepository, request: Requested): Promise<Integration | undefined> {
  const { orgId, provider } = request.integration;
  const end = await new AwaitedWork(integrations).refreshed(request);
  if (end === 'under_way') return undefined;
  const after = end === 'gone' ? undefined : await integrations.find(orgId, provider);
  if (!after) throw new CommandRefused(`The org has disconnected ${provider} meanwhile.`);
  return after;
}

/** @throws CommandRefused if it did not succeed */
function outcomeOf(before: Integration, after: Integration | undefined): string {
  const { provider } = before;
  if (!after) throw new CommandRefused(`No worker was through with ${provider} after 10 s: is one running?`);
  const hasWorked = (after.lastSyncAt?.getTime() ?? 0) > (before.lastSyncAt?.getTime() ?? 0);
  if (after.status === 'connected' && hasWorked)
    return `${provider} is connected; its token ends ${after.expiresAt ? `at ${after.expiresAt.toISOString()}` : 'at no known time'}.`;
  const outlook = after.nextRefreshAt
    ? `It is tried again at ${after.nextRefreshAt.toISOString()}.`
    : 'Its user has to connect again.';
  if (after.status === 'connected')
    throw new CommandRefused(`${provider} was put off: its provider is not asked just now. ${outlook}`);
  const failure = after.refreshFailure?.code ?? 'unknown reason';
  throw new CommandRefused(`${provider} is ${after.status}: ${failure}. ${outlook}`);
}
