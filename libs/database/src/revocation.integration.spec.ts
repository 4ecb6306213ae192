import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { WORKER } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import type { HubDatabase } from './hub-database';
import { enqueueRevocation, RevocationRepository, type NewRevocation, type Revocation } from './revocation.repository';

describe('a grant on its way back', () => {
  let database: OwnDatabase;
  let gateway: HubDatabase;
  let revocations: RevocationRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    gateway = await database.as('gateway');
    revocations = new RevocationRepository(await database.as('refreshWorker'));
  });
  afterAll(() => database.drop());

  async function enqueued(different: Partial<NewRevocation> = {}): Promise<Revocation> {
    const revocation: NewRevocation = {
      orgId: randomUUID() as OrgId,
      provider: 'shopify' as ProviderId,
      integrationId: randomUUID() as IntegrationId,
      accountId: 'account-1',
      inputs: { shop: 'ada' },
      accessToken: 'sealed-access',
      refreshToken: 'sealed-refresh',
      reason: 'not_stored',
      ...different,
    };
    const { id } = await gateway.withOrg(revocation.orgId, (manager) => enqueueRevocation(manager, revocation));
    const loaded = await revocations.load(revocation.orgId, id);
    if (!loaded) throw new Error('not stored');
    return loaded;
  }
  const eventsOf = async ({ orgId }: Revocation): Promise<string[]> =>
    (
      await database.sql<{ name: string }>('select name from public.audit_events where org_id = $1 order by seq', [
        orgId,
      ])
    ).map(({ name }) => name);
  const row = async ({ id }: Revocation) =>
    (await database.sql<Record<string, unknown>>('select * from public.revocations where id = $1', [id]))[0];

  it('is put down by the gateway, and read with its tokens by a worker', async () => {
    expect(await enqueued()).toMatchObject({
      provider: 'shopify',
      accountId: 'account-1',
      inputs: { shop: 'ada' },
      accessToken: 'sealed-access',
      refreshToken: 'sealed-refresh',
      reason: 'not_stored',
      failedAttempts: 0,
      isDue: true,
    });
  });

  it('is another org’s as if it did not exist', async () => {
    const { id } = await enqueued();
    expect(await revocations.load(randomUUID() as OrgId, id)).toBeUndefined();
  });

  it('is gone once it is revoked, with one event though two workers say so', async () => {
    const revocation = await enqueued();
    await Promise.all(
      Array.from({ length: 2 }, () => revocations.finish(revocation, { name: 'revocation.succeeded' }, WORKER)),
    );
    expect(await row(revocation)).toBeUndefined();
    expect(await eventsOf(revocation)).toEqual(['revocation.succeeded']);
  });

  it('is put off after a failure, and remembers when it failed first and last', async () => {
    const revocation = await enqueued();
    const event = { name: 'revocation.failed' } as const;
    await revocations.postpone(revocation, { code: 'provider_unavailable', retryInMs: 60_000 }, [event], WORKER);
    const first = await row(revocation);
    expect(first).toMatchObject({ failed_attempts: 1, failure_code: 'provider_unavailable' });
    expect(Number(first?.next_attempt_at) - Date.now()).toBeGreaterThan(50_000);
    expect(await revocations.load(revocation.orgId, revocation.id)).toMatchObject({ isDue: false, failedAttempts: 1 });
    await revocations.postpone(revocation, { code: 'rate_limited', retryInMs: null }, [event], WORKER);
    const last = await row(revocation);
    expect(last).toMatchObject({ failed_attempts: 2, failure_code: 'rate_limited', next_attempt_at: null });
    expect(last?.first_failed_at).toEqual(first?.first_failed_at);
    expect(await revocations.load(revocation.orgId, revocation.id)).toMatchObject({ isDue: false });
    expect(await eventsOf(revocation)).toEqual(['revocation.failed', 'revocation.failed']);
  });

  it('keeps tokens that were refreshed to revoke them', async () => {
    const revocation = await enqueued();
    await revocations.keepTokens(revocation, { accessToken: 'sealed-newer', refreshToken: null });
    expect(await row(revocation)).toMatchObject({ access_token: 'sealed-newer', refresh_token: null });
  });
});
