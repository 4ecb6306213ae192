import fc from 'fast-check';
import { FAILURES, minutesFromNoon, NOON } from '../../../test/factories/integration';
import { CLOSED_CIRCUIT } from './delivery-circuit';
import { afterDelivery, afterDeliveryFailure, notBelieved, type DeliverySituation } from './delivery-outcome';
import { failure, FAILURE_CODES } from './failure';

const EVENT = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';
const HOUR = 3_600_000;
const NAMED = { delivery: EVENT, seq: 7, type: 'order.paid' };
const down = failure('provider_unavailable', 'http_503');
const gone = failure('invalid_grant', 'hook_gone');
const tooLarge = failure('provider_misconfigured', 'http_413');

/** A first send to a hook that is connected. */
function aSituation({
  failedAttempts = 0,
  ...different
}: Partial<DeliverySituation> & { failedAttempts?: number } = {}): DeliverySituation {
  return {
    delivery: { eventId: EVENT, seq: 7, type: 'order.paid', failedAttempts },
    integration: {
      status: 'connected',
      failedRefreshes: 0,
      metadata: { webhookStatus: 'unverified', lastDeliveryAt: null },
    },
    circuit: { failures: 2, openUntil: null },
    isTrial: false,
    isSameHook: true,
    ...different,
  };
}

/** A send that was under way as the hook was given up. */
function givenUp(): DeliverySituation {
  return aSituation({ integration: { status: 'reauth_required', failedRefreshes: 1, metadata: {} } });
}

describe('a delivery that its receiver has taken', () => {
  it('has ended, clears what failed, and shows that the hook can be reached', () => {
    expect(afterDelivery(aSituation({ failedAttempts: 2 }), NOON, 200)).toEqual({
      delivery: { state: 'delivered', nextAttemptAt: null, failedAttempts: 0, failure: null, lastStatus: 200 },
      circuit: CLOSED_CIRCUIT,
      integration: { metadata: { webhookStatus: 'reachable', lastDeliveryAt: '2026-11-22T12:00:00.000Z' } },
      hook: 'taken',
      events: [{ name: 'delivery.succeeded', detail: { ...NAMED, attempts: 3, status: 200 } }],
    });
  });

  it('leaves what else is known of the integration as it is', () => {
    const metadata = { zapName: 'orders', webhookStatus: 'failing' };
    const situation = aSituation({ integration: { status: 'connected', failedRefreshes: 0, metadata } });
    expect(afterDelivery(situation, NOON, 200).integration.metadata).toMatchObject({ zapName: 'orders' });
  });

  it('closes a circuit that has opened', () => {
    const circuit = { failures: 7, openUntil: minutesFromNoon(1) };
    expect(afterDelivery(aSituation({ circuit, isTrial: true }), NOON, 200).circuit).toEqual(CLOSED_CIRCUIT);
  });

  it('at a URL that was replaced meanwhile says nothing about the new one', () => {
    const situation = aSituation({ isSameHook: false });
    const change = afterDelivery(situation, NOON, 200);
    expect(change.delivery.state).toBe('delivered');
    expect(change.circuit).toBe(situation.circuit);
    expect(change.integration).toEqual({});
    expect(change.events.map(({ name }) => name)).toEqual(['delivery.succeeded']);
  });
});

