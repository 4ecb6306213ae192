import { randomUUID } from 'node:crypto';
import { afterFailure, afterSync, type IntegrationId, type OrgId, type ProviderId } from '@hub/domain';
import { aConnect, ADA, WORKER } from '../../../test/factories/change';
import { FAILURES } from '../../../test/factories/integration';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { eventually } from '../../../test/support/eventually';
import { AwaitedWork, type Requested, type WaitEnd } from './awaited-work.service';
import { IntegrationRepository } from './integration.repository';
import { RefreshLeaseRepository, type Lease } from './refresh-lease.repository';
import { SyncRepository } from './sync.repository';

const PROVIDER = 'google_drive' as ProviderId;

let database: OwnDatabase;
let integrations: IntegrationRepository;
let leases: RefreshLeaseRepository;
let syncs: SyncRepository;

beforeAll(async () => {
  database = await cloneDatabase();
  integrations = new IntegrationRepository(await database.as('gateway'));
  leases = new RefreshLeaseRepository(await database.as('refreshWorker'));
  syncs = new SyncRepository(await database.as('syncWorker'));
  await database.longUp();
});
afterAll(() => database.drop());

interface Stored {
  readonly orgId: OrgId;
  readonly id: IntegrationId;
}

async function stored(): Promise<Stored> {
  const made = { orgId: randomUUID() as OrgId, id: randomUUID() as IntegrationId };
  const connect = { ...made, provider: PROVIDER, change: aConnect(), actor: ADA };
  await integrations.storeConnect(connect, () => Promise.resolve(true));
  return made;
}

async function asked(kind: 'refresh' | 'sync', { orgId }: Stored, by = integrations): Promise<Requested> {
  const request = await (kind === 'refresh' ? by.requestRefresh(orgId, PROVIDER) : by.requestSync(orgId, PROVIDER));
  if (request.kind !== 'requested') throw new Error(request.kind);
  return request;
}

async function held({ orgId, id }: Stored): Promise<Lease> {
  const lease = await leases.claim(orgId, id, 'worker');
  if ('reason' in lease) throw new Error(lease.reason);
  return lease;
}

const fail = (lease: Lease) => leases.settle(lease, afterFailure(lease.integration, FAILURES.down, new Date()), WORKER);

/** A wait, and how it has ended so far. */
function waiting(end: Promise<WaitEnd>) {
  const wait = { end, soFar: 'waits' as WaitEnd | 'waits' };
  void end.then((how) => (wait.soFar = how));
  return wait;
}

/** The row was looked at so often since that whoever waits for it has seen how it stands. */
class Looks {
  count = 0;
  readonly progress: IntegrationRepository['progress'] = async (...of) => {
    const now = await integrations.progress(...of);
    this.count += 1;
    return now;
  };

  async more(): Promise<void> {
    const enough = this.count + 2;
    await eventually('two more looks', () => Promise.resolve(this.count >= enough));
  }
}

describe('whoever waits for a refresh', () => {
  it('waits until an attempt comes to its end, whatever the end', async () => {
    const of = await stored();
    const looks = new Looks();
    const wait = waiting(new AwaitedWork(looks).refreshed(await asked('refresh', of)));
    const lease = await held(of);
    await looks.more();
    expect(wait.soFar).toBe('waits');
    await fail(lease);
    expect(await wait.end).toBe('settled');
  });

  it('takes one that is under way already for his own', async () => {
    const of = await stored();
    await asked('refresh', of);
    const lease = await held(of);
    const request = await asked('refresh', of);
    await fail(lease);
    expect(await new AwaitedWork(integrations).refreshed(request)).toBe('settled');
  });

  it('does not take one for his own that was over before he asked', async () => {
    const of = await stored();
    await asked('refresh', of);
    await fail(await held(of));
    const looks = new Looks();
    const wait = waiting(new AwaitedWork(looks).refreshed(await asked('refresh', of)));
    await looks.more();
    expect(wait.soFar).toBe('waits');
    await fail(await held(of));
    expect(await wait.end).toBe('settled');
  });

  it('goes on waiting where a worker gives the lease back, and has what the next one settles', async () => {
    const of = await stored();
    const looks = new Looks();
    const wait = waiting(new AwaitedWork(looks).refreshed(await asked('refresh', of)));
    await leases.release(await held(of));
    await looks.more();
    expect(wait.soFar).toBe('waits');
    await fail(await held(of));
    expect(await wait.end).toBe('settled');
  });

  it('who asks after a lease was given back has what the next one settles, too', async () => {
    const of = await stored();
    await asked('refresh', of);
    await leases.release(await held(of));
    const looks = new Looks();
    const wait = waiting(new AwaitedWork(looks).refreshed(await asked('refresh', of)));
    await looks.more();
    expect(wait.soFar).toBe('waits');
    await fail(await held(of));
    expect(await wait.end).toBe('settled');
  });

  it('is told after ten seconds whether anybody is at it', async () => {
    const [begun, left] = [await stored(), await stored()];
    const requests = [await asked('refresh', begun), await asked('refresh', left)];
    await held(begun);
    await leases.release(await held(left));
    const ends = requests.map((request) => new AwaitedWork(integrations).refreshed(request));
    expect(await Promise.all(ends)).toEqual(['under_way', 'not_begun']);
  }, 30_000);

  it('may be the metadata sync worker', async () => {
    const of = await stored();
    const bySync = new IntegrationRepository(await database.as('syncWorker'));
    const request = await asked('refresh', of, bySync);
    await fail(await held(of));
    expect(await new AwaitedWork(bySync).refreshed(request)).toBe('settled');
  });

  it('waits for nothing once the row is gone', async () => {
    const of = await stored();
    const request = await asked('refresh', of);
    const options = { revoke: false, reason: 'disconnect', actor: ADA, detail: {} } as const;
    await integrations.disconnect(of.orgId, PROVIDER, options);
    expect(await new AwaitedWork(integrations).refreshed(request)).toBe('gone');
  });
});

it('whoever waits for a sync waits for one that settled after he asked', async () => {
  const of = await stored();
  const sync = async () => {
    const target = await syncs.load(of.orgId, of.id);
    if (!target) throw new Error('gone');
    const decide = (_: unknown, at: Date) => afterSync({ metadata: {}, account: null }, at, 3_600_000, 0);
    return syncs.settle(target, decide, WORKER);
  };
  await sync();
  const looks = new Looks();
  const wait = waiting(new AwaitedWork(looks).synced(await asked('sync', of)));
  await looks.more();
  expect(wait.soFar).toBe('waits');
  await sync();
  expect(await wait.end).toBe('settled');
});
