import { z } from 'zod';
import { defineRoute } from '../http/route';
import { integrationSchema } from './integration-view';

const one = { description: 'The integration.', schema: integrationSchema };
const underWay = {
  description: 'Still under way: the integration as it stands. Ask again after Retry-After.',
  schema: integrationSchema,
};

export const listIntegrations = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations',
  summary: 'Every known provider with what the org has connected',
  scope: 'integrations:read',
  kind: 'api',
  answers: {
    200: { description: 'All integrations.', schema: z.strictObject({ integrations: z.array(integrationSchema) }) },
  },
});

export const readIntegration = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/:provider',
  summary: 'One integration; not_connected where there is none',
  scope: 'integrations:read',
  kind: 'api',
  answers: { 200: one },
});

export const refreshIntegration = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations/:provider/refresh',
  summary: 'Refresh now; waits up to ten seconds',
  scope: 'integrations:write',
  kind: 'api',
  answers: { 200: one, 202: underWay },
  problems: [
    'not_connected',
    'reauth_required',
    'token_refresh_failed',
    'rate_limited',
    'provider_unavailable',
    'provider_misconfigured',
    'bad_provider_response',
    'insufficient_scope',
    'access_denied',
  ],
});

export const syncIntegration = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations/:provider/sync',
  summary: 'Sync the metadata now; waits up to ten seconds',
  scope: 'integrations:write',
  kind: 'api',
  answers: { 200: one, 202: underWay },
  problems: [
    'not_connected',
    'reauth_required',
    'rate_limited',
    'provider_unavailable',
    'provider_misconfigured',
    'bad_provider_response',
    'insufficient_scope',
    'access_denied',
    'token_refresh_failed',
  ],
});

export const disconnectIntegration = defineRoute({
  method: 'DELETE',
  path: '/functions/v1/integrations/:provider',
  summary: 'Disconnect: the hub forgets the tokens at once and gives the grant back in the background',
  scope: 'integrations:write',
  kind: 'api',
  query: z.strictObject({
    uninstall: z
      .enum(['true', 'false'])
      .optional()
      .describe('true: also remove the app at the provider, where that is the only way back'),
  }),
  answers: { 204: { description: 'Disconnected, or there was nothing to disconnect.' } },
});
