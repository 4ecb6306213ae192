import { randomUUID } from 'node:crypto';
import { SYSTEM_ORG, type Actor } from '@hub/domain';
import { Client } from 'pg';
import type { Head } from './audit-seal';

export interface PruneOptions {
  /** A role that may become the tables' owner. */
  readonly adminUrl: string;
  /** The first month that stays, such as `2026-05`. */
  readonly before: string;
  /** Where each org's trail will begin. */
  readonly checkpoints: readonly Head[];
  /** So many events go, or none. */
  readonly events: number;
  /** SHA-256 of the export that has them. */
  readonly exportSha256: string;
  /** Who is told to have done it. */
  readonly actor: Actor;
}

/** What a prune has done. */
export interface Pruned {
  readonly partitions: readonly string[];
  readonly events: number;
}

/** Readers and writers of the trail wait no longer than this behind a prune that waits itself. */
const LOCK_TIMEOUT = '5s';

/**
 * Drops the partitions of older months, remembers where each chain begins now, and tells of it (`audit.pruned`); all of it
 * or nothing.
 *
 * @throws Error if there are more or fewer events of those months than were exported, or a webhook still waits for some
 */
export async function pruneAudit(options: PruneOptions): Promise<Pruned> {
  const client = new Client({ connectionString: options.adminUrl, application_name: 'hub-audit-prune' });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    await lockHead(client);
    await refuseUnlessRead(client, options);
    await client.query('set local role hub_owner');
    const pruned = await prune(client, options);
    await tell(client, options, pruned);
    await client.query('commit');
    return pruned;
  } finally {
    await client.end(); // what is not committed is undone
  }
}

/** Whoever appends has the head first and the table after it: so has this, and nobody waits in a circle. */
async function lockHead(client: Client): Promise<void> {
  await becomeTeller(client);
  await client.query('select 1 from public.audit_heads for update');
}

/** The trail is the outbox of deliveries: where a receiver wants its events, none goes that was not taken in. */
async function refuseUnlessRead(client: Client, { checkpoints }: PruneOptions): Promise<void> {
  await client.query('set local role hub_scanner');
  const { rows } = await client.query<{ orgId: string }>(
    `select s.org_id as "orgId" from public.delivery_settings s
     join unnest($1::uuid[], $2::bigint[]) as goes (org_id, seq) on goes.org_id = s.org_id
     where s.events <> '{}' and s.outbox_seq < goes.seq order by s.org_id`,
    [checkpoints.map(({ orgId }) => orgId), checkpoints.map(({ seq }) => seq)],
  );
  const [first] = rows;
  if (first)
    throw new Error(
      `the webhooks of ${rows.length} orgs wait for events of these months, that of ${first.orgId} first`,
    );
}

async function tell(client: Client, { before, exportSha256, actor }: PruneOptions, { events }: Pruned): Promise<void> {
  await becomeTeller(client);
  await client.query("select hub.append_event($1, 'audit.pruned', null, null, $2, $3, $4)", [
    randomUUID(),
    actor.type,
    actor.id,
    JSON.stringify({ before, events, sha256: exportSha256 }),
  ]);
}

/** As whoever writes the trail, in that of the system. */
async function becomeTeller(client: Client): Promise<void> {
  await client.query('set local role hub_disconnector');
  await client.query("select set_config('hub.org_id', $1, true)", [SYSTEM_ORG]);
}

async function prune(client: Client, { before, checkpoints, events, exportSha256 }: PruneOptions): Promise<Pruned> {
  const month = `${before}-01`;
  await client.query(
    `select hub.add_audit_checkpoints($1::uuid[], $2::bigint[],
       (select coalesce(array_agg(decode(hash, 'hex') order by place), '{}') from unnest($3::text[]) with ordinality as given (hash, place)),
       $4::date, decode($5, 'hex'))`,
    [
      checkpoints.map(({ orgId }) => orgId),
      checkpoints.map(({ seq }) => seq),
      checkpoints.map(({ hash }) => hash.toString('hex')),
      month,
      exportSha256,
    ],
  );
  const partitions = await partitionsBefore(client, before);
  let gone = 0;
  for (const partition of partitions) gone += await dropPartition(client, partition);
  gone += await emptyDefault(client, month);
  if (gone !== events) throw new Error(`${gone} events of these months are there, and ${events} were exported`);
  return { partitions, events: gone };
}

async function partitionsBefore(client: Client, before: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
     where inhparent = 'public.audit_events'::regclass and child.relname ~ '^events_[0-9]{4}_[0-9]{2}$' and child.relname < $1
     order by 1`,
    [`events_${before.replace('-', '_')}`],
  );
  return rows.map(({ name }) => name);
}

/** @returns how many events were in it */
async function dropPartition(client: Client, partition: string): Promise<number> {
  await client.query(`alter table public.audit_events detach partition audit.${partition}`);
  await client.query(`alter table audit.${partition} no force row level security`);
  const { rows } = await client.query<{ count: number }>(`select count(*) as count from audit.${partition}`);
  await client.query(`drop table audit.${partition}`);
  return Number(rows[0]?.count ?? 0);
}

/** Events of months that had no partition of their own. @returns how many there were */
async function emptyDefault(client: Client, month: string): Promise<number> {
  await client.query('alter table audit.events_default no force row level security, disable trigger insert_only');
  const { rowCount } = await client.query(
    "delete from audit.events_default where at < ($1 || ' 00:00:00+00')::timestamptz",
    [month],
  );
  await client.query('alter table audit.events_default force row level security, enable trigger insert_only');
  return rowCount ?? 0;
}
