import { QueryFailedError } from 'typeorm';

/** As PostgreSQL says it (`deadlock_detected`, `insufficient_privilege`). */
const DEADLOCK = '40P01';
const NO_RIGHT = '42501';

/** True if PostgreSQL has ended a transaction since it and another one were waiting for each other: it may be done anew. */
export function isDeadlock(error: unknown): boolean {
  return codeOf(error) === DEADLOCK;
}

/** True if the login may not do what it has asked for. */
export function isWithoutRight(error: unknown): boolean {
  return codeOf(error) === NO_RIGHT;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
}
