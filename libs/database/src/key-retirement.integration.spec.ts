import { randomUUID } from 'node:crypto';
import type { Actor, OrgId } from '@hub/domain';
import { Client } from 'pg';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import type { HubDatabase } from './hub-database';
import { KeyRotationRepository } from './key-rotation.repository';
import type { AppLogin } from './provision';
import { RetiredKeyRepository, type RetiredKey } from './retired-key.repository';

const LOGINS: readonly AppLogin[] = ['gateway', 'refreshWorker', 'syncWorker', 'deliveryWorker'];
/** Roles that nobody logs in as, and that may write the status of a key. */
const WRITERS = ['hub_rotator', 'hub_eraser', 'hub_owner'] as const;
const OPERATOR: Actor = { type: 'system', id: 'test' };
const DAY_MS = 86_400_000;
const NO_RIGHT = '42501';
const NEEDED = '55006';
const BEFORE_ITS_TIME = '55000';

let database: OwnDatabase;
let doors: Record<AppLogin, HubDatabase>;
let retired: RetiredKeyRepository;

beforeAll(async () => {
  database = await cloneDatabase();
  const [gateway, refreshWorker, syncWorker, deliveryWorker] = await Promise.all(
    LOGINS.map((login) => database.as(login)),
  );
  doors = { gateway, refreshWorker, syncWorker, deliveryWorker } as Record<AppLogin, HubDatabase>;
  retired = await RetiredKeyRepository.open(database.adminUrl);
});
afterAll(async () => {
  await retired.close();
  await database.drop();
});

interface Key {
  readonly orgId: OrgId;
  readonly id: string;
}

/** A key of an org, by default one of its own. Times are SQL intervals that have passed since. */
async function aKey({
  orgId = randomUUID() as OrgId,
  status = 'retiring',
  purpose = 'tokens',
  unneededFor = null as string | null,
  statusFor = '0 s',
} = {}): Promise<Key> {
  const [row] = await database.sql<{ id: string }>(
    `insert into public.data_keys (org_id, key_provider, wrapping_key_id, wrapped_key, status, purpose, unneeded_since, status_changed_at)
     values ($1, 'local', 'k1', 'wrapped', $2, $3, now() - $4::interval, now() - $5::interval) returning id`,
    [orgId, status, purpose, unneededFor, statusFor],
  );
  return { orgId, id: row?.id ?? '' };
}

/** Something of the org is sealed with the key. */
async function seal({ orgId, id }: Key): Promise<void> {
  await database.sql(
    `insert into public.integrations (org_id, provider, access_token) values ($1, 'notion', 'hub1.' || $2 || '.abc')`,
    [orgId, id],
  );
}

const unseal = ({ orgId }: Key) => database.sql('delete from public.integrations where org_id = $1', [orgId]);

async function statusOf({ id }: Key): Promise<string | undefined> {
  const [row] = await database.sql<{ status: string }>('select status from public.data_keys where id = $1', [id]);
  return row?.status;
}

/** The one look at an org's keys that retires them. */
async function look({ orgId }: Key): Promise<string[]> {
  const rows = await doors.refreshWorker.withOrg(orgId, (manager) =>
    manager.query<{ id: string }[]>('select hub.retire_data_keys() as id'),
  );
  return rows.map(({ id }) => id);
}

const passes = ({ id }: Key, interval: string) =>
  database.sql('update public.data_keys set unneeded_since = unneeded_since - $2::interval where id = $1', [
    id,
    interval,
  ]);

/** Runs SQL as a role that nobody logs in as, bound to the key's org, and keeps what it did. @returns the code of its error */
async function asRole(role: string, { orgId, id }: Key, sql: string): Promise<string | undefined> {
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    await client.query(`begin; set local role ${role}; select set_config('hub.org_id', '${orgId}', true)`);
    await client.query(sql, [id]);
    await client.query('commit');
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.end();
  }
}

