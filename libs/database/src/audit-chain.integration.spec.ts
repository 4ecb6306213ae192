import { randomBytes, randomUUID } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SYSTEM_ORG, type AuditEntry, type OrgId } from '@hub/domain';
import { fillTrail, tamper } from '../../../test/support/audit-trail';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { isWhole, type ChainRow } from './audit-chain';
import { AuditChainRepository } from './audit-chain.repository';
import { AuditSealService } from './audit-seal.service';
import { AuditVerificationService } from './audit-verification.service';
import { AuditRepository } from './audit.repository';
import { migrationDataSource } from './data-source';
import type { HubDatabase } from './hub-database';
import { MIGRATIONS } from './migrations';
import { ChainAuditTrail1795392800000 } from './migrations/1795392800000-chain-audit-trail';
import { SealFolderRepository } from './seal-folder.repository';
import { SealHistory } from './seal-history';

const anOrg = (): OrgId => randomUUID() as OrgId;
const anEntry = (different: Partial<AuditEntry> = {}): AuditEntry => ({
  name: 'token.read',
  provider: 'notion',
  integrationId: null,
  actor: { type: 'user', id: 'ada' },
  ...different,
});

let database: OwnDatabase;
let gateway: HubDatabase;
let worker: HubDatabase;
let trail: AuditRepository;
let chains: AuditChainRepository;

beforeAll(async () => {
  database = await cloneDatabase();
  gateway = await database.as('gateway');
  worker = await database.as('refreshWorker');
  trail = new AuditRepository(gateway);
  chains = new AuditChainRepository(worker);
});
afterAll(() => database.drop());

async function rowsOf(orgId: OrgId): Promise<ChainRow[]> {
  const rows: ChainRow[] = [];
  for await (const page of chains.pages([orgId])) rows.push(...page.rows);
  return rows;
}

/** What a verification finds, as `kind seq`. */
async function found(orgId?: OrgId, history?: SealHistory): Promise<string[]> {
  const { findings } = await new AuditVerificationService(chains, history).verify(orgId);
  return findings.map(({ kind, seq }) => `${kind} ${seq}`);
}

describe('the hash that PostgreSQL computes', () => {
  it('is the one that is computed here, whatever stands in the event', async () => {
    const orgId = anOrg();
    await trail.append(orgId, [
      anEntry(),
      anEntry({ provider: null, integrationId: randomUUID() as AuditEntry['integrationId'] }),
      anEntry({ actor: { type: 'user', id: 'ädä 🙂 "quoted" \\ -' } }),
      anEntry({ actor: { type: 'user', id: '' } }),
      anEntry({
        detail: { count: 1, nested: { b: [1.5, null, true], a: 'é\n"' }, 'a long key': 12_345_678_901_234_567 },
      }),
      anEntry({ detail: {} }),
    ]);
    const rows = await rowsOf(orgId);
    expect(rows).toHaveLength(6);
    expect(rows.map(isWhole)).toEqual(Array(6).fill(true));
    expect(await found(orgId)).toEqual([]);
  });

  it('chains what many write at once', async () => {
    const orgId = anOrg();
    await Promise.all(Array.from({ length: 40 }, () => trail.append(orgId, [anEntry(), anEntry()])));
    expect(await rowsOf(orgId)).toHaveLength(80);
    expect(await found(orgId)).toEqual([]);
  });
});

