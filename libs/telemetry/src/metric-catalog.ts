/** What a metric counts or measures. A gauge is observed at each export, the others are recorded where things happen. */
export type MetricKind = 'counter' | 'histogram' | 'gauge';

/**
 * The values that an attribute may take: a closed list; `provider`, a provider's id (at most 50); or `names`, a list that
 * is closed elsewhere (event names, failure codes). An attribute that names an org or an integration stands on one metric
 * alone, whose series are counted out.
 */
export type AttributeValues = readonly string[] | 'provider' | 'names' | 'ids';

/** One metric, as the whole hub reads of it: code, alerts, dashboards and documentation are held against this list. */
export interface MetricDeclaration {
  /** By OpenTelemetry's naming: dotted, without its unit. */
  readonly name: string;
  readonly kind: MetricKind;
  /** UCUM: `s`, `1`, or what is counted in braces. */
  readonly unit: string;
  readonly meaning: string;
  readonly attributes: Readonly<Record<string, AttributeValues>>;
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
}

const EXCHANGE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];
const SYNC_BUCKETS = [1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];
const OPERATIONS = ['code_exchange', 'refresh', 'revoke'] as const;
const DESTINATIONS = ['token-refresh', 'metadata-sync', 'revocation', 'delivery'] as const;
/** Each watch by itself: one that goes on must not hide another that stands still. `overdue-watch` is that of refreshes. */
const SCHEDULERS = [
  'refresh-scan',
  'overdue-watch',
  'overdue-watch-sync',
  'overdue-watch-revocation',
  'overdue-watch-delivery',
  'delivery-outbox',
  'audit-seal',
] as const;

/** How sockets of live status end; whatever else a client says is `other`. */
const LIVE_CLOSE_CODES = ['1000', '1001', '1005', '1006', '1008', '1009', '1012', '4401', '4408', 'other'] as const;

