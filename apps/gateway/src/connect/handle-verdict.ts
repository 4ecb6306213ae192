import type { FlowWithSecrets } from '@hub/database';
import type { FlowStatus, ProblemCode } from '@hub/domain';
import { isSecret } from '../http/secrets';

/** Who presents which handle. */
export interface PresentedHandle {
  readonly handle: string;
  /** The `sub` of the caller. */
  readonly sub: string;
}

/** What a presented handle comes to. */
export type HandleVerdict =
  | { readonly kind: 'good' }
  /** Nothing may be completed by it, and there is nothing that could be ended. */
  | {
      readonly kind: 'void';
      readonly event: 'auth.foreign_org' | 'flow.handle_rejected' | 'flow.handle_replayed' | 'flow.cancelled';
      readonly reason: string;
    }
  /** Nothing may be completed by it, and the flow is ended, so that there is no second guess. */
  | {
      readonly kind: 'burn';
      readonly event: 'flow.handle_rejected' | 'flow.user_mismatch';
      readonly problem: Extract<ProblemCode, 'invalid_state' | 'forbidden'>;
    };

/** Statuses in which a flow may still come to something. */
const UNDER_WAY: ReadonlySet<FlowStatus> = new Set(['awaiting_input', 'open', 'taken', 'parked']);

/**
 * Judges a handle against the flow that it is presented for. The handle comes before the user: who has not got it learns
 * nothing about whose flow it is.
 *
 * @param flow as it was just read in the caller's org; `undefined` if that org has none of this id
 */
export function judgeHandle(flow: JudgedFlow | undefined, { handle, sub }: PresentedHandle): HandleVerdict {
  if (!flow) return { kind: 'void', event: 'auth.foreign_org', reason: 'no such flow in this org' };
  if (flow.completion !== 'deferred')
    return { kind: 'void', event: 'flow.handle_rejected', reason: 'its browser completes it' };
  if (!isSecret(handle, flow.handleHash)) return wrong(flow);
  if (flow.status === 'abandoned') return { kind: 'void', event: 'flow.handle_rejected', reason: 'too late' };
  if (flow.status === 'cancelled') return { kind: 'void', event: 'flow.cancelled', reason: 'disconnected meanwhile' };
  if (flow.status !== 'parked')
    return { kind: 'void', event: 'flow.handle_replayed', reason: `flow is ${flow.status}` };
  if (flow.expiresAt <= flow.readAt) return { kind: 'void', event: 'flow.handle_rejected', reason: 'too late' };
  if (flow.startedBy !== sub) return { kind: 'burn', event: 'flow.user_mismatch', problem: 'forbidden' };
  return { kind: 'good' };
}

type JudgedFlow = Pick<FlowWithSecrets, 'completion' | 'status' | 'handleHash' | 'startedBy' | 'expiresAt' | 'readAt'>;

function wrong({ status }: JudgedFlow): HandleVerdict {
  return UNDER_WAY.has(status)
    ? { kind: 'burn', event: 'flow.handle_rejected', problem: 'invalid_state' }
    : { kind: 'void', event: 'flow.handle_rejected', reason: `flow is ${status}` };
}
