import { DEAD_LETTER_KINDS } from '@hub/domain';
import { z } from 'zod';
import { pageCursor, pageLimit } from '../http/paging';
import { defineRoute } from '../http/route';
import { placeOf } from './dead-letter-cursor';

const time = z.iso.datetime({ precision: 3 });
const kind = z.enum(DEAD_LETTER_KINDS);
const provider = z.string().max(64);

const deadLetter = z
  .strictObject({
    id: z.string().describe('kind and row, such as refresh-6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21'),
    kind,
    provider: z.string(),
    integrationId: z
      .uuid()
      .describe('of a revocation: the integration that the grant was of; of a delivery: the one that it was taken for'),
    reason: z.string().describe('the code of the last failure'),
    attempts: z.int().describe('failed tries in a row; those of a revocation or a delivery since it was last replayed'),
    firstFailedAt: time.describe('the first failure since the last success'),
    lastFailedAt: time,
    event: z
      .strictObject({
        id: z.guid().describe('by which the receiver knows it'),
        seq: z.int(),
        type: z.string(),
        at: time.describe('when it happened'),
      })
      .optional()
      .describe('of a delivery alone: which event it was to deliver; never what was in it'),
  })
  .meta({ id: 'DeadLetter' });

const taken = {
  description: 'Due now; a success clears a letter. The workers do it in the background.',
  schema: z.strictObject({ replayed: z.int().describe('how many letters were taken') }),
};

export const listDeadLetters = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/dead-letters',
  summary: "The org's jobs that ran out of tries, the oldest failure first",
  scope: 'operations',
  kind: 'api',
  query: z.strictObject({
    cursor: pageCursor(placeOf),
    limit: pageLimit,
    kind: kind.optional(),
    provider: provider.optional(),
  }),
  answers: {
    200: {
      description: 'A page of dead letters.',
      schema: z.strictObject({ deadLetters: z.array(deadLetter), nextCursor: z.string().nullable() }),
    },
  },
  problems: ['unknown_provider'],
});

export const replayDeadLetters = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations/dead-letters/replay',
  summary: 'Try all dead letters again, or those of a kind or provider',
  scope: 'operations',
  kind: 'api',
  body: z.strictObject({ kind: kind.optional(), provider: provider.optional() }),
  answers: { 202: taken },
  problems: ['unknown_provider'],
});

export const replayDeadLetter = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations/dead-letters/:id/replay',
  summary: 'Try one dead letter again',
  scope: 'operations',
  kind: 'api',
  answers: { 202: taken },
  problems: ['not_found'],
});
