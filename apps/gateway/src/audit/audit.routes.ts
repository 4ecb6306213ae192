import { z } from 'zod';
import { pageLimit } from '../http/paging';
import { defineRoute } from '../http/route';

export const listAudit = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/audit',
  summary: "The org's audit trail, newest first",
  scope: 'audit:read',
  kind: 'api',
  query: z.strictObject({
    cursor: z
      .string()
      .regex(/^\d{1,15}$/, 'must be a nextCursor of an earlier answer')
      .transform(Number)
      .optional()
      .meta({ description: 'nextCursor of the page before' }),
    limit: pageLimit,
    provider: z.string().max(64).optional(),
  }),
  answers: {
    200: {
      description: 'A page of the trail.',
      schema: z.strictObject({
        events: z.array(
          z.strictObject({
            id: z.uuid(),
            seq: z.int(),
            at: z.iso.datetime({ precision: 3 }),
            name: z.string(),
            provider: z.string().nullable(),
            integrationId: z.uuid().nullable(),
            actor: z.strictObject({ type: z.string(), id: z.string() }),
            detail: z.record(z.string(), z.unknown()),
            unopened: z
              .record(z.string(), z.enum(['forgotten', 'withheld', 'key_unavailable', 'unreadable']))
              .optional()
              .meta({
                description:
                  'Fields of detail that are null because they cannot be shown. forgotten: their key is shredded; withheld: never written, for want of a key; key_unavailable: ask again later; unreadable: they do not open.',
              }),
          }),
        ),
        nextCursor: z.string().nullable(),
      }),
    },
  },
  problems: ['unknown_provider'],
});
