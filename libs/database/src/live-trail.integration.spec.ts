import { randomUUID } from 'node:crypto';
import {
  LIVE_EVENT_NAMES,
  type AuditEntry,
  type EventName,
  type IntegrationId,
  type OrgId,
  type ProviderId,
} from '@hub/domain';
import { aConnect, ADA } from '../../../test/factories/change';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { AuditRepository } from './audit.repository';
import { IntegrationRepository } from './integration.repository';
import { LiveTrailRepository } from './live-trail.repository';

const PROVIDER = 'notion' as ProviderId;
const anOrg = (): OrgId => randomUUID() as OrgId;
const entries = (...names: EventName[]): AuditEntry[] =>
  names.map((name) => ({ name, provider: PROVIDER, integrationId: null, actor: ADA }));

let database: OwnDatabase;
let trail: AuditRepository;
let integrations: IntegrationRepository;
let live: LiveTrailRepository;

beforeAll(async () => {
  database = await cloneDatabase();
  const door = await database.as('gateway');
  trail = new AuditRepository(door);
  integrations = new IntegrationRepository(door);
  live = new LiveTrailRepository(door);
});
afterAll(() => database.drop());

const page = (orgId: OrgId, after: number, most = 100, names = LIVE_EVENT_NAMES) =>
  live.page(orgId, { after, names, most });

it('tells where trails end, each by its org, and nothing of an org without one', async () => {
  const [one, other, none] = [anOrg(), anOrg(), anOrg()];
  await trail.append(one, entries('token.read', 'sync.completed'));
  await trail.append(other, entries('token.read'));
  expect(await live.heads([one, other, none])).toEqual(
    new Map([
      [one, 2],
      [other, 1],
    ]),
  );
  expect(await live.heads([])).toEqual(new Map());
});

it('reads on from where somebody stands, and leaves out what nobody asked for', async () => {
  const orgId = anOrg();
  await trail.append(orgId, entries('sync.completed', 'token.read', 'refresh.failed', 'auth.forbidden', 'token.read'));
  const all = await page(orgId, 0);
  expect(all.events.map(({ seq, name, provider }) => [seq, name, provider])).toEqual([
    [1, 'sync.completed', PROVIDER],
    [3, 'refresh.failed', PROVIDER],
  ]);
  expect(all.events.every(({ at, ageMs }) => at instanceof Date && ageMs >= 0)).toBe(true);
  expect([all.upTo, all.head]).toEqual([5, 5]);
  expect(await page(orgId, 3)).toMatchObject({ events: [], integrations: [], upTo: 5, head: 5 });
});

it('reads piece by piece, without a gap and without a double', async () => {
  const orgId = anOrg();
  await trail.append(
    orgId,
    entries(...Array.from({ length: 10 }, () => ['token.read', 'sync.failed'] as const).flat()),
  );
  const seen: number[] = [];
  for (let after = 0; ;) {
    const { events, upTo, head } = await page(orgId, after, 3);
    seen.push(...events.map(({ seq }) => seq));
    if (upTo === head) break;
    expect(upTo).toBeGreaterThan(after);
    after = upTo;
  }
  expect(seen).toEqual(Array.from({ length: 10 }, (_, place) => 2 * place + 2));
});

it('stays where it is before a trail that is shorter, and says so', async () => {
  const orgId = anOrg();
  await trail.append(orgId, entries('sync.completed'));
  expect(await page(orgId, 5)).toMatchObject({ events: [], upTo: 5, head: 1 });
  expect(await page(anOrg(), 0)).toMatchObject({ events: [], upTo: 0, head: 0 });
});

it('has the integrations of the org, as they stand behind its events, and of no other', async () => {
  const finish = () => Promise.resolve(true);
  const [ours, theirs] = [anOrg(), anOrg()];
  for (const orgId of [ours, theirs]) {
    const id = randomUUID() as IntegrationId;
    await integrations.storeConnect({ orgId, provider: PROVIDER, id, change: aConnect(), actor: ADA }, finish);
  }
  const connected = await page(ours, 0);
  expect(connected.events.map(({ name }) => name)).toEqual(['integration.connected']);
  expect(connected.integrations).toEqual(await integrations.list(ours));
  await integrations.disconnect(ours, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });
  const gone = await page(ours, connected.upTo);
  expect([gone.events.map(({ name }) => name), gone.integrations]).toEqual([['integration.disconnected'], []]);
});
