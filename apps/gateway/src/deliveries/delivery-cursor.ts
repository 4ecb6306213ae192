import type { DeliveryPlace } from '@hub/database';
import { isUuid } from '@hub/domain';

/** A place in the log as callers hand it back: `1795392500123456-<uuid>`. */
export function cursorOf({ createdUs, id }: DeliveryPlace): string {
  return `${createdUs}-${id}`;
}

/** The place that a cursor means; `undefined` if it is none. */
export function placeOf(cursor: string): DeliveryPlace | undefined {
  const [, microseconds, id = ''] = /^(\d{1,16})-(.+)$/.exec(cursor) ?? [];
  return isUuid(id) ? { createdUs: Number(microseconds), id } : undefined;
}
