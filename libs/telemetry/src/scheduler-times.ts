import type { METRICS } from './metric-catalog';
import { observe } from './metrics';

/** A scheduler of the catalogue. */
export type SchedulerName = (typeof METRICS)['schedulerLastSuccess']['attributes']['hub.scheduler'][number];

const MS_IN_SECOND = 1_000;
const lastSuccess = new Map<SchedulerName, number>();

/** A scheduler begins: until its first success its start counts, so that one that never succeeds is seen as well. */
export function schedulerStarted(name: SchedulerName): void {
  if (lastSuccess.size === 0) observe('schedulerLastSuccess', readings);
  if (!lastSuccess.has(name)) note(name);
}

/** A scheduler has done its work. */
export function schedulerSucceeded(name: SchedulerName): void {
  schedulerStarted(name);
  note(name);
}

function note(name: SchedulerName): void {
  lastSuccess.set(name, Date.now() / MS_IN_SECOND);
}

function readings(): { value: number; attributes: { 'hub.scheduler': SchedulerName } }[] {
  return [...lastSuccess].map(([name, value]) => ({ value, attributes: { 'hub.scheduler': name } }));
}
