import type { RefreshState } from './integration';
import { ladderMs } from './retry-policy';

/** The refresh falls due when two thirds of the token's life are over, less the jitter. */
const DUE_AT_LIFE = 2 / 3;
/** Tokens granted together are spread over a tenth of their life. */
const JITTER_OF_LIFE = 1 / 10;
/** What the ladder keeps away from an expiry, since clocks disagree: at most this, and at most a twentieth of the life. */
const CLOCK_SLACK_MS = 30_000;
const CLOCK_SLACK_OF_LIFE = 1 / 20;
/** A fresh grant is never refreshed sooner than this, however short it lives: a provider that grants seconds is not called in a loop. */
const SHORTEST_REST_MS = 1_000;
/** A refresh token that dies when it lies unused is used once this share of its life is over. */
const KEEP_ALIVE_AT_LIFE = 3 / 4;

/** A token's whole life in milliseconds, `null` where no end is known. */
export function lifeMs(token: Pick<RefreshState, 'issuedAt' | 'expiresAt'>): number | null {
  return token.expiresAt === null ? null : Math.max(0, token.expiresAt.getTime() - token.issuedAt.getTime());
}

/** What is left of a token at `now` in milliseconds, negative once it is over, `null` where no end is known. */
export function remainingMs(token: Pick<RefreshState, 'expiresAt'>, now: Date): number | null {
  return token.expiresAt === null ? null : token.expiresAt.getTime() - now.getTime();
}

/**
 * For how long a provider still takes a refresh token that may be spent, in milliseconds, negative once that is over.
 *
 * @param inDoubtSince when the token was first presented; `null`: no presentation is in doubt
 * @param graceMs      the provider's grace, `null` where it names none
 */
export function graceLeftMs(inDoubtSince: Date | null, graceMs: number | null, now: Date): number | null {
  return inDoubtSince === null || graceMs === null ? null : inDoubtSince.getTime() + graceMs - now.getTime();
}

/** True while the access token may be handed out: its end is unknown or lies ahead. */
export function isLive(token: Pick<RefreshState, 'expiresAt'>, now: Date): boolean {
  const remaining = remainingMs(token, now);
  return remaining === null || remaining > 0;
}

/** True in the first third of a token's life, when a refresh would only spend the provider's patience. */
export function isYoung(token: Pick<RefreshState, 'issuedAt' | 'expiresAt'>, now: Date): boolean {
  const life = lifeMs(token);
  return life !== null && now.getTime() - token.issuedAt.getTime() < life / 3;
}

/**
 * When a fresh grant is to be refreshed, so that the whole ladder of retries fits before it ends (Let's Encrypt and
 * cert-manager give the same advice: two thirds of the life).
 *
 * @param grant  when it was asked for, when its access token and its refresh token end
 * @param chance uniform in [0, 1): the jitter, drawn by the caller
 * @returns the due time, after `now`; `null` if nothing about the grant ends, so that nothing is due
 */
export function firstRefreshAt(
  grant: Pick<RefreshState, 'issuedAt' | 'expiresAt' | 'refreshExpiresAt'>,
  now: Date,
  chance: number,
): Date | null {
  const times = [dueBeforeExpiry(grant, chance), dueBeforeIdleDeath(grant, chance)].filter((time) => time !== null);
  return times.length === 0 ? null : new Date(Math.max(Math.min(...times), now.getTime() + SHORTEST_REST_MS));
}

function dueBeforeExpiry(grant: Pick<RefreshState, 'issuedAt' | 'expiresAt'>, chance: number): number | null {
  const life = lifeMs(grant);
  if (life === null) return null;
  const clockSlack = Math.min(CLOCK_SLACK_MS, life * CLOCK_SLACK_OF_LIFE);
  const due = Math.min(life * DUE_AT_LIFE, life - clockSlack - ladderMs(life));
  return grant.issuedAt.getTime() + due - life * JITTER_OF_LIFE * chance;
}

function dueBeforeIdleDeath(grant: Pick<RefreshState, 'issuedAt' | 'refreshExpiresAt'>, chance: number): number | null {
  if (grant.refreshExpiresAt === null) return null;
  const life = Math.max(0, grant.refreshExpiresAt.getTime() - grant.issuedAt.getTime());
  return grant.issuedAt.getTime() + life * KEEP_ALIVE_AT_LIFE - life * JITTER_OF_LIFE * chance;
}

/** Whether a refresh that a job asks for is still to be done: the row decides, the job only rings. */
export function isDue(integration: Pick<RefreshState, 'status' | 'nextRefreshAt'>, now: Date): boolean {
  if (integration.status === 'reauth_required' || integration.nextRefreshAt === null) return false;
  return integration.nextRefreshAt.getTime() <= now.getTime();
}
