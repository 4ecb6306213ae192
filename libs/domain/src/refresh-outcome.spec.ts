import fc from 'fast-check';
import { aGrant, anIntegration, FAILURES, minutesFromNoon, NOON } from '../../../test/factories/integration';
import type { Change } from './change';
import { deadLetterKindsOf } from './dead-letter';
import { endsGrant, failure, FAILURE_CODES, type Failure, type FailureKind } from './failure';
import type { RefreshState, Status } from './integration';
import {
  afterFailure,
  afterLateGrant,
  afterPutOff,
  afterRefresh,
  afterVerification,
  rescopedEvents,
} from './refresh-outcome';
import { STATUSES } from './integration';

const names = (change: Change): string[] => change.events.map(({ name }) => name);
const minutesUntil = (time: Date | null | undefined): number | null =>
  time ? (time.getTime() - NOON.getTime()) / 60_000 : null;

describe('a refresh that is granted', () => {
  it('stores the grant, clears every trace of failure and plans the next one', () => {
    const grant = aGrant();
    const change = afterRefresh(anIntegration({ status: 'connected' }), grant, NOON, 0);
    expect(change.patch).toEqual({
      status: 'connected',
      grant,
      nextRefreshAt: minutesFromNoon(40),
      failedRefreshes: 0,
      inDoubtSince: null,
      refreshFailure: null,
      refusalHeldAt: null,
      workedAt: NOON,
    });
    expect(change.next).toEqual(minutesFromNoon(40));
    expect(change.events).toHaveLength(1);
  });

  it('tells of the recovery where it was failing', () => {
    const change = afterRefresh(anIntegration({ status: 'refresh_failing' }), aGrant(), NOON, 0);
    expect(change.events).toContainEqual({ name: 'integration.recovered', detail: { from: 'refresh_failing' } });
  });

  it('tells which rights are other ones than before', () => {
    expect(rescopedEvents('a b', { scope: 'b c' })).toEqual([
      { name: 'grant.scope_changed', detail: { added: 'c', missing: 'a' } },
    ]);
    for (const scope of ['b a', undefined, null]) expect(rescopedEvents('a b', { scope })).toEqual([]);
  });

  it('plans nothing where nothing about the grant ends', () => {
    const change = afterRefresh(anIntegration(), aGrant({ expiresAt: null }), NOON, 0);
    expect(change.patch.nextRefreshAt).toBeNull();
    expect(change.next).toBeNull();
  });

  it('keeps the old refresh token when the provider does not rotate it', () => {
    const change = afterRefresh(anIntegration(), aGrant({ refreshToken: undefined }), NOON, 0);
    expect(change.patch.grant?.refreshToken).toBeUndefined();
  });

  it('tells when the new token ends, and no token', () => {
    const [event] = afterRefresh(anIntegration(), aGrant(), NOON, 0).events;
    expect(event).toEqual({ name: 'refresh.succeeded', detail: { expiresAt: '2026-11-22T13:00:00.000Z' } });
  });
});

describe('a credential that was tried and still works', () => {
  it('counts as connected, with nothing more due and a sync at once', () => {
    const change = afterVerification(anIntegration({ status: 'refresh_failing' }), NOON);
    expect(change.patch).toEqual({
      status: 'connected',
      failedRefreshes: 0,
      refreshFailure: null,
      refusalHeldAt: null,
      workedAt: NOON,
      nextRefreshAt: null,
      nextSyncAt: NOON,
    });
    expect(change.events).toEqual([
      { name: 'refresh.succeeded', detail: { verified: true } },
      { name: 'integration.recovered', detail: { from: 'refresh_failing' } },
    ]);
  });
});

describe('a grant that came late', () => {
  it('is looked at at once', () => {
    expect(afterLateGrant(anIntegration(), NOON)).toEqual({ patch: { nextRefreshAt: NOON }, events: [], next: NOON });
  });

  it('lifts a verdict that fell without it, and with it the end of its syncs', () => {
    const { patch, events } = afterLateGrant(anIntegration({ status: 'reauth_required' }), NOON);
    expect(patch).toEqual({ nextRefreshAt: NOON, status: 'refresh_failing', nextSyncAt: NOON });
    expect(events).toEqual([
      { name: 'integration.reopened', detail: { from: 'reauth_required', reason: 'late_grant' } },
    ]);
  });
});

