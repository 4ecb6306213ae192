import { failure, HELD_REASON, type RefreshState, type Sealed } from '@hub/domain';
import type { RefreshRetry } from '@hub/providers';
import { afterAnswer, afterGranted } from './refresh-answer';

const NOON = new Date('2026-11-22T12:00:00Z');
const connected: RefreshState = {
  status: 'connected',
  issuedAt: new Date('2026-11-22T11:20:00Z'),
  expiresAt: new Date('2026-11-22T12:20:00Z'),
  refreshExpiresAt: null,
  nextRefreshAt: NOON,
  failedRefreshes: 0,
  inDoubtSince: null,
};
const refused = failure('invalid_grant', 'invalid_grant');
const names = (change: { events: readonly { name: string }[] }) => change.events.map(({ name }) => name);

describe('a refusal', () => {
  it('without a doubt is the word about this grant', () => {
    const change = afterAnswer(connected, { kind: 'refused', failure: refused, doubt: null }, NOON);
    expect(change.patch).toMatchObject({ status: 'reauth_required', refreshFailure: { code: 'invalid_grant' } });
    expect(names(change)).toEqual(['refresh.failed', 'integration.reauth_required']);
  });

  it.each<RefreshRetry>(['none', 'probe', 'grace:600'])(
    'after a lost answer is laid to it where retry is %s',
    (retry) => {
      const doubt = { retry, lost: 'timeout' };
      const change = afterAnswer(connected, { kind: 'refused', failure: refused, doubt }, NOON);
      expect(change.patch).toMatchObject({
        status: 'reauth_required',
        refreshFailure: { code: 'token_refresh_failed' },
      });
      expect(change.events[0]).toEqual({
        name: 'refresh.in_doubt',
        detail: { retry, lost: 'timeout', outcome: 'invalid_grant' },
      });
    },
  );

  it.each<RefreshRetry>(['nonRotating', 'idempotent'])('has another reason where a token stays good: %s', (retry) => {
    const doubt = { retry, lost: 'timeout' };
    const change = afterAnswer(connected, { kind: 'refused', failure: refused, doubt }, NOON);
    expect(change.patch).toMatchObject({ refreshFailure: { code: 'invalid_grant' } });
  });

  it('that is none about the grant never ends it, doubt or not', () => {
    const down = failure('provider_unavailable', 'http_503');
    const change = afterAnswer(
      connected,
      { kind: 'refused', failure: down, doubt: { retry: 'none', lost: 'x' } },
      NOON,
    );
    expect(change.patch.status).toBe('refresh_failing');
  });
});

describe('a doubt', () => {
  const since = new Date('2026-11-22T11:59:40Z');
  const down = failure('provider_unavailable', 'http_503');
  const inDoubt = { ...connected, inDoubtSince: since };

  it('stands in the row through whatever fails after the lost answer', () => {
    const answer = {
      kind: 'refused',
      failure: down,
      doubt: { retry: 'none', lost: 'timeout' },
      standing: { since, graceMs: null },
    } as const;
    expect(afterAnswer(connected, answer, NOON).patch.inDoubtSince).toEqual(since);
  });

  it('is ended by an answer that surely spent nothing, where nothing was in doubt before', () => {
    const answer = { kind: 'refused', failure: down, doubt: null, standing: null } as const;
    expect(afterAnswer(inDoubt, answer, NOON).patch.inDoubtSince).toBeNull();
  });

  it('is left as it is by a failure of something else than the token endpoint', () => {
    const answer = { kind: 'refused', failure: down, doubt: null } as const;
    expect(afterAnswer(inDoubt, answer, NOON).patch.inDoubtSince).toEqual(since);
    expect(afterAnswer(inDoubt, { kind: 'unopened', reason: 'x' }, NOON).patch.inDoubtSince).toEqual(since);
    expect(afterAnswer(inDoubt, { kind: 'works' }, NOON).patch.inDoubtSince).toBeUndefined();
  });

  it('where a spent token is taken for 30 s brings the next try within half of what is left of them', () => {
    const lost = failure('token_refresh_failed', 'timeout');
    const answer = {
      kind: 'refused',
      failure: lost,
      doubt: { retry: 'grace:30', lost: 'timeout' },
      standing: { since: new Date('2026-11-22T11:59:50Z'), graceMs: 30_000 },
    } as const;
    expect(afterAnswer(connected, answer, NOON).next).toEqual(new Date('2026-11-22T12:00:10Z'));
  });
});

it('a grant after a doubt tells of both', () => {
  const grant = {
    accessToken: 'hub1.a' as Sealed,
    refreshToken: undefined,
    issuedAt: NOON,
    expiresAt: null,
    refreshExpiresAt: null,
    scope: undefined,
  };
  const change = afterGranted(connected, { grant, doubt: { retry: 'idempotent', lost: 'timeout' } }, NOON, 0);
  expect(names(change)).toEqual(['refresh.in_doubt', 'refresh.succeeded']);
});

it('a token that does not open climbs the ladder, and costs no connection', () => {
  const change = afterAnswer(connected, { kind: 'unopened', reason: 'refresh_token_not_authentic' }, NOON);
  expect(change.patch).toMatchObject({
    status: 'refresh_failing',
    failedRefreshes: 1,
    refreshFailure: { code: 'internal' },
    nextRefreshAt: new Date('2026-11-22T12:01:00Z'),
  });
  expect(names(change)).toEqual(['seal.open_failed', 'refresh.failed']);
});

