import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AuditChainRepository, AuditSealService, SealFolderRepository } from '@hub/database';
import { SYSTEM_ORG, type OrgId } from '@hub/domain';
import { fillTrail, tamper } from '../../support/audit-trail';
import { hub, type Answered } from '../../support/command-line';
import { cloneDatabase, type OwnDatabase } from '../../support/database';

const key = { id: 's1', key: randomBytes(32) };
const anOrg = (): OrgId => randomUUID() as OrgId;

let database: OwnDatabase;
let chains: AuditChainRepository;
let folder: string;
let environment: Record<string, string>;
let seals: AuditSealService;

beforeEach(async () => {
  database = await cloneDatabase();
  chains = new AuditChainRepository(await database.as('refreshWorker'));
  folder = mkdtempSync(path.join(tmpdir(), 'audit-'));
  seals = new AuditSealService(chains, new SealFolderRepository(path.join(folder, 'seals'), [key]));
  environment = {
    DATABASE_URL: database.refreshWorkerUrl,
    DATABASE_ADMIN_URL: database.adminUrl,
    AUDIT_SEAL_KEY: `${key.id}:${key.key.toString('base64')}`,
    AUDIT_SEAL_DIR: path.join(folder, 'seals'),
  };
});
afterEach(async () => {
  await database.drop();
  rmSync(folder, { recursive: true });
});

const audit = (...args: string[]): Promise<Answered> => hub(['audit', ...args], environment);
const seal = () => seals.sealHeads(new Date(), 0);
const monthsAgo = (months: number): Date => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months));
};
const nameOf = (month: Date): string => month.toISOString().slice(0, 7);
const file = (name = 'export.ndjson'): string => path.join(folder, name);
const numbersOf = async (orgId: OrgId): Promise<number[]> =>
  (
    await database.sql<{ seq: number }>('select seq from public.audit_events where org_id = $1 order by seq', [orgId])
  ).map(({ seq }) => seq);
/** The latest events of a trail may be any time; these begin so many months ago, some each day. */
const fill = (orgId: OrgId, events: number, from: Date) =>
  fillTrail(database.sql, orgId, { events, from, everySeconds: 86_400 });

/** Has the database refuse events of a name, as an outage at the wrong moment would. */
const refuseEvents = (name: string) =>
  database.sql(
    `create function public.refuse_event() returns trigger language plpgsql as $$ begin raise 'no such event now'; end $$;
     create trigger refused before insert on public.audit_events for each row when (new.name = '${name}')
       execute function public.refuse_event()`,
  );

/** A login that may read the trail, and nothing else. */
async function anAuditor(): Promise<{ url: string; remove(): Promise<void> }> {
  const name = `${database.name}_auditor`;
  const url = new URL(database.refreshWorkerUrl);
  [url.username, url.password] = [name, randomBytes(16).toString('hex')];
  await database.sql(`create role ${name} login password '${url.password}' in role hub_auditor`);
  await database.sql(`grant connect on database ${database.name} to ${name}`);
  const remove = async () => {
    await database.sql(`drop owned by ${name}`);
    await database.sql(`drop role ${name}`);
  };
  return { url: url.href, remove };
}

/** A month of its own, as the migration or the worker would have made it at its time. */
const withMonth = (month: Date) =>
  database.sql(`set role hub_owner; select hub.make_audit_partition('${nameOf(month)}-01'); reset role`);

