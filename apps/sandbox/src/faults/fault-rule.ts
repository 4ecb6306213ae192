import { z } from 'zod';
import { type Endpoint } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

/** Where a rule applies: one of the endpoints, `token` for exchange and refresh, `any` for all. */
const places = ['authorize', 'exchange', 'refresh', 'token', 'revoke', 'api', 'any'] as const;

/**
 * latency: wait `ms` (plus up to `jitterMs`). status: answer `status` in the provider's own body. rate_limit: the provider's own
 * rate-limited answer. html: an HTML page. error: `body` as JSON (or as text) with `status`. lost_response: do the
 * work, then cut the connection. drop_before: cut the connection, no work. drip: do the work, answer in small pieces
 * over `ms`. garbled: do the work, answer 200 with half of the body. flood: 200 with `bytes` of JSON, no work.
 */
const kinds = [
  'latency',
  'status',
  'rate_limit',
  'html',
  'error',
  'lost_response',
  'drop_before',
  'drip',
  'garbled',
  'flood',
] as const;

export const faultRuleShape = z.strictObject({
  on: z.enum(places).default('any'),
  kind: z.enum(kinds),
  /** Latency before the work, or length of a drip. */
  ms: z.number().nonnegative().max(600_000).optional(),
  jitterMs: z.number().nonnegative().max(600_000).optional(),
  status: z.number().int().min(200).max(999).optional(),
  body: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Seconds; each provider writes them in its own style. */
  retryAfter: z.number().nonnegative().optional(),
  /** A provider's own reason of a rate limit, such as `userRateLimitExceeded` or `THROTTLED`. */
  reason: z.string().optional(),
  bytes: z
    .number()
    .int()
    .positive()
    .max(256 * 1024 * 1024)
    .optional(),
  /** The provider does its work first (rotates, revokes), then the answer is replaced or the latency begins. */
  afterWork: z.boolean().optional(),
  /** Fires so many times, then never again. */
  times: z.number().int().positive().optional(),
  /** Of the calls that match, every n-th fires. */
  everyNth: z.number().int().positive().optional(),
  /** Skips the first n matching calls. */
  after: z.number().int().nonnegative().optional(),
  probability: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
  account: z.string().optional(),
  /** Only calls whose path holds this text. */
  path: z.string().optional(),
});
export type FaultSpec = z.infer<typeof faultRuleShape>;
export type FaultKind = FaultSpec['kind'];

export interface FaultRule {
  readonly id: string;
  readonly spec: FaultSpec;
  /** Calls that matched, and those at which it fired. */
  matched: number;
  fired: number;
  readonly random: () => number;
}

export function faultRule(id: string, spec: FaultSpec): FaultRule {
  return { id, spec, matched: 0, fired: 0, random: seeded(spec.seed ?? 1) };
}

/** A call, as far as rules look at it. */
export interface FaultableCall {
  endpoint: Endpoint;
  account: string | undefined;
  path: string;
}

function isAbout(spec: FaultSpec, call: FaultableCall): boolean {
  const here =
    spec.on === 'any' ||
    spec.on === call.endpoint ||
    (spec.on === 'token' && (call.endpoint === 'exchange' || call.endpoint === 'refresh'));
  const hisAccount = spec.account === undefined || spec.account === call.account;
  return here && hisAccount && (spec.path === undefined || call.path.includes(spec.path));
}

/** Counts the call against the rule and says whether it fires. */
function fires(rule: FaultRule): boolean {
  const { spec } = rule;
  rule.matched += 1;
  if (spec.times !== undefined && rule.fired >= spec.times) return false;
  const counted = rule.matched - (spec.after ?? 0);
  if (counted <= 0) return false;
  if (spec.everyNth !== undefined && counted % spec.everyNth !== 0) return false;
  if (spec.probability !== undefined && rule.random() >= spec.probability) return false;
  rule.fired += 1;
  return true;
}

export interface ChosenFaults {
  /** Milliseconds to wait before and after the work. */
  delayBeforeMs: number;
  delayAfterMs: number;
  /** The one rule that spoils the answer. */
  spoiler: FaultRule | undefined;
  /** All that fired, for the history. */
  fired: readonly FaultRule[];
}

/** Latencies add up; of all other rules the first in the list that fires wins, and those behind it are not counted. */
export function chooseFaults(rules: readonly FaultRule[], call: FaultableCall): ChosenFaults {
  const chosen = { delayBeforeMs: 0, delayAfterMs: 0, spoiler: undefined as FaultRule | undefined };
  const fired: FaultRule[] = [];
  for (const rule of rules) {
    const isLatency = rule.spec.kind === 'latency';
    if (!isAbout(rule.spec, call) || (!isLatency && chosen.spoiler) || !fires(rule)) continue;
    fired.push(rule);
    if (!isLatency) {
      chosen.spoiler = rule;
      continue;
    }
    const delayMs = (rule.spec.ms ?? 1000) + rule.random() * (rule.spec.jitterMs ?? 0);
    if (rule.spec.afterWork) chosen.delayAfterMs += delayMs;
    else chosen.delayBeforeMs += delayMs;
  }
  return { ...chosen, fired };
}

/** A small repeatable generator (mulberry32) of numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
