import { checkHistory, type Findings } from '../../prove/history/check-history';
import type { FinalRow, History, Interruption, TrailEvent, ViolationKind } from '../../prove/history/history';
import { aHistory, aSubject, granted, LIMITS, refused, stored, told } from './histories';

const check = (otherwise: Partial<History>): Findings => checkHistory(aHistory(otherwise), LIMITS);
const kindsOf = ({ violations }: Findings): ViolationKind[] => violations.map(({ kind }) => kind);

/** One refresh, granted at 40 s and stored a moment later. */
const REFRESHED = {
  presentations: [granted(40_000, 0)],
  trail: [stored(40_100)],
  subjects: [aSubject({ refreshPrint: 'r1', accessPrint: 'a1', expiresAt: 100_100, nextRefreshAt: 80_000 })],
};

describe('a clean history', () => {
  it('has nothing to find where nothing happened', () => {
    expect(kindsOf(check({}))).toEqual([]);
  });

  it('has nothing to find where a refresh was asked for once, granted and stored', () => {
    const findings = check({ ...REFRESHED, until: 90_000 });
    expect(kindsOf(findings)).toEqual([]);
    expect(findings).toMatchObject({ tokens: 1, refreshes: 1, attempts: 1, lapses: 0, doubleSpends: 0 });
  });

  it('has nothing to find where a row is gone', () => {
    expect(
      kindsOf(check({ subjects: [aSubject(null)], trail: [told(20_000, 'integration.disconnected')], until: 90_000 })),
    ).toEqual([]);
  });
});

describe('lapses', () => {
  it('are found where a token ended before its successor was stored', () => {
    const findings = check({
      ...REFRESHED,
      presentations: [granted(63_000, 0)],
      trail: [stored(63_500)],
      subjects: [aSubject({ refreshPrint: 'r1', expiresAt: 123_500 })],
      until: 70_000,
    });
    expect(kindsOf(findings)).toEqual(['lapse']);
    expect(findings.longestLapseMs).toBe(3_500);
  });

  it('are found where no successor ever came', () => {
    expect(kindsOf(check({ until: 60_001 }))).toEqual(['lapse']);
    expect(kindsOf(check({ until: 60_000 }))).toEqual([]);
  });

  it('are excused only if the provider was unable during the whole margin', () => {
    const late = { ...REFRESHED, presentations: [granted(75_000, 0)], trail: [stored(75_000)], until: 80_000 };
    const subjects = [aSubject({ refreshPrint: 'r1', expiresAt: 135_000 })];
    const whole = check({ ...late, subjects, outages: [{ from: 30_000, until: 72_000 }] });
    expect(whole).toMatchObject({ lapses: 0, excusedLapses: 1 });
    const beganLate = check({ ...late, subjects, outages: [{ from: 41_000, until: 72_000 }] });
    expect(kindsOf(beganLate)).toEqual(['lapse']);
    const endedEarly = check({ ...late, subjects, outages: [{ from: 30_000, until: 49_000 }] });
    expect(kindsOf(endedEarly)).toEqual(['lapse']);
  });

  it('are excused only until the recovery from the outage may be over', () => {
    const outages = [{ from: 30_000, until: 72_000 }];
    const recoveredAt = (at: number): Findings =>
      check({
        presentations: [granted(at, 0)],
        trail: [stored(at)],
        subjects: [aSubject({ refreshPrint: 'r1', accessPrint: 'a1', expiresAt: at + 60_000 })],
        outages,
        until: at + 5_000,
      });
    expect(recoveredAt(102_000)).toMatchObject({ lapses: 0, excusedLapses: 1, violations: [] });
    expect(kindsOf(recoveredAt(102_001))).toEqual(['lapse']);
    expect(kindsOf(check({ outages, until: 102_001 }))).toEqual(['lapse']); // it never recovered
  });

  it('end with the verdict: what waits for a person is not connected', () => {
    const trail = [told(50_000, 'refresh.failed'), told(50_000, 'integration.reauth_required')];
    const subjects = [aSubject({ status: 'reauth_required', failureCode: 'invalid_grant', nextRefreshAt: null })];
    const findings = check({ subjects, trail, ended: new Map([['account of i1', 10_000]]), until: 200_000 });
    expect(kindsOf(findings)).toEqual([]);
  });

  it('are none between a verdict and the success that undid it', () => {
    const judged = [told(50_000, 'refresh.failed'), told(50_000, 'integration.reauth_required')];
    const trail = [...judged, told(79_900, 'integration.reopened'), stored(80_000)];
    const history = {
      presentations: [granted(80_000, 0)],
      subjects: [aSubject({ refreshPrint: 'r1', expiresAt: 140_000 })],
      trail,
      until: 90_000,
    };
    const looks = (...times: number[]) => times.map((at) => ({ at, lapsed: ['i1'], oldestDueMs: 0 }));
    expect(kindsOf(check({ ...history, samples: looks(65_000, 79_000) }))).toEqual([]);
    expect(kindsOf(check({ ...history, samples: looks(85_000) }))).toEqual(['lapse_seen']);
  });

  it('that the table showed and the trail does not know are found', () => {
    const samples = [{ at: 45_000, lapsed: ['i1'], oldestDueMs: 0 }];
    expect(kindsOf(check({ samples }))).toEqual(['lapse_seen']);
  });
});

