import type { History, Violation } from './history';
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

/** Events after which an integration may be asked for again, or is no longer the one that was judged. */
const LIFTS: ReadonlySet<string> = new Set([
  'integration.reopened',
  'integration.connected',
  'integration.disconnected',
]);

/** Refresh tokens that were presented although their integration had come to need a person: no call may do what only one can. */
export function askedInVain({ subject, trail, presentations }: Timeline): Violation[] {
  const judged = trail.flatMap((event, place) => {
    if (event.name !== 'integration.reauth_required') return [];
    const lifted = trail.slice(place).find(({ name }) => LIFTS.has(name));
    return [{ from: event.at, until: lifted?.at ?? Infinity }];
  });
  return presentations
    .filter(({ at }) => judged.some(({ from, until }) => at > from && at < until))
    .map(({ at, presented }) => ({
      kind: 'asked_in_vain',
      integrationId: subject.id,
      at,
      what: `${presented ?? 'a refresh token'} was presented although a person is needed`,
    }));
}
