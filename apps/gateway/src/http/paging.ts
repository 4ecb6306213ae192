import { z } from 'zod';

const MOST_ROWS = 200;
const USUAL_ROWS = 50;

/** The query parameter `limit` of every list: 1 to 200 rows, 50 where it is not there. */
export const pageLimit = z
  .string()
  .regex(/^\d{1,3}$/, 'must be a whole number')
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= MOST_ROWS, `must be 1 to ${MOST_ROWS}`)
  .default(USUAL_ROWS);

/**
 * The query parameter `cursor` of a list whose rows stand at places.
 *
 * @param placeOf the place that a cursor means; `undefined` if it is none
 */
export function pageCursor<Place>(placeOf: (cursor: string) => Place | undefined) {
  return z
    .string()
    .transform((cursor, context) => {
      const place = placeOf(cursor);
      if (place) return place;
      context.addIssue('must be a nextCursor of an earlier answer');
      return z.NEVER;
    })
    .optional()
    .meta({ description: 'nextCursor of the page before' });
}