describe('double spends', () => {
  const twice = (second: number, more = {}): Partial<History> => ({
    ...REFRESHED,
    presentations: [granted(40_000, 0), granted(second, 0, more)],
    until: 90_000,
  });

  it('are found where a token was presented after its successor was stored', () => {
    expect(kindsOf(check(twice(45_000)))).toEqual(['double_spend']);
  });

  it('are found where the provider refused the second presentation too', () => {
    const presentations = [granted(40_000, 0), refused(45_000, 0)];
    expect(kindsOf(check({ ...REFRESHED, presentations, until: 90_000 }))).toEqual(['double_spend']);
  });

  it('are found where two presentations were under way together', () => {
    expect(kindsOf(check(twice(40_050, { overlapping: true })))).toContain('double_spend');
  });

  it('are found where a token came again and nothing explains it', () => {
    const findings = check({
      ...REFRESHED,
      presentations: [granted(40_000, 0), granted(45_000, 0)],
      trail: [stored(45_100)],
      subjects: [aSubject({ refreshPrint: 'r1', expiresAt: 105_100 })],
    });
    expect(kindsOf(findings)).toEqual(['unexplained_repeat']);
  });

  it('are none where the answer was lost, or its worker was killed before it was stored', () => {
    const again = {
      trail: [stored(45_100)],
      subjects: [aSubject({ refreshPrint: 'r1', expiresAt: 105_100 })],
    };
    const lost = check({ ...again, presentations: [granted(40_000, 0, { answer: 'lost' }), granted(45_000, 0)] });
    expect(lost).toMatchObject({ doubleSpends: 0, inDoubt: 1, violations: [] });
    const killed = { at: 40_010, forMs: 0, struck: [{ integrationId: 'i1', at: 39_990 }] };
    const struck = check({
      ...again,
      presentations: [granted(40_000, 0), granted(45_000, 0)],
      interruptions: [killed],
    });
    expect(struck).toMatchObject({ doubleSpends: 0, inDoubt: 1, violations: [] });
  });

  it('are not excused by the death of a worker that had asked about somebody else, or long before', () => {
    const presentations = [granted(40_000, 0), granted(45_000, 0)];
    const base = {
      presentations,
      trail: [stored(45_100)],
      subjects: [aSubject({ refreshPrint: 'r1', expiresAt: 105_100 })],
    };
    const other = { at: 40_010, forMs: 0, struck: [{ integrationId: 'i2', at: 39_990 }] };
    const before = { at: 39_000, forMs: 0, struck: [{ integrationId: 'i1', at: 38_000 }] };
    const asked = { at: 40_010, forMs: 0, struck: [{ integrationId: 'i1', at: 5_000 }] };
    for (const interruption of [other, before, asked])
      expect(kindsOf(check({ ...base, interruptions: [interruption] }))).toEqual(['unexplained_repeat']);
  });

  it('do not exist where refresh tokens last', () => {
    const subjects = [aSubject({ refreshPrint: 'r0', expiresAt: 100_100 })];
    expect(kindsOf(check({ ...twice(45_000), subjects, rotation: 'lasting' }))).toEqual([]);
  });
});