describe('an app’s login', () => {
  it.each([
    [
      'an event',
      "insert into public.audit_events (org_id, seq, at, name, actor_type, actor_id, prev_hash, hash) values (hub.current_org(), 2, now(), 'token.read', 'user', 'ada', '', '')",
    ],
    ['a head', "insert into public.audit_heads values (hub.current_org(), 7, '')"],
    ['another number', 'update public.audit_heads set seq = 7'],
    ['a checkpoint', "insert into public.audit_checkpoints values (hub.current_org(), 7, '', '2026-01-01', '')"],
    [
      'a row past the table',
      "insert into audit.events_default (org_id, seq, at, name, actor_type, actor_id, prev_hash, hash) values (hub.current_org(), 2, now(), 'token.read', 'user', 'ada', '', '')",
    ],
    ['a function of the tables’ owner', "select hub.make_audit_partition('2030-01-01')"],
  ])('cannot write %s by itself', async (_what, sql) => {
    const orgId = anOrg();
    await trail.append(orgId, [anEntry()]);
    for (const door of [gateway, worker])
      await expect(door.withOrg(orgId, (manager) => manager.query(sql))).rejects.toMatchObject({ code: '42501' });
    expect(await found(orgId)).toEqual([]);
  });

  it('without an org appends nothing', async () => {
    const append = "select hub.append_event('token.read', null, null, 'user', 'ada', '{}')";
    await expect(gateway.asSystem('test', (manager) => manager.query(append))).rejects.toThrow();
  });
});

describe('partitions', () => {
  const partitionOf = async (orgId: OrgId): Promise<string[]> =>
    (
      await database.sql<{ part: string }>(
        'select distinct tableoid::regclass::text as part from public.audit_events where org_id = $1 order by 1',
        [orgId],
      )
    ).map(({ part }) => part);

  it('are made ahead, once', async () => {
    const names = () =>
      database.sql(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'public.audit_events'::regclass",
      );
    const before = await names();
    expect(before).toHaveLength(5); // this month, three more, and the default
    expect(await chains.ensurePartitions()).toEqual({ made: 0, blocked: 0 });
    await database.sql('drop table audit.events_' + ahead(2));
    const made = await Promise.all([chains.ensurePartitions(), chains.ensurePartitions()]);
    expect(made.map((one) => one.made).sort()).toEqual([0, 1]);
    expect(await names()).toEqual(expect.arrayContaining(before));
  });

  it('keep events by the month of their time in UTC, the default one whatever has none', async () => {
    const orgId = anOrg();
    const [year, month] = ahead(1).split('_').map(Number) as [number, number];
    const next = new Date(Date.UTC(year, month - 1, 1));
    await fillTrail(database.sql, orgId, { events: 1, from: new Date(next.getTime() - 1), everySeconds: 0 });
    await fillTrail(database.sql, orgId, { events: 1, from: next, everySeconds: 0 });
    await fillTrail(database.sql, orgId, { events: 1, from: new Date('2099-01-01'), everySeconds: 0 });
    expect(await partitionOf(orgId)).toEqual([
      ...[`audit.events_${ahead(0)}`, `audit.events_${ahead(1)}`].sort(),
      'audit.events_default',
    ]);
    expect(await found(orgId)).toEqual([]);
  });

  it('of a month that the default one has events of are left out and told', async () => {
    const own = await cloneDatabase();
    try {
      const part = `audit.events_${ahead(1)}`;
      const [year, month] = ahead(1).split('_').map(Number) as [number, number];
      await own.sql(`drop table ${part}`);
      await fillTrail(own.sql, anOrg(), { events: 1, from: new Date(Date.UTC(year, month - 1, 2)), everySeconds: 0 });
      const ownChains = new AuditChainRepository(await own.as('refreshWorker'));
      expect(await ownChains.ensurePartitions()).toEqual({ made: 0, blocked: 1 });
    } finally {
      await own.drop();
    }
  });

  it.each(['update %s set name = name', 'delete from %s', 'truncate %s'])('are insert-only each: %s', async (sql) => {
    for (const table of ['audit.events_default', `audit.events_${ahead(0)}`])
      await expect(database.sql(sql.replace('%s', table))).rejects.toMatchObject({ code: '42501' });
  });

  it('are each found by their index when a page is read', async () => {
    const orgId = anOrg();
    await fillTrail(database.sql, orgId, { events: 3_000, from: new Date(), everySeconds: 2_000 });
    await database.sql('analyze public.audit_events');
    const plan = await database.sql<{ 'QUERY PLAN': string }>(
      `explain select * from public.audit_events where org_id = '${orgId}' and seq < 2000 order by seq desc limit 51`,
    );
    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Merge Append|Index Scan/);
    expect(text).not.toMatch(/Seq Scan|Sort Key:.*\n.*Sort/);
    const { events } = await trail.page(orgId, { before: 2_000, limit: 50 });
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, place) => 1_999 - place));
  });

  /** A month from now as its partition names it. */
  function ahead(months: number): string {
    const now = new Date();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months))
      .toISOString()
      .slice(0, 7)
      .replace('-', '_');
  }
});