describe('a data key retires', () => {
  it('at the second look, once nothing has been sealed with it for ten minutes', async () => {
    const key = await aKey();
    expect(await look(key)).toEqual([]);
    await passes(key, '9 minutes 30 seconds');
    expect(await look(key)).toEqual([]);
    await passes(key, '30 seconds');
    expect(await look(key)).toEqual([key.id]);
    expect(await statusOf(key)).toBe('retired');
  });

  it('not while a value needs it, and ten minutes after that has gone', async () => {
    const key = await aKey();
    await look(key);
    await passes(key, '1 hour');
    await seal(key);
    expect(await look(key)).toEqual([]);
    await unseal(key);
    expect(await look(key)).toEqual([]);
    await passes(key, '10 minutes');
    expect(await look(key)).toEqual([key.id]);
  });

  it('no earlier for a worker of the release before, whatever time it names', async () => {
    const key = await aKey({ statusFor: '1 day' });
    await doors.refreshWorker.withOrg(key.orgId, (manager) =>
      manager.query("select hub.retire_data_keys('0 s'), hub.retire_data_keys('-1 day')"),
    );
    expect(await statusOf(key)).toBe('retiring');
  });

  it('alone: another org’s keys are not looked at', async () => {
    const [ours, theirs] = [await aKey({ unneededFor: '1 hour' }), await aKey({ unneededFor: '1 hour' })];
    expect(await look(ours)).toEqual([ours.id]);
    expect(await statusOf(theirs)).toBe('retiring');
  });

  it('never while it seals', async () => {
    const key = await aKey({ status: 'active', unneededFor: '1 day' });
    expect(await look(key)).toEqual([]);
    for (const role of WRITERS) expect(await asRole(role, key, RETIRE)).toBe(BEFORE_ITS_TIME);
    expect(await statusOf(key)).toBe('active');
    await expect(database.sql(RETIRE, [key.id])).rejects.toMatchObject({ code: BEFORE_ITS_TIME });
  });
});

const RETIRE = "update public.data_keys set status = 'retired' where id = $1";

describe('nobody retires a data key', () => {
  it.each(LOGINS)('by the login of an app, whatever is due: %s', async (login) => {
    const key = await aKey({ unneededFor: '1 hour' });
    for (const sql of [RETIRE, 'update public.data_keys set unneeded_since = null where id = $1'])
      await expect(doors[login].withOrg(key.orgId, (manager) => manager.query(sql, [key.id]))).rejects.toMatchObject({
        code: NO_RIGHT,
      });
  });

  it.each(['gateway', 'syncWorker', 'deliveryWorker'] as const)(
    'by the narrow function but the refresh worker: %s',
    async (login) => {
      const key = await aKey({ unneededFor: '1 hour' });
      for (const sql of ['select hub.retire_data_keys()', "select hub.retire_data_keys('0 s')"])
        await expect(doors[login].withOrg(key.orgId, (manager) => manager.query(sql))).rejects.toMatchObject({
          code: NO_RIGHT,
        });
    },
  );

  it.each(WRITERS)('that a value needs: %s', async (role) => {
    const key = await aKey({ unneededFor: '1 hour' });
    await seal(key);
    expect(await asRole(role, key, RETIRE)).toBe(NEEDED);
    expect(await statusOf(key)).toBe('retiring');
  });

  it.each(WRITERS)('before its time: %s', async (role) => {
    for (const unneededFor of [null, '9 minutes']) {
      const key = await aKey({ unneededFor, statusFor: '1 day' });
      expect(await asRole(role, key, RETIRE)).toBe(BEFORE_ITS_TIME);
      expect(await statusOf(key)).toBe('retiring');
    }
  });

  it('as a superuser', async () => {
    const [needed, young] = [await aKey({ unneededFor: '1 hour' }), await aKey({ unneededFor: '9 minutes' })];
    await seal(needed);
    await expect(database.sql(RETIRE, [needed.id])).rejects.toMatchObject({ code: NEEDED });
    await expect(database.sql(RETIRE, [young.id])).rejects.toMatchObject({ code: BEFORE_ITS_TIME });
  });
});

