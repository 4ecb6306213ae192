export { vouchedFor, type OutboundRules } from './address-rules';
export {
  API_BYTES,
  OutboundClient,
  TOKEN_BYTES,
  USUAL_DEADLINE_MS,
  type OutboundRequest,
  type StreamedRequest,
} from './outbound.client';
export type { NoAnswerReason, NotSentReason, OutboundOutcome, StreamedOutcome, WireAnswer } from './outbound-outcome';
export { warnOfPrivate } from './private-warning';
export type { ProxyRules } from './proxy-rules';
