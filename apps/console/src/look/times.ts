const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const AGO = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** How far a moment is away, in words: `just now`, `in 38 minutes`, `3 days ago`. @param nowMs the reader's clock */
export function howFar(iso: string, nowMs: number): string {
  const distance = Date.parse(iso) - nowMs;
  const size = Math.abs(distance);
  if (size < 45_000) return distance > 10_000 ? 'in less than a minute' : 'just now';
  if (size < HOUR - MINUTE / 2) return AGO.format(Math.round(distance / MINUTE), 'minute');
  if (size < DAY - HOUR / 2) return AGO.format(Math.round(distance / HOUR), 'hour');
  return AGO.format(Math.round(distance / DAY), 'day');
}

/** Date and time as the reader's place writes them; without the date on the same day. */
export function clockTime(iso: string, nowMs: number, locale?: string, timeZone?: string): string {
  const at = new Date(iso);
  const day = new Intl.DateTimeFormat('en', { dateStyle: 'short', timeZone });
  const isToday = day.format(at) === day.format(nowMs);
  return new Intl.DateTimeFormat(locale, {
    timeZone,
    ...(isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }),
  }).format(at);
}

/** True once a moment has passed. */
export function isPast(iso: string, nowMs: number): boolean {
  return Date.parse(iso) <= nowMs;
}
