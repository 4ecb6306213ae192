import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events bring their own id: what is sealed in their detail is bound to it, and is sealed before the event is written. */
export class TakeEventIds1795392960000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- called last in a transaction: the head stays locked until its commit. It alone may write events and heads, so that
      -- no app can write a number or a hash of its own choice
      create function hub.append_event(p_id uuid, p_name text, p_provider text, p_integration_id uuid, p_actor_type text, p_actor_id text, p_detail jsonb)
      returns bigint language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_org uuid := hub.current_org();
        v_at timestamptz;
        v_seq bigint;
        v_prev bytea;
        v_hash bytea;
      begin
        select head.seq, head.hash into v_seq, v_prev from public.audit_heads head where head.org_id = v_org for update;
        if not found then
          insert into public.audit_heads (org_id, seq, hash) values (v_org, 0, decode(repeat('00', 32), 'hex')) on conflict (org_id) do nothing;
          select head.seq, head.hash into v_seq, v_prev from public.audit_heads head where head.org_id = v_org for update;
        end if;
        v_seq := v_seq + 1;
        v_at := clock_timestamp();
        v_hash := hub.audit_hash(v_prev, v_org, v_seq, p_id, v_at, p_name, p_provider, p_integration_id, p_actor_type, p_actor_id, p_detail);
        insert into public.audit_events (org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail, prev_hash, hash)
          values (v_org, v_seq, p_id, v_at, p_name, p_provider, p_integration_id, p_actor_type, p_actor_id, p_detail, v_prev, v_hash);
        update public.audit_heads head set seq = v_seq, hash = v_hash where head.org_id = v_org;
        return v_seq;
      end $$;
      grant create on schema hub to hub_disconnector;
      alter function hub.append_event(uuid, text, text, uuid, text, text, jsonb) owner to hub_disconnector;
      revoke create on schema hub from hub_disconnector;
    `);
    await runner.query(`
      set role hub_disconnector;
      revoke execute on function hub.append_event(uuid, text, text, uuid, text, text, jsonb) from public;
      grant execute on function hub.append_event(uuid, text, text, uuid, text, text, jsonb) to hub_gateway, hub_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function hub.append_event(uuid, text, text, uuid, text, text, jsonb)');
  }
}