describe('a retired key', () => {
  const LONG_AGO = { status: 'retired', statusFor: '40 days' } as const;

  async function found({ orgId }: Key, olderThanMs = 30 * DAY_MS): Promise<RetiredKey[]> {
    for await (const keys of retired.olderThan(olderThanMs)) if (keys[0]?.orgId === orgId) return keys;
    return [];
  }

  async function eventsOf({ orgId }: Key): Promise<unknown[]> {
    return database.sql('select name, actor_id, detail from public.audit_events where org_id = $1 order by seq', [
      orgId,
    ]);
  }

  it('is destroyed once it was retired for so long, and its org’s trail tells of it once', async () => {
    const key = await aKey(LONG_AGO);
    const keys = await found(key);
    expect(keys).toMatchObject([{ id: key.id, orgId: key.orgId, purpose: 'tokens' }]);
    expect(await retired.destroy(key.orgId, keys, OPERATOR)).toEqual(keys);
    expect(await retired.destroy(key.orgId, keys, OPERATOR)).toEqual([]);
    expect(await statusOf(key)).toBeUndefined();
    expect(await found(key)).toEqual([]);
    expect(await eventsOf(key)).toEqual([
      {
        name: 'key.destroyed',
        actor_id: 'test',
        detail: { keys: [{ key: key.id, purpose: 'tokens', retiredAt: keys[0]?.retiredAt.toISOString() }] },
      },
    ]);
  });

  it('is not found while it is younger than was asked', async () => {
    const key = await aKey(LONG_AGO);
    expect(await found(key, 41 * DAY_MS)).toEqual([]);
    expect(await found(key, 39 * DAY_MS)).toHaveLength(1);
  });

  it('stays while a value needs it: it is named with the place, and nothing of its org is destroyed', async () => {
    const needed = await aKey(LONG_AGO);
    const free = await aKey({ ...LONG_AGO, orgId: needed.orgId });
    await seal(needed);
    const keys = await found(needed);
    expect(new Map(keys.map(({ id, uses }) => [id, [...uses]]))).toEqual(
      new Map([
        [needed.id, [['integrations.access_token', 1]]],
        [free.id, []],
      ]),
    );
    await expect(retired.destroy(needed.orgId, keys, OPERATOR)).rejects.toMatchObject({
      driverError: { code: NEEDED },
    });
    expect([await statusOf(needed), await statusOf(free)]).toEqual(['retired', 'retired']);
    expect(await eventsOf(needed)).toEqual([]);
  });

  it.each([
    ['retired less than 30 days ago', { status: 'retired', statusFor: '29 days 23 hours' }],
    ['that still seals', { status: 'active', statusFor: '1 year' }],
    ['that retires', { status: 'retiring', statusFor: '1 year' }],
  ])('and none %s', async (_what, state) => {
    const key = await aKey(state);
    const young = { ...key, purpose: 'tokens', retiredAt: new Date(), uses: new Map() } as const;
    expect(await retired.destroy(key.orgId, [young], OPERATOR)).toEqual([]);
    expect(await statusOf(key)).toBe(state.status);
  });

  it('of another org is out of reach', async () => {
    const key = await aKey(LONG_AGO);
    const keys = await found(key);
    expect(await retired.destroy(randomUUID() as OrgId, keys, OPERATOR)).toEqual([]);
    expect(await statusOf(key)).toBe('retired');
  });

  it.each(LOGINS)('is destroyed by no app: %s', async (login) => {
    const key = await aKey(LONG_AGO);
    for (const sql of [
      `select hub.destroy_data_key('${key.id}')`,
      "select hub.retired_data_keys('30 days')",
      `select hub.orgs_with_retired_keys('30 days', '${key.orgId}', 1)`,
      'delete from public.data_keys',
    ])
      await expect(doors[login].withOrg(key.orgId, (manager) => manager.query(sql))).rejects.toMatchObject({
        code: NO_RIGHT,
      });
    expect(await statusOf(key)).toBe('retired');
  });

  it('is not deleted by the role that destroys but through its function', async () => {
    const key = await aKey({ status: 'retired', statusFor: '1 day' });
    expect(await asRole('hub_eraser', key, 'delete from public.data_keys where id = $1')).toBe(NO_RIGHT);
    expect(await statusOf(key)).toBe('retired');
  });
});

describe('what the keys of the orgs open', () => {
  it('is told of each org by itself, and the org that was set is set again', async () => {
    const [ours, theirs] = [await aKey(), await aKey({ status: 'active' })];
    await seal(ours);
    const rotations = new KeyRotationRepository(doors.refreshWorker);
    const known = { status: 'retiring', keyProvider: 'local', wrappingKeyId: 'k1', purpose: 'tokens' };
    expect(await rotations.uses([ours.orgId, theirs.orgId])).toEqual([
      {
        orgId: ours.orgId,
        dataKey: { ...known, id: ours.id },
        sealedBy: ours.id,
        place: 'integrations.access_token',
        cells: 1,
      },
      {
        orgId: theirs.orgId,
        dataKey: { ...known, id: theirs.id, status: 'active' },
        sealedBy: null,
        place: null,
        cells: 0,
      },
    ]);
    const [after] = await doors.refreshWorker.withOrg(ours.orgId, async (manager) => {
      await manager.query('select * from hub.key_uses($1)', [[theirs.orgId]]);
      return manager.query<{ org: string }[]>('select hub.current_org() as org');
    });
    expect(after?.org).toBe(ours.orgId);
  });

  it('names an org that no table but one knows', async () => {
    const orgs = [randomUUID(), randomUUID(), randomUUID()] as OrgId[];
    await aKey({ orgId: orgs[0] });
    await database.sql(
      "insert into public.integrations (org_id, provider, access_token) values ($1, 'notion', 'hub1.k1.abc')",
      [orgs[1]],
    );
    await database.sql(
      `insert into public.revocations (org_id, provider, integration_id, access_token, reason)
       values ($1, 'notion', gen_random_uuid(), 'hub1.k1.abc', 'disconnect')`,
      [orgs[2]],
    );
    const all: OrgId[] = [];
    for await (const page of new KeyRotationRepository(doors.refreshWorker).orgs()) all.push(...page);
    expect(all).toEqual(expect.arrayContaining(orgs));
    expect(all).toEqual([...new Set(all)].sort());
  });
});
