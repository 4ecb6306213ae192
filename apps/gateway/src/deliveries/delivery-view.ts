import type { DeliveryLine } from '@hub/database';
import { deadLetterId, DELIVERY_SOURCES, DELIVERY_STATES, FAILURE_CODES } from '@hub/domain';
import { z } from 'zod';

const time = z.iso.datetime({ precision: 3 });

export const deliverySchema = z
  .strictObject({
    id: z.guid().describe('by which the receiver knows it: `webhook-id`'),
    seq: z.int().describe('of the integration, in the order in which deliveries were taken'),
    type: z.string(),
    at: time,
    source: z.enum(DELIVERY_SOURCES).describe('`hub`: an event of the hub’s own'),
    state: z.enum(DELIVERY_STATES),
    failedAttempts: z.int().describe('failed tries in a row; of a dead letter since it was last replayed'),
    nextAttemptAt: time.nullable().describe('null: it has ended, or waits for a new URL'),
    failure: z
      .strictObject({ code: z.enum(FAILURE_CODES), at: time })
      .nullable()
      .describe('what went wrong last and was not mended since'),
    lastStatus: z.int().nullable().describe('the HTTP status that the receiver answered with last'),
    deliveredAt: time.nullable(),
    deadLetter: z.string().nullable().describe('its id among the dead letters, where it is one'),
  })
  .meta({ id: 'Delivery' });

export type DeliveryView = z.infer<typeof deliverySchema>;

/** A line of the log as callers see it. */
export function deliveryView(line: DeliveryLine): DeliveryView {
  return {
    id: line.eventId,
    seq: line.seq,
    type: line.type,
    at: line.at.toISOString(),
    source: line.source,
    state: line.state,
    failedAttempts: line.failedAttempts,
    nextAttemptAt: line.nextAttemptAt?.toISOString() ?? null,
    failure: line.failure && { code: line.failure.code, at: line.failure.at.toISOString() },
    lastStatus: line.lastStatus,
    deliveredAt: line.state === 'delivered' ? (line.endedAt?.toISOString() ?? null) : null,
    deadLetter: line.state === 'dead' ? deadLetterId({ kind: 'delivery', rowId: line.id }) : null,
  };
}
