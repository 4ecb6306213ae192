import type { OrgId } from '@hub/domain';

/** Asks the database as its superuser. */
export type Ask = <Row extends object>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/** What a trail is filled with. */
export interface Filling {
  readonly events: number;
  /** When the first event is to have been, and how long after it each next one. */
  readonly from: Date;
  readonly everySeconds: number;
}

const FILL = `
create or replace function pg_temp.fill_trail(p_org uuid, p_events integer, p_from timestamptz, p_every interval) returns void
language plpgsql as $$
declare
  v_seq bigint := coalesce((select seq from public.audit_heads where org_id = p_org), 0);
  v_prev bytea := coalesce((select hash from public.audit_heads where org_id = p_org), decode(repeat('00', 32), 'hex'));
  v_row public.audit_events;
begin
  for n in 0..p_events - 1 loop
    v_seq := v_seq + 1;
    v_row := row(p_org, v_seq, gen_random_uuid(), p_from + n * p_every, 'token.read', case when n % 3 > 0 then 'notion' end,
      case when n % 2 > 0 then gen_random_uuid() end, 'user', 'ada-' || n % 7, jsonb_build_object('count', n, 'why', 'märz "' || n), v_prev, v_prev);
    v_row.hash := hub.audit_hash(v_prev, p_org, v_seq, v_row.id, v_row.at, v_row.name, v_row.provider, v_row.integration_id,
      v_row.actor_type, v_row.actor_id, v_row.detail);
    insert into public.audit_events select v_row.*;
    v_prev := v_row.hash;
  end loop;
  insert into public.audit_heads values (p_org, v_seq, v_prev) on conflict (org_id) do update set seq = v_seq, hash = v_prev;
end $$`;

/** Puts events behind an org's trail as `hub.append_event` would have, at times of our choice. */
export async function fillTrail(ask: Ask, orgId: OrgId, { events, from, everySeconds }: Filling): Promise<void> {
  // one query, since the function lives as long as its connection
  const values = `'${orgId}', ${events}, '${from.toISOString()}', make_interval(secs => ${everySeconds})`;
  await ask(`${FILL}; select pg_temp.fill_trail(${values})`);
}

/** Changes the trail as only a superuser can: past policies and triggers, as an intruder would. */
export async function tamper(ask: Ask, statements: readonly string[]): Promise<void> {
  // one query is one transaction, undone as a whole if any of it fails
  await ask(`set local session_replication_role = replica; ${statements.join('; ')}`);
}