describe('a release before', () => {
  it('left a trail that is chained in its order, and can be gone back to', async () => {
    const own = await cloneDatabase();
    await own.sql(`grant create on database ${own.name} to hub_owner`); // a clone does not have its template's rights
    const owner = await migrationDataSource(own.adminUrl).initialize();
    const runner = owner.createQueryRunner();
    const migrations = MIGRATIONS.slice(MIGRATIONS.indexOf(ChainAuditTrail1795392800000)).map(
      (Migration) => new Migration(),
    );
    try {
      const [first, second] = [anOrg(), anOrg()];
      for (const migration of [...migrations].reverse()) await migration.down(runner);
      const ownGateway = await own.as('gateway');
      const ownTrail = new AuditRepository(ownGateway);
      const appendAsBefore = (orgId: OrgId, detail = {}) =>
        ownGateway.withOrg(orgId, (manager) =>
          manager.query("select hub.append_event('token.read', 'notion', null, 'user', 'ada', $1)", [detail]),
        );
      for (let times = 0; times < 3; times += 1) {
        await appendAsBefore(first, { times });
        await appendAsBefore(second);
        await appendAsBefore(second);
      }
      await own.sql(
        "insert into public.audit_events (org_id, seq, at, name, actor_type, actor_id) values ($1, 1, '2025-12-31T23:59:59.123456Z', 'token.read', 'user', 'ada')",
        [SYSTEM_ORG],
      );
      await own.sql('insert into public.audit_heads values ($1, 1)', [SYSTEM_ORG]);
      for (const migration of migrations) await migration.up(runner);
      await ownTrail.append(first, [anEntry()]);
      const ownChains = new AuditChainRepository(await own.as('refreshWorker'));
      const verdict = await new AuditVerificationService(ownChains, undefined).verify();
      expect(verdict).toEqual({ orgs: 3, events: 11, findings: [] });
      expect(await own.sql('select 1 from audit.events_2025_12')).toHaveLength(1);
      const forced = await own.sql(
        "select relname from pg_class where relname in ('audit_events', 'audit_heads') and relforcerowsecurity",
      );
      expect(forced).toHaveLength(2);
      for (const migration of [...migrations].reverse()) await migration.down(runner);
      const { events } = await ownTrail.page(first, { limit: 10 });
      expect(events.map(({ seq }) => seq)).toEqual([4, 3, 2, 1]);
    } finally {
      await runner.release();
      await owner.destroy();
      await own.drop();
    }
  });
});

