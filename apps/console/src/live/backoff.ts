const FIRST_MS = 1_000;
/** The longest wait between two tries. */
export const LONGEST_MS = 30_000;

/**
 * How long to wait before the next try: 1, 2, 4 … 30 s, spread over the upper half, so that the pages of a whole office
 * do not come back in one moment.
 *
 * @param failures tries in a row that led to nothing, from 0
 * @param random   from 0 to 1
 */
export function reconnectDelayMs(failures: number, random: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return Math.round(whole / 2 + (whole / 2) * random);
}
