export { vouchedFor, type OutboundRules } from './address-rules';
export { API_BYTES, OutboundClient, TOKEN_BYTES, USUAL_DEADLINE_MS, type OutboundRequest } from './outbound.client';
export type { NoAnswerReason, NotSentReason, OutboundOutcome, WireAnswer } from './outbound-outcome';
export type { ProxyRules } from './proxy-rules';
