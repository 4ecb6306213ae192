/** For Retry-After: whole seconds, at least one. Both times are the database's. */
export function secondsUntil(time: Date, now: Date): number {
  return Math.max(1, Math.ceil((time.getTime() - now.getTime()) / 1000));
}
