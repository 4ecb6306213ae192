import type { EventName } from '@hub/domain';
import { count, preset } from '@hub/telemetry';
import { DatabaseError } from 'pg';
import { QueryFailedError, type EntityManager } from 'typeorm';
import { isOfForgottenOrg } from './org-forgotten';

/** Answers that are no word about the trail: the server is away or in trouble, or ends what is to be done anew. */
const NOT_THE_TRAILS = /^(08|40|53|57)/;

/** Names of events that a transaction has appended and not yet committed. */
const appended = new WeakMap<EntityManager, EventName[]>();
const told = new WeakSet<object>();

/** An event stands in the running transaction: it counts once that is committed. */
export function noteAppended(manager: EntityManager, name: EventName): void {
  const names = appended.get(manager);
  if (names) names.push(name);
  else appended.set(manager, [name]);
}

/** The transaction is committed, and with it what it has appended. */
export function countAppended(manager: EntityManager): void {
  for (const name of appended.get(manager) ?? []) count('auditRecords', { 'hub.name': name });
  appended.delete(manager);
}

/** The database refused an event by its own word; then nothing of the transaction is written. Outages are told elsewhere. */
export function countRefused(error: unknown): void {
  if (!(error instanceof QueryFailedError) || isOfForgottenOrg(error)) return;
  const cause: unknown = error.driverError;
  if (cause instanceof DatabaseError && !NOT_THE_TRAILS.test(cause.code ?? '')) countLostEvents(1, error);
}

/**
 * Counts events that the trail will not have.
 *
 * @param error why; one that was counted already counts once
 */
export function countLostEvents(events: number, error?: unknown): void {
  if (typeof error === 'object' && error !== null) {
    if (told.has(error)) return;
    told.add(error);
  }
  count('auditWriteFailures', {}, events);
}

/** Makes the counter of failures known, at the start of an app that writes the trail. */
export function presetTrail(): void {
  preset('auditWriteFailures');
}
