import { anIntegration, NOON } from '../../../test/factories/integration';
import { egressEvents } from './egress';
import { failure } from './failure';
import { afterFailure, afterPutOff } from './refresh-outcome';
import { afterSyncFailure } from './sync-outcome';

const BLOCKED = { name: 'egress.blocked', detail: { reason: 'blocked_address' } };
const LED_ELSEWHERE = { name: 'egress.blocked', detail: { reason: 'redirect', answer: 'http_302' } };

describe('a failure of the way out', () => {
  it.each([
    ['an address that is not called', 'blocked_address', [BLOCKED]],
    ['an answer that leads elsewhere', 'http_302', [LED_ELSEWHERE]],
    ['a refusal', 'http_403', []],
    ['an outage', 'http_503', []],
    ['what only looks like a redirect', 'http_3021', []],
    ['what only ends like one', 'not_http_302', []],
    ['a name that is not found', 'dns', []],
  ])('is told beside it: %s', (_what, reason, told) => {
    expect(egressEvents(failure('provider_unavailable', reason))).toEqual(told);
  });

  const blocked = failure('provider_unavailable', 'blocked_address');
  const redirected = failure('token_refresh_failed', 'http_302');

  it('is told after a refresh that failed by it, also one that is put off', () => {
    expect(afterFailure(anIntegration(), blocked, NOON).events).toMatchObject([{ name: 'refresh.failed' }, BLOCKED]);
    expect(afterPutOff(anIntegration(), redirected, NOON).events).toMatchObject([
      { name: 'refresh.failed' },
      LED_ELSEWHERE,
    ]);
  });

  it('is told after a sync that failed by it', () => {
    const { events } = afterSyncFailure(anIntegration(), blocked, NOON, 3_600_000);
    expect(events).toMatchObject([{ name: 'sync.failed' }, BLOCKED]);
    const judged = anIntegration({ status: 'reauth_required' });
    expect(afterSyncFailure(judged, blocked, NOON, 3_600_000).events).toMatchObject([{ name: 'sync.failed' }, BLOCKED]);
  });
});
