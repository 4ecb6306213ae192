import type { Attributes } from '@opentelemetry/api';
import { METRICS, type MetricName } from '@hub/telemetry';
import { eventually } from '../../support/eventually';
import { MetricReadings, offences } from '../../support/metric-readings';
import { refreshWorker, syncWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

/** Watches look every quarter of a minute, and figures are good for ten seconds. */
const PATIENCE_MS = 50_000;
const PROVIDERS = ['google_drive', 'notion', 'shopify', 'zapier'];

const readings = MetricReadings.start(); // before anything is counted
let stand: WorkerStand;
let worker: RefreshWorkerInTest;

beforeAll(async () => {
  stand = await WorkerStand.set();
});
afterAll(async () => {
  await stand.clear();
  await readings.stop();
});
beforeEach(async () => {
  await stand.closeBreakers();
  worker = await refreshWorker(stand.settings.workerConfig());
});
afterEach(() => worker.stop());

const refresh = async ({ stored }: Connected) => worker.refreshes.refresh(await stored.work());

/** By how much a metric has risen through something, over all series that have the attributes. */
async function rise(name: MetricName, attributes: Attributes, act: () => Promise<unknown>): Promise<number> {
  const before = await readings.value(name, attributes);
  await act();
  return (await readings.value(name, attributes)) - before;
}

async function sumOf(name: MetricName, provider: string): Promise<number> {
  const found = (await readings.of(name)).filter(({ attributes }) => attributes['hub.provider'] === provider);
  return found.reduce((total, { sum }) => total + sum, 0);
}

const SHOPIFY = { 'hub.provider': 'shopify' };
const ended = (outcome: string) => ({ ...SHOPIFY, 'hub.outcome': outcome });
const failing = (connected: Connected, fault: { kind: string } & Record<string, unknown>) =>
  stand.sandbox.admin.fault('shopify', { on: 'refresh', account: connected.account, ...fault });

describe('a cycle is counted once, where it is committed', () => {
  it('as refreshed while the old token lives, with the life that it had left', async () => {
    const due = await stand.due('shopify', { endsInSeconds: 900 });
    const before = await sumOf('refreshLeadTime', 'shopify');
    expect(await rise('refreshCycles', SHOPIFY, () => refresh(due))).toBe(1);
    expect(await readings.value('refreshCycles', ended('refreshed'))).toBeGreaterThanOrEqual(1);
    const left = (await sumOf('refreshLeadTime', 'shopify')) - before;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(900);
  });

  it('as late once that has ended, with the time in which there was no valid one', async () => {
    const due = await stand.due('shopify', { endsInSeconds: -100 });
    const lapsedFor = await rise('lapseDuration', SHOPIFY, async () => {
      expect(await rise('refreshCycles', ended('late'), () => refresh(due))).toBe(1);
    });
    expect(lapsedFor).toBeGreaterThanOrEqual(100);
  });

  it('as a verdict where a person is needed', async () => {
    const due = await stand.due('shopify');
    await stand.sandbox.admin.revoke('shopify', due.account);
    expect(await rise('refreshCycles', ended('reauth_required'), () => refresh(due))).toBe(1);
    expect(await due.stored.row()).toMatchObject({ status: 'reauth_required' });
  });

  it('as given up by the failure that makes it a dead letter, and by nothing behind that', async () => {
    const due = await stand.due('shopify', { status: 'refresh_failing', failedRefreshes: 3 });
    const endFault = await failing(due, { kind: 'status', status: 503 });
    const again = async () => {
      await stand.makeDue(due);
      await refresh(due);
    };
    expect(await rise('refreshCycles', SHOPIFY, again)).toBe(0); // the fourth failure is the last rung
    expect(await rise('refreshCycles', ended('abandoned'), again)).toBe(1);
    expect(await rise('refreshCycles', SHOPIFY, again)).toBe(0);
    await endFault();
    expect(await rise('refreshCycles', SHOPIFY, again)).toBe(0);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
  });
});

describe('an exchange is recorded', () => {
  const exchanges = (outcome: string) => ({ ...ended(outcome), 'hub.operation': 'refresh' });
  const errors = (type: string) => ({ ...SHOPIFY, 'hub.operation': 'refresh', 'error.type': type });

  it('as a success', async () => {
    const due = await stand.due('shopify');
    expect(await rise('exchangeDuration', exchanges('success'), () => refresh(due))).toBe(1);
  });

  it('as retryable where the provider is away, by the code of the failure', async () => {
    const due = await stand.due('shopify');
    await failing(due, { kind: 'status', status: 503, times: 1 });
    const count = await rise('oauthErrors', errors('provider_unavailable'), async () => {
      expect(await rise('exchangeDuration', exchanges('retryable'), () => refresh(due))).toBe(1);
    });
    expect(count).toBe(1);
  });

  it('as terminal where the grant is dead', async () => {
    const due = await stand.due('shopify');
    await stand.sandbox.admin.revoke('shopify', due.account);
    expect(await rise('exchangeDuration', exchanges('terminal'), () => refresh(due))).toBe(1);
  });

  it('with a refusal of the hub itself told apart', async () => {
    const due = await stand.due('shopify');
    await failing(due, { kind: 'error', status: 401, body: { error: 'invalid_client' }, times: 1 });
    expect(await rise('oauthErrors', errors('invalid_client'), () => refresh(due))).toBe(1);
  });

  it('with a throttle', async () => {
    const due = await stand.due('shopify');
    await failing(due, { kind: 'rate_limit', retryAfter: 1, times: 1 });
    expect(await rise('throttled', SHOPIFY, () => refresh(due))).toBe(1);
  });
});

describe('single flight is recorded', () => {
  it('with a lease for each attempt, and what was lost on the way', async () => {
    const due = await stand.due('shopify');
    await failing(due, { kind: 'lost_response', times: 1 });
    const lost = await rise('indeterminate', SHOPIFY, async () => {
      expect(await rise('refreshLease', { 'hub.outcome': 'acquired' }, () => refresh(due))).toBe(1);
    });
    expect(lost).toBe(1);
  });

  it('with a sender that was never heard of again', async () => {
    const due = await stand.due('shopify', { phase: 'sending' });
    await stand.database.longUp();
    const claim = () => eventually('a claim', async () => (await refresh(due)).kind === 'saved');
    expect(await rise('indeterminate', SHOPIFY, claim)).toBe(1);
  });

  it('with a wish that finds somebody at it', async () => {
    const due = await stand.due('shopify');
    await stand.database.sql(
      "update public.integrations set lease_until = now() + interval '1 minute', lease_owner = 'other' where id = $1",
      [due.stored.id],
    );
    expect(await rise('refreshLease', { 'hub.outcome': 'busy' }, () => refresh(due))).toBe(1);
  });
});

it('the seals and the trail of a refresh are recorded', async () => {
  const due = await stand.due('shopify');
  const sealed = { 'hub.operation': 'seal', 'hub.outcome': 'ok' };
  const opened = { 'hub.operation': 'open', 'hub.outcome': 'ok' };
  const events = await rise('auditRecords', { 'hub.name': 'refresh.succeeded' }, async () => {
    const seals = await rise('cryptoDuration', sealed, async () => {
      expect(await rise('cryptoDuration', opened, () => refresh(due))).toBeGreaterThanOrEqual(1);
    });
    expect(seals).toBe(2); // access and refresh token
  });
  expect(events).toBe(1);
});

it('a seal that does not open is a failure of crypto', async () => {
  const due = await stand.due('shopify');
  await stand.database.sql(
    "update public.integrations set refresh_token = overlay(refresh_token placing 'AAAA' from length(refresh_token) - 8) where id = $1",
    [due.stored.id],
  );
  expect(await rise('cryptoFailures', { 'hub.operation': 'open' }, () => refresh(due))).toBe(1);
});

it('an event that the database refuses is a failure of the trail, and its change is not written', async () => {
  const due = await stand.due('shopify');
  const { orgId } = due.stored;
  // no append of this org goes through
  await stand.database.sql(
    'alter table public.audit_heads add constraint none_of_it check (org_id <> $$' + orgId + '$$)',
  );
  try {
    await failing(due, { kind: 'status', status: 503, times: 1 });
    expect(await rise('auditWriteFailures', {}, () => refresh(due).catch(() => undefined))).toBe(1);
    expect(await due.stored.row()).toMatchObject({ failed_refreshes: 0 });
  } finally {
    await stand.database.sql('alter table public.audit_heads drop constraint none_of_it');
  }
});

describe('while the workers work', () => {
  it('every series of the catalogue that they have is there, in its closed lists', async () => {
    const syncs = await syncWorker(stand.settings.syncConfig());
    try {
      const due = await stand.due('google_drive', { syncInSeconds: -1 });
      await worker.start();
      await syncs.start();
      const wanted = ['refresh.succeeded', 'sync.completed'];
      await eventually(
        'a refresh and a sync by the queues',
        async () => {
          const told = await due.stored.events();
          return wanted.every((name) => told.includes(name));
        },
        { withinMs: PATIENCE_MS },
      );
      const expected: MetricName[] = [
        'exchangeDuration',
        'oauthErrors',
        'refreshCycles',
        'refreshLeadTime',
        'lapseDuration',
        'lapsed',
        'refreshStreak',
        'windowElapsed',
        'expiryMinRemaining',
        'integrations',
        'indeterminate',
        'syncLatency',
        'syncRunDuration',
        'syncStaleness',
        'syncOverdue',
        'deadLetters',
        'revocationOldestAge',
        'keyRotationRemaining',
        'processDuration',
        'queueJobs',
        'queueOldestJobAge',
        'queueWait',
        'stalledJobs',
        'workerSlots',
        'schedulerLastSuccess',
        'refreshLease',
        'throttled',
        'circuitState',
        'cryptoDuration',
        'cryptoFailures',
        'auditRecords',
        'auditWriteFailures',
        'buildInfo',
      ];
      const missing = async () => {
        const names = new Set((await readings.all()).map(({ descriptor }) => descriptor.name));
        return expected.filter((name) => !names.has(METRICS[name].name));
      };
      await eventually('every metric', async () => (await missing()).length === 0, { withinMs: PATIENCE_MS });
      const all = (await readings.all()).flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes }) => ({ metric: descriptor.name, attributes })),
      );
      expect(offences(all, PROVIDERS)).toEqual([]);
      for (const name of ['lapsed', 'windowElapsed', 'syncOverdue', 'revocationOldestAge'] as const)
        expect((await readings.of(name)).map(({ attributes }) => attributes['hub.provider']).sort()).toEqual(PROVIDERS);
      expect(await readings.value('circuitState', { 'hub.state': 'closed' })).toBe(PROVIDERS.length);
      expect(await readings.value('circuitState', { 'hub.state': 'open' })).toBe(0);
    } finally {
      await syncs.stop();
    }
  });

  it('gauges have no value while the database is away, and nothing is thrown into the export', async () => {
    await worker.start();
    await eventually('a first value', async () => (await readings.of('lapsed')).length > 0);
    await stand.database.setAway(true);
    try {
      await eventually('no value', async () => (await readings.of('lapsed')).length === 0, { withinMs: PATIENCE_MS });
      expect((await readings.of('workerSlots')).length).toBeGreaterThan(0);
    } finally {
      await stand.database.setAway(false);
    }
  });
});
