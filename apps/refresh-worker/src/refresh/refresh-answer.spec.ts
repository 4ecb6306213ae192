import { failure, type RefreshState, type Sealed } from '@hub/domain';
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

it('a token that does not open is put off, costs no attempt and no connection', () => {
  const change = afterAnswer(connected, { kind: 'unopened', reason: 'refresh_token_not_authentic' }, NOON);
  expect(change.patch).toMatchObject({
    status: 'refresh_failing',
    failedRefreshes: 0,
    refreshFailure: { code: 'internal' },
    nextRefreshAt: new Date('2026-11-22T12:08:00Z'),
  });
  expect(names(change)).toEqual(['seal.open_failed', 'refresh.failed']);
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