describe('a delivery that its receiver has not taken', () => {
  it.each([
    { failed: 0, minutes: 1 },
    { failed: 1, minutes: 2 },
    { failed: 2, minutes: 4 },
    { failed: 3, minutes: 8 },
  ])('after $failed failures is sent again in $minutes min', ({ failed, minutes }) => {
    expect(afterDeliveryFailure(aSituation({ failedAttempts: failed }), down, NOON, 503)).toEqual({
      delivery: {
        state: 'pending',
        nextAttemptAt: minutesFromNoon(minutes),
        failedAttempts: failed + 1,
        failure: { code: 'provider_unavailable', at: NOON },
        lastStatus: 503,
      },
      circuit: { failures: 3, openUntil: null },
      hook: 'failed',
      integration: { metadata: { webhookStatus: 'failing', lastDeliveryAt: null } },
      events: [
        {
          name: 'delivery.failed',
          detail: {
            ...NAMED,
            code: 'provider_unavailable',
            reason: 'http_503',
            attempts: failed + 1,
            deadLetter: false,
            status: 503,
          },
        },
      ],
    });
  });

  it('is a dead letter once its tries are spent', () => {
    const change = afterDeliveryFailure(aSituation({ failedAttempts: 4 }), down, NOON, null);
    expect(change.delivery).toEqual({
      state: 'dead',
      nextAttemptAt: null,
      failedAttempts: 5,
      failure: { code: 'provider_unavailable', at: NOON },
      lastStatus: null,
    });
    expect(change.events).toEqual([
      { name: 'delivery.failed', detail: expect.objectContaining({ attempts: 5, deadLetter: true, status: null }) },
    ]);
    expect(change.integration.status).toBeUndefined();
  });

  it('since the message itself is refused is a dead letter at once, and no word about the hook', () => {
    const change = afterDeliveryFailure(aSituation(), tooLarge, NOON, 413);
    expect(change.delivery).toMatchObject({ state: 'dead', nextAttemptAt: null, failedAttempts: 1, lastStatus: 413 });
    expect(change.integration).toEqual({});
    expect(change.circuit).toEqual(CLOSED_CIRCUIT);
    expect(change.events[0]?.detail).toMatchObject({ code: 'provider_misconfigured', deadLetter: true });
  });

  it.each([
    ['a fault of the hub', failure('internal', 'not_authentic')],
    ['a registration that is refused in passing', failure('provider_misconfigured', 'words', { kind: 'transient' })],
  ])('because of %s climbs the ladder', (_what, cause) => {
    expect(afterDeliveryFailure(aSituation(), cause, NOON, null).delivery).toMatchObject({
      state: 'pending',
      nextAttemptAt: minutesFromNoon(1),
    });
  });

  it.each([
    { what: 'what the receiver asks for, where that is longer', asked: 5 * 60_000, minutes: 5 },
    { what: 'its rung, where the receiver asks for less', asked: 5_000, minutes: 1 },
    { what: 'an hour at most', asked: 9 * HOUR, minutes: 60 },
  ])('waits $what', ({ asked, minutes }) => {
    const throttled = failure('rate_limited', 'http_429', { retryAfterMs: asked });
    const change = afterDeliveryFailure(aSituation(), throttled, NOON, 429);
    expect(change.delivery.nextAttemptAt).toEqual(minutesFromNoon(minutes));
    expect(change.integration).toEqual({});
  });

  it('since its address is not called tells the trail of that as well', () => {
    const blocked = failure('provider_unavailable', 'blocked_address');
    expect(afterDeliveryFailure(aSituation(), blocked, NOON, null).events.map(({ name }) => name)).toEqual([
      'delivery.failed',
      'egress.blocked',
    ]);
  });

  it('hands on the circuit’s own decision, trial or not', () => {
    const circuit = { failures: 5, openUntil: NOON };
    expect(afterDeliveryFailure(aSituation({ circuit, isTrial: true }), down, NOON, 503).circuit).toEqual({
      failures: 6,
      openUntil: minutesFromNoon(2),
    });
    expect(afterDeliveryFailure(aSituation({ circuit, isTrial: false }), down, NOON, 503).circuit).toEqual(circuit);
  });

  it('at a URL that was replaced meanwhile is sent to the new one at once, and nothing is counted', () => {
    const situation = aSituation({ isSameHook: false, failedAttempts: 3 });
    for (const cause of [gone, down, tooLarge])
      expect(afterDeliveryFailure(situation, cause, NOON, 410)).toEqual({
        delivery: { state: 'pending', nextAttemptAt: NOON, failedAttempts: 3, failure: null, lastStatus: null },
        circuit: situation.circuit,
        hook: null,
        integration: {},
        events: [],
      });
  });
});

describe('a hook that is gone', () => {
  it('stays gone, whatever a send says that was under way then', () => {
    const metadata = { webhookStatus: 'gone', lastDeliveryAt: null };
    const situation = aSituation({ integration: { status: 'reauth_required', failedRefreshes: 1, metadata } });
    expect(afterDeliveryFailure(situation, down, NOON, 503).integration).toEqual({ metadata });
    expect(afterDelivery(situation, NOON, 200).integration).toEqual({
      metadata: { webhookStatus: 'gone', lastDeliveryAt: NOON.toISOString() },
    });
  });

  it('ends the delivery and asks for a new URL', () => {
    const situation = aSituation({ failedAttempts: 1, circuit: { failures: 5, openUntil: NOON } });
    expect(afterDeliveryFailure(situation, gone, NOON, 410)).toEqual({
      delivery: {
        state: 'dead',
        nextAttemptAt: null,
        failedAttempts: 2,
        failure: { code: 'invalid_grant', at: NOON },
        lastStatus: 410,
      },
      circuit: CLOSED_CIRCUIT,
      hook: 'gone',
      integration: {
        status: 'reauth_required',
        nextRefreshAt: null,
        failedRefreshes: 1,
        inDoubtSince: null,
        refreshFailure: { code: 'invalid_grant', at: NOON },
        nextSyncAt: null,
        metadata: { webhookStatus: 'gone', lastDeliveryAt: null },
      },
      events: [
        {
          name: 'delivery.failed',
          detail: { ...NAMED, code: 'invalid_grant', reason: 'hook_gone', attempts: 2, deadLetter: true, status: 410 },
        },
        { name: 'integration.reauth_required', detail: { code: 'invalid_grant', reason: 'hook_gone' } },
      ],
    });
  });

  it('that is known to be gone is told of once', () => {
    const integration = { status: 'reauth_required', failedRefreshes: 1, metadata: { webhookStatus: 'gone' } } as const;
    const change = afterDeliveryFailure(aSituation({ integration }), gone, NOON, 410);
    expect(change.integration).toEqual({ metadata: { webhookStatus: 'gone' } });
    expect(change.events).toEqual([expect.objectContaining({ name: 'delivery.failed' })]);
    expect(change.events).toHaveLength(1);
    expect(change.delivery.state).toBe('dead');
  });
});

