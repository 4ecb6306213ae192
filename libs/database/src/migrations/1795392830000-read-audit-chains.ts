import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Many trails in one round trip, for whoever verifies all of them. */
export class ReadAuditChains1795392830000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- the first events of each of these trails, with its beginning and its head: one org after the other, each under the
      -- caller's own rights and the org's own policy
      create function hub.audit_chains(p_orgs uuid[], p_before timestamptz, p_limit integer)
      returns table (org_id uuid, start_seq bigint, start_hash bytea, head_seq bigint, head_hash bytea, seq bigint, id uuid, at text,
                     at_micros text, name text, provider text, integration_id uuid, actor_type text, actor_id text, detail text,
                     prev_hash bytea, hash bytea)
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_org uuid;
      begin
        foreach v_org in array p_orgs loop
          perform set_config('hub.org_id', v_org::text, true);
          -- one statement, so that beginning, rows and head are of one moment
          return query
            select v_org, start.seq, start.hash, head.seq, head.hash, event.seq, event.id, event.at::text,
              (extract(epoch from event.at) * 1000000)::bigint::text, event.name, event.provider, event.integration_id,
              event.actor_type, event.actor_id, event.detail::text, event.prev_hash, event.hash
            from (select 1) as one
            left join public.audit_heads head on head.org_id = v_org
            left join lateral (
              select c.seq, c.hash from public.audit_checkpoints c where c.org_id = v_org order by c.seq desc limit 1
            ) as start on true
            left join lateral (
              select e.* from public.audit_events e where e.org_id = v_org and e.at < p_before order by e.seq, e.at limit p_limit
            ) as event on true
            order by event.seq, event.at;
        end loop;
      end $$;
      revoke execute on function hub.audit_chains(uuid[], timestamptz, integer) from public;
      grant execute on function hub.audit_chains(uuid[], timestamptz, integer) to hub_worker, hub_auditor;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function hub.audit_chains(uuid[], timestamptz, integer)');
  }
}