/** Every metric of the hub. Those of Node, HTTP and the database drivers come from OpenTelemetry's own instrumentation. */
export const METRICS = {
  exchangeDuration: {
    name: 'hub.oauth.exchange.duration',
    kind: 'histogram',
    unit: 's',
    meaning:
      'one conversation with a token endpoint, from the request to the answer that was read; all secrets of a list are one',
    attributes: {
      'hub.provider': 'provider',
      'hub.operation': OPERATIONS,
      'hub.outcome': ['success', 'retryable', 'terminal'],
      'error.type': 'names',
    },
    buckets: EXCHANGE_BUCKETS,
  },
  oauthErrors: {
    name: 'hub.oauth.errors',
    kind: 'counter',
    unit: '{error}',
    meaning: 'calls of a token endpoint that failed, `invalid_client` told apart from other failures of ours',
    attributes: { 'hub.provider': 'provider', 'hub.operation': OPERATIONS, 'error.type': 'names' },
  },
  refreshCycles: {
    name: 'hub.token.refresh.cycles',
    kind: 'counter',
    unit: '{cycle}',
    meaning:
      'tokens that fell due, by how it ended: in time, after their end, never (a person is needed; verdicts of syncs count too), given up',
    attributes: { 'hub.provider': 'provider', 'hub.outcome': ['refreshed', 'late', 'reauth_required', 'abandoned'] },
  },
  refreshLeadTime: {
    name: 'hub.token.refresh.lead_time',
    kind: 'histogram',
    unit: 's',
    meaning: 'life that the old token had left when the new one was stored',
    attributes: { 'hub.provider': 'provider' },
    buckets: [0, 30, 60, 120, 300, 600, 900, 1_800],
  },
  lapseDuration: {
    name: 'hub.token.lapse.duration',
    kind: 'counter',
    unit: 's',
    meaning: 'time in which a connected integration had no valid token, counted when a refresh or its verdict ends it',
    attributes: { 'hub.provider': 'provider' },
  },
  lapsed: {
    name: 'hub.integration.lapsed',
    kind: 'gauge',
    unit: '{integration}',
    meaning: 'integrations without a valid token that no person has to mend',
    attributes: { 'hub.provider': 'provider' },
  },
  refreshStreak: {
    name: 'hub.integration.refresh_streak',
    kind: 'gauge',
    unit: '{integration}',
    meaning: 'integrations by failed refreshes in a row',
    attributes: { 'hub.provider': 'provider', 'hub.streak': ['1', '2', '3', 'gt3'] },
  },
  failingStreak: {
    name: 'hub.integration.failing.streak',
    kind: 'gauge',
    unit: '{failure}',
    meaning: 'failed refreshes in a row of the hundred integrations with most of them, more than three each',
    attributes: { 'hub.provider': 'provider', 'hub.org.id': 'ids', 'hub.integration.id': 'ids' },
  },
  windowElapsed: {
    name: 'hub.token.refresh.window_elapsed',
    kind: 'gauge',
    unit: '1',
    meaning: 'the largest part of the time between due and end that has gone by, of any token',
    attributes: { 'hub.provider': 'provider' },
  },
  expiryMinRemaining: {
    name: 'hub.token.expiry.min_remaining',
    kind: 'gauge',
    unit: 's',
    meaning: 'life of the token that ends next; negative once it has ended',
    attributes: { 'hub.provider': 'provider' },
  },
  integrations: {
    name: 'hub.integration.count',
    kind: 'gauge',
    unit: '{integration}',
    meaning: 'integrations by status',
    attributes: { 'hub.provider': 'provider', 'hub.status': ['connected', 'refresh_failing', 'reauth_required'] },
  },
  indeterminate: {
    name: 'hub.token.refresh.indeterminate',
    kind: 'counter',
    unit: '{attempt}',
    meaning: 'presentations of a refresh token that brought no usable answer, or whose sender died: it may be spent',
    attributes: { 'hub.provider': 'provider' },
  },
  tokenReadDuration: {
    name: 'hub.token.read.duration',
    kind: 'histogram',
    unit: 's',
    meaning:
      "a product service's read of a token, as the gateway served it; one whose caller left after more than 100 ms without an answer is an error",
    attributes: {
      'hub.source': ['stored', 'after_refresh'],
      'hub.outcome': ['ok', 'not_connected', 'reauth_required', 'denied', 'error'],
    },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  flowStarts: {
    name: 'hub.flow.starts',
    kind: 'counter',
    unit: '{flow}',
    meaning: 'connects that were begun',
    attributes: { 'hub.provider': 'provider' },
  },
  flowCallbacks: {
    name: 'hub.flow.callbacks',
    kind: 'counter',
    unit: '{callback}',
    meaning: 'callbacks and later completions, by what came of the flow',
    attributes: {
      'hub.provider': 'provider',
      'hub.outcome': ['connected', 'parked', 'denied', 'state_invalid', 'state_expired', 'exchange_failed', 'error'],
    },
  },
  syncLatency: {
    name: 'hub.sync.latency',
    kind: 'histogram',
    unit: 's',
    meaning: 'from the moment that a sync was due to its commit',
    attributes: { 'hub.provider': 'provider', 'hub.outcome': ['synced', 'failed'] },
    buckets: SYNC_BUCKETS,
  },
  syncRunDuration: {
    name: 'hub.sync.run.duration',
    kind: 'histogram',
    unit: 's',
    meaning: 'one run of a sync',
    attributes: { 'hub.provider': 'provider', 'hub.outcome': ['synced', 'failed'], 'error.type': 'names' },
    buckets: [0.1, 0.25, 0.5, ...SYNC_BUCKETS],
  },
  syncStaleness: {
    name: 'hub.sync.staleness.max',
    kind: 'gauge',
    unit: 's',
    meaning: 'the longest time since the last sync of an integration',
    attributes: { 'hub.provider': 'provider' },
  },
  syncOverdue: {
    name: 'hub.sync.overdue',
    kind: 'gauge',
    unit: '{integration}',
    meaning: 'integrations whose last sync is older than two intervals',
    attributes: { 'hub.provider': 'provider' },
  },
  deadLetters: {
    name: 'hub.dead_letters',
    kind: 'gauge',
    unit: '{job}',
    meaning: 'jobs that ran out of tries and were not replayed',
    attributes: { 'hub.kind': ['sync', 'refresh', 'revocation', 'delivery'] },
  },
  deliveryAttempts: {
    name: 'hub.delivery.attempts',
    kind: 'counter',
    unit: '{attempt}',
    meaning:
      'sends to webhooks, by what came of them: taken, to be tried again, a dead letter, or the hook is gone and waits for a new URL',
    attributes: { 'hub.provider': 'provider', 'hub.outcome': ['delivered', 'failed', 'dead', 'gone'] },
  },
  deliveryLatency: {
    name: 'hub.delivery.latency',
    kind: 'histogram',
    unit: 's',
    meaning: 'from an event to the moment that its receiver had taken it, tries and waits included',
    attributes: { 'hub.provider': 'provider' },
    buckets: SYNC_BUCKETS,
  },
  deliveriesWaiting: {
    name: 'hub.delivery.waiting',
    kind: 'gauge',
    unit: '{delivery}',
    meaning:
      'deliveries that are pending, by what they wait for: their turn or hour, a circuit that stands open, a new URL',
    attributes: { 'hub.reason': ['due', 'circuit', 'new_url'] },
  },
  deliveryCircuitsOpen: {
    name: 'hub.delivery.circuits.open',
    kind: 'gauge',
    unit: '{integration}',
    meaning: 'receivers that failed so often in a row that nothing but a trial is sent to them',
    attributes: {},
  },
  deliveryOutboxesFull: {
    name: 'hub.delivery.outboxes.full',
    kind: 'gauge',
    unit: '{integration}',
    meaning: 'receivers for which events of the hub itself wait in the trail, as too many of theirs are undelivered',
    attributes: {},
  },
  deliveryHolds: {
    name: 'hub.delivery.holds',
    kind: 'gauge',
    unit: '{provider}',
    meaning: 'providers that say of so many hooks that they are gone that it is not believed for now',
    attributes: {},
  },
  revocationOldestAge: {
    name: 'hub.revocation.oldest.age',
    kind: 'gauge',
    unit: 's',
    meaning: 'age of the oldest grant on its way back to its provider; one that was given up is a dead letter',
    attributes: { 'hub.provider': 'provider' },
  },
  keyRotationRemaining: {
    name: 'hub.key_rotation.remaining',
    kind: 'gauge',
    unit: '{org}',
    meaning: 'orgs whose key rotation is not finished: not yet begun, sealing anew, waiting for the old key to retire',
    attributes: { 'hub.state': ['waiting', 'resealing', 'retiring'] },
  },
  processDuration: {
    name: 'messaging.process.duration',
    kind: 'histogram',
    unit: 's',
    meaning: 'one job, as its consumer ran it (OpenTelemetry, messaging conventions)',
    attributes: {
      'messaging.system': ['bullmq'],
      'messaging.destination.name': DESTINATIONS,
      'messaging.operation.name': ['process'],
      'error.type': 'names',
    },
    buckets: EXCHANGE_BUCKETS,
  },
  queueJobs: {
    name: 'hub.queue.jobs',
    kind: 'gauge',
    unit: '{job}',
    meaning: 'jobs that Redis holds, by state',
    attributes: { 'messaging.destination.name': DESTINATIONS, 'hub.state': ['waiting', 'active', 'delayed'] },
  },
  queueOldestJobAge: {
    name: 'hub.queue.oldest_job.age',
    kind: 'gauge',
    unit: 's',
    meaning: 'for how long the oldest work that is due and that nobody has taken has been due, as PostgreSQL knows it',
    attributes: { 'messaging.destination.name': DESTINATIONS },
  },
  queueWait: {
    name: 'hub.queue.wait.duration',
    kind: 'histogram',
    unit: 's',
    meaning: 'from the hour of a job to its first start',
    attributes: { 'messaging.destination.name': DESTINATIONS },
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  },
  stalledJobs: {
    name: 'hub.queue.stalled_jobs',
    kind: 'counter',
    unit: '{job}',
    meaning: 'jobs whose worker lost its lock',
    attributes: { 'messaging.destination.name': DESTINATIONS },
  },
  workerSlots: {
    name: 'hub.worker.slots',
    kind: 'gauge',
    unit: '{slot}',
    meaning: 'places for jobs in a worker',
    attributes: { 'messaging.destination.name': DESTINATIONS, 'hub.slot_state': ['busy', 'free'] },
  },
  schedulerLastSuccess: {
    name: 'hub.scheduler.last_success.time',
    kind: 'gauge',
    unit: 's',
    meaning: 'when a scheduler last did its work, as Unix time',
    attributes: { 'hub.scheduler': SCHEDULERS },
  },
  refreshLease: {
    name: 'hub.refresh.lease',
    kind: 'counter',
    unit: '{attempt}',
    meaning: 'wishes to refresh, by what became of the lease',
    attributes: { 'hub.outcome': ['acquired', 'busy', 'lost', 'stale_write_rejected'] },
  },
  throttled: {
    name: 'hub.provider.throttled',
    kind: 'counter',
    unit: '{call}',
    meaning: 'calls that a provider answered with 429',
    attributes: { 'hub.provider': 'provider' },
  },
  circuitState: {
    name: 'hub.provider.circuit.state',
    kind: 'gauge',
    unit: '1',
    meaning: '1 for the state that the breaker before a provider is in, 0 for the other',
    attributes: { 'hub.provider': 'provider', 'hub.state': ['closed', 'open'] },
  },
  cryptoDuration: {
    name: 'hub.crypto.operation.duration',
    kind: 'histogram',
    unit: 's',
    meaning: 'one seal or opening, the key that it needs included',
    attributes: { 'hub.operation': ['seal', 'open'], 'hub.outcome': ['ok', 'failed'] },
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
  },
  cryptoFailures: {
    name: 'hub.crypto.failures',
    kind: 'counter',
    unit: '{failure}',
    meaning: 'sealed values that did not open, and keys that could not be had',
    attributes: { 'hub.operation': ['seal', 'open'] },
  },
  auditRecords: {
    name: 'hub.audit.records',
    kind: 'counter',
    unit: '{record}',
    meaning:
      'events that the apps have written to the trail; what functions of the database append besides does not count',
    attributes: { 'hub.name': 'names' },
  },
  auditWriteFailures: {
    name: 'hub.audit.write_failures',
    kind: 'counter',
    unit: '{record}',
    meaning:
      'events that the trail will not have, or that the database has refused: then nothing of their change is written',
    attributes: {},
  },
  denials: {
    name: 'hub.authz.denials',
    kind: 'counter',
    unit: '{denial}',
    meaning: 'requests that were refused for who sent them',
    attributes: { 'hub.reason': ['unauthorized', 'forbidden', 'foreign_org', 'rate_limited'] },
  },
  liveSockets: {
    name: 'hub.live.sockets',
    kind: 'gauge',
    unit: '{socket}',
    meaning: 'sockets of live status that a gateway holds open',
    attributes: {},
  },
  liveDelay: {
    name: 'hub.live.delay',
    kind: 'histogram',
    unit: 's',
    meaning:
      'from the append of an event to its being sent, for each gateway with followers of its org; what is sent after a gap does not count',
    attributes: {},
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  liveClosed: {
    name: 'hub.live.closed',
    kind: 'counter',
    unit: '{socket}',
    meaning:
      'sockets of live status that ended, by close code: 1006 broke or was silent, 4401 its token ended, 4408 was too slow',
    attributes: { 'hub.close_code': LIVE_CLOSE_CODES },
  },
  buildInfo: {
    name: 'hub.build.info',
    kind: 'gauge',
    unit: '1',
    meaning: '1, with the version that runs',
    attributes: { 'hub.version': 'names' },
  },
} as const satisfies Record<string, MetricDeclaration>;

export type MetricName = keyof typeof METRICS;

const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

/**
 * The name under which Prometheus holds a metric that came by OTLP (OpenTelemetry's *Prometheus and OpenMetrics
 * Compatibility*): dots become underscores, the unit a suffix, `_total` ends a counter's name and `_ratio` that of a
 * gauge of unit 1. A histogram has `_bucket`, `_sum` and `_count` behind it.
 */
export function prometheusName({ name, kind, unit }: MetricDeclaration): string {
  const base = name.replaceAll('.', '_');
  const suffix = unit === '1' && kind === 'gauge' ? '_ratio' : (UNIT_SUFFIXES[unit] ?? '');
  const withUnit = base.endsWith(suffix) ? base : base + suffix;
  return kind === 'counter' ? `${withUnit}_total` : withUnit;
}
