import {
  afterConnect,
  afterFailure,
  afterRefresh,
  afterSyncFailure,
  isDue,
  isLive,
  type Change,
  type Integration,
} from '@hub/domain';
import { aGrant, anIntegration, FAILURES, minutesFromNoon } from '../factories/integration';

/** The life of one integration, told by its decisions: each step takes the row, says what happened, and gives the row as it then stands. */
class Life {
  readonly told: string[] = [];
  integration: Integration = anIntegration({ nextRefreshAt: null });

  private happened({ patch, events }: Change): this {
    const { grant, workedAt, refreshFailure, syncFailure, ...columns } = patch;
    const attempts = patch.failedRefreshes ?? this.integration.failedRefreshes;
    this.integration = {
      ...this.integration,
      ...columns,
      ...(grant && { issuedAt: grant.issuedAt, expiresAt: grant.expiresAt }),
      ...(refreshFailure !== undefined && { refreshFailure: refreshFailure && { ...refreshFailure, attempts } }),
      ...(syncFailure !== undefined && { syncFailure: syncFailure && { ...syncFailure, attempts } }),
      ...(workedAt && { lastSyncAt: workedAt }),
    };
    this.told.push(...events.map(({ name }) => name));
    return this;
  }

  connects(minute: number, again = false): this {
    const connected = { account: { id: 'a', label: 'ada' }, inputs: {}, metadata: {}, refreshable: true, again };
    return this.happened(afterConnect({ ...connected, grant: grantAt(minute) }, minutesFromNoon(minute), 0));
  }

  refreshes(minute: number): this {
    return this.happened(afterRefresh(this.integration, grantAt(minute), minutesFromNoon(minute), 0));
  }

  fails(minute: number, failure: (typeof FAILURES)[keyof typeof FAILURES]): this {
    return this.happened(afterFailure(this.integration, failure, minutesFromNoon(minute)));
  }

  syncFails(minute: number, failure: (typeof FAILURES)[keyof typeof FAILURES]): this {
    return this.happened(afterSyncFailure(this.integration, failure, minutesFromNoon(minute), 3_600_000));
  }

  get dueAtMinute(): number | null {
    const { nextRefreshAt } = this.integration;
    return nextRefreshAt && (nextRefreshAt.getTime() - minutesFromNoon(0).getTime()) / 60_000;
  }
}

/** An hour's life from that minute on. */
const grantAt = (minute: number) =>
  aGrant({ issuedAt: minutesFromNoon(minute), expiresAt: minutesFromNoon(minute + 60) });

describe('an integration', () => {
  it('is connected by a connect, and due for a refresh 40 minutes later', () => {
    const life = new Life().connects(0);
    expect(life.integration).toMatchObject({ status: 'connected', failedRefreshes: 0, refreshFailure: null });
    expect(life.dueAtMinute).toBe(40);
    expect(isDue(life.integration, minutesFromNoon(39.9))).toBe(false);
    expect(isDue(life.integration, minutesFromNoon(40))).toBe(true);
    expect(life.told).toEqual(['integration.connected']);
  });

  it('stays connected from refresh to refresh', () => {
    const life = new Life().connects(0).refreshes(40).refreshes(80);
    expect(life.integration.status).toBe('connected');
    expect(life.dueAtMinute).toBe(120);
    expect(life.integration.lastSyncAt).toEqual(minutesFromNoon(80));
    expect(life.told).toEqual(['integration.connected', 'refresh.succeeded', 'refresh.succeeded']);
  });

  it('is failing, and climbs the ladder, while its provider is down; its token serves meanwhile', () => {
    const life = new Life().connects(0);
    const climbed = [40, 41, 43, 47, 55].map((minute) => {
      life.fails(minute, FAILURES.down);
      return {
        status: life.integration.status,
        next: life.dueAtMinute,
        live: isLive(life.integration, minutesFromNoon(minute)),
      };
    });
    expect(climbed).toEqual([
      { status: 'refresh_failing', next: 41, live: true },
      { status: 'refresh_failing', next: 43, live: true },
      { status: 'refresh_failing', next: 47, live: true },
      { status: 'refresh_failing', next: 55, live: true },
      { status: 'refresh_failing', next: 63, live: true },
    ]);
    expect(life.integration.refreshFailure).toEqual({
      code: 'provider_unavailable',
      at: minutesFromNoon(55),
      attempts: 5,
    });
  });

  it('has recovered once a refresh is granted, however often it failed before', () => {
    const life = new Life().connects(0);
    for (const minute of [40, 41, 43, 47, 55, 63, 71]) life.fails(minute, FAILURES.down);
    life.refreshes(79);
    expect(life.integration).toMatchObject({ status: 'connected', failedRefreshes: 0, refreshFailure: null });
    expect(life.told.slice(-2)).toEqual(['refresh.succeeded', 'integration.recovered']);
    expect(life.dueAtMinute).toBe(119);
  });

  it.each([
    ['an outage', FAILURES.down],
    ['a throttle', FAILURES.throttled],
    ['a lost answer', FAILURES.lost],
    ['a wrong client secret', FAILURES.wrongSecret],
  ])('never needs a person because of %s, however long it lasts', (_what, cause) => {
    const life = new Life().connects(0);
    for (let minute = 40; minute < 3_000; minute += 30) life.fails(minute, cause);
    expect(life.integration.status).toBe('refresh_failing');
    expect(life.dueAtMinute).toBeGreaterThan(2_999);
  });

  it('needs a person once the provider has refused its grant, and nothing more is tried', () => {
    const life = new Life().connects(0).fails(40, FAILURES.revoked);
    expect(life.integration).toMatchObject({ status: 'reauth_required', nextRefreshAt: null });
    expect(life.integration.refreshFailure?.code).toBe('invalid_grant');
    expect(isDue(life.integration, minutesFromNoon(9_999))).toBe(false);
    expect(life.told.slice(-2)).toEqual(['refresh.failed', 'integration.reauth_required']);
  });

  it('needs a person as well when a sync hears of the dead grant first', () => {
    const life = new Life().connects(0).syncFails(5, FAILURES.revoked);
    expect(life.integration).toMatchObject({ status: 'reauth_required', nextRefreshAt: null, nextSyncAt: null });
    expect(life.told.slice(-2)).toEqual(['sync.failed', 'integration.reauth_required']);
  });

  it('keeps its status when only its metadata cannot be had', () => {
    const life = new Life().connects(0).syncFails(5, FAILURES.down);
    expect(life.integration).toMatchObject({ status: 'connected', failedSyncs: 1, failedRefreshes: 0 });
    expect(life.dueAtMinute).toBe(40);
  });

  it('is connected again, with nothing left of the failure, when the person connects once more', () => {
    const life = new Life().connects(0).fails(40, FAILURES.revoked).connects(90, true);
    expect(life.integration).toMatchObject({
      status: 'connected',
      failedRefreshes: 0,
      refreshFailure: null,
      failedSyncs: 0,
      syncFailure: null,
      nextSyncAt: minutesFromNoon(90),
    });
    expect(life.dueAtMinute).toBe(130);
    expect(life.told.at(-1)).toBe('integration.connected');
  });
});
