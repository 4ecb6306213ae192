import { FLOW_COMPLETIONS } from '@hub/domain';
import { z } from 'zod';
import { defineRoute } from '../http/route';
import { integrationSchema } from '../integrations/integration-view';

const LONGEST_URL = 2_048;

export const beginConnect = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations-connect',
  summary: 'Start a connect: the answer says where to send the browser',
  scope: 'integrations:write',
  kind: 'api',
  limit: 'connects',
  body: z.strictObject({
    provider: z.string().min(1).max(64),
    redirectUri: z
      .string()
      .max(LONGEST_URL)
      .optional()
      .describe('where the browser goes in the end; one of the allow-list, exactly'),
    shop: z.string().min(1).max(255).optional().describe("the Shopify shop; without it the hub's own page asks"),
    webhookUrl: z
      .string()
      .min(1)
      .max(LONGEST_URL)
      .optional()
      .describe("the URL of a Zap's catch hook; without it the hub's own page asks"),
    completion: z
      .enum(FLOW_COMPLETIONS)
      .optional()
      .describe(
        'browser (the default): the browser that comes back completes it. deferred: it takes flow and handle to redirectUri, and your backend completes it with integrations-complete',
      ),
    allowAccountChange: z.boolean().optional().describe('true: another account than before may take its place'),
  }),
  answers: {
    200: {
      description:
        'Send the browser to authUrl. The flow cookie of this answer binds the flow to this browser; a deferred flow has none.',
      schema: z.strictObject({ authUrl: z.string(), provider: z.string() }),
    },
  },
  problems: [
    'unknown_provider',
    'provider_not_configured',
    'redirect_uri_not_allowed',
    'webhook_host_not_allowed',
    'provider_unavailable', // the key provider is away, and the org's key is not at hand
  ],
});

export const completeConnect = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations-complete',
  summary: 'Complete a deferred connect, once your backend knows that the browser is that of the user who started it',
  scope: 'integrations:write',
  kind: 'api',
  limit: 'connects',
  body: z.strictObject({
    flow: z.guid().describe('as the browser brought it'),
    handle: z.string().min(1).max(256).describe('as the browser brought it; it works once'),
  }),
  answers: { 200: { description: 'Connected: the integration.', schema: integrationSchema } },
  problems: [
    'invalid_state',
    'access_denied',
    'invalid_grant',
    'insufficient_scope',
    'account_mismatch',
    'rate_limited',
    'provider_unavailable',
    'provider_misconfigured',
    'bad_provider_response',
    'token_refresh_failed',
  ],
});

const page = { description: 'A page for the browser.' };
const onward = { description: 'The browser is sent on.' };
const invalid = { description: 'The link is not valid (any more): a plain page, the same whatever the reason.' };

export const callback = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations-callback/:provider',
  summary: "The provider's answer, brought by the browser",
  scope: null,
  kind: 'page',
  limit: 'guesses',
  answers: { 302: onward, 400: invalid },
});

export const showInputPage = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations-connect/:page',
  summary: 'Asks for what the provider needs to be told first: a shop, a webhook URL',
  scope: null,
  kind: 'page',
  limit: 'guesses',
  answers: { 200: page, 400: invalid },
});

export const submitInputPage = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations-connect/:page',
  summary: 'Takes the input and sends the browser on',
  scope: null,
  kind: 'page',
  limit: 'guesses',
  answers: { 303: onward, 400: invalid, 422: page },
});

export const showConfirmPage = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations-confirm/:page',
  summary: 'Asks whether this account may be connected to the org that asked',
  scope: null,
  kind: 'page',
  limit: 'guesses',
  answers: { 200: page, 400: invalid },
});

export const submitConfirmPage = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations-confirm/:page',
  summary: 'Completes the connect',
  scope: null,
  kind: 'page',
  limit: 'guesses',
  answers: { 303: onward, 400: invalid, 403: { description: 'Not from the browser that was asked: nothing done.' } },
});