describe('hub audit verify', () => {
  it('says what it has looked at, and that all is well', async () => {
    await fill(anOrg(), 30, new Date());
    await seal();
    const { exitCode, out, err } = await audit('verify');
    expect(out).toMatch(/^✓ 30 events of 1 org against 1 seal in \d+\.\d\d s: all as written\n$/);
    expect([exitCode, err]).toEqual([0, expect.stringMatching(/The latest seal is of 20/)]);
  });

  it('names what is wrong, a line each, and exits with 1', async () => {
    const [one, other] = [anOrg(), anOrg()];
    await fill(one, 30, new Date());
    await fill(other, 30, new Date());
    await seal();
    await tamper(database.sql, [
      `update public.audit_events set actor_id = 'eve' where org_id = '${one}' and seq = 7`,
      `delete from public.audit_events where org_id = '${other}' and seq > 20`,
      `delete from public.audit_heads where org_id = '${other}'`,
    ]);
    const { exitCode, out } = await audit('verify');
    expect(exitCode).toBe(1);
    expect(out).toContain(`✗ ${one} 7 edited: event 7 is not what was written\n`);
    expect(out).toContain(`✗ ${other} 21 truncated: events 21 to 30 at the end are gone\n`);
    expect(out).toMatch(/✗ 50 events of 2 orgs against 1 seal in .*: 3 findings\n$/);
    const alone = await audit('verify', '--org', one);
    expect(alone.out.match(/^✗/gm)).toHaveLength(2);
    expect(alone.out).not.toContain(other);
  });

  it('without seals says what it cannot see', async () => {
    await fill(anOrg(), 3, new Date());
    environment = { DATABASE_URL: database.refreshWorkerUrl };
    const { exitCode, out, err } = await audit('verify');
    expect([exitCode, out]).toEqual([0, expect.stringMatching(/^✓ 3 events of 1 org without seals/)]);
    expect(err).toMatch(/ends that were cut off go unseen/);
  });

  it('with a key that did not seal says so', async () => {
    await seal();
    environment['AUDIT_SEAL_KEY'] = `s1:${randomBytes(32).toString('base64')}`;
    const { exitCode, out } = await audit('verify');
    expect([exitCode, out]).toEqual([1, expect.stringMatching(/✗ seals 0 seal: .*does not fit its HMAC/)]);
  });

  it('finds that the seals are gone, whatever is left of the trail', async () => {
    const org = anOrg();
    await fill(org, 30, new Date());
    await seal();
    rmSync(path.join(folder, 'seals'), { recursive: true });
    await tamper(database.sql, [
      `delete from public.audit_events where org_id = '${org}'`,
      `delete from public.audit_heads where org_id = '${org}'`,
    ]);
    const { exitCode, out } = await audit('verify');
    expect([exitCode, out]).toEqual([1, expect.stringMatching(/^✗ seals 0 seal: the folder has no seal/)]);
  });

  it('finds that nobody has sealed for ten intervals', async () => {
    await fill(anOrg(), 3, new Date());
    await seals.sealHeads(new Date(Date.now() - 15 * 60_000), 0);
    const { exitCode, out } = await audit('verify');
    expect([exitCode, out]).toEqual([
      1,
      expect.stringMatching(/^✗ seals 1 seal: the latest seal is of 20.*: later ones/),
    ]);
    environment['AUDIT_SEAL_EVERY'] = '2m';
    expect((await audit('verify')).exitCode).toBe(0);
  });

  it('finds a folder whose end was cut off, by a seal that is known from the log', async () => {
    await fill(anOrg(), 3, new Date());
    await seal();
    const last = await seal();
    const told = last.kind === 'sealed' ? `${last.n}:${last.mac}` : '';
    expect((await audit('verify', '--expect-seal', told)).exitCode).toBe(0);

    const [name = ''] = readdirSync(path.join(folder, 'seals'));
    const log = path.join(folder, 'seals', name);
    writeFileSync(log, `${readFileSync(log, 'utf8').split('\n')[0]}\n`);
    expect((await audit('verify')).exitCode).toBe(0);
    const cut = await audit('verify', '--expect-seal', told);
    expect([cut.exitCode, cut.out]).toEqual([1, expect.stringMatching(/seal 2, which was expected, is not there/)]);

    await seal();
    expect((await audit('verify')).exitCode).toBe(0);
    const writtenOn = await audit('verify', '--expect-seal', told);
    expect([writtenOn.exitCode, writtenOn.out]).toEqual([1, expect.stringMatching(/seal 2 is not the one/)]);
  });

  it.each(['7', `7:${'a'.repeat(63)}`, `0:${'a'.repeat(64)}`])('does not take %s for a seal', async (told) => {
    const { exitCode, err } = await audit('verify', '--expect-seal', told);
    expect([exitCode, err]).toEqual([2, expect.stringMatching(/A seal is its number and its mac/)]);
  });

  it('looks for no seal where nothing is sealed', async () => {
    delete environment['AUDIT_SEAL_DIR'];
    const { exitCode, err } = await audit('verify', '--expect-seal', `7:${'a'.repeat(64)}`);
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/^There are no seals to look into/)]);
  });

  it('is for who may read every trail, and says so to others', async () => {
    await fill(anOrg(), 3, new Date());
    await seal();
    const auditor = await anAuditor();
    environment['DATABASE_URL'] = auditor.url;
    expect((await audit('verify')).exitCode).toBe(0);
    await auditor.remove();
    environment['DATABASE_URL'] = database.gatewayUrl;
    const { exitCode, err } = await audit('verify');
    expect([exitCode, err]).toEqual([
      1,
      expect.stringMatching(/^The login of DATABASE_URL, .*may not.*hub_auditor\.\n$/),
    ]);
  });

  it('finds a beginning that no prune has sealed', async () => {
    const org = anOrg();
    await fill(org, 20, new Date());
    await seal();
    await tamper(database.sql, [
      `insert into public.audit_checkpoints select org_id, seq, hash, '2026-01-01', hash from public.audit_events where org_id = '${org}' and seq = 5`,
      `delete from public.audit_events where org_id = '${org}' and seq <= 5`,
    ]);
    const { exitCode, out } = await audit('verify');
    expect([exitCode, out]).toEqual([1, expect.stringContaining(`✗ ${org} 5 checkpoint: no seal tells of a prune`)]);
  });
});

