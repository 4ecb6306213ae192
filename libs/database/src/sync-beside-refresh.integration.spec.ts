import { randomUUID } from 'node:crypto';
import {
  afterFailure,
  afterRefresh,
  afterSync,
  afterSyncFailure,
  type Failure,
  type IntegrationId,
  type OrgId,
  type ProviderId,
} from '@hub/domain';
import { aConnect, ADA, aFreshGrant, WORKER } from '../../../test/factories/change';
import { FAILURES } from '../../../test/factories/integration';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { migrationDataSource } from './data-source';
import { IntegrationRepository } from './integration.repository';
import { SyncTheForgotten1795393200000 } from './migrations/1795393200000-sync-the-forgotten';
import { RefreshLeaseRepository, type Lease } from './refresh-lease.repository';
import { SyncRepository, type SyncTarget } from './sync.repository';

/**
 * A sync and a refresh of one integration, in every order of their steps: what a sync hears of a token that a refresh is
 * about to replace, or that a disconnect or a connect has replaced.
 */
const PROVIDER = 'google_drive' as ProviderId;
const HOUR = 3_600_000;
/** Many orders, each of many transactions, on whatever disk there is. */
const PATIENCE_MS = 240_000;
/** Each order is told of an org of its own. */
const AT_ONCE = 4;

jest.setTimeout(PATIENCE_MS);

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

/** What a sync hears. */
const WORDS = { well: null, down: FAILURES.down, dead: FAILURES.revoked } as const;

/** One integration, and what its sync and its refreshes have in hand. */
class Story {
  readonly orgId = randomUUID() as OrgId;
  readonly id = randomUUID() as IntegrationId;
  /** Of each worker that refreshes. */
  private readonly held = new Map<string, Lease>();
  private target: SyncTarget | undefined;

  async connect(): Promise<void> {
    const connect = { orgId: this.orgId, id: this.id, provider: PROVIDER, change: aConnect(), actor: ADA };
    await integrations.storeConnect(connect, () => Promise.resolve(true));
  }

  async disconnect(): Promise<void> {
    const options = { revoke: true, reason: 'disconnect', actor: ADA, detail: {} } as const;
    await integrations.disconnect(this.orgId, PROVIDER, options);
  }

  async ask(): Promise<void> {
    await integrations.requestRefresh(this.orgId, PROVIDER);
  }

  async claim(worker: string): Promise<void> {
    const lease = await leases.claim(this.orgId, this.id, worker);
    if (!('reason' in lease)) this.held.set(worker, lease);
  }

  /** As if a worker had stood still for longer than its lease. */
  async leaseEnds(): Promise<void> {
    await database.sql(`update public.integrations set lease_until = now() - interval '1 second' where id = $1`, [
      this.id,
    ]);
  }

  async granted(worker: string): Promise<void> {
    const lease = this.held.get(worker);
    if (!lease) return;
    const grant = lease.lateGrant ?? aFreshGrant();
    await leases.settle(lease, afterRefresh(lease.integration, grant, new Date(), 0.5), WORKER);
  }

  async failed(worker: string, cause: Failure): Promise<void> {
    const lease = this.held.get(worker);
    if (lease) await leases.settle(lease, afterFailure(lease.integration, cause, new Date()), WORKER);
  }

  async givenBack(worker: string): Promise<void> {
    const lease = this.held.get(worker);
    if (lease) await leases.release(lease);
  }

  async load(): Promise<void> {
    this.target = await syncs.load(this.orgId, this.id);
  }

  async hear(word: Failure | null): Promise<void> {
    if (!this.target) return;
    await syncs.settle(
      this.target,
      (current, at) =>
        word ? afterSyncFailure(current, word, at, HOUR) : afterSync({ metadata: {}, account: null }, at, HOUR, 0),
      WORKER,
    );
  }

