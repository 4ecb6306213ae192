import { randomUUID } from 'node:crypto';
import type { IntegrationRepository } from '@hub/database';
import { ProviderRegistry } from '@hub/providers';
import type { JobProducer } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { anIntegration, minutesFromNoon, NOON } from '../../../../test/factories/integration';
import type { Caller } from '../callers/caller';
import type { DemandOutcome, DemandService } from './demand.service';
import { IntegrationsService } from './integrations.service';

const caller = { orgId: randomUUID(), sub: 'ada', scopes: [] } as unknown as Caller;

/** The service, with demands that all end the same. */
function serviceWith(outcome: DemandOutcome): IntegrationsService {
  const demands = { refresh: () => Promise.resolve(outcome), sync: () => Promise.resolve(outcome) };
  return new IntegrationsService(
    new ProviderRegistry({}),
    {} as IntegrationRepository,
    demands as unknown as DemandService,
    {} as JobProducer,
    HubLogger.forApp('test', 'silent'),
  );
}

const failed = { code: 'provider_unavailable', at: NOON, attempts: 1 } as const;

it.each([
  ['refresh', { nextRefreshAt: minutesFromNoon(2), refreshFailure: failed }, 120],
  ['sync', { nextSyncAt: minutesFromNoon(4), syncFailure: failed }, 240],
] as const)("a failed %s tells by the database's time when it is tried again", async (verb, row, retryAfterSeconds) => {
  const service = serviceWith({ kind: 'settled', integration: anIntegration(row), at: NOON });
  await expect(service[verb](caller, 'notion', 0)).rejects.toMatchObject({ retryAfterSeconds });
});