describe('hub audit export', () => {
  it('writes a file that can be verified by itself', async () => {
    const [one, other] = [anOrg(), anOrg()];
    await fill(one, 70, monthsAgo(2));
    await fill(other, 40, monthsAgo(1));
    const before = nameOf(monthsAgo(1));
    const exported = await audit('export', '--before', before, '--to', file());
    expect(exported).toMatchObject({ exitCode: 0, err: '' });
    const lines = readFileSync(file(), 'utf8').trim().split('\n');
    const days = (monthsAgo(1).getTime() - monthsAgo(2).getTime()) / 86_400_000;
    expect(lines).toHaveLength(days + 2);
    expect(exported.out).toContain(`${days} events of 1 org before ${before}`);
    const verified = await audit('verify', '--file', file());
    expect(verified.out).toMatch(
      /^✓ \d+ events of 1 org, stamped by a key of AUDIT_SEAL_KEY, in .*: all as written\n$/,
    );
    const [event] = await database.sql<{ detail: { before: string } }>(
      "select detail from public.audit_events where org_id = $1 and name = 'audit.exported'",
      [SYSTEM_ORG],
    );
    expect(event?.detail).toMatchObject({ before, events: days, orgs: 1 });
  });

  it.each([
    ['a value', (lines: string[]) => lines.with(3, lines[3]!.replace('ada', 'eve')), /3 edited/],
    ['a line that is gone', (lines: string[]) => lines.toSpliced(3, 1), /3 missing/],
    ['an end that is gone', (lines: string[]) => lines.slice(0, -1), /its last line is gone/],
    ['a cut and a new end', (lines: string[]) => lines.toSpliced(-2, 1), /its last line says events 5, it holds 4/],
    ['another month', (lines: string[]) => lines.with(0, lines[0]!.replace('"20', '"19')), /does not fit its HMAC/],
  ])('whose file was changed is found out: %s', async (_what, change, finding) => {
    await fill(anOrg(), 5, monthsAgo(1));
    await audit('export', '--before', nameOf(new Date()), '--to', file());
    const lines = readFileSync(file(), 'utf8').trim().split('\n');
    writeFileSync(file(), `${change(lines).join('\n')}\n`);
    const { exitCode, out } = await audit('verify', '--file', file());
    expect([exitCode, out]).toEqual([1, expect.stringMatching(finding)]);
  });

  it('overwrites nothing', async () => {
    writeFileSync(file(), 'mine');
    const { exitCode, err } = await audit('export', '--before', '2026-01', '--to', file());
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/is there already/)]);
    expect(readFileSync(file(), 'utf8')).toBe('mine');
  });

  it('that is not told in the trail is none', async () => {
    await fill(anOrg(), 5, monthsAgo(1));
    await refuseEvents('audit.exported');
    await expect(audit('export', '--before', nameOf(new Date()), '--to', file())).rejects.toThrow(/no such event now/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused before a line is written to a login that may not tell of it', async () => {
    await fill(anOrg(), 5, monthsAgo(1));
    const auditor = await anAuditor();
    environment['DATABASE_URL'] = auditor.url;
    const { exitCode, err } = await audit('export', '--before', nameOf(new Date()), '--to', file());
    await auditor.remove();
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/may not do this.*It takes the refresh worker’s login/)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a login that may not read it leaves nothing behind', async () => {
    environment['DATABASE_URL'] = database.gatewayUrl;
    const { exitCode, err } = await audit('export', '--before', nameOf(new Date()), '--to', file());
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/may not do this.*It takes the refresh worker’s login/)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a trail that does not fit together is none', async () => {
    const org = anOrg();
    await fill(org, 9, monthsAgo(1));
    await tamper(database.sql, [`delete from public.audit_events where org_id = '${org}' and seq = 4`]);
    const { exitCode, out } = await audit('export', '--before', nameOf(new Date()), '--to', file());
    expect([exitCode, out]).toEqual([1, expect.stringContaining(`${org} 4 missing`)]);
    expect((await audit('verify', '--file', file())).err).toMatch(/ENOENT/);
  });

  it.each([
    ['2026-13', /such as 2026-05/],
    ['may', /such as 2026-05/],
    ['2999-01', /has not begun/],
  ])('before %s is not understood', async (month, words) => {
    const { exitCode, err } = await audit('export', '--before', month, '--to', file());
    expect([exitCode, err]).toEqual([2, expect.stringMatching(words)]);
  });
});

