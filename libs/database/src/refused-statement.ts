import { QueryFailedError } from 'typeorm';
import { NO_ANSWER } from './data-source';

/** As PostgreSQL says it (`deadlock_detected`, `insufficient_privilege`, `query_canceled`). */
const DEADLOCK = '40P01';
const NO_RIGHT = '42501';
const CANCELED = '57014';
/** The classes of what is wrong with the values themselves (`data_exception`, `integrity_constraint_violation`). */
const WRONG_VALUES = /^2[23]/;

/** True if PostgreSQL has ended a transaction since it and another one were waiting for each other: it may be done anew. */
export function isDeadlock(error: unknown): boolean {
  return codeOf(error) === DEADLOCK;
}

/** True if the login may not do what it has asked for. */
export function isWithoutRight(error: unknown): boolean {
  return codeOf(error) === NO_RIGHT;
}

/** True if a statement was given up for its time, by the server or since no answer came: what it did then is not known. */
export function isOutOfTime(error: unknown): boolean {
  if (codeOf(error) === CANCELED) return true;
  return error instanceof QueryFailedError && (error.driverError as Error).message === NO_ANSWER;
}

/** True if PostgreSQL does not take the values that it was given: they will not be taken the next time either. */
export function isOfWrongValues(error: unknown): boolean {
  return WRONG_VALUES.test(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
}
