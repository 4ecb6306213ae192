import fc from 'fast-check';
import { anIntegration, FAILURES, minutesFromNoon, NOON } from '../../../test/factories/integration';
import { endsGrant, failure, FAILURE_CODES } from './failure';
import { afterSync, afterSyncFailure, isMassRefusal, isSyncDue } from './sync-outcome';

const HOUR = 60 * 60_000;

describe('a sync is due', () => {
  it.each([
    { what: 'once its time has come', status: 'connected', nextSyncAt: NOON, due: true },
    { what: 'while it is overdue', status: 'refresh_failing', nextSyncAt: minutesFromNoon(-99), due: true },
    { what: 'not before', status: 'connected', nextSyncAt: minutesFromNoon(1), due: false },
    { what: 'not where none is planned', status: 'connected', nextSyncAt: null, due: false },
    { what: 'not where only a person can mend it', status: 'reauth_required', nextSyncAt: NOON, due: false },
  ] as const)('$what', ({ status, nextSyncAt, due }) => {
    expect(isSyncDue(anIntegration({ status, nextSyncAt }), NOON)).toBe(due);
  });
});

describe('a sync that learnt the metadata', () => {
  it('writes it, clears every failure and plans the next sync', () => {
    const change = afterSync({ metadata: { shopName: 'Ada', plan: 'basic' }, account: null }, NOON, HOUR, 0);
    expect(change.patch).toEqual({
      metadata: { shopName: 'Ada', plan: 'basic' },
      nextSyncAt: minutesFromNoon(60),
      failedSyncs: 0,
      syncFailure: null,
      workedAt: NOON,
    });
    expect(change.events).toEqual([{ name: 'sync.completed', detail: { keys: ['plan', 'shopName'] } }]);
  });

  it('tells the names of the metadata, never what it says', () => {
    const change = afterSync({ metadata: { workspaceName: 'private' }, account: null }, NOON, HOUR, 0);
    expect(JSON.stringify(change.events)).not.toContain('private');
  });

  it('fills in the account where the provider told it', () => {
    const account = { id: 'a-1', label: 'ada' };
    expect(afterSync({ metadata: {}, account }, NOON, HOUR, 0).patch.account).toEqual(account);
  });

  it('leaves tokens, their schedule and the status alone', () => {
    const { patch } = afterSync({ metadata: {}, account: null }, NOON, HOUR, 0);
    for (const column of ['status', 'grant', 'nextRefreshAt', 'failedRefreshes', 'refreshFailure'])
      expect(patch).not.toHaveProperty(column);
  });

  it('is spread over the last tenth of the interval', () => {
    expect(afterSync({ metadata: {}, account: null }, NOON, HOUR, 0.5).next).toEqual(minutesFromNoon(57));
  });
});

describe('a sync that fails', () => {
  it.each([
    { failed: 0, minutes: 1, dead: false },
    { failed: 1, minutes: 2, dead: false },
    { failed: 2, minutes: 4, dead: false },
    { failed: 3, minutes: 8, dead: false },
    { failed: 4, minutes: 60, dead: true },
    { failed: 9, minutes: 60, dead: true },
  ])('after $failed failures comes back in $minutes min', ({ failed, minutes, dead }) => {
    const change = afterSyncFailure(anIntegration({ failedSyncs: failed }), FAILURES.down, NOON, HOUR);
    expect(change.patch).toEqual({
      nextSyncAt: minutesFromNoon(minutes),
      failedSyncs: failed + 1,
      syncFailure: { code: 'provider_unavailable', at: NOON },
    });
    expect(change.events).toEqual([
      {
        name: 'sync.failed',
        detail: { code: 'provider_unavailable', reason: 'status_503', attempts: failed + 1, deadLetter: dead },
      },
    ]);
  });

  it('because the grant is dead ends refreshes and syncs alike', () => {
    const change = afterSyncFailure(anIntegration({ failedRefreshes: 0 }), FAILURES.revoked, NOON, HOUR);
    expect(change.patch).toEqual({
      status: 'reauth_required',
      nextRefreshAt: null,
      failedRefreshes: 1,
      inDoubtSince: null,
      refreshFailure: { code: 'invalid_grant', at: NOON },
      nextSyncAt: null,
      failedSyncs: 1,
      syncFailure: { code: 'invalid_grant', at: NOON },
    });
    expect(change.events.map(({ name }) => name)).toEqual(['sync.failed', 'integration.reauth_required']);
    expect(change.next).toBeNull();
  });

  it.each([
    ['the grant is dead', anIntegration({ failedSyncs: 9 }), FAILURES.revoked],
    ['it was found dead meanwhile', anIntegration({ failedSyncs: 9, status: 'reauth_required' }), FAILURES.down],
  ])('is no dead letter where %s, however often it had failed before', (_why, integration, cause) => {
    const change = afterSyncFailure(integration, cause, NOON, HOUR);
    expect(change.events[0]?.detail).toMatchObject({ attempts: 10, deadLetter: false });
  });

  it('while a refresh is due or under way is no word about the grant', () => {
    const due = anIntegration({ nextRefreshAt: NOON });
    const change = afterSyncFailure(due, FAILURES.revoked, NOON, HOUR);
    expect(change.patch).toEqual({
      nextSyncAt: minutesFromNoon(1),
      failedSyncs: 1,
      syncFailure: { code: 'provider_unavailable', at: NOON },
    });
    expect(change.events.map(({ name, detail }) => [name, detail?.['reason']])).toEqual([
      ['sync.failed', 'refresh_comes_first'],
    ]);
  });

  it('of a dead grant is told of and leaves the verdict as it fell', () => {
    const change = afterSyncFailure(anIntegration({ status: 'reauth_required' }), FAILURES.revoked, NOON, HOUR);
    expect(change).toEqual({
      patch: { nextSyncAt: null, failedSyncs: 1, syncFailure: { code: 'invalid_grant', at: NOON } },
      events: [
        {
          name: 'sync.failed',
          detail: { code: 'invalid_grant', reason: 'invalid_grant', attempts: 1, deadLetter: false },
        },
      ],
      next: null,
    });
  });

  it('touches the status only by a definite word about the grant', () => {
    const kinds = fc.constantFrom('definite', 'in_doubt', 'transient', 'ours');
    fc.assert(
      fc.property(fc.constantFrom(...FAILURE_CODES), kinds, fc.nat(30), (code, kind, failedSyncs) => {
        const cause = failure(code, 'words', { kind });
        const { patch, next } = afterSyncFailure(anIntegration({ failedSyncs }), cause, NOON, HOUR);
        expect(patch.status).toBe(endsGrant(cause) ? 'reauth_required' : undefined);
        expect(patch.failedSyncs).toBe(failedSyncs + 1);
        if (next) expect(next.getTime()).toBeGreaterThan(NOON.getTime());
      }),
    );
  });
});

describe('an API that refuses tokens', () => {
  it.each([
    ['is believed where it refuses one', 1, 20, false],
    ['is believed where it refuses few', 4, 4, false],
    ['is sick where it refuses several and nobody is left', 5, 5, true],
    ['is sick where it refuses half', 10, 20, true],
    ['is believed where it refuses less than half', 9, 20, false],
  ])('%s', (_sentence, refused, synced, isMass) => expect(isMassRefusal({ refused, synced })).toBe(isMass));
});
