import type { Change } from '@hub/domain';
import fc from 'fast-check';
import { live } from '../../prove/model/one-token';
import { HUB_RULES, type Rules } from '../../prove/model/rules';
import { worlds } from '../../prove/model/world';

const DAYS_MS = 3 * 24 * 3_600_000;
const DAY_MS = 24 * 3_600_000;
const SEED = 20_260_901;

/** The invariant that these rules break, within a few hundred worlds. */
function broken(rules: Partial<Rules>): string | undefined {
  const result = fc.check(
    fc.property(worlds(DAYS_MS, { troubles: 12 }), (world) => void live(world, { ...HUB_RULES, ...rules })),
    { seed: SEED, numRuns: 600 },
  );
  return result.failed ? (result.errorInstance as { invariant?: string }).invariant : undefined;
}

/** The hub's own failure rule with one thing spoiled. */
function failingWith(spoil: (change: Change, ...args: Parameters<Rules['afterFailure']>) => Change): Partial<Rules> {
  return { afterFailure: (...args) => spoil(HUB_RULES.afterFailure(...args), ...args) };
}

function later(change: Change, now: Date, byMs: number): Change {
  const next = new Date((change.next ?? now).getTime() + byMs);
  return change.next === null ? change : { ...change, next, patch: { ...change.patch, nextRefreshAt: next } };
}

describe('the model of one token', () => {
  it('finds nothing wrong with the rules of the hub', () => {
    expect(broken({})).toBeUndefined();
  });

  it('tells the same story of the same world', () => {
    const [world] = fc.sample(worlds(DAYS_MS, { troubles: 12 }), { seed: SEED, numRuns: 1 });
    expect(world && live(world, HUB_RULES)).toEqual(world && live(world, HUB_RULES));
  });

  it.each<[string, string, Partial<Rules>]>([
    [
      'a refresh is scheduled at the expiry itself',
      'a refresh falls due between half and two thirds of a life',
      { firstRefreshAt: ({ expiresAt }) => expiresAt },
    ],
    [
      'a refresh is scheduled far too early',
      'a refresh falls due between half and two thirds of a life',
      {
        afterRefresh: (...args) =>
          later(HUB_RULES.afterRefresh(...args), args[2], -args[1].expiresAt!.getTime() / 1e9 - 600_000),
      },
    ],
    [
      'five failures in a row are taken for a verdict',
      'only a definite word makes reauth_required',
      failingWith((change, { failedRefreshes }) =>
        failedRefreshes < 4 ? change : { ...change, patch: { ...change.patch, status: 'reauth_required' } },
      ),
    ],
    [
      'nothing is scheduled after the last rung',
      'a next time is always set',
      failingWith((change, { failedRefreshes }) =>
        failedRefreshes < 4 ? change : { ...change, next: null, patch: { ...change.patch, nextRefreshAt: null } },
      ),
    ],
    [
      'the rung is forgotten',
      'each failure climbs one rung, whoever is to blame',
      failingWith((change, _state, { kind }) =>
        kind === 'definite' ? change : { ...change, patch: { ...change.patch, failedRefreshes: 1 } },
      ),
    ],
    [
      'a failure makes the doubt before it forgotten',
      'a doubt stands from the lost answer on',
      failingWith((change, { inDoubtSince }) =>
        inDoubtSince === null ? change : { ...change, patch: { ...change.patch, inDoubtSince: null } },
      ),
    ],
    [
      'a success leaves a doubt standing',
      'a doubt ends with a grant',
      {
        afterRefresh: (...args) => {
          const change = HUB_RULES.afterRefresh(...args);
          return { ...change, patch: { ...change.patch, inDoubtSince: args[2] } };
        },
      },
    ],
    [
      'a wrong client secret counts as no attempt',
      'each failure climbs one rung, whoever is to blame',
      failingWith((change, { failedRefreshes }, { kind }) =>
        kind === 'ours' ? { ...change, patch: { ...change.patch, failedRefreshes } } : change,
      ),
    ],
    [
      'a key provider that is away counts as a failed attempt',
      'what all wait for climbs no rung',
      { afterPutOff: HUB_RULES.afterFailure },
    ],
    [
      'nothing is told as a dead letter',
      'a dead letter is what has spent the ladder',
      failingWith((change) => ({
        ...change,
        events: change.events.map(({ name, detail }) => ({ name, detail: { ...detail, deadLetter: false } })),
      })),
    ],
    [
      'each wait is a minute too long',
      'no rung is longer than documented',
      failingWith((change, _state, _failure, now) => later(change, now, 60_000)),
    ],
    [
      'each wait is ten seconds too short',
      'no rung is shorter than documented',
      failingWith((change, _state, _failure, now) => later(change, now, -10_000)),
    ],
    [
      'row and doorbell disagree',
      'row and doorbell tell the same time',
      failingWith((change, _state, _failure, now) => ({ ...change, next: change.next && now })),
    ],
    [
      'a success leaves the failure standing',
      'status and failure agree',
      {
        afterRefresh: (...args) => {
          const change = HUB_RULES.afterRefresh(...args);
          return { ...change, patch: { ...change.patch, refreshFailure: { code: 'rate_limited', at: args[2] } } };
        },
      },
    ],
    [
      'a definite word is tried again',
      'a definite word ends the tries',
      failingWith((change, _state, { kind }, now) =>
        kind === 'definite' ? later({ ...change, next: now }, now, 60_000) : change,
      ),
    ],
    [
      'a token that is over waits as long as its provider wishes',
      'no rung is longer than documented',
      failingWith((change, { expiresAt }, { retryAfterMs = 0 }, now) =>
        expiresAt === null || expiresAt > now ? change : later(change, now, Math.max(0, retryAfterMs - 480_000)),
      ),
    ],
    [
      'a token long dead waits as long as its provider wishes',
      'a token long dead is asked for hourly',
      failingWith((change, { expiresAt }, { kind, retryAfterMs = 0 }, now) =>
        kind === 'definite' || expiresAt === null || now.getTime() - expiresAt.getTime() <= DAY_MS
          ? change
          : later(change, now, Math.max(0, retryAfterMs - 3_600_000)),
      ),
    ],
    ['a lease is held for an hour', 'who dies costs a quarter of the margin at most', { leaseMs: () => 3_600_000 }],
    [
      'a failure waits until the token is over',
      'no rung is longer than documented',
      failingWith((change, { expiresAt }, { kind }, now) =>
        kind === 'definite' || expiresAt === null
          ? change
          : later(change, now, Math.max(0, expiresAt.getTime() - now.getTime())),
      ),
    ],
  ])('finds out that %s', (_what, invariant, rules) => {
    expect(broken(rules)).toBe(invariant);
  });
});
