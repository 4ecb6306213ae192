/** Why a session ended that this page did not end: nobody used it, its time was over, or something elsewhere. */
export type SessionEnd = 'unused' | 'over' | 'elsewhere';

/** How long the hub keeps a session that nobody uses; a test holds it to the hub's own. */
export const UNUSED_MS = 60 * 60_000;

/** How much earlier the hub may have noted the last use than this page: it writes not each one. */
const LATE_MS = 2 * 60_000;

/**
 * Why a session has ended. The hub does not say; this page knows when it last told of somebody.
 *
 * @param expiresAt of the session
 * @param usedAtMs  when the hub last took a request of this page that told of somebody
 * @param nowMs     the reader's clock, as in `usedAtMs`
 */
export function endOf(expiresAt: string, usedAtMs: number, nowMs: number): SessionEnd {
  if (Date.parse(expiresAt) <= nowMs) return 'over';
  return nowMs - usedAtMs >= UNUSED_MS - LATE_MS ? 'unused' : 'elsewhere';
}

const WORDS: Readonly<Record<SessionEnd, string>> = {
  unused: 'You were signed out, since nobody has used this page for an hour.',
  over: 'You were signed out, since a sign-in lasts for a limited time only.',
  elsewhere: 'You were signed out, as by another tab of this browser.',
};

/** It in a sentence. */
export function endWords(end: SessionEnd): string {
  return WORDS[end];
}
