import { DELIVERED_EVENTS, DELIVERY_STATES } from '@hub/domain';
import { z } from 'zod';
import { isFitForPages } from '../callers/caller';
import { pageCursor, pageLimit } from '../http/paging';
import { defineRoute } from '../http/route';
import { placeOf } from './delivery-cursor';
import { deliverySchema } from './delivery-view';
import { refusalOfData } from './posted-event';

const LONGEST_TYPE = 64;
/** Escapes and blanks may make more of a body than its data is. */
const BODY_LIMIT_BYTES = 1024 * 1024;

const time = z.iso.datetime({ precision: 3 });

const settings = z
  .strictObject({
    events: z.array(z.enum(DELIVERED_EVENTS)).describe('the hub’s own events that are delivered; none at first'),
    pausedUntil: time.nullable().describe('nothing is sent before, since the receiver failed several times in a row'),
    eventsWaitSince: time
      .nullable()
      .describe(
        'the hub’s own events wait since then, as too many are undelivered; they are delivered once there is room',
      ),
  })
  .meta({ id: 'DeliverySettings' });

export const postEvent = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations/:provider/events',
  summary: 'Deliver an event to the org’s webhook: at least once, signed',
  scope: 'integrations:write',
  kind: 'api',
  bodyLimitBytes: BODY_LIMIT_BYTES,
  body: z.strictObject({
    type: z
      .string()
      .min(1, 'must not be empty')
      .max(LONGEST_TYPE, `must be at most ${LONGEST_TYPE} characters`)
      .refine(isFitForPages, 'must hold no control characters'),
    data: z
      .record(z.string(), z.unknown())
      .superRefine((data, context) => {
        const refusal = refusalOfData(data);
        if (refusal !== undefined) context.addIssue(refusal);
      })
      .describe('at most 256 KiB of JSON'),
    id: z
      .guid('must be a UUID')
      .transform((id) => id.toLowerCase())
      .optional()
      .describe('the same one is delivered once, however often it is posted, for as long as it is in the log'),
  }),
  answers: {
    202: {
      description:
        'Taken: it is delivered in the background. With `state` it was posted before, and nothing is sent any more by itself.',
      schema: z.strictObject({
        id: z.guid(),
        state: z
          .enum(['dead', 'cancelled'])
          .optional()
          .describe(
            'absent: it is delivered, or was. `dead`: it waits for a replay. `cancelled`: it was dead for too long',
          ),
        deadLetter: z.string().optional().describe('its id among the dead letters, where it is one'),
      }),
    },
  },
  problems: ['not_connected'],
});

export const listDeliveries = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/:provider/deliveries',
  summary: 'The delivery log, newest first; never what was sent',
  scope: 'integrations:read',
  kind: 'api',
  query: z.strictObject({
    cursor: pageCursor(placeOf),
    limit: pageLimit,
    state: z.enum(DELIVERY_STATES).optional(),
  }),
  answers: {
    200: {
      description: 'A page of the log.',
      schema: z.strictObject({ deliveries: z.array(deliverySchema), nextCursor: z.string().nullable() }),
    },
  },
});

export const readDeliverySettings = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/:provider/delivery-settings',
  summary: 'Which of the hub’s own events are delivered',
  scope: 'integrations:read',
  kind: 'api',
  answers: { 200: { description: 'The settings.', schema: settings } },
  problems: ['not_connected'],
});

export const changeDeliverySettings = defineRoute({
  method: 'PUT',
  path: '/functions/v1/integrations/:provider/delivery-settings',
  summary: 'Have these of the hub’s own events delivered from now on, and no others',
  scope: 'integrations:write',
  kind: 'api',
  body: z.strictObject({
    events: z
      .array(z.enum(DELIVERED_EVENTS))
      .max(DELIVERED_EVENTS.length)
      .transform((events) => DELIVERED_EVENTS.filter((known) => events.includes(known))),
  }),
  answers: { 200: { description: 'The settings as they are now.', schema: settings } },
  problems: ['not_connected'],
});

export const readDeliverySecret = defineRoute({
  method: 'POST',
  path: '/functions/v1/integrations/:provider/delivery-secret',
  summary: 'The secret that deliveries are signed with (Standard Webhooks); made by its first reading, or anew',
  scope: 'integrations:write',
  kind: 'api',
  body: z.strictObject({
    rotate: z.boolean().optional().describe('true: a new one takes its place; the one before signs as well for a day'),
  }),
  answers: {
    200: {
      description: 'The secret. Keep it where only the receiver can read it.',
      schema: z.strictObject({
        secret: z.string().describe('`whsec_` and 32 bytes in base64'),
        previousUntil: time.nullable().describe('the secret before signs as well until then'),
      }),
    },
  },
  problems: ['not_connected'],
});
