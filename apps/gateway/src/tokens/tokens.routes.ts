import { z } from 'zod';
import { defineRoute } from '../http/route';

const LONGEST_MIN_TTL_SECONDS = 86_400;
const USUAL_MIN_TTL_SECONDS = 60;

export const readToken = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/:provider/token',
  summary: 'A valid access token; never the refresh token',
  scope: 'tokens:read',
  kind: 'api',
  query: z.strictObject({
    minTtl: z
      .string()
      .regex(/^\d{1,5}$/, 'must be whole seconds')
      .transform(Number)
      .refine((seconds) => seconds <= LONGEST_MIN_TTL_SECONDS, `must be at most ${LONGEST_MIN_TTL_SECONDS}`)
      .default(USUAL_MIN_TTL_SECONDS)
      .meta({ description: 'seconds that the token must still live; if less is left, it is refreshed first' }),
  }),
  answers: {
    200: {
      description: 'The token.',
      schema: z.strictObject({
        accessToken: z.string(),
        tokenType: z.string(),
        expiresAt: z.iso.datetime({ precision: 3 }).nullable(),
        scope: z.string().nullable(),
        provider: z.string(),
        account: z.strictObject({ id: z.string(), label: z.string() }).nullable(),
      }),
    },
  },
  problems: ['not_connected', 'reauth_required', 'provider_unavailable'],
});