  /** What is wrong with the row as it stands; empty where nothing is. */
  async wrongs(): Promise<string[]> {
    const [row] = await database.sql<{
      status: string;
      next_sync_at: Date | null;
      next_refresh_at: Date | null;
      is_due: boolean;
      has_late: boolean;
      told: string[];
    }>(
      `select status, next_sync_at, next_refresh_at, coalesce(next_refresh_at <= now(), false) as is_due,
         exists (select from public.token_inbox late
                 where late.integration_id = i.id and late.epoch >= i.connected_epoch
                   and late.issued_at > greatest(i.issued_at, i.connected_at)) as has_late,
         array(select name from public.audit_events where integration_id = i.id
                 and name in ('integration.connected', 'integration.recovered', $2) order by seq) as told
       from public.integrations i where id = $1`,
      [this.id, JUDGED],
    );
    if (!row) return [];
    const { told } = row;
    const isJudged = row.status === 'reauth_required';
    return [
      ...(!isJudged && row.next_sync_at === null ? ['no sync will come any more'] : []),
      ...(!isJudged && row.next_refresh_at === null ? ['no refresh will come any more'] : []),
      ...(row.has_late && (isJudged || !row.is_due) ? ['nobody will look at the late grant'] : []),
      ...(told.some((name, place) => name === JUDGED && told[place + 1] === JUDGED) ? ['judged twice'] : []),
      ...((told.at(-1) === JUDGED) !== isJudged && !row.has_late ? [`${row.status} after ${told.join()}`] : []),
    ];
  }

  async statusNow(): Promise<string | undefined> {
    const [row] = await database.sql<{ status: string }>('select status from public.integrations where id = $1', [
      this.id,
    ]);
    return row?.status;
  }
}

const JUDGED = 'integration.reauth_required';

interface Step {
  readonly name: string;
  readonly act: (story: Story) => Promise<void>;
}

const step = (name: string, act: Step['act']): Step => ({ name, act });
const ask = step('ask', (story) => story.ask());
const claim = step('claim', (story) => story.claim('one'));
const disconnect = step('disconnect', (story) => story.disconnect());
const reconnect = step('connect anew', (story) => story.connect());
const sync = (word: keyof typeof WORDS): Step[] => [
  step('load', (story) => story.load()),
  step(`hear ${word}`, (story) => story.hear(WORDS[word])),
];

/** How a refresh may end. */
const ENDS = {
  granted: step('granted', (story) => story.granted('one')),
  refused: step('refused', (story) => story.failed('one', FAILURES.revoked)),
  'failed for now': step('failed', (story) => story.failed('one', FAILURES.down)),
  'in doubt': step('lost', (story) => story.failed('one', FAILURES.lost)),
  'given back': step('given back', (story) => story.givenBack('one')),
} as const;

/** Every order of two rows of steps, each of which keeps its own. */
function interleaved(one: readonly Step[], other: readonly Step[]): Step[][] {
  const [first, ...rest] = one;
  const [second, ...more] = other;
  if (!first || !second) return [[...one, ...other]];
  return [
    ...interleaved(rest, other).map((order) => [first, ...order]),
    ...interleaved(one, more).map((order) => [second, ...order]),
  ];
}

/** Tells each order, step by step. @param endOf the status at its end @returns what went wrong in which, by the names of its steps */
async function wrongsOf(
  orders: readonly Step[][],
  endOf?: (order: readonly Step[]) => string,
): Promise<Record<string, string[]>> {
  const wrong: Record<string, string[]> = {};
  const tell = async (order: readonly Step[]): Promise<void> => {
    const story = new Story();
    await story.connect();
    for (const [place, { act }] of order.entries()) {
      await act(story);
      const wrongs = await story.wrongs();
      if (wrongs.length > 0) wrong[namesOf(order.slice(0, place + 1))] = wrongs;
    }
    const status = await story.statusNow();
    if (endOf && status !== endOf(order)) wrong[namesOf(order)] = [`ends as ${status}`];
  };
  for (let start = 0; start < orders.length; start += AT_ONCE)
    await Promise.all(orders.slice(start, start + AT_ONCE).map(tell));
  return wrong;
}

const namesOf = (order: readonly Step[]): string => order.map(({ name }) => name).join(' → ');

