import { randomUUID } from 'node:crypto';
import { AuditRepository, EventNotices, LiveTrailRepository, type HubDatabase } from '@hub/database';
import type { EventName, OrgId } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { cloneDatabase, type OwnDatabase } from '../../../../test/support/database';
import { eventually } from '../../../../test/support/eventually';
import { LiveFeed, type FollowerConnection } from './live-feed.service';

const PROVIDER = 'notion';

let database: OwnDatabase;
let door: HubDatabase;
let trail: AuditRepository;
let notices: EventNotices;
let feed: LiveFeed;
const records: string[] = [];

beforeAll(async () => {
  database = await cloneDatabase();
  door = await database.as('gateway');
  trail = new AuditRepository(await database.as('refreshWorker'));
  notices = new EventNotices(database.gatewayUrl, 'test-feed', door);
  const to = { write: (line: string) => records.push(line) };
  const logger = HubLogger.forApp('gateway', 'info', to);
  feed = new LiveFeed(new LiveTrailRepository(door), notices, new ProviderRegistry({}), logger);
  feed.onApplicationBootstrap();
});
afterAll(async () => {
  for (const follower of followers) follower.leave();
  await notices.close();
  await database.drop();
});

const anOrg = (): OrgId => randomUUID() as OrgId;
const append = (orgId: OrgId, ...names: EventName[]): Promise<void> =>
  trail.append(
    orgId,
    names.map((name) => ({ name, provider: PROVIDER, integrationId: null, actor: { type: 'worker', id: 'test' } })),
  );

/** A client that keeps what it is sent. */
class AFollower implements FollowerConnection {
  readonly heard: { seq: number; name: string }[] = [];
  closedWith: number | undefined;
  /** What it waits for before it takes the next message of a gap. */
  pace: () => Promise<void> = () => Promise.resolve();
  leave: () => void = () => undefined;

  get isOpen(): boolean {
    return this.closedWith === undefined;
  }
  send(text: string): void {
    if (this.isOpen) this.heard.push(JSON.parse(text) as { seq: number; name: string });
  }
  async sendAtItsPace(text: string): Promise<void> {
    this.send(text);
    await this.pace();
  }
  close(code: number): void {
    this.closedWith = code;
    this.leave();
  }

  /** The numbers of all events that came. */
  get seqs(): number[] {
    return this.heard.filter(({ name }) => name !== 'ready').map(({ seq }) => seq);
  }
}

const followers: AFollower[] = [];

async function aFollower(orgId: OrgId, after?: number, pace?: AFollower['pace']): Promise<AFollower> {
  const follower = new AFollower();
  followers.push(follower);
  if (pace) follower.pace = pace;
  follower.leave = feed.follow(orgId, await feed.startOf(orgId, after), follower);
  return follower;
}

const hears = (follower: AFollower, seqs: readonly number[]) =>
  eventually(`the events ${seqs.join(', ')}`, () => Promise.resolve(follower.seqs.length >= seqs.length)).then(() =>
    expect(follower.seqs).toEqual(seqs),
  );

it('a follower is told where it stands, and then what comes', async () => {
  const orgId = anOrg();
  await append(orgId, 'sync.completed', 'token.read');
  const follower = await aFollower(orgId);
  await append(orgId, 'refresh.succeeded');
  await hears(follower, [3]);
  expect(follower.heard[0]).toEqual({ name: 'ready', seq: 2 });
  expect(follower.heard[1]).toMatchObject({ seq: 3, name: 'refresh.succeeded', provider: PROVIDER });
  expect(follower.heard[1]).toMatchObject({ integration: { provider: PROVIDER, status: 'not_connected' } });
});

it('what nobody wants is left out, and passed over', async () => {
  const orgId = anOrg();
  const follower = await aFollower(orgId);
  expect(follower.heard).toEqual([{ name: 'ready', seq: 0 }]);
  await append(orgId, 'token.read', 'auth.forbidden', 'sync.completed', 'request.invalid', 'sync.failed');
  await hears(follower, [3, 5]);
});