describe('a refresh that fails', () => {
  it.each([
    { failed: 0, attempts: 1, minutes: 1, dead: false },
    { failed: 1, attempts: 2, minutes: 2, dead: false },
    { failed: 2, attempts: 3, minutes: 4, dead: false },
    { failed: 3, attempts: 4, minutes: 8, dead: false },
    { failed: 4, attempts: 5, minutes: 8, dead: true },
    { failed: 40, attempts: 41, minutes: 8, dead: true },
  ])('for the time no. $attempts is tried again in $minutes min', ({ failed, attempts, minutes, dead }) => {
    const change = afterFailure(anIntegration({ failedRefreshes: failed }), FAILURES.down, NOON);
    expect(change.patch).toEqual({
      status: 'refresh_failing',
      nextRefreshAt: minutesFromNoon(minutes),
      failedRefreshes: attempts,
      inDoubtSince: null,
      refreshFailure: { code: 'provider_unavailable', at: NOON },
    });
    expect(change.events).toEqual([
      {
        name: 'refresh.failed',
        detail: { code: 'provider_unavailable', kind: 'transient', reason: 'status_503', attempts, deadLetter: dead },
      },
    ]);
  });

  it.each([
    { what: 'an outage', cause: FAILURES.down, status: 'refresh_failing', attempts: 3 },
    { what: 'a lost answer', cause: FAILURES.lost, status: 'refresh_failing', attempts: 3 },
    { what: 'a throttle', cause: FAILURES.throttled, status: 'refresh_failing', attempts: 3 },
    { what: 'a wrong client secret', cause: FAILURES.wrongSecret, status: 'refresh_failing', attempts: 3 },
    { what: 'a seal that does not open', cause: FAILURES.unopened, status: 'refresh_failing', attempts: 3 },
    { what: 'a revoked grant', cause: FAILURES.revoked, status: 'reauth_required', attempts: 3 },
  ] as const)('by $what leaves it $status with $attempts failures', ({ cause, status, attempts }) => {
    const { patch } = afterFailure(anIntegration({ status: 'refresh_failing' }), cause, NOON);
    expect(patch).toMatchObject({ status, failedRefreshes: attempts });
  });

  it('without a usable answer leaves the grant in doubt, from then on and whatever fails later', () => {
    const lost = afterFailure(anIntegration(), FAILURES.lost, NOON);
    expect(lost.patch.inDoubtSince).toEqual(NOON);
    for (const cause of [FAILURES.down, FAILURES.throttled, FAILURES.wrongSecret, FAILURES.lost]) {
      const inDoubt = anIntegration({ inDoubtSince: minutesFromNoon(-3) });
      expect(afterFailure(inDoubt, cause, NOON).patch.inDoubtSince).toEqual(minutesFromNoon(-3));
    }
    for (const cause of [FAILURES.down, FAILURES.throttled, FAILURES.wrongSecret])
      expect(afterFailure(anIntegration(), cause, NOON).patch.inDoubtSince).toBeNull();
  });

  it('ends a doubt by a verdict', () => {
    const inDoubt = anIntegration({ inDoubtSince: minutesFromNoon(-3) });
    expect(afterFailure(inDoubt, FAILURES.revoked, NOON).patch.inDoubtSince).toBeNull();
  });

  it('is tried again within the provider’s grace for spent tokens', () => {
    const seconds = (change: Change) => (change.next!.getTime() - NOON.getTime()) / 1000;
    expect(seconds(afterFailure(anIntegration(), FAILURES.lost, NOON, 30_000))).toBe(15);
    expect(seconds(afterFailure(anIntegration(), FAILURES.down, NOON, 30_000))).toBe(60);
    const inDoubt = anIntegration({ inDoubtSince: new Date(NOON.getTime() - 20_000) });
    expect(seconds(afterFailure(inDoubt, FAILURES.down, NOON, 30_000))).toBe(5);
    expect(seconds(afterFailure(inDoubt, FAILURES.throttled, NOON, 30_000))).toBe(5);
    expect(seconds(afterFailure(inDoubt, FAILURES.down, NOON, 10_000))).toBe(60);
  });

  it('waits as long as the provider asks', () => {
    const { next } = afterFailure(anIntegration(), FAILURES.throttled, NOON);
    expect(minutesUntil(next)).toBe(1.5);
  });

  it('because the grant is dead plans nothing more, and says so beside the failure', () => {
    const change = afterFailure(anIntegration(), FAILURES.revoked, NOON);
    expect(change.next).toBeNull();
    expect(change.patch.nextRefreshAt).toBeNull();
    expect(change.events).toEqual([
      { name: 'refresh.failed', detail: { ...FAILURES.revoked, attempts: 1, deadLetter: false } },
      { name: 'integration.reauth_required', detail: { code: 'invalid_grant', reason: 'invalid_grant' } },
    ]);
  });

  it('because the grant is dead is no dead letter, however often it had failed before', () => {
    const change = afterFailure(anIntegration({ failedRefreshes: 9 }), FAILURES.revoked, NOON);
    expect(change.events[0]?.detail).toMatchObject({ attempts: 10, deadLetter: false });
  });

  it('does not touch the tokens in hand, which serve until they end', () => {
    for (const cause of Object.values(FAILURES))
      expect(afterFailure(anIntegration(), cause, NOON).patch.grant).toBeUndefined();
  });

  it.each(FAILURE_CODES.filter((code) => code !== 'invalid_grant'))('by %s never ends the grant', (code) => {
    const { patch } = afterFailure(anIntegration(), failure(code, 'words'), NOON);
    expect(patch.status).toBe('refresh_failing');
  });

  it('by invalid_grant that is only in doubt does not end the grant either', () => {
    const { patch } = afterFailure(anIntegration(), failure('invalid_grant', 'x', { kind: 'in_doubt' }), NOON);
    expect(patch.status).toBe('refresh_failing');
  });
});