describe('lost families', () => {
  const LOST = {
    subjects: [aSubject({ status: 'reauth_required', failureCode: 'token_refresh_failed', nextRefreshAt: null })],
    presentations: [granted(40_000, 0), refused(46_000, 0)],
    trail: [told(46_100, 'refresh.failed'), told(46_100, 'integration.reauth_required')],
  };
  const kill = { at: 40_020, forMs: 0, struck: [{ integrationId: 'i1', at: 39_990 }] };

  it('are explained by a kill between send and commit', () => {
    const findings = check({ ...LOST, interruptions: [kill] });
    expect(kindsOf(findings)).toEqual([]);
    expect(findings.familiesLost).toEqual([
      { integrationId: 'i1', cause: 'struck', strike: kill, reportedAfterMs: 6_080, at: 46_100 },
    ]);
  });

  it('are found where nothing was struck', () => {
    expect(kindsOf(check(LOST))).toEqual(expect.arrayContaining(['family_lost']));
  });

  it('are not explained by a kill that came when its answer cannot have been under way any more', () => {
    const lostTo = (kill: Interruption): ViolationKind[] =>
      kindsOf(
        check({
          ...LOST,
          presentations: [granted(40_000, 0), refused(90_000, 0)],
          trail: [told(90_100, 'refresh.failed'), told(90_100, 'integration.reauth_required')],
          interruptions: [kill],
          until: 95_000,
        }),
      );
    const killedAt = (at: number): Interruption => ({ at, forMs: 0, struck: [{ integrationId: 'i1', at: 39_990 }] });
    expect(lostTo(killedAt(60_000))).toEqual([]);
    expect(lostTo(killedAt(60_001))).toContain('family_lost');
    expect(lostTo({ at: 60_001, forMs: 5_000, struck: 'all' })).toContain('family_lost');
  });

  it('are explained by a kill only for as long as an answer is under way in its scenario', () => {
    const killedAt = (at: number, endedAt?: number): Interruption => ({
      at,
      forMs: 0,
      struck: [{ integrationId: 'i1', at: 39_990, ...(endedAt !== undefined && { endedAt }) }],
      answeredWithinMs: 2_000,
    });
    const lostTo = (kill: Interruption): ViolationKind[] => kindsOf(check({ ...LOST, interruptions: [kill] }));
    expect(lostTo(killedAt(42_000))).toEqual([]);
    // its worker had the answer for seconds, and dropped it
    expect(lostTo(killedAt(42_001))).toContain('family_lost');
    // its worker told that it was done with the answer, and was killed later
    expect(lostTo(killedAt(41_000, 40_800))).toEqual([]);
    expect(lostTo(killedAt(41_000, 40_700))).toContain('family_lost');
  });

  describe('laid to one kill', () => {
    const lostBy = (...kills: (Interruption | 'all')[]): Findings => {
      const ids = kills.map((_, place) => `i${place + 1}`);
      const account = (id: string): { account: string } => ({ account: `account of ${id}` });
      const strikes = kills.map((one) => (one === 'all' ? ({ at: 40_020, forMs: 100, struck: 'all' } as const) : one));
      return check({
        subjects: ids.map((id) => aSubject(LOST.subjects[0]?.row, id)),
        presentations: ids.flatMap((id) => [
          granted(40_000, 0, account(id)),
          { ...refused(46_000, 0), ...account(id) },
        ]),
        trail: ids.flatMap((id) => [
          told(46_100, 'refresh.failed', id),
          told(46_100, 'integration.reauth_required', id),
        ]),
        interruptions: [...new Set(strikes)],
      });
    };
    const killOf = (...ids: string[]): Interruption => ({
      at: 40_020,
      forMs: 0,
      struck: ids.map((integrationId) => ({ integrationId, at: 39_990 })),
    });

    it('are as many as its worker had calls under way, and no more', () => {
      const two = killOf('i1', 'i2');
      expect(kindsOf(lostBy(two, two))).toEqual([]);
      const three = killOf('i1', 'i2', 'i3');
      expect(kindsOf(lostBy(three, three, three))).toEqual(['too_many_lost']);
    });

    it('are counted for each kill by itself, and not for a server that all need', () => {
      const [one, other] = [killOf('i1', 'i2'), killOf('i3', 'i4')];
      expect(kindsOf(lostBy(one, one, other, other))).toEqual([]);
      expect(kindsOf(lostBy('all', 'all', 'all'))).toEqual([]);
    });
  });

  it('are found where the answer had been stored before the kill', () => {
    const trail = [stored(40_010), ...LOST.trail];
    const subjects = [aSubject({ ...LOST.subjects[0]?.row, expiresAt: 100_010, refreshPrint: 'r1' })];
    expect(kindsOf(check({ ...LOST, subjects, trail, interruptions: [kill] }))).toContain('family_lost');
  });

  it('are found where they were told of too late', () => {
    const trail = [told(101_000, 'refresh.failed'), told(101_000, 'integration.reauth_required')];
    const findings = check({
      ...LOST,
      presentations: [granted(40_000, 0), refused(101_000, 0)],
      trail,
      interruptions: [kill],
      until: 110_000,
    });
    expect(kindsOf(findings)).toContain('late_report');
  });

  it('are as wanted where the provider ended the grant', () => {
    const ended = new Map([['account of i1', 30_000]]);
    const findings = check({ ...LOST, presentations: [refused(46_000, 0, 'closed')], ended });
    expect(kindsOf(findings)).toEqual([]);
    expect(findings.familiesLost).toMatchObject([{ cause: 'ended' }]);
  });

  it('are found where the hub kept to itself that the provider had ended the grant', () => {
    const ended = new Map([['account of i1', 30_000]]);
    const toldAt = (at: number): ViolationKind[] =>
      kindsOf(
        check({
          subjects: LOST.subjects,
          presentations: [granted(20_000, 0), refused(46_000, 1, 'closed')],
          trail: [stored(20_100), told(at, 'refresh.failed'), told(at, 'integration.reauth_required')],
          ended,
          until: 110_000,
        }),
      );
    expect(toldAt(106_000)).not.toContain('late_report');
    expect(toldAt(106_001)).toContain('late_report');
  });

  it('are silent losses where the row holds a token that its provider no longer waits for', () => {
    const findings = check({ presentations: [granted(40_000, 0)], until: 50_000 });
    expect(kindsOf(findings)).toEqual(['silent_loss']);
  });

  it('are silent losses where a grant was ended and the hub does not say so', () => {
    const findings = check({ ended: new Map([['account of i1', 30_000]]) });
    expect(kindsOf(findings)).toEqual(['silent_loss']);
  });
});