it('a trail that is longer than was said is not followed from there', async () => {
  const orgId = anOrg();
  await append(orgId, 'sync.completed');
  await expect(feed.startOf(orgId, 2)).rejects.toMatchObject({ code: 'invalid_request', status: 422 });
  expect(await feed.startOf(orgId, 1)).toEqual({ position: 1, head: 1 });
});

it('who comes back gets what it has missed, and then what comes, each once and in order', async () => {
  const orgId = anOrg();
  const all = Array.from({ length: 700 }, () => 'sync.completed' as const);
  await append(orgId, ...all.slice(0, 450));
  const early = await aFollower(orgId);
  let number = 0;
  // while it reads the gap, more is written
  const late = await aFollower(orgId, 0, async () => {
    number += 1;
    if (number % 40 === 0 && number <= 400) await append(orgId, ...all.slice(0, 25));
  });
  const expected = Array.from({ length: 700 }, (_, place) => place + 1);
  await hears(late, expected);
  await hears(early, expected.slice(450));
  await append(orgId, 'refresh.failed');
  await hears(late, [...expected, 701]);
});

it('many who come and go at once are each told all, and nothing of others', async () => {
  const orgs = Array.from({ length: 10 }, anOrg);
  const writing = Promise.all(
    orgs.map(async (orgId) => {
      for (let round = 0; round < 15; round += 1) await append(orgId, 'sync.completed', 'token.read', 'sync.failed');
    }),
  );
  const coming = orgs.flatMap((orgId) =>
    Array.from({ length: 5 }, async (_, place) => {
      let follower = await aFollower(orgId, 0);
      const seen: number[] = [];
      for (let turn = 0; turn < place; turn += 1) {
        await eventually('some events', () =>
          Promise.resolve(follower.seqs.length >= 3 || seen.length + follower.seqs.length >= 30),
        );
        follower.leave();
        seen.push(...follower.seqs);
        follower = await aFollower(orgId, seen.at(-1) ?? 0);
      }
      await eventually('all events', () => Promise.resolve(seen.length + follower.seqs.length >= 30));
      return [...seen, ...follower.seqs];
    }),
  );
  await writing;
  const wanted = Array.from({ length: 15 }, (_, round) => [3 * round + 1, 3 * round + 3]).flat();
  for (const seen of await Promise.all(coming)) expect(seen).toEqual(wanted);
});

it('followers stay while the database is away, and miss nothing', async () => {
  const orgId = anOrg();
  const [follower, other] = [await aFollower(orgId), await aFollower(anOrg())];
  await append(orgId, 'sync.completed');
  await hears(follower, [1]);
  await database.setAway(true);
  await eventually('the outage to be seen', () =>
    Promise.resolve(records.some((line) => line.includes('hub.live.read_failed'))),
  );
  await database.setAway(false);
  await eventually('the database to take an event', () =>
    append(orgId, 'sync.failed').then(
      () => true,
      () => false,
    ),
  );
  const seqs = (await database.sql<{ seq: number }>('select seq from public.audit_events where org_id = $1', [orgId]))
    .map(({ seq }) => Number(seq))
    .sort((one, next) => one - next);
  await hears(follower, seqs);
  expect([follower.isOpen, other.isOpen, other.seqs]).toEqual([true, true, []]);
  expect(records.filter((line) => line.includes('hub.live.read_failed'))).toHaveLength(1);
  await eventually('its end to be told', () =>
    Promise.resolve(records.some((line) => line.includes('hub.live.reads_again'))),
  );
});

it('followers of a trail that was set back are sent away, and may begin anew', async () => {
  const orgId = anOrg();
  await append(orgId, 'sync.completed', 'sync.completed', 'sync.completed');
  const [live, late] = [await aFollower(orgId), await aFollower(orgId, 1)];
  await hears(late, [2, 3]);
  // as a database that was restored to a moment before
  await database.sql('update public.audit_heads set seq = 1 where org_id = $1', [orgId]);
  await eventually('both to be sent away', () => Promise.resolve(live.closedWith === 1012 && late.closedWith === 1012));
  await expect(feed.startOf(orgId, 3)).rejects.toMatchObject({ status: 422 });
  await database.sql('update public.audit_heads set seq = 3 where org_id = $1', [orgId]);
  const next = await aFollower(orgId, 3);
  await append(orgId, 'sync.failed');
  await hears(next, [4]);
});
