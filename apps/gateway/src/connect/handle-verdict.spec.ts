import type { FlowStatus } from '@hub/domain';
import { judgeHandle } from './handle-verdict';
import { hashSecret, newSecret } from '../http/secrets';

const HANDLE = newSecret();
const NOW = new Date('2026-01-01T00:00:00Z');
type Judged = NonNullable<Parameters<typeof judgeHandle>[0]>;

/** What comes of Ada's handle for the flow that she started and that waits for it, unless something is different. */
function judged(different: Partial<Judged> = {}, presented: { handle?: string; sub?: string } = {}) {
  const flow: Judged = {
    completion: 'deferred',
    status: 'parked',
    handleHash: hashSecret(HANDLE),
    startedBy: 'ada',
    expiresAt: new Date(NOW.getTime() + 1),
    readAt: NOW,
    ...different,
  };
  return judgeHandle(flow, { handle: HANDLE, sub: 'ada', ...presented });
}

describe('a handle', () => {
  it('completes the flow that waits for it, for who started it', () => {
    expect(judged()).toEqual({ kind: 'good' });
  });

  it('of a flow that the org does not have burns nothing', () => {
    expect(judgeHandle(undefined, { handle: HANDLE, sub: 'ada' })).toMatchObject({
      kind: 'void',
      event: 'auth.foreign_org',
    });
  });

  it('cannot complete what its browser completes, nor end it', () => {
    expect(judged({ completion: 'browser', handleHash: null })).toMatchObject({
      kind: 'void',
      event: 'flow.handle_rejected',
    });
  });

  it.each(['awaiting_input', 'open', 'taken', 'parked'] as const)('that is wrong burns a flow that is %s', (status) => {
    const burnt = { kind: 'burn', event: 'flow.handle_rejected', problem: 'invalid_state' };
    for (const handle of [newSecret(), '', HANDLE.toLowerCase(), ` ${HANDLE}`, HANDLE.slice(1), 'x'.repeat(256)])
      expect(judged({ status }, { handle })).toEqual(burnt);
    expect(judged({ status, handleHash: null })).toEqual(burnt);
  });

  it.each(['completed', 'refused', 'cancelled', 'abandoned'] as const)(
    'that is wrong finds nothing to burn in a flow that is %s',
    (status) => {
      expect(judged({ status }, { handle: newSecret() })).toMatchObject({
        kind: 'void',
        event: 'flow.handle_rejected',
      });
    },
  );

  it.each<[FlowStatus, string]>([
    ['taken', 'flow.handle_replayed'],
    ['completed', 'flow.handle_replayed'],
    ['refused', 'flow.handle_replayed'],
    ['cancelled', 'flow.cancelled'],
    ['abandoned', 'flow.handle_rejected'],
  ])('that comes again once the flow is %s is told as %s', (status, event) => {
    expect(judged({ status })).toMatchObject({ kind: 'void', event });
  });

  it('is too late at the very end of the flow', () => {
    expect(judged({ expiresAt: NOW })).toMatchObject({ kind: 'void', event: 'flow.handle_rejected' });
  });

  it('in the hands of another user burns the flow', () => {
    expect(judged({}, { sub: 'mallory' })).toEqual({ kind: 'burn', event: 'flow.user_mismatch', problem: 'forbidden' });
    expect(judged({}, { sub: 'Ada' })).toMatchObject({ event: 'flow.user_mismatch' });
  });

  it('that is wrong tells another user nothing of whose flow it is', () => {
    expect(judged({}, { sub: 'mallory', handle: newSecret() })).toEqual(judged({}, { handle: newSecret() }));
  });
});