describe('a verification', () => {
  const orgs = [anOrg(), anOrg(), anOrg()];
  const [org, other] = orgs as [OrgId, OrgId, OrgId];
  const EVENTS = 1_200;
  const from = new Date(Date.now() - 86_400_000);
  let own: OwnDatabase;
  let ownChains: AuditChainRepository;
  let folder: string;
  const key = { id: 's1', key: randomBytes(32) };

  beforeAll(async () => {
    own = await cloneDatabase();
    ownChains = new AuditChainRepository(await own.as('refreshWorker'));
    folder = mkdtempSync(path.join(tmpdir(), 'seals-'));
    for (const [place, one] of orgs.entries())
      await fillTrail(own.sql, one, { events: EVENTS, from: new Date(from.getTime() + place), everySeconds: 1 });
    await new AuditSealService(ownChains, new SealFolderRepository(folder, [key])).sealHeads(new Date(), 0);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await own.drop();
  });

  async function history(): Promise<SealHistory> {
    const read = new SealHistory([key]);
    for await (const line of new SealFolderRepository(folder, [key]).lines()) read.take(line);
    return read;
  }

  /** What is found after this was done to the tables, which is then undone. */
  async function foundAfter(...statements: string[]): Promise<string[]> {
    const tables = ['audit_events', 'audit_heads'];
    for (const table of tables) await own.sql(`create table kept_${table} as select * from public.${table}`);
    try {
      await tamper(own.sql, statements);
      const { findings } = await new AuditVerificationService(ownChains, await history()).verify();
      return findings.map(({ kind, seq, orgId }) => `${kind} ${seq}${orgId === org ? '' : ' elsewhere'}`);
    } finally {
      await tamper(
        own.sql,
        tables.flatMap((table) => [
          `delete from public.${table}`,
          `insert into public.${table} select * from kept_${table}`,
          `drop table kept_${table}`,
        ]),
      );
    }
  }
  const at = (seq: number) => `org_id = '${org}' and seq = ${seq}`;
  const columns = 'org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail, prev_hash, hash';

  it('of a trail as it was written finds nothing', async () => {
    const verdict = await new AuditVerificationService(ownChains, await history()).verify();
    expect(verdict).toEqual({ orgs: 3, events: 3 * EVENTS, findings: [] });
  });

  it.each([
    ['id = gen_random_uuid()'],
    ["at = at + interval '1 microsecond'"],
    ["name = 'token.written'"],
    ["provider = coalesce(provider, '') || 'x'"],
    ['integration_id = case when integration_id is null then gen_random_uuid() end'],
    ["actor_type = 'system'"],
    ["actor_id = 'eve'"],
    ['detail = detail || \'{"count": -1}\''],
    ["prev_hash = sha256('x')"],
    ["hash = sha256('x')"],
  ])('finds one event of thousands with %s', async (set) => {
    expect(await foundAfter(`update public.audit_events set ${set} where ${at(700)}`)).toEqual(['edited 700']);
  });

  it('finds an event that was moved to another org', async () => {
    const found = await foundAfter(`update public.audit_events set org_id = '${other}' where ${at(700)}`);
    expect(found.sort()).toEqual(['inserted 700 elsewhere', 'missing 700']);
  });

  it('finds what is gone, in the middle and at the end, heads or not', async () => {
    const head = `org_id = '${org}'`;
    expect(await foundAfter(`delete from public.audit_events where ${at(700)}`)).toEqual(['missing 700']);
    expect(await foundAfter(`delete from public.audit_events where ${head} and seq > 1000`)).toEqual([
      'truncated 1001',
    ]);
    const setBack = `update public.audit_heads h set seq = e.seq, hash = e.hash from public.audit_events e where e.org_id = h.org_id and e.${head} and e.seq = 1000`;
    expect(await foundAfter(`delete from public.audit_events where ${head} and seq > 1000`, setBack)).toEqual([
      'truncated 1001',
    ]);
    expect(
      await foundAfter(`delete from public.audit_events where ${head}`, `delete from public.audit_heads where ${head}`),
    ).toEqual(['head 0', 'truncated 1']);
  });

  it('finds what was put in and what has changed places', async () => {
    const copy = `insert into public.audit_events (${columns}) select org_id, seq, gen_random_uuid(), at + interval '1 second', name, provider, integration_id, actor_type, actor_id, detail, prev_hash, hash from public.audit_events where ${at(700)}`;
    expect(await foundAfter(copy)).toEqual(['inserted 700']);
    const swap = `update public.audit_events set seq = 1001 - seq where org_id = '${org}' and seq in (300, 701)`;
    expect(await foundAfter(swap)).toEqual(['reordered 300', 'reordered 701']);
  });

  it('follows a trail over many pages, and others beside it', async () => {
    const [long, ...short] = Array.from({ length: 130 }, anOrg) as [OrgId, ...OrgId[]];
    await fillTrail(database.sql, long, { events: 5_600, from, everySeconds: 1 });
    for (const one of short) await trail.append(one, [anEntry()]);
    const pages: number[] = [];
    for await (const { orgId, rows } of chains.pages([...short, long])) if (orgId === long) pages.push(rows.length);
    expect(pages).toEqual([200, 5_000, 400]);
    const { events, findings } = await new AuditVerificationService(chains, undefined).verify();
    expect([events > 5_600 + short.length, findings]).toEqual([true, []]);
  });

  it('sees the rest of a trail that is written on meanwhile', async () => {
    const writing = Promise.all(
      Array.from({ length: 30 }, () => new AuditRepository(worker).append(other, [anEntry()])),
    );
    expect(await found(other)).toEqual([]);
    await writing;
    expect(await found(other)).toEqual([]);
  });
});