describe('what the hub fails at', () => {
  const broken = failure('internal', 'unexpected_error');

  it('climbs the ladder and becomes a dead letter, as every other failure does', () => {
    const answer = { kind: 'failed_here', failure: broken, standing: null } as const;
    const first = afterAnswer(connected, answer, NOON);
    expect(first.patch).toMatchObject({
      status: 'refresh_failing',
      failedRefreshes: 1,
      inDoubtSince: null,
      refreshFailure: { code: 'internal' },
      nextRefreshAt: new Date('2026-11-22T12:01:00Z'),
    });
    const fifth = afterAnswer({ ...connected, status: 'refresh_failing', failedRefreshes: 4 }, answer, NOON);
    expect(fifth.events).toMatchObject([{ name: 'refresh.failed', detail: { attempts: 5, deadLetter: true } }]);
    expect(fifth.patch.nextRefreshAt).toEqual(new Date('2026-11-22T12:08:00Z'));
  });

  it('leaves in doubt what was sent before, and comes again while the provider takes it', () => {
    const standing = { since: new Date('2026-11-22T11:59:50Z'), graceMs: 30_000 };
    const { patch, next } = afterAnswer(connected, { kind: 'failed_here', failure: broken, standing }, NOON);
    expect(patch.inDoubtSince).toEqual(standing.since);
    expect(next).toEqual(new Date('2026-11-22T12:00:10Z'));
  });
});

describe('a refusal of the registration', () => {
  const answer = {
    kind: 'refused',
    failure: failure('provider_misconfigured', 'invalid_client'),
    doubt: null,
  } as const;
  const failing: RefreshState = { ...connected, status: 'refresh_failing', failedRefreshes: 2 };

  it('counts while the breaker is closed, and not where this was its probe', () => {
    expect(afterAnswer(failing, answer, NOON).patch.failedRefreshes).toBe(3);
    const probe = afterAnswer(failing, answer, NOON, true);
    expect(probe.patch).toMatchObject({ status: 'refresh_failing', failedRefreshes: 2 });
    expect(probe.patch.refreshFailure).toMatchObject({ code: 'provider_misconfigured' });
  });

  it('keeps, as a probe, the doubt that stands', () => {
    const standing = { since: new Date('2026-11-22T11:59:50Z'), graceMs: 30_000 };
    const { patch, next } = afterAnswer(failing, { ...answer, standing }, NOON, true);
    expect(patch.inDoubtSince).toEqual(standing.since);
    expect(next).toEqual(new Date('2026-11-22T12:00:10Z'));
  });

  it('says nothing about others where it concerns this integration alone, so that it counts as a probe too', () => {
    const alone = failure('provider_misconfigured', 'shop_not_permitted', { concerns: 'integration' });
    expect(afterAnswer(failing, { ...answer, failure: alone }, NOON, true).patch.failedRefreshes).toBe(3);
  });

  it('of the provider itself counts as a probe too', () => {
    const down = failure('provider_unavailable', 'http_503');
    expect(afterAnswer(failing, { ...answer, failure: down }, NOON, true).patch.failedRefreshes).toBe(3);
  });

  it('that stands for a verdict which is not believed costs no attempt', () => {
    const held = failure('provider_misconfigured', HELD_REASON);
    const { patch } = afterAnswer(failing, { ...answer, failure: held }, NOON);
    expect(patch).toMatchObject({ status: 'refresh_failing', failedRefreshes: 2, refusalHeldAt: NOON });
  });

  it('that is not believed keeps the doubt of its own attempt, and comes again while the provider takes it', () => {
    const held = failure('provider_misconfigured', HELD_REASON);
    const standing = { since: new Date('2026-11-22T11:59:50Z'), graceMs: 30_000 };
    const doubt = { retry: 'grace:30', lost: 'timeout' } as const;
    const { patch, next } = afterAnswer(failing, { kind: 'refused', failure: held, doubt, standing }, NOON);
    expect(patch).toMatchObject({ inDoubtSince: standing.since, refusalHeldAt: NOON });
    expect(next).toEqual(new Date('2026-11-22T12:00:10Z'));
  });

  it('that is not believed ends a doubt that its own attempt has resolved', () => {
    const held = failure('provider_misconfigured', HELD_REASON);
    const inDoubt = { ...failing, inDoubtSince: new Date('2026-11-22T11:59:00Z') };
    const { patch } = afterAnswer(inDoubt, { kind: 'refused', failure: held, doubt: null, standing: null }, NOON);
    expect(patch.inDoubtSince).toBeNull();
  });
});

it('a key provider that is away puts a refresh off to the next rung, and costs neither attempt nor connection', () => {
  const inDoubt = { ...connected, inDoubtSince: new Date('2026-11-22T11:59:00Z') };
  const change = afterAnswer(inDoubt, { kind: 'key_away' }, NOON);
  expect(change.patch).toMatchObject({
    status: 'refresh_failing',
    failedRefreshes: 0,
    refreshFailure: { code: 'internal' },
    inDoubtSince: inDoubt.inDoubtSince,
    nextRefreshAt: new Date('2026-11-22T12:01:00Z'),
  });
  expect(names(change)).toEqual(['refresh.failed']);
});
