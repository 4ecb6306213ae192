import { providerCatalog } from '@hub/providers';
import type { z } from 'zod';
import type * as wire from '../../../apps/console/src/wire/wire';
import type { listAudit } from '../../../apps/gateway/src/audit/audit.routes';
import { providerCard, type ProviderCard } from '../../../apps/gateway/src/console/provider-card';
import type { listDeadLetters } from '../../../apps/gateway/src/dead-letters/dead-letters.routes';
import {
  integrationSchema,
  integrationView,
  type IntegrationView,
} from '../../../apps/gateway/src/integrations/integration-view';
import { anIntegration } from '../../factories/integration';

/**
 * The console names what it reads by types of its own, since it imports nothing of the gateway. The types of these
 * functions hold both together: a field that is answered otherwise than it is read does not compile.
 */
const reads = {
  integration: (answered: IntegrationView): wire.Integration => answered,
  card: (answered: ProviderCard): wire.ProviderCard => answered,
  trail: (answered: z.infer<(typeof listAudit)['answers'][200]['schema']>): wire.TrailPage => answered,
  letters: (answered: z.infer<(typeof listDeadLetters)['answers'][200]['schema']>): wire.DeadLetterPage => answered,
};

const definition = providerCatalog[0]!;

it('the console reads an integration as the gateway answers it', () => {
  const provider = {
    definition,
    configured: true,
    credentials: null,
    requestedScopes: [],
    requiredScopes: [],
    endpointsFor: () => {
      throw new Error('nobody is asked');
    },
    tenantHost: () => null,
  };
  for (const row of [anIntegration({ status: 'refresh_failing' }), undefined]) {
    const view = integrationView(provider, row);
    expect(integrationSchema.parse(reads.integration(view))).toEqual(view);
  }
});

it('the console reads a card, the trail and dead letters as the gateway answers them', () => {
  expect(reads.card(providerCard(definition)).provider).toBe(definition.id);
  expect(reads.trail({ events: [], nextCursor: null })).toEqual({ events: [], nextCursor: null });
  expect(reads.letters({ deadLetters: [], nextCursor: null })).toEqual({ deadLetters: [], nextCursor: null });
});
