import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { sampleRow } from '../../../test/support/sample-row';
import { appendEvents } from './audit.repository';
import { RESEALED_COLUMNS } from './key-rotation.repository';

/** Text of the tables with orgs that is no sealed value. A new column of text has its place here or among the sealed ones. */
const PLAIN_TEXT = [
  'audit_events.actor_id',
  'audit_events.actor_type',
  'audit_events.name',
  'audit_events.provider',
  'console_links.link_hash',
  'console_links.scopes',
  'console_links.sub',
  'console_links.user_label',
  'console_sessions.cookie_hash',
  'console_sessions.scopes',
  'console_sessions.sign_in',
  'console_sessions.sub',
  'console_sessions.user_label',
  'data_keys.key_provider',
  'data_keys.purpose',
  'data_keys.status',
  'data_keys.wrapped_key',
  'data_keys.wrapping_key_id',
  'deliveries.failure_code',
  'deliveries.provider',
  'deliveries.source',
  'deliveries.state',
  'deliveries.type',
  'delivery_settings.events',
  'delivery_settings.provider',
  'flows.client_id',
  'flows.completion',
  'flows.provider',
  'flows.return_url',
  'flows.scopes',
  'flows.started_by',
  'flows.status',
  'integrations.account_id',
  'integrations.account_label',
  'integrations.lease_owner',
  'integrations.phase',
  'integrations.provider',
  'integrations.refresh_failure_code',
  'integrations.scope',
  'integrations.status',
  'integrations.sync_failure_code',
  'revocations.account_id',
  'revocations.failure_code',
  'revocations.provider',
  'revocations.reason',
  'token_inbox.provider',
  'token_inbox.scope',
];
/** Structures and bytes that hold no value which a rotation seals anew: the trail is insert-only, and has keys of its own. */
const PLAIN_STRUCTURES = [
  'audit_checkpoints.export_sha256',
  'audit_checkpoints.hash',
  'audit_events.detail',
  'audit_events.hash',
  'audit_events.prev_hash',
  'audit_heads.hash',
  'data_keys.wrappings_before',
  'flows.confirm_cookie_hash',
  'flows.cookie_hash',
  'flows.endpoints',
  'flows.handle_hash',
  'flows.inputs',
  'flows.page_hash',
  'flows.state_hash',
  'integrations.inputs',
  'integrations.metadata',
  'revocations.inputs',
];

/** What a flow keeps sealed is not sealed anew: it lasts for ten minutes. */
const OF_FLOWS = [
  { table: 'flows', column: 'verifier' },
  { table: 'flows', column: 'parked_code' },
] as const;
const SEALED_COLUMNS = [...RESEALED_COLUMNS, ...OF_FLOWS].map(({ table, column }) => ({
  name: `${table}.${column}`,
  table,
  column,
}));

let database: OwnDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

/** A key of an org of its own that has been retiring, and unneeded, for long. */
async function aKey(): Promise<{ orgId: string; id: string }> {
  const orgId = randomUUID();
  const [row] = await database.sql<{ id: string }>(
    `insert into public.data_keys (org_id, key_provider, wrapping_key_id, wrapped_key, status, unneeded_since)
     values ($1, 'local', 'k1', 'wrapped', 'retiring', now() - interval '1 hour') returning id`,
    [orgId],
  );
  return { orgId, id: row?.id ?? '' };
}

describe('the columns with sealed values', () => {
  it('are all columns that could hold one, but those that are known to hold none', async () => {
    const columns = await database.sql<{ name: string }>(
      `select c.relname || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
         and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'varchar'::regtype, 'jsonb'::regtype, 'bytea'::regtype)
         and exists (select from pg_attribute org where org.attrelid = c.oid and org.attname = 'org_id')`,
    );
    const known = [...PLAIN_TEXT, ...PLAIN_STRUCTURES, ...SEALED_COLUMNS.map(({ name }) => name)];
    expect(columns.map(({ name }) => name).sort()).toEqual(known.sort());
  });

  it.each(SEALED_COLUMNS)('keep a key from being retired, by a superuser too: $name', async ({ table, column }) => {
    const { orgId, id } = await aKey();
    const sample = await sampleRow(database, table, 'first');
    const lasting = table === 'flows' ? { expires_at: "now() + interval '5 minutes'" } : {};
    const row = { ...sample, ...lasting, id: 'gen_random_uuid()', org_id: `'${orgId}'`, [column]: `'hub1.${id}.abc'` };
    await database.sql(
      `insert into public.${table} (${Object.keys(row).join(', ')}) values (${Object.values(row).join(', ')})`,
    );
    const retire = () => database.sql("update public.data_keys set status = 'retired' where id = $1", [id]);
    await expect(retire()).rejects.toMatchObject({ code: '55006' });
    await database.sql(`delete from public.${table} where org_id = $1`, [orgId]);
    await retire();
  });

  it('keep one of the trail from being retired: audit_events.detail, in whatever field', async () => {
    const { orgId, id } = await aKey();
    const doors = await database.as('refreshWorker');
    const detail = { again: false, anybody: { sealed: `hub1.${id}.abc` } };
    await doors.withOrg(orgId as OrgId, (manager) =>
      appendEvents(manager, [
        {
          name: 'integration.connected',
          detail,
          provider: null,
          integrationId: null,
          actor: { type: 'user', id: 'ada' },
        },
      ]),
    );
    await expect(
      database.sql("update public.data_keys set status = 'retired' where id = $1", [id]),
    ).rejects.toMatchObject({ code: '55006' });
  });
});
