/** As much as is delivered of one event, in bytes of its JSON: far below what receivers take. */
export const MOST_DATA_BYTES = 256 * 1024;
/** What is nested deeper than any reader needs is refused, before anybody walks through it to its end. */
const DEEPEST = 64;

/** Why this cannot be the data of an event; `undefined` if it can. */
export function refusalOfData(data: unknown): string | undefined {
  if (!isWithin(data, DEEPEST)) return `must not be nested more than ${DEEPEST} levels deep`;
  const bytes = Buffer.byteLength(JSON.stringify(data), 'utf8');
  return bytes <= MOST_DATA_BYTES ? undefined : `must be at most ${MOST_DATA_BYTES} bytes of JSON`;
}

/** Whether no more than so many objects and arrays lie within each other. */
function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1));
}