describe('hub audit prune', () => {
  const before = nameOf(monthsAgo(1));
  let org: OrgId;
  let young: OrgId;
  let old: number;

  beforeEach(async () => {
    [org, young] = [anOrg(), anOrg()];
    await withMonth(monthsAgo(3));
    await withMonth(monthsAgo(1)); // the month between has none: its events lie in the default partition
    await fill(org, 100, monthsAgo(3));
    await fill(young, 5, monthsAgo(1));
    old = (monthsAgo(1).getTime() - monthsAgo(3).getTime()) / 86_400_000;
    await seal();
  });

  const exported = () => audit('export', '--before', before, '--to', file());
  const prune = () => audit('prune', '--before', before, '--export', file());

  it('drops older months and leaves chains that can be verified from there on', async () => {
    await exported();
    const { exitCode, out, err } = await prune();
    expect([exitCode, err, out]).toEqual([0, '', `${old} events gone, 1 partition dropped.\n`]);
    expect((await numbersOf(org))[0]).toBe(old + 1);
    expect(await numbersOf(young)).toHaveLength(5);
    expect(await prunesTold()).toMatchObject([{ before, events: old }]);
    await seal();
    expect((await audit('verify')).out).toMatch(/^✓ .* all as written\n$/);
    expect((await audit('verify', '--file', file())).exitCode).toBe(0);
    await tamper(database.sql, [`delete from public.audit_events where org_id = '${org}' and seq = ${old + 1}`]);
    expect((await audit('verify')).out).toContain(`✗ ${org} ${old + 1} missing`);
    await expect(database.sql('delete from audit.events_default')).rejects.toMatchObject({ code: '42501' });
    const guarded = await database.sql('select 1 from pg_class where relname like $1 and relforcerowsecurity', [
      'events_%',
    ]);
    const parts = await database.sql("select 1 from pg_inherits where inhparent = 'public.audit_events'::regclass");
    expect(guarded).toHaveLength(parts.length);
  });

  it('is done again next month, behind the first', async () => {
    await exported();
    await prune();
    await seal();
    const later = nameOf(new Date());
    const second = file('second.ndjson');
    await audit('export', '--before', later, '--to', second);
    const { exitCode } = await audit('prune', '--before', later, '--export', second);
    expect(exitCode).toBe(0);
    expect(await numbersOf(young)).toEqual([]);
    await seal();
    expect((await audit('verify')).out).toMatch(/^✓/);
    expect((await audit('verify', '--file', second)).exitCode).toBe(0);
  });

  it('is done again where it was broken off', async () => {
    await exported();
    environment['DATABASE_ADMIN_URL'] = database.refreshWorkerUrl;
    const broken = await prune();
    expect([broken.exitCode, broken.err]).toEqual([1, expect.stringMatching(/^Nothing was pruned: permission denied/)]);
    expect(await numbersOf(org)).toHaveLength(100);
    expect((await audit('verify')).exitCode).toBe(0);
    environment['DATABASE_ADMIN_URL'] = database.adminUrl;
    expect((await prune()).exitCode).toBe(0);
  });

  const nothingIsGone = async () => expect(await numbersOf(org)).toHaveLength(100);
  const prunesTold = async () =>
    (
      await database.sql<{ detail: object }>(
        "select detail from public.audit_events where org_id = $1 and name = 'audit.pruned'",
        [SYSTEM_ORG],
      )
    ).map(({ detail }) => detail);

  it('that cannot be told prunes nothing', async () => {
    await exported();
    await seal();
    await refuseEvents('audit.pruned');
    expect(await prune()).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^Nothing was pruned: no such event/),
    });
    await nothingIsGone();
    await database.sql('drop trigger refused on public.audit_events');
    expect((await prune()).exitCode).toBe(0);
    expect(await prunesTold()).toHaveLength(1);
  });

  it('is refused without seals', async () => {
    await exported();
    delete environment['AUDIT_SEAL_DIR'];
    const { exitCode, err } = await prune();
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/^Nothing is sealed here/)]);
    await nothingIsGone();
  });

  it('is refused with an export of other events', async () => {
    await exported();
    await fill(anOrg(), 3, monthsAgo(2));
    await seal();
    const { exitCode, err } = await prune();
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/holds other events than the database/)]);
    await nothingIsGone();
  });

  it('is refused with an export of another month, or one that was changed', async () => {
    await audit('export', '--before', nameOf(new Date()), '--to', file());
    expect(await prune()).toMatchObject({ exitCode: 1, err: expect.stringMatching(/no sound export/) });
    rmSync(file());
    await exported();
    writeFileSync(file(), readFileSync(file(), 'utf8').replace('ada-3', 'eve-3'));
    expect(await prune()).toMatchObject({ exitCode: 1, out: expect.stringContaining('edited') });
    await nothingIsGone();
  });

  it('is refused for a trail that is not as it was written', async () => {
    await exported();
    await tamper(database.sql, [
      `update public.audit_events set actor_id = 'eve' where org_id = '${young}' and seq = 2`,
    ]);
    const { exitCode, out } = await prune();
    expect([exitCode, out]).toEqual([1, expect.stringContaining(`${young} 2 edited`)]);
    await nothingIsGone();
  });

  it('is refused for events that a webhook still waits for', async () => {
    await exported();
    const settings = randomUUID();
    await database.sql(
      `insert into public.delivery_settings (id, org_id, provider, secret, events, outbox_seq)
       values ($1, $2, 'zapier', 'hub1.k.s', '{sync.completed}', $3)`,
      [settings, org, old - 1],
    );
    const { exitCode, err } = await prune();
    expect([exitCode, err]).toEqual([1, expect.stringMatching(new RegExp(`^Nothing was pruned: .*${org} first`))]);
    await nothingIsGone();
    await database.sql('update public.delivery_settings set outbox_seq = $2 where id = $1', [settings, old]);
    expect((await prune()).exitCode).toBe(0);
  });

  it('is refused for events that are not sealed yet', async () => {
    const late = anOrg();
    await fill(late, 3, monthsAgo(2));
    await exported();
    const { exitCode, err } = await prune();
    expect([exitCode, err]).toEqual([1, expect.stringMatching(new RegExp(`Event 3 of ${late} is not sealed yet`))]);
    await nothingIsGone();
  });
});
