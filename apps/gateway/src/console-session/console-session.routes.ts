import { CALLER_SCOPES } from '@hub/domain';
import { z } from 'zod';
import { isFitForPages } from '../callers/caller';
import { defineRoute } from '../http/route';

const LONGEST_LABEL = 120;

export const createConsoleLink = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations-session',
  summary: 'A link that signs one browser in to the page of integrations, as this org and user',
  scope: 'integrations:write',
  caller: 'bearer',
  kind: 'api',
  body: z.strictObject({
    userLabel: z
      .string()
      .min(1)
      .max(LONGEST_LABEL)
      .refine(isFitForPages, 'must have no control characters')
      .optional()
      .describe('how the page calls the person'),
  }),
  answers: {
    200: {
      description:
        'Send the browser of this very user to url: it works once, within five minutes. The session may do what this token may, but never reads tokens.',
      schema: z.strictObject({ url: z.string() }),
    },
  },
});

export const openConsoleLink = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations-session/:link',
  summary: 'Signs the browser in and leads to /integrations',
  scope: null,
  kind: 'page',
  limit: 'guesses',
  answers: {
    303: { description: 'To /integrations, with the cookie of the session.' },
    400: { description: 'The link is not valid (any more): a plain page, the same whatever the reason.' },
  },
});

export const readConsoleSession = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations-session',
  summary: 'Who is signed in in this browser',
  scope: null,
  caller: 'session',
  kind: 'api',
  answers: {
    200: {
      description:
        'The session. With the local hub of `npm start` this signs the browser in where nobody is. Send csrfToken as X-CSRF-Token with whatever changes something, and X-Unattended: 1 with what a page asks by itself: only other requests keep a session alive that nobody has used for an hour.',
      schema: z.strictObject({
        orgId: z.guid(),
        sub: z.string(),
        userLabel: z.string().nullable(),
        scopes: z.array(z.enum(CALLER_SCOPES)),
        csrfToken: z.string(),
        expiresAt: z.iso.datetime({ precision: 3 }),
      }),
    },
  },
});

export const endConsoleSession = defineRoute({
  method: 'DELETE',
  path: '/functions/v1/integrations-session',
  summary: 'Signs this browser out',
  scope: null,
  caller: 'session',
  kind: 'api',
  answers: { 204: { description: 'Signed out; the cookie is gone.' } },
});