describe('seals', () => {
  const key = { id: 's1', key: randomBytes(32) };
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'seals-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const sealer = () => new AuditSealService(chains, new SealFolderRepository(folder, [key]));
  async function history(): Promise<SealHistory> {
    const read = new SealHistory([key]);
    for await (const line of new SealFolderRepository(folder, [key]).lines()) read.take(line);
    return read;
  }
  const today = new Date('2026-11-28T10:00:00Z');
  const later = (minutes: number) => new Date(today.getTime() + minutes * 60_000);

  it('hold every head at first, then those that went on, and all again on a new day', async () => {
    const [busy, quiet] = [anOrg(), anOrg()];
    await trail.append(busy, [anEntry()]);
    await trail.append(quiet, [anEntry()]);
    const one = sealer();
    await one.sealHeads(today, 0);
    await trail.append(busy, [anEntry()]);
    await one.sealHeads(later(1), 0);
    await one.sealHeads(later(24 * 60), 0);
    expect(readdirSync(folder)).toEqual(['seals-2026-11-28.log', 'seals-2026-11-29.log']);
    const seals = [];
    for await (const line of new SealFolderRepository(folder, [key]).lines()) seals.push(JSON.parse(line.slice(65)));
    expect(seals.map(({ n, full, heads }) => [n, full, heads.length > 1])).toEqual([
      [1, true, true],
      [2, false, false],
      [3, true, true],
    ]);
    expect(seals[1].heads).toEqual([[busy, 2, expect.stringMatching(/^[0-9a-f]{64}$/)]]);
    const read = await history();
    expect(read.findings).toEqual([]);
    expect(read.sealed(busy).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(read.sealed(quiet).map(({ seq }) => seq)).toEqual([1]);
  });

  it('of several workers on one folder are one chain, and no more than needed', async () => {
    const workers = [sealer(), sealer(), sealer()];
    for (let minute = 0; minute < 3; minute += 1)
      await Promise.all(workers.map((one) => one.sealHeads(later(minute), 30_000)));
    const read = await history();
    expect([read.findings, read.seals]).toEqual([[], 3]);
  });

  it('go on behind a line that a crash has cut', async () => {
    const one = sealer();
    await one.sealHeads(today, 0);
    appendFileSync(path.join(folder, 'seals-2026-11-28.log'), 'ab12 {"v":1,"n":2');
    await one.sealHeads(later(1), 0);
    const read = await history();
    expect([read.findings, read.seals]).toEqual([[], 2]);
  });

  it('are not put behind one that our key has not sealed', async () => {
    await new AuditSealService(
      chains,
      new SealFolderRepository(folder, [{ id: 's1', key: randomBytes(32) }]),
    ).sealHeads(today, 0);
    await expect(sealer().sealHeads(later(1), 0)).rejects.toThrow(/does not fit its HMAC/);
  });
});
