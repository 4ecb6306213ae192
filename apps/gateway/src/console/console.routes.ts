import { z } from 'zod';
import { defineRoute } from '../http/route';
import { providerCardSchema } from './provider-card';

export const consolePage = defineRoute({
  method: 'GET',
  path: '/integrations',
  summary: 'The page people see: what is connected, and what happened',
  scope: null,
  kind: 'page',
  head: true,
  answers: { 200: { description: 'A page for the browser. It asks the API for all that it shows.' } },
});

export const consoleAsset = defineRoute({
  method: 'GET',
  path: '/integrations/assets/:asset',
  summary: "The page's own files; their names change with their content",
  scope: null,
  kind: 'page',
  limit: 'off', // kept in memory, and cheaper than counting
  answers: { 200: { description: 'A file.' }, 404: { description: 'No such file.' } },
});

export const providerCatalog = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations-catalog',
  summary: 'How to show each known provider, and what a person is asked before a connect',
  scope: null,
  kind: 'api',
  answers: {
    200: {
      description: 'All providers. Nothing here belongs to an org.',
      schema: z.strictObject({
        providers: z.array(providerCardSchema),
        returnUrl: z
          .string()
          .nullable()
          .describe('the redirectUri that leads back to the console; null: it is not on the allow-list'),
      }),
    },
  },
});

export const home = defineRoute({
  method: 'GET',
  path: '/',
  summary: 'Leads to /integrations',
  scope: null,
  kind: 'page',
  answers: { 302: { description: 'To /integrations.' } },
});