describe('a failure of our own', () => {
  it.each(['wrongSecret', 'unopened'] as const)(
    '%s is a dead letter after the fourth retry, until a grant',
    (cause) => {
      let state: RefreshState = anIntegration({ status: 'connected' });
      const dead: boolean[] = [];
      for (let attempt = 1; attempt <= 6; attempt += 1) {
        const { patch } = afterFailure(state, FAILURES[cause], NOON);
        state = { ...state, status: patch.status!, failedRefreshes: patch.failedRefreshes! };
        dead.push(deadLetterKindsOf({ ...state, failedSyncs: 0 }).includes('refresh'));
      }
      expect(dead).toEqual([false, false, false, false, true, true]);
      const { patch } = afterRefresh(state, aGrant(), NOON, 0);
      expect(patch).toMatchObject({ status: 'connected', failedRefreshes: 0, refreshFailure: null });
    },
  );
});

describe('a refresh that waits for what all wait for', () => {
  it.each([
    { failed: 0, minutes: 1, dead: false },
    { failed: 3, minutes: 4, dead: false },
    { failed: 5, minutes: 8, dead: true },
  ])('stays on rung $failed, and comes again in $minutes min', ({ failed, minutes, dead }) => {
    const change = afterPutOff(anIntegration({ failedRefreshes: failed }), FAILURES.unopened, NOON);
    expect(change.patch).toEqual({
      status: 'refresh_failing',
      nextRefreshAt: minutesFromNoon(minutes),
      failedRefreshes: failed,
      inDoubtSince: null,
      refreshFailure: { code: 'internal', at: NOON },
    });
    expect(change.events).toEqual([
      { name: 'refresh.failed', detail: { ...FAILURES.unopened, attempts: failed, deadLetter: dead } },
    ]);
    expect(change.next).toEqual(minutesFromNoon(minutes));
  });

  it('comes again within the provider’s grace for spent tokens, where one is in doubt', () => {
    const inDoubt = anIntegration({ inDoubtSince: new Date(NOON.getTime() - 20_000) });
    const { next, patch } = afterPutOff(inDoubt, FAILURES.wrongSecret, NOON, 30_000);
    expect(next).toEqual(new Date(NOON.getTime() + 5_000));
    expect(patch.inDoubtSince).toEqual(inDoubt.inDoubtSince);
    expect(minutesUntil(afterPutOff(inDoubt, FAILURES.wrongSecret, NOON).next)).toBe(1);
  });
});

