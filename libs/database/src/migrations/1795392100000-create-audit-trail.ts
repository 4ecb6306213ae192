import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit trail: insert-only, numbered per org in the order of its commits. */
export class CreateAuditTrail1795392100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table public.audit_events (
        org_id uuid not null,
        seq bigint not null,
        id uuid not null default gen_random_uuid(),
        at timestamptz not null,
        name text not null,
        provider text,
        integration_id uuid,
        actor_type text not null,
        actor_id text not null,
        detail jsonb not null default '{}',
        primary key (org_id, seq)
      );
      create index audit_events_provider on public.audit_events (org_id, provider, seq);

      -- the last number of each org; its row is locked until the transaction ends, so numbers appear in their order
      create table public.audit_heads (
        org_id uuid primary key,
        seq bigint not null
      );

      alter table public.audit_events enable row level security;
      alter table public.audit_events force row level security;
      create policy audit_events_by_org on public.audit_events to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select, insert on public.audit_events to hub_gateway, hub_worker;
      grant select on public.audit_events to hub_auditor;

      alter table public.audit_heads enable row level security;
      alter table public.audit_heads force row level security;
      create policy audit_heads_by_org on public.audit_heads to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select, insert, update on public.audit_heads to hub_gateway, hub_worker;
      grant select on public.audit_heads to hub_auditor;

      create function hub.refuse_rewriting() returns trigger language plpgsql as $$
      begin
        raise exception 'the audit trail is insert-only' using errcode = 'insufficient_privilege';
      end $$;
      -- for each statement, so that it speaks up also where the policies leave nothing to rewrite
      create trigger audit_events_insert_only before update or delete or truncate on public.audit_events
        for each statement execute function hub.refuse_rewriting();

      -- called last in a transaction: the head stays locked until its commit
      create function hub.append_event(p_name text, p_provider text, p_integration_id uuid, p_actor_type text, p_actor_id text, p_detail jsonb)
      returns bigint language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_seq bigint;
      begin
        insert into public.audit_heads as head (org_id, seq) values (hub.current_org(), 1)
          on conflict (org_id) do update set seq = head.seq + 1
          returning seq into v_seq;
        insert into public.audit_events (org_id, seq, at, name, provider, integration_id, actor_type, actor_id, detail)
          values (hub.current_org(), v_seq, clock_timestamp(), p_name, p_provider, p_integration_id, p_actor_type, p_actor_id, p_detail);
        return v_seq;
      end $$;
      revoke execute on function hub.append_event(text, text, uuid, text, text, jsonb) from public;
      grant execute on function hub.append_event(text, text, uuid, text, text, jsonb) to hub_gateway, hub_worker;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.append_event(text, text, uuid, text, text, jsonb);
      drop table public.audit_heads;
      drop table public.audit_events;
      drop function hub.refuse_rewriting();
    `);
  }
}
