import type { History } from './history';
import type { Timeline } from './timeline';

/** How a provider refuses a refresh token that it has taken once already, and the grant that it ends for that. */
const SPENT: ReadonlySet<string | null> = new Set(['spent', 'closed']);

/** Verdicts that the trail tells of, those included that a later success undid. */
export function verdictsIn({ trail }: Timeline): number {
  return trail.filter(({ name }) => name === 'integration.reauth_required').length;
}

/** Refresh tokens that were refused as spent although their answer had come, and waited for the database. */
export function spentInSpiteOfAnswer({ subject, presentations }: Timeline, { parked }: History): number {
  const waitedSince = Math.min(
    ...parked.filter(({ integrationId }) => integrationId === subject.id).map(({ at }) => at),
  );
  return presentations.filter(({ accepted, reason, at }) => !accepted && SPENT.has(reason) && at >= waitedSince).length;
}