describe('what has settled', () => {
  const FAILING = { status: 'refresh_failing', failureCode: 'provider_unavailable', failedRefreshes: 1 } as const;
  const settled = (row: Partial<FinalRow> | null, more: Partial<History> = {}): Findings =>
    check({ subjects: [aSubject(row)], settledAt: 45_000, ...more });

  it('has every integration connected by the newest token', () => {
    expect(settled({})).toMatchObject({ unwell: 0, violations: [] });
    expect(kindsOf(check({ ...REFRESHED, settledAt: 45_000 }))).toEqual([]);
    expect(settled({ expiresAt: null }).unwell).toBe(0);
  });

  it.each<[string, Partial<FinalRow>, Partial<History>, string]>([
    ['still failing', FAILING, { trail: [told(41_000, 'refresh.failed')] }, 'is refresh_failing'],
    ['connected by a token that is over', { expiresAt: 45_000 }, {}, 'has no live access token'],
    [
      'connected by the token before the last one',
      { refreshPrint: 'r1' },
      { presentations: [granted(40_000, 0)] },
      'holds an access token of before',
    ],
    ['connected by a token that nobody granted', { accessPrint: 'a9' }, {}, 'holds an access token of before'],
  ])('has not where one is %s', (_what, row, more, why) => {
    const { unwell, violations } = settled(row, more);
    expect(unwell).toBe(1);
    expect(violations).toContainEqual(
      expect.objectContaining({ kind: 'not_well', at: 45_000, what: expect.stringContaining(why) }),
    );
  });

  it('says nothing of who is gone, who needs a person, or whose grant was ended', () => {
    const trail = [told(41_000, 'integration.reauth_required')];
    expect(settled(null).unwell).toBe(0);
    expect(settled({ status: 'reauth_required', failureCode: 'invalid_grant' }, { trail }).unwell).toBe(0);
    expect(settled(FAILING, { ended: new Map([['account of i1', 44_000]]) }).unwell).toBe(0);
  });

  it('is not asked for where nobody waited for it', () => {
    expect(settled(FAILING, { settledAt: null }).unwell).toBe(0);
  });
});