describe('whatever happens to a token in a month', () => {
  const KINDS: readonly FailureKind[] = ['definite', 'in_doubt', 'transient', 'ours'];
  const failures: fc.Arbitrary<Failure> = fc
    .record({
      code: fc.constantFrom(...FAILURE_CODES),
      kind: fc.constantFrom(...KINDS),
      retryAfterMs: fc.option(fc.nat(86_400_000), { nil: undefined }),
    })
    .map(({ code, kind, retryAfterMs }) => failure(code, 'words', { kind, ...(retryAfterMs && { retryAfterMs }) }));
  const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  /** `null`: the provider grants a token of this life; else it fails so. */
  const steps = fc.array(
    fc.record({
      failure: fc.option(failures),
      lifeMs: fc.option(fc.integer({ min: 1, max: 90 * 86_400_000 })),
      chance: chances,
      lateMs: fc.nat(3_600_000),
    }),
    { maxLength: 60 },
  );

  interface Step {
    readonly failure: Failure | null;
    readonly lifeMs: number | null;
    readonly chance: number;
    /** How long after its due time the refresh is done. */
    readonly lateMs: number;
  }

  interface Moment {
    readonly before: RefreshState;
    readonly step: Step;
    readonly now: Date;
    readonly change: Change;
  }

  /** Lives through the steps, each when it falls due, until nothing is due any more. */
  function live(steps: readonly Step[]): Moment[] {
    const moments: Moment[] = [];
    let state: RefreshState = anIntegration({ status: 'connected', nextRefreshAt: minutesFromNoon(8) });
    for (const step of steps) {
      if (state.nextRefreshAt === null) break;
      const now = new Date(state.nextRefreshAt.getTime() + step.lateMs);
      const expiresAt = step.lifeMs === null ? null : new Date(now.getTime() + step.lifeMs);
      const change = step.failure
        ? afterFailure(state, step.failure, now)
        : afterRefresh(state, aGrant({ issuedAt: now, expiresAt }), now, step.chance);
      moments.push({ before: state, step, now, change });
      state = applied(state, change);
    }
    return moments;
  }

  function applied(state: RefreshState, { patch }: Change): RefreshState {
    const { status, nextRefreshAt, failedRefreshes, grant } = patch;
    return {
      ...state,
      ...(grant && { issuedAt: grant.issuedAt, expiresAt: grant.expiresAt, refreshExpiresAt: grant.refreshExpiresAt }),
      ...(status && { status }),
      ...(nextRefreshAt !== undefined && { nextRefreshAt }),
      ...(failedRefreshes !== undefined && { failedRefreshes }),
    };
  }

  const always = (holds: (moment: Moment) => void): void =>
    fc.assert(fc.property(steps, (drawn) => live(drawn).forEach(holds)));

  it('only a definite invalid_grant makes reauth_required', () =>
    always(({ step, change }) => {
      expect(change.patch.status === 'reauth_required').toBe(step.failure !== null && endsGrant(step.failure));
    }));

  it('the next refresh lies in the future, or nothing ends, or only a person can mend it', () =>
    always(({ now, step, change }) => {
      expect(change.next).toEqual(change.patch.nextRefreshAt);
      if (change.next) expect(change.next.getTime()).toBeGreaterThan(now.getTime());
      else expect(change.patch.status === 'reauth_required' || step.lifeMs === null).toBe(true);
    }));

  it('failures are counted up by one, whoever is to blame, and to nothing by a grant', () =>
    always(({ before, step, change }) => {
      expect(change.patch.failedRefreshes).toBe(step.failure ? before.failedRefreshes + 1 : 0);
    }));

  it('a grant makes connected and leaves no failure standing', () =>
    always(({ step, change }) => {
      if (step.failure) return;
      expect(change.patch).toMatchObject({ status: 'connected', failedRefreshes: 0, refreshFailure: null });
    }));

  it('a failure stands with its code and time until a grant', () =>
    always(({ now, step, change }) => {
      if (step.failure) expect(change.patch.refreshFailure).toEqual({ code: step.failure.code, at: now });
    }));

  it('a recovery is told exactly when the status comes back to connected', () =>
    always(({ before, change }) => {
      const recovered = before.status !== 'connected' && change.patch.status === 'connected';
      expect(names(change).includes('integration.recovered')).toBe(recovered);
    }));

  it('every change tells at least one event, and only known statuses', () =>
    always(({ change }) => {
      expect(change.events.length).toBeGreaterThan(0);
      expect(STATUSES).toContain(change.patch.status as Status);
    }));
});
