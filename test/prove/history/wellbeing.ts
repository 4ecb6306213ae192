import type { History, Violation } from './history';
import type { Timeline } from './timeline';

/**
 * An integration that has not come back although everything has settled: it is not connected, or not by a live access
 * token, or not by the newest one that its provider gave. Whoever needs a person is a lost family, and told of as such.
 */
export function unwellOf({ subject, presentations }: Timeline, history: History): Violation | undefined {
  const { row, id, account } = subject;
  const { settledAt } = history;
  if (settledAt === null || !row || row.status === 'reauth_required' || history.ended.has(account)) return undefined;
  const granted = presentations.findLast(({ accepted, handedOut }) => accepted && handedOut !== null)?.handedOut;
  const whys = [
    ...(row.status === 'connected' ? [] : [`is ${row.status}`]),
    ...(row.expiresAt === null || row.expiresAt > settledAt ? [] : ['has no live access token']),
    ...(row.accessPrint === (granted?.access ?? subject.accessPrint) ? [] : ['holds an access token of before']),
  ];
  if (whys.length === 0) return undefined;
  return { kind: 'not_well', integrationId: id, at: settledAt, what: `${whys.join(' and ')} after all has settled` };
}
