import { InvalidArgumentError } from 'commander';

/** A month, such as `2026-05`, and when it begins. */
export interface Month {
  readonly name: string;
  readonly start: Date;
}

/** A month that has begun. @throws InvalidArgumentError if it is none, or one to come */
export function monthArgument(text: string, now = new Date()): Month {
  const start = /^\d{4}-(0[1-9]|1[0-2])$/.test(text) ? new Date(`${text}-01T00:00:00.000Z`) : undefined;
  if (!start) throw new InvalidArgumentError('A month is such as 2026-05.');
  if (start > now) throw new InvalidArgumentError('That month has not begun.');
  return { name: text, start };
}
