import type { Lease, RefreshLeaseRepository } from '@hub/database';
import { failure, type Failure, type Integration } from '@hub/domain';
import {
  ProviderRegistry,
  speaksOAuth,
  type GrantAnswer,
  type OAuthClient,
  type OAuthProvider,
  type RefreshRetry,
} from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { PlainToken, tokenCell, TokenVault } from '@hub/token-vault';
import { dataKeysInMemory, vaultSettings } from '../../../../test/support/data-keys';
import { anIntegration } from '../../../../test/factories/integration';
import { HeldLease } from './held-lease';
import { TokenEndpointService } from './token-endpoint.service';

/** A provider whose manner after a lost answer no provider of the catalog has. */
function aProvider(retry: RefreshRetry) {
  const known = new ProviderRegistry({}).all().filter(speaksOAuth)[0]!;
  const probe: OAuthProvider['probe'] = (api) => api.get('/me');
  const definition = { ...known.definition, refresh: { mode: 'proactive', retry } as const, probe };
  return { ...known, definition };
}

const lost = failure('token_refresh_failed', 'timeout');
const outage = failure('provider_unavailable', 'http_503');
const refused = failure('invalid_grant', 'invalid_grant');
const GRANTED: GrantAnswer = {
  ok: true,
  grant: {
    accessToken: 'fresh',
    refreshToken: 'next',
    expiresInSeconds: 3_600,
    refreshExpiresInSeconds: null,
    scopes: undefined,
    account: undefined,
    metadata: {},
  },
};

const vault = TokenVault.over(vaultSettings(), dataKeysInMemory());

interface Setting {
  readonly retry: RefreshRetry;
  /** What the provider answers, one presentation after the other. */
  readonly answers: readonly (Failure | 'granted')[];
  /** Seconds for which an answer has been in doubt when the attempt begins. */
  readonly inDoubtFor?: number;
  /** Whether the old access token still works. */
  readonly tokenWorks?: boolean;
  /** The process begins to end before what is to be sent is recorded, or while the answer is awaited. */
  readonly drained?: 'before_sending' | 'after_sending';
}

/** One attempt at such a provider. */
async function setUp({ retry, answers, inDoubtFor, tokenWorks = false, drained }: Setting) {
  const provider = aProvider(retry);
  const claimedAt = new Date();
  const inDoubtSince = inDoubtFor === undefined ? null : new Date(claimedAt.getTime() - inDoubtFor * 1_000);
  const integration: Integration = anIntegration({
    expiresAt: new Date(claimedAt.getTime() + 1_200_000),
    inDoubtSince,
  });
  const leasesMs: number[] = [];
  const deadlinesMs: number[] = [];
  const probes: string[] = [];
  const left = [...answers];
  const lease: Lease = {
    orgId: integration.orgId,
    integrationId: integration.id,
    epoch: 1,
    integration,
    owner: 'worker-1',
    accessToken: await vault.seal(tokenCell(integration, 'access_token'), new PlainToken('old')),
    refreshToken: null,
    inDoubtSince,
    neverRecorded: false,
    refusalHeldAt: null,
    lateGrant: null,
    claimedAt,
    claimedMs: performance.now(),
    leaseMs: 40_000,
  };
  const released: Lease[] = [];
  const leases: Pick<RefreshLeaseRepository, 'markSending' | 'release'> = {
    release: (current) => Promise.resolve(void released.push(current)),
    markSending: (current, leaseMs = current.leaseMs) => {
      leasesMs.push(leaseMs);
      if (drained === 'before_sending') service.drain();
      return Promise.resolve({ ...current, leaseMs, claimedMs: performance.now() });
    },
  };
  const oauth = {
    refresh: (_provider: unknown, _endpoints: unknown, _token: string, { deadlineMs }: { deadlineMs: number }) => {
      deadlinesMs.push(deadlineMs);
      if (drained === 'after_sending') service.drain();
      const next = left.shift();
      if (next === undefined) throw new Error('nobody was to be asked');
      return Promise.resolve(next === 'granted' ? GRANTED : { ok: false, failure: next });
    },
    api: () => ({
      get: (path: string) => {
        probes.push(path);
        return Promise.resolve({ ok: tokenWorks });
      },
    }),
  };
  const service: TokenEndpointService = new TokenEndpointService(
    leases as RefreshLeaseRepository,
    oauth as unknown as OAuthClient,
    vault,
    HubLogger.forApp('test', 'silent'),
  );
  const address = {
    provider,
    endpoints: { authorizeUrl: '', tokenUrl: '', revokeUrl: null, apiBaseUrl: 'https://api.example' },
  };
  const ask = () =>
    vault.withSealer(integration.orgId, (sealer) =>
      service.ask(new HeldLease(lease), address, new PlainToken('refresh'), sealer),
    );
  return { ask, released, leasesMs, deadlinesMs, probes, claimedAt };
}