describe.each(['dead', 'down', 'well'] as const)('a sync that hears that the token is %s', (word) => {
  it.each(Object.entries(ENDS))('beside a refresh that is %s leaves a whole row, in every order', async (_how, end) => {
    expect(await wrongsOf(interleaved([ask, claim, end], sync(word)))).toEqual({});
  });
});

it.each([
  [disconnect, ENDS.granted],
  [disconnect, ENDS.refused],
  [reconnect, ENDS.granted],
  [reconnect, ENDS.refused],
])(
  'a sync that hears that the token is dead beside a refresh and a $name leaves a whole row, in every order',
  async (breakIn, end) => {
    const orders = interleaved([claim, end], sync('dead')).flatMap((order) => interleaved(order, [breakIn]));
    expect(await wrongsOf(orders.map((order) => [ask, ...order]))).toEqual({});
  },
);

it.each(['dead', 'down'] as const)(
  'a sync that hears that the token is %s beside a grant that comes late leaves a whole row, in every order, and the grant in use',
  async (word) => {
    const overtaken = [
      ask,
      claim,
      step('stands still', (story) => story.leaseEnds()),
      step('another claims', (story) => story.claim('two')),
    ];
    const refreshes = [
      step('is refused', (story) => story.failed('two', FAILURES.revoked)),
      step('the first was granted', (story) => story.granted('one')),
      step('claim again', (story) => story.claim('three')),
      step('take the late grant', (story) => story.granted('three')),
    ];
    const orders = interleaved(refreshes, sync(word)).map((order) => [...overtaken, ...order]);
    // of the new token the sync's word counts
    const endOf = (order: readonly Step[]) =>
      word === 'dead' && order.at(-2)?.name === 'load' ? 'reauth_required' : 'connected';
    expect(await wrongsOf(orders, endOf)).toEqual({});
  },
);

it('a sync that found the grant judged ends no syncs of one that was lifted meanwhile', async () => {
  const story = new Story();
  await story.connect();
  await story.ask();
  await story.claim('one');
  await story.failed('one', FAILURES.revoked);
  await story.load(); // as the sync does that has asked for a fresh token
  await database.sql('select hub.reopen_verdicts($1, $2)', [PROVIDER, new Date(Date.now() - HOUR)]);
  await story.hear(FAILURES.revoked);
  const [row] = await database.sql<{ next_sync_at: Date | null }>(
    'select next_sync_at from public.integrations where id = $1',
    [story.id],
  );
  expect(row?.next_sync_at).toBeInstanceOf(Date);
});

it('a sync has the last word once nobody is about to refresh, and tells it once', async () => {
  const story = new Story();
  await story.connect();
  await story.load();
  await story.hear(FAILURES.revoked);
  await story.hear(FAILURES.revoked);
  expect(await story.statusNow()).toBe('reauth_required');
  expect(await story.wrongs()).toEqual([]);
});

it('a row that has lost its syncs is given one by the migration, and no other row', async () => {
  const stories = [new Story(), new Story(), new Story()] as const;
  for (const story of stories) await story.connect();
  const [lost, judged, well] = stories.map(({ id }) => id);
  await database.sql('update public.integrations set next_sync_at = null where id = any($1)', [[lost, judged]]);
  await database.sql("update public.integrations set status = 'reauth_required' where id = $1", [judged]);
  const nextOf = async (id: string | undefined) => {
    const [row] = await database.sql<{ next_sync_at: Date | null }>(
      'select next_sync_at from public.integrations where id = $1',
      [id],
    );
    return row?.next_sync_at;
  };
  const before = await nextOf(well);
  const owner = await migrationDataSource(database.adminUrl).initialize();
  const runner = owner.createQueryRunner();
  try {
    await new SyncTheForgotten1795393200000().up(runner);
  } finally {
    await runner.release();
    await owner.destroy();
  }
  expect(await nextOf(lost)).toBeInstanceOf(Date);
  expect([await nextOf(judged), await nextOf(well)]).toEqual([null, before]);
});
