import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { ConsoleSessionRepository, type ConsoleUser } from './console-session.repository';
import { OrgErasureRepository } from './org-erasure.repository';
import { OrgForgotten } from './org-forgotten';

const hash = (text = randomBytes(32).toString('hex')): Buffer => createHash('sha256').update(text).digest();
const browser = () => ({ cookieHash: hash(), address: '192.0.2.7' });
const aUser = (different: Partial<ConsoleUser> = {}): ConsoleUser => ({
  orgId: randomUUID() as OrgId,
  sub: 'ada',
  userLabel: 'Ada',
  scopes: ['integrations:read', 'audit:read'],
  ...different,
});

describe('sessions of the console', () => {
  let database: OwnDatabase;
  let sessions: ConsoleSessionRepository;
  let worker: ConsoleSessionRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    sessions = new ConsoleSessionRepository(await database.as('gateway'));
    worker = new ConsoleSessionRepository(await database.as('refreshWorker'));
  });
  afterAll(() => database.drop());

  /** A browser that a link has signed in. */
  async function signedIn(user = aUser()) {
    const [link, { cookieHash, address }] = [hash(), browser()];
    await sessions.createLink(user, link);
    const opened = await sessions.openLink(link, { cookieHash, address });
    if (opened.kind !== 'opened') throw new Error(opened.reason);
    return { user, link, cookieHash, session: opened.session };
  }

  const events = (orgId: OrgId) =>
    database.sql<{ name: string; actor_id: string; detail: Record<string, unknown> }>(
      'select name, actor_id, detail from public.audit_events where org_id = $1 order by seq',
      [orgId],
    );
  const namesOf = async (orgId: OrgId): Promise<string[]> => (await events(orgId)).map(({ name }) => name);

  it('are begun by a link that waits five minutes and works once', async () => {
    const user = aUser();
    const link = hash();
    await sessions.createLink(user, link);
    const [life] = await database.sql<{ seconds: number }>(
      'select extract(epoch from expires_at - created_at)::float8 as seconds from public.console_links where org_id = $1',
      [user.orgId],
    );
    expect(life).toEqual({ seconds: 300 });
    const cookieHash = hash();
    const opened = await sessions.openLink(link, { ...browser(), cookieHash });
    expect(opened).toMatchObject({ kind: 'opened', session: { ...user, signIn: 'link' } });
    expect(await sessions.openLink(link, browser())).toEqual({ kind: 'rejected', reason: 'used', orgId: user.orgId });
    expect(await sessions.find(cookieHash)).toEqual(opened.kind === 'opened' && opened.session);
    expect(await namesOf(user.orgId)).toEqual(['console.link_created', 'console.signed_in']);
    for (const { actor_id, detail } of await events(user.orgId)) {
      expect(actor_id).toBe('ada');
      expect(JSON.stringify(detail)).not.toMatch(/Ada|192\.0\.2\.7/); // without a key for the trail it is withheld
    }
  });

  it('is one, of twenty browsers that open the link at the same moment', async () => {
    const link = hash();
    await sessions.createLink(aUser(), link);
    const all = await Promise.all(Array.from({ length: 20 }, () => sessions.openLink(link, browser())));
    expect(all.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
  });

  it('are not begun by a link that is too old, or that nobody knows', async () => {
    const user = aUser();
    const link = hash();
    await sessions.createLink(user, link);
    await database.sql('update public.console_links set expires_at = now() where link_hash = $1', [link]);
    const { orgId } = user;
    expect(await sessions.openLink(link, browser())).toEqual({ kind: 'rejected', reason: 'expired', orgId });
    expect(await sessions.openLink(hash(), browser())).toEqual({ kind: 'rejected', reason: 'unknown', orgId: null });
  });

  it('are found by their very cookie while they live, and note that they were seen', async () => {
    const { cookieHash } = await signedIn();
    const seen = async () =>
      (
        await database.sql<{ at: Date }>(
          'select last_seen_at as at from public.console_sessions where cookie_hash = $1',
          [cookieHash],
        )
      )[0]?.at;
    const first = await seen();
    await sessions.find(cookieHash);
    expect(await seen()).toEqual(first); // a write a minute is enough
    const set = (change: string) =>
      database.sql(`update public.console_sessions set ${change} where cookie_hash = $1`, [cookieHash]);
    await set("last_seen_at = now() - interval '59 minutes'");
    expect(await sessions.find(cookieHash)).toBeDefined();
    expect((await seen())!.getTime()).toBeGreaterThanOrEqual(first!.getTime());
    await set("last_seen_at = now() - interval '60 minutes'");
    expect(await sessions.find(cookieHash)).toBeUndefined();
    await set('last_seen_at = now(), expires_at = now()');
    expect(await sessions.find(cookieHash)).toBeUndefined();
    expect(await sessions.find(hash())).toBeUndefined();
  });

  it('are looked at without growing younger, and are over for whoever looks as for whoever uses them', async () => {
    const { cookieHash, session } = await signedIn();
    const age = (minutes: number) =>
      database.sql(
        'update public.console_sessions set last_seen_at = now() - make_interval(mins => $2) where cookie_hash = $1',
        [cookieHash, minutes],
      );
    await age(50);
    expect(await sessions.find(cookieHash, false)).toEqual(session);
    const [row] = await database.sql<{ minutes: number }>(
      'select round(extract(epoch from now() - last_seen_at) / 60)::int as minutes from public.console_sessions where cookie_hash = $1',
      [cookieHash],
    );
    expect(row).toEqual({ minutes: 50 });
    await age(60);
    expect(await sessions.find(cookieHash, false)).toBeUndefined();
    await age(0);
    await database.sql('update public.console_sessions set expires_at = now() where cookie_hash = $1', [cookieHash]);
    expect(await sessions.find(cookieHash, false)).toBeUndefined();
    expect(await sessions.find(hash(), false)).toBeUndefined();
  });

  it('are over once they are ended, and that is told once', async () => {
    const { cookieHash, session } = await signedIn();
    expect(await sessions.end(session, 'signed_out')).toBe(true);
    expect(await sessions.find(cookieHash)).toBeUndefined();
    expect(await sessions.end(session, 'signed_out')).toBe(false);
    expect(await namesOf(session.orgId)).toEqual(['console.link_created', 'console.signed_in', 'console.signed_out']);
  });

  it('of another org cannot be ended', async () => {
    const { cookieHash, session } = await signedIn();
    expect(await sessions.end({ ...session, orgId: randomUUID() as OrgId }, 'signed_out')).toBe(false);
    expect(await sessions.find(cookieHash)).toBeDefined();
  });

  it('may begin without a link where the hub is somebody’s own', async () => {
    const user = aUser({ sub: 'local-user', userLabel: null });
    const one = browser();
    const session = await sessions.openLocal(user, one);
    expect(session).toMatchObject({ ...user, signIn: 'local' });
    expect(await sessions.find(one.cookieHash)).toEqual(session);
  });

  it('know no scope that the hub does not know any more', async () => {
    const { cookieHash } = await signedIn();
    await database.sql(
      "update public.console_sessions set scopes = '{integrations:read,everything}' where cookie_hash = $1",
      [cookieHash],
    );
    expect((await sessions.find(cookieHash))?.scopes).toEqual(['integrations:read']);
  });

  it('are swept with their end by the refresh worker alone, and links a day after theirs', async () => {
    await database.sql('delete from public.console_sessions');
    await database.sql('delete from public.console_links');
    const [over, living] = [await signedIn(), await signedIn()];
    await database.sql('update public.console_sessions set expires_at = now() where cookie_hash = $1', [
      over.cookieHash,
    ]);
    await database.sql(
      "update public.console_links set expires_at = now() - interval '25 hours' where link_hash = $1",
      [over.link],
    );
    await database.sql(
      "update public.console_links set expires_at = now() - interval '23 hours' where link_hash = $1",
      [living.link],
    );
    await expect(sessions.sweep()).rejects.toMatchObject({ code: '42501' });
    expect(await worker.sweep()).toBe(2);
    expect(await database.sql('select 1 from public.console_links')).toHaveLength(1);
    expect(await sessions.find(living.cookieHash)).toBeDefined();
    await expect(worker.find(living.cookieHash)).rejects.toMatchObject({ code: '42501' });
  });

  it('of an org that is forgotten are over at once, and none begins', async () => {
    const { user, cookieHash } = await signedIn();
    const waiting = hash();
    await sessions.createLink(user, waiting);
    const other = await signedIn();
    const erasure = await OrgErasureRepository.open(database.adminUrl);
    await erasure.begin(user.orgId, { type: 'system', id: 'test' });
    await erasure.close();
    expect(await sessions.find(cookieHash)).toBeUndefined();
    expect(await sessions.openLink(waiting, browser())).toMatchObject({ kind: 'rejected', reason: 'unknown' });
    await expect(sessions.createLink(user, hash())).rejects.toThrow(OrgForgotten);
    await expect(sessions.openLocal(user, browser())).rejects.toThrow(OrgForgotten);
    expect(await sessions.find(other.cookieHash)).toBeDefined();
  });
});