describe('a provider that takes a spent token again for 30 s', () => {
  it('is asked under leases that leave half of that, should the worker die', async () => {
    const { ask, leasesMs, deadlinesMs } = await setUp({ retry: 'grace:30', answers: [lost, 'granted'] });
    expect(await ask()).toMatchObject({ kind: 'granted', doubt: { retry: 'grace:30', lost: 'timeout' } });
    expect(leasesMs).toHaveLength(2);
    for (const leaseMs of leasesMs) expect(leaseMs).toBeLessThanOrEqual(15_000);
    for (const deadlineMs of deadlinesMs) expect(deadlineMs).toBeLessThanOrEqual(7_500);
  });

  it('is asked under a shorter one the longer the doubt stands', async () => {
    const { ask, leasesMs } = await setUp({ retry: 'grace:30', answers: ['granted'], inDoubtFor: 18 });
    await ask();
    expect(leasesMs[0]).toBeGreaterThan(5_000);
    expect(leasesMs[0]).toBeLessThanOrEqual(6_000);
  });

  it('has the time of the first presentation kept with what came of the second', async () => {
    const { ask, claimedAt } = await setUp({ retry: 'grace:30', answers: [lost, outage] });
    const answer = await ask();
    expect(answer).toMatchObject({ kind: 'refused', failure: outage, standing: { graceMs: 30_000 } });
    if (answer.kind !== 'refused') return;
    expect(answer.standing!.since.getTime() - claimedAt.getTime()).toBeLessThan(1_000);
  });
});

it('a provider that names no such time is asked under leases of the usual length', async () => {
  const { ask, leasesMs } = await setUp({ retry: 'none', answers: [lost, refused] });
  expect(await ask()).toMatchObject({ kind: 'refused', failure: refused, standing: { graceMs: null } });
  expect(leasesMs).toEqual([40_000, 40_000]);
});

describe('a provider whose refreshes end the access token before', () => {
  it('is asked first whether that still works, whatever failed since the answer was lost', async () => {
    const { ask, probes } = await setUp({ retry: 'probe', answers: [refused], inDoubtFor: 600, tokenWorks: true });
    // it works: nothing was spent, so this is the provider's word about the grant itself
    expect(await ask()).toMatchObject({ kind: 'refused', failure: refused, doubt: null });
    expect(probes).toEqual(['/me']);
  });

  it('has lost an answer for good if it does not', async () => {
    const { ask } = await setUp({ retry: 'probe', answers: [refused], inDoubtFor: 600 });
    expect(await ask()).toMatchObject({ failure: refused, doubt: { retry: 'probe', lost: 'attempt_before' } });
  });

  it('is not asked where nothing is in doubt', async () => {
    const { ask, probes } = await setUp({ retry: 'probe', answers: ['granted'] });
    await ask();
    expect(probes).toEqual([]);
  });
});

it('an answer that surely spent nothing leaves nothing in doubt', async () => {
  const { ask } = await setUp({ retry: 'none', answers: [outage] });
  expect(await ask()).toMatchObject({ kind: 'refused', failure: outage, doubt: null, standing: null });
});

it('an answer that is lost just before the process ends is in doubt, and not asked for again', async () => {
  const { ask } = await setUp({ retry: 'none', answers: [lost], drained: 'after_sending' });
  expect(await ask()).toMatchObject({ failure: lost, doubt: null, standing: { graceMs: null } });
});

it('nothing is sent by a process that has begun to end: the lease goes back, and what was in doubt stays so', async () => {
  const { ask, released, deadlinesMs } = await setUp({
    retry: 'none',
    answers: [],
    inDoubtFor: 60,
    drained: 'before_sending',
  });
  expect(await ask()).toEqual({ kind: 'not_asked' });
  expect(deadlinesMs).toEqual([]);
  expect(released).toMatchObject([{ inDoubtSince: expect.any(Date) }]);
});
