import {
  AwaitedWork,
  BreakerRepository,
  IntegrationRepository,
  type Requested,
  type RequestedWork,
} from '@hub/database';
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
        const end = await new AwaitedWork(integrations).refreshed(request);
        if (end === 'not_begun') await refuseIfPutOff(new BreakerRepository(database), provider);
        if (end === 'not_begun' || end === 'under_way')
          throw new CommandRefused(`No worker was through with ${provider} after 10 s: is one running?`);
        terminal.print(outcomeOf(provider, await integrations.find(org, provider)));
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

/** @throws CommandRefused while the provider is in trouble, so that no worker asks it */
async function refuseIfPutOff(breakers: BreakerRepository, provider: ProviderId): Promise<void> {
  const putOffMs = await breakers.putOffMs(provider);
  if (putOffMs === undefined) return;
  throw new CommandRefused(
    `${provider} was put off: its provider is in trouble and not asked just now. The next probe goes through in ${Math.ceil(putOffMs / 1000)} s.`,
  );
}

/** @throws CommandRefused if it did not succeed */
function outcomeOf(provider: ProviderId, after: Integration | undefined): string {
  if (!after) throw new CommandRefused(`The org has disconnected ${provider} meanwhile.`);
  if (after.status === 'connected')
    return `${provider} is connected; its token ends ${after.expiresAt ? `at ${after.expiresAt.toISOString()}` : 'at no known time'}.`;
  const outlook = after.nextRefreshAt
    ? `It is tried again at ${after.nextRefreshAt.toISOString()}.`
    : 'Its user has to connect again.';
  const failure = after.refreshFailure?.code ?? 'unknown reason';
  throw new CommandRefused(`${provider} is ${after.status}: ${failure}. ${outlook}`);
}
