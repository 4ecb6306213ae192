import { HubError } from '@hub/domain';
import type { z } from 'zod';

/**
 * The value as its schema reads it.
 *
 * @param where `body` or `query`, for the refusal
 * @throws HubError `invalid_request` (422) that names every wrong or unknown key, and no value
 */
export function validated<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: 'body' | 'query',
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new HubError(
    'invalid_request',
    `The ${where} is not valid: ${result.error.issues.map((issue) => sentence(issue)).join('; ')}.`,
  );
}

/** What can be the name of something: words, at most with a number behind them. */
const NAME = /^(?=.{1,40}$)[A-Za-z]+(?:[_.-][A-Za-z]+)*\d{0,2}$/;

/** A key as its caller reads it. What looks like no name may be a secret that was put in the wrong place, and is not repeated. */
function named(key: string): string {
  return NAME.test(key) ? JSON.stringify(key) : `of ${key.length} characters`;
}

function sentence(issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys')
    return `unknown ${issue.keys.length === 1 ? 'key' : 'keys'} ${issue.keys.map(named).join(', ')}`;
  return place === '' ? issue.message : `${place}: ${issue.message}`;
}
