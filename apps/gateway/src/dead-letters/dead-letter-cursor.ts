import type { DeadLetterPlace } from '@hub/database';
import { parseDeadLetterId } from '@hub/domain';

/** A place in the list as callers hand it back: `1795392500123456-refresh-<uuid>`. */
export function cursorOf({ firstFailedUs, id }: DeadLetterPlace): string {
  return `${firstFailedUs}-${id}`;
}

/** The place that a cursor means; `undefined` if it is none. */
export function placeOf(cursor: string): DeadLetterPlace | undefined {
  const [, microseconds, id] = /^(\d{1,16})-(.+)$/.exec(cursor) ?? [];
  return id !== undefined && parseDeadLetterId(id) ? { firstFailedUs: Number(microseconds), id } : undefined;
}