describe('trail, table and log', () => {
  it('differ where a refresh was stored that nobody granted', () => {
    const findings = check({
      trail: [stored(40_100)],
      subjects: [aSubject({ expiresAt: 100_100 })],
    });
    expect(kindsOf(findings)).toContain('audit_differs');
  });

  it('differ where the row ends at another time than the trail tells', () => {
    const subjects = [aSubject({ refreshPrint: 'r1', expiresAt: 100_099 })];
    expect(kindsOf(check({ ...REFRESHED, subjects, until: 90_000 }))).toEqual(['audit_differs']);
  });

  it('differ where the row has another status than the trail tells', () => {
    const subjects = [aSubject({ status: 'refresh_failing', failureCode: 'provider_unavailable', failedRefreshes: 1 })];
    expect(kindsOf(check({ subjects }))).toEqual(['status_differs']);
  });

  it('differ where a connected row still shows a failure, or will never be refreshed again', () => {
    expect(kindsOf(check({ subjects: [aSubject({ failureCode: 'rate_limited', failedRefreshes: 1 })] }))).toEqual([
      'status_differs',
    ]);
    expect(kindsOf(check({ subjects: [aSubject({ nextRefreshAt: null })] }))).toEqual(['status_differs']);
  });
});

describe('verdicts that undo themselves', () => {
  const judged = (at: number) => [told(at, 'refresh.failed'), told(at, 'integration.reauth_required')];
  it.each([
    ['are counted', [...judged(10_000), stored(20_000), ...judged(30_000), stored(40_000)], 2],
    ['are none where the person came', [...judged(10_000), told(15_000, 'integration.connected'), stored(20_000)], 0],
    ['are none while the verdict stands', [stored(5_000), ...judged(10_000)], 0],
  ])('%s', (_sentence, trail, flaps) => expect(check({ trail }).flaps).toBe(flaps));
});

