import type { History, Violation } from './history';
import type { Timeline } from './timeline';

/** Request and answer lie between the hub's and the provider's word about when a token ends. */
const EXPIRY_TOLERANCE_MS = 20_000;

/** What the trail, the row and the provider's log say of one integration must be one story. */
export function recordViolations(timeline: Timeline, history: History): Violation[] {
  return [...auditViolations(timeline), ...statusViolations(timeline, history)];
}

function auditViolations({ subject, commits, presentations }: Timeline): Violation[] {
  const accepted = presentations.filter((presentation) => presentation.accepted);
  const found: Violation[] = [];
  const add = (at: number, what: string): void => {
    found.push({ kind: 'audit_differs', integrationId: subject.id, at, what });
  };
  if (commits.length > accepted.length)
    add(commits.at(-1)?.at ?? 0, `${commits.length} refreshes stored, ${accepted.length} granted by the provider`);
  for (const commit of commits) {
    const isGranted = accepted.some(
      ({ at, handedOut }) => at <= commit.at && handedOut !== null && near(handedOut.accessExpiresAt, commit.expiresAt),
    );
    if (!isGranted) add(commit.at, 'a refresh was stored that the provider did not grant');
  }
  const last = commits.at(-1);
  if (subject.row && last && subject.row.expiresAt !== last.expiresAt)
    add(last.at, 'the row ends at another time than the trail tells');
  return found;
}

function near(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return one === other;
  return Math.abs(one - other) <= EXPIRY_TOLERANCE_MS;
}

/** The last event that moves a status, and the status that it leaves behind. */
const LEAVES: Readonly<Record<string, string>> = {
  'refresh.succeeded': 'connected',
  'refresh.failed': 'refresh_failing',
  'integration.reauth_required': 'reauth_required',
  'integration.reopened': 'refresh_failing',
};

function statusViolations({ subject, trail }: Timeline, { until }: History): Violation[] {
  const { row } = subject;
  if (!row) return [];
  const last = trail.findLast(({ name }) => LEAVES[name] !== undefined);
  const expected = last ? LEAVES[last.name] : 'connected';
  const found: string[] = [];
  if (row.status !== expected) found.push(`is ${row.status}, and the trail says ${expected}`);
  if (row.status === 'connected' && (row.failedRefreshes > 0 || row.failureCode !== null))
    found.push('is connected with a standing failure');
  if (row.status !== 'connected' && row.failureCode === null) found.push(`is ${row.status} without a reason`);
  if (row.status !== 'reauth_required' && row.nextRefreshAt === null && row.expiresAt !== null)
    found.push('will never be refreshed again: no next time is set');
  return found.map((what) => ({ kind: 'status_differs', integrationId: subject.id, at: until, what }));
}
