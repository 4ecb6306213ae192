import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import type { HubDatabase } from './hub-database';
import { KeyRotationRepository } from './key-rotation.repository';

let database: OwnDatabase;
let worker: HubDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
  worker = await database.as('refreshWorker');
});
afterAll(() => database.drop());

interface Key {
  readonly orgId: OrgId;
  readonly id: string;
}

async function aKey(): Promise<Key> {
  const orgId = randomUUID() as OrgId;
  const [row] = await database.sql<{ id: string }>(
    `insert into public.data_keys (org_id, key_provider, wrapping_key_id, wrapped_key) values ($1, 'local', 'k1', 'good') returning id`,
    [orgId],
  );
  return { orgId, id: row?.id ?? '' };
}

/** As whoever has the refresh worker's login: nothing but SQL. */
const overwrite = ({ orgId, id }: Key, before: string, after: string) =>
  worker.withOrg(orgId, (manager) =>
    manager.query<{ done: boolean }[]>("select hub.rewrap_data_key($1, $2, 'local', 'k2', $3) as done", [
      id,
      before,
      after,
    ]),
  );

async function rowOf({ id }: Key) {
  const [row] = await database.sql<{ wrapping_key_id: string; wrapped_key: string; before: string[] }>(
    `select wrapping_key_id, wrapped_key,
       array(select w ->> 'wrapped' from jsonb_array_elements(wrappings_before) w) as before
     from public.data_keys where id = $1`,
    [id],
  );
  return row;
}

const passes = ({ id }: Key, days: number) =>
  database.sql(
    `update public.data_keys set wrappings_until = wrappings_until - make_interval(days => $2), wrappings_before = (
       select jsonb_agg(w || jsonb_build_object('replacedAt', (w ->> 'replacedAt')::timestamptz - make_interval(days => $2)))
       from jsonb_array_elements(wrappings_before) w)
     where id = $1`,
    [id, days],
  );

/** The statement of the runbook, for this key and this moment. */
function undoing({ id }: Key, moment: string): string {
  const runbook = readFileSync(path.join(__dirname, '../../../deploy/runbooks/rotate-keys.md'), 'utf8');
  const [, statement = ''] = /```sql\n([^`]+)```/.exec(runbook) ?? [];
  return statement.replace('<data key>', id).replace('<moment>', moment);
}

describe('a wrapped data key that is written over', () => {
  it('is told in its org’s trail by the database, whoever wrote', async () => {
    const key = await aKey();
    expect(await overwrite(key, 'good', 'garbage')).toEqual([{ done: true }]);
    expect(await overwrite(key, 'good', 'garbage')).toEqual([{ done: false }]);
    expect(
      await database.sql('select name, actor_id, detail from public.audit_events where org_id = $1', [key.orgId]),
    ).toEqual([
      {
        name: 'key.rewrapped',
        actor_id: 'refresh-worker',
        detail: { key: key.id, from: 'k1', to: 'k2', by: 'local' },
      },
    ]);
  });

  it('is kept, however often that is done, and comes back by the statement of the runbook', async () => {
    const key = await aKey();
    const [now] = await database.sql<{ moment: string }>('select clock_timestamp()::text as moment');
    await overwrite(key, 'good', 'garbage');
    await overwrite(key, 'garbage', 'more garbage');
    expect(await rowOf(key)).toEqual({
      wrapping_key_id: 'k2',
      wrapped_key: 'more garbage',
      before: ['good', 'garbage'],
    });
    await database.sql(undoing(key, now?.moment ?? ''));
    expect(await rowOf(key)).toMatchObject({ wrapping_key_id: 'k1', wrapped_key: 'good' });
  });

  it('goes after 30 days: with the next one, and when workers look for rotations', async () => {
    const [again, left] = [await aKey(), await aKey()];
    for (const key of [again, left]) {
      await overwrite(key, 'good', 'better');
      await passes(key, 29);
    }
    await new KeyRotationRepository(worker).take(1);
    expect(await rowOf(left)).toMatchObject({ before: ['good'] });
    for (const key of [again, left]) await passes(key, 1);
    await overwrite(again, 'better', 'best');
    expect(await rowOf(again)).toMatchObject({ before: ['better'] });
    await new KeyRotationRepository(worker).take(1);
    expect(await rowOf(left)).toMatchObject({ wrapped_key: 'better', before: [] });
    expect(await rowOf(again)).toMatchObject({ before: ['better'] });
  });

  it('is read by no app, and shredded with the key', async () => {
    const key = await aKey();
    await overwrite(key, 'good', 'better');
    for (const login of ['gateway', 'refreshWorker', 'syncWorker'] as const) {
      const door = await database.as(login);
      await expect(
        door.withOrg(key.orgId, (manager) => manager.query('select wrappings_before from public.data_keys')),
      ).rejects.toMatchObject({ code: '42501' });
    }
    await database.sql("update public.data_keys set status = 'shredded', wrapped_key = '' where id = $1", [key.id]);
    expect(await rowOf(key)).toMatchObject({ wrapped_key: '', before: [] });
  });
});