describe('what is due after a fault', () => {
  const looks = (...oldest: number[]) =>
    oldest.map((oldestDueMs, place) => ({ at: place * 1_000, lapsed: [], oldestDueMs }));
  const recovery = { from: 1_000, until: 5_000 };
  it.each([
    ['is back at once if nothing waited for long', looks(99_000, 0, 9_000, 0, 0, 0), 0],
    ['is back after the last look that showed it waiting', looks(99_000, 30_000, 0, 12_000, 0, 0), 2_000],
    ['is never back if it waits at the end', looks(0, 0, 0, 0, 0, 11_000), Infinity],
    ['may wait again once the workers stop', looks(0, 0, 0, 0, 0, 0, 99_000), 0],
    ['is not known where nobody looked', [], Infinity],
  ])('%s', (_sentence, samples, dueBackMs) => expect(check({ samples, recovery }).dueBackMs).toBe(dueBackMs));

  it('is nobody’s concern without a fault', () => expect(check({ samples: looks(99_000) }).dueBackMs).toBeNull());
});

describe('an answer that came while the database was away', () => {
  const parked = [{ integrationId: 'i1', at: 40_200 }];

  it.each([
    ['was committed by whoever held it', REFRESHED.presentations, 0],
    ['was asked for again, in vain', [granted(40_000, 0), refused(45_000, 0)], 1],
    ['had its grant ended for that', [granted(40_000, 0), refused(45_000, 0, 'closed')], 1],
    ['was asked for again only before it came', [granted(40_000, 0), refused(40_100, 0)], 0],
  ])('%s', (_what, presentations, spent) => {
    expect(check({ ...REFRESHED, presentations, parked }).spentInSpiteOfAnswer).toBe(spent);
  });

  it('excuses no other refusal', () => {
    const presentations = [granted(40_000, 0), refused(45_000, 0)];
    expect(check({ ...REFRESHED, presentations }).spentInSpiteOfAnswer).toBe(0);
  });
});

describe('who needs a person', () => {
  const verdict = told(46_100, 'integration.reauth_required');
  const subjects = [aSubject({ status: 'reauth_required', failureCode: 'invalid_grant', nextRefreshAt: null })];
  const askedAt = (at: number, ...after: TrailEvent[]): ViolationKind[] =>
    kindsOf(
      check({
        subjects,
        presentations: [refused(46_000, 0, 'closed'), refused(at, 0, 'closed')],
        trail: [told(46_100, 'refresh.failed'), verdict, ...after],
        ended: new Map([['account of i1', 30_000]]),
        until: 90_000,
      }),
    ).filter((kind) => kind === 'asked_in_vain');

  it('is asked for no more', () => {
    expect(askedAt(46_050)).toEqual([]);
    expect(askedAt(46_101)).toEqual(['asked_in_vain']);
    expect(askedAt(80_000)).toEqual(['asked_in_vain']);
  });

  it.each(['integration.reopened', 'integration.connected', 'integration.disconnected'])('is so until %s', (name) => {
    expect(askedAt(59_999, told(60_000, name))).toEqual(['asked_in_vain']);
    expect(askedAt(60_001, told(60_000, name))).toEqual([]);
  });

  it('is not helped by a refresh that nobody may have asked for', () => {
    expect(askedAt(59_000, stored(59_100))).toEqual(['asked_in_vain']);
  });
});

describe('a sync beside a refresh', () => {
  const syncedAt = (...times: number[]): number =>
    check({ ...REFRESHED, trail: [...times.map((at) => told(at, 'sync.completed')), stored(40_100)] })
      .syncsBesideRefresh;

  it('is one that was written between the grant and its commit', () => {
    expect(syncedAt(40_050)).toBe(1);
    expect(syncedAt(39_999, 40_101)).toBe(0);
  });

  it('is none where the refresh was refused, or never stored', () => {
    const trail = [told(40_050, 'sync.completed')];
    expect(check({ presentations: [granted(40_000, 0)], trail }).syncsBesideRefresh).toBe(0);
    const later = { presentations: [refused(40_000, 0)], trail: [...trail, stored(40_100)] };
    expect(check(later).syncsBesideRefresh).toBe(0);
  });
});

it('a verdict is counted although it was undone', () => {
  const trail = [told(41_000, 'integration.reauth_required'), stored(42_000)];
  expect(check({ ...REFRESHED, trail, until: 90_000 }).verdicts).toBe(1);
});
