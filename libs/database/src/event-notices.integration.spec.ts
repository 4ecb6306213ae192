import { randomUUID } from 'node:crypto';
import type { AuditEntry, EventName, OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { eventually } from '../../../test/support/eventually';
import { appendEvents, AuditRepository } from './audit.repository';
import { EventNotices } from './event-notices.client';
import type { HubDatabase } from './hub-database';

/** How many of the 256 places the locks of the line's session stand for. */
const HELD = `select l.objid::int as place from pg_locks l join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.classid = 7264020 and l.mode = 'ShareLock' and l.granted
    and a.application_name = 'test-events' and a.datname = current_database()`;

const anOrg = (end = randomUUID().slice(-2)): OrgId => (randomUUID().slice(0, -2) + end) as OrgId;
const anEntry = (name: EventName = 'sync.completed'): AuditEntry => ({
  name,
  provider: 'notion',
  integrationId: null,
  actor: { type: 'worker', id: 'test' },
});

let database: OwnDatabase;
let door: HubDatabase;
let trail: AuditRepository;
let notices: EventNotices;
let heard: OrgId[];

beforeAll(async () => {
  database = await cloneDatabase();
  door = await database.as('gateway');
  trail = new AuditRepository(await database.as('refreshWorker'));
});
afterAll(() => database.drop());

beforeEach(() => {
  heard = [];
  notices = new EventNotices(database.gatewayUrl, 'test-events', door);
  notices.listen((orgId) => heard.push(orgId));
});
afterEach(() => notices.close());

const places = async (): Promise<number[]> => (await database.sql<{ place: number }>(HELD)).map(({ place }) => place);

/** Follows an org, and comes back once those who write know. */
async function followed(orgId: OrgId): Promise<OrgId> {
  notices.follow(orgId);
  await eventually('the place to be held', async () => (await places()).includes(Number.parseInt(orgId.slice(-2), 16)));
  return orgId;
}

const word = (what: string, isThere: () => boolean) => eventually(what, () => Promise.resolve(isThere()));

it('a trail that is followed is noticed when it goes on, whoever writes', async () => {
  const orgId = await followed(anOrg());
  await trail.append(orgId, [anEntry()]);
  await word('a notice', () => heard.length === 1);
  await door.withOrg(orgId, (manager) => appendEvents(manager, [anEntry('integration.disconnected')]));
  await word('another notice', () => heard.length === 2);
  expect(heard).toEqual([orgId, orgId]);
});

it('several events of one transaction are one notice, and those of one that is undone are none', async () => {
  const orgId = await followed(anOrg());
  const undone = door.withOrg(orgId, async (manager) => {
    await appendEvents(manager, [anEntry()]);
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  await trail.append(orgId, [anEntry(), anEntry(), anEntry()]);
  await word('a notice', () => heard.length > 0);
  await trail.append(orgId, [anEntry()]);
  await word('the next notice', () => heard.length > 1);
  expect(heard).toEqual([orgId, orgId]);
});

it('what nobody follows is not noticed, and token reads never are', async () => {
  const orgId = await followed(anOrg('10'));
  const [other, left] = [anOrg('20'), await followed(anOrg('30'))];
  notices.unfollow(left);
  await eventually('the place to be given back', async () => !(await places()).includes(0x30));
  await trail.append(other, [anEntry()]);
  await trail.append(left, [anEntry()]);
  await trail.append(orgId, [anEntry('token.read')]);
  await trail.append(orgId, [anEntry()]);
  await word('a notice', () => heard.length > 0);
  expect(heard).toEqual([orgId]);
});

it('a place is held as long as one of its orgs is followed', async () => {
  const [one, other] = [await followed(anOrg('aa')), await followed(anOrg('aa'))];
  notices.unfollow(one);
  await trail.append(other, [anEntry()]);
  await word('a notice', () => heard.includes(other));
  notices.unfollow(other);
  await eventually('the place to be given back', async () => (await places()).length === 0);
});

it('whoever begins to follow while somebody writes hears of it afterwards', async () => {
  const orgId = anOrg();
  await followed(anOrg(orgId.slice(-2) === '00' ? '01' : '00')); // the line stands
  let commit: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => (commit = resolve));
  let begun: () => void = () => undefined;
  const writing = new Promise<void>((resolve) => (begun = resolve));
  const done = door.withOrg(orgId, async (manager) => {
    await appendEvents(manager, [anEntry()]);
    begun();
    await hold;
  });
  await writing;
  notices.follow(orgId);
  await eventually('the line to wait', async () => {
    const [found] = await database.sql(
      `select 1 from pg_locks l join pg_stat_activity a using (pid)
       where l.locktype = 'advisory' and l.classid = 7264020 and not l.granted and a.application_name = 'test-events'`,
    );
    return found;
  });
  commit();
  await done;
  await followed(orgId);
  await trail.append(orgId, [anEntry()]);
  await word('a notice', () => heard.includes(orgId));
});

it('all is heard again after the connection was lost', async () => {
  const orgId = await followed(anOrg());
  await database.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test-events'");
  await eventually('the place to be given back', async () => (await places()).length === 0);
  await eventually('the place to be held again', async () => (await places()).length === 1);
  await trail.append(orgId, [anEntry()]);
  await word('a notice', () => heard.includes(orgId));
});

it('what is no org is passed over', async () => {
  const orgId = await followed(anOrg());
  for (const payload of ['', '{', 'null', '00000000-0000-0000-0000-000000000000', 'x'.repeat(36)])
    await database.sql('select pg_notify($1, $2)', ['hub_events', payload]);
  await trail.append(orgId, [anEntry()]);
  await word('a notice', () => heard.length > 0);
  expect(heard).toEqual([orgId]);
});