describe('a hook that is said to be gone with many others', () => {
  it('is a receiver that is down: its delivery climbs the ladder, and the integration stays connected', () => {
    const change = afterDeliveryFailure(aSituation(), notBelieved(gone), NOON, 410);
    expect(change).toMatchObject({
      delivery: { state: 'pending', nextAttemptAt: minutesFromNoon(1), failedAttempts: 1, lastStatus: 410 },
      circuit: { failures: 3 },
      hook: 'held',
    });
    expect(change.integration).toEqual({ metadata: expect.objectContaining({ webhookStatus: 'failing' }) });
    expect(change.events).toEqual([
      expect.objectContaining({
        name: 'delivery.failed',
        detail: expect.objectContaining({ code: 'provider_unavailable', reason: 'refused_with_many_others' }),
      }),
    ]);
  });

  it('keeps the wish to wait that came with it', () => {
    expect(notBelieved({ ...gone, retryAfterMs: 5_000 })).toMatchObject({ retryAfterMs: 5_000, kind: 'transient' });
  });
});

it.each([
  ['taken', 'connected', afterDelivery(aSituation(), NOON, 200), 'taken'],
  ['failed', 'connected', afterDeliveryFailure(aSituation(), down, NOON, 503), 'failed'],
  ['gone', 'connected', afterDeliveryFailure(aSituation(), gone, NOON, 410), 'gone'],
  ['taken', 'given up', afterDelivery(givenUp(), NOON, 200), null],
  ['not believed', 'given up', afterDeliveryFailure(givenUp(), notBelieved(gone), NOON, 410), null],
  ['gone', 'given up', afterDeliveryFailure(givenUp(), gone, NOON, 410), 'gone'],
  ['gone', 'replaced', afterDeliveryFailure(aSituation({ isSameHook: false }), gone, NOON, 410), null],
] as const)('a send that was %s says of a hook that is %s what is known of it', (_sent, _is, change, word) =>
  expect(change.hook).toBe(word),
);

it('whatever fails, only a definite word about the hook touches the integration’s status, and none is sent again sooner than its rung', () => {
  const kinds = fc.constantFrom('definite', 'in_doubt', 'transient', 'ours');
  fc.assert(
    fc.property(fc.constantFrom(...FAILURE_CODES), kinds, fc.nat(9), fc.nat(10 * HOUR), (code, kind, failed, asked) => {
      const cause = failure(code, 'words', { kind, retryAfterMs: asked });
      const { delivery, integration } = afterDeliveryFailure(aSituation({ failedAttempts: failed }), cause, NOON, 400);
      const isGone = code === 'invalid_grant' && kind === 'definite';
      expect(integration.status).toBe(isGone ? 'reauth_required' : undefined);
      expect(delivery.nextAttemptAt === null).toBe(delivery.state === 'dead');
      expect(delivery.failedAttempts).toBe(failed + 1);
      if (delivery.nextAttemptAt) {
        const waitMs = delivery.nextAttemptAt.getTime() - NOON.getTime();
        expect(waitMs).toBeGreaterThanOrEqual(60_000 * 2 ** failed);
        expect(waitMs).toBeLessThanOrEqual(HOUR);
      }
    }),
  );
});

it('keeps what is sent, and where to, out of what the trail tells', () => {
  const { events } = afterDeliveryFailure(aSituation(), FAILURES.down, NOON, 503);
  expect(Object.keys(events[0]?.detail ?? {}).sort()).toEqual([
    'attempts',
    'code',
    'deadLetter',
    'delivery',
    'reason',
    'seq',
    'status',
    'type',
  ]);
});
