import type { Timeline } from './timeline';

/** Syncs that were written while a refresh of the same integration was granted and not yet stored: both write one row. */
export function syncsBesideRefresh({ trail, presentations, commits }: Timeline): number {
  const refreshes = presentations.flatMap(({ accepted, at: from }) => {
    const commit = accepted && commits.find(({ at }) => at >= from);
    return commit ? [{ from, until: commit.at }] : [];
  });
  return trail.filter(
    ({ name, at }) => name === 'sync.completed' && refreshes.some(({ from, until }) => at > from && at < until),
  ).length;
}
