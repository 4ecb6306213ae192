import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit trail as a chain of hashes for each org, in partitions of a month; the README of this lib says what is hashed. */
export class ChainAuditTrail1795392800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- a row as bytes: every value with its length in front of it, or '-' where there is none, so that no two rows are the same bytes
      create function hub.audit_hash(p_prev bytea, p_org_id uuid, p_seq bigint, p_id uuid, p_at timestamptz, p_name text, p_provider text,
                                     p_integration_id uuid, p_actor_type text, p_actor_id text, p_detail jsonb)
      returns bytea language sql stable set search_path = pg_catalog, public, pg_temp as $$
        select sha256(p_prev || convert_to('hub-audit/1', 'UTF8') || string_agg(
          case when value is null then '-'::bytea
            else convert_to(length(convert_to(value, 'UTF8')) || ':' || value, 'UTF8') end, ''::bytea order by place))
        from unnest(array[p_org_id::text, p_seq::text, p_id::text, (extract(epoch from p_at) * 1000000)::bigint::text, p_name, p_provider,
                          p_integration_id::text, p_actor_type, p_actor_id, p_detail::text]) with ordinality as of_row (value, place) $$;
      revoke execute on function hub.audit_hash(bytea, uuid, bigint, uuid, timestamptz, text, text, uuid, text, text, jsonb) from public;
      grant execute on function hub.audit_hash(bytea, uuid, bigint, uuid, timestamptz, text, text, uuid, text, text, jsonb) to hub_disconnector;
    `);
    await runner.query(`
      -- forced policies hide all rows from the owner too, and what is hidden cannot be chained
      alter table public.audit_events no force row level security;
      alter table public.audit_heads no force row level security;
      alter table public.audit_events rename to audit_events_before;
      alter table public.audit_events_before rename constraint audit_events_pkey to audit_events_before_pkey;
      alter index public.audit_events_provider rename to audit_events_before_provider;

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
        -- the hash of the org's event before; 32 zero bytes before the first
        prev_hash bytea not null,
        hash bytea not null,
        primary key (org_id, seq, at)
      ) partition by range (at);
      create index audit_events_provider on public.audit_events (org_id, provider, seq);
      create trigger audit_events_insert_only before update or delete or truncate on public.audit_events
        for each statement execute function hub.refuse_rewriting();

      -- the partitions' own room: whoever is not the owner comes in through public.audit_events alone
      create schema audit;

      -- a table that is to be a partition gets what a partition does not inherit
      create function hub.guard_audit_partition(p_table regclass) returns void
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        execute format('alter table %s enable row level security, force row level security', p_table);
        execute format('create trigger insert_only before update or delete or truncate on %s
          for each statement execute function hub.refuse_rewriting()', p_table);
      end $$;
      revoke execute on function hub.guard_audit_partition(regclass) from public;

      create function hub.make_audit_partition(p_month date) returns boolean
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_name text := format('audit.events_%s', to_char(p_month, 'YYYY_MM'));
      begin
        if to_regclass(v_name) is not null then return false; end if;
        -- made apart and then attached: that stops nobody who reads or writes the trail meanwhile
        execute format('create table %s (like public.audit_events including defaults)', v_name);
        perform hub.guard_audit_partition(v_name::regclass);
        execute format('alter table public.audit_events attach partition %s for values from (%L) to (%L)', v_name,
          to_char(p_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(p_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
        return true;
      end $$;
      revoke execute on function hub.make_audit_partition(date) from public;

      -- whatever has no month of its own lands here, so that an append never fails for want of a partition
      create table audit.events_default partition of public.audit_events default;
      select hub.guard_audit_partition('audit.events_default');

      -- months of rows that are there, this month and three ahead
      select hub.make_audit_partition(month::date) from generate_series(
        date_trunc('month', least((select min(at) from public.audit_events_before), now()) at time zone 'UTC'),
        date_trunc('month', now() at time zone 'UTC') + interval '3 months', interval '1 month') as month;

      -- the one function that acts as the tables' owner: nobody else may make a partition, and it makes nothing but these
      create function hub.ensure_audit_partitions() returns table (made integer, blocked integer)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_month date := date_trunc('month', now() at time zone 'UTC');
      begin
        made := 0;
        blocked := 0;
        -- a partition waits for readers of the default one, and whoever comes next would wait behind it
        perform set_config('lock_timeout', '2s', true);
        if pg_try_advisory_xact_lock(7264011) then
          for v_ahead in 0..3 loop
            begin
              if hub.make_audit_partition((v_month + make_interval(months => v_ahead))::date) then made := made + 1; end if;
            exception when check_violation then
              blocked := blocked + 1; -- rows of that month lie in the default partition already
            end;
          end loop;
        end if;
        return next;
      end $$;
      revoke execute on function hub.ensure_audit_partitions() from public;
      grant execute on function hub.ensure_audit_partitions() to hub_worker;

      alter table public.audit_heads add column hash bytea;
    `);
    await runner.query(`
      do $$
      declare
        v_row public.audit_events_before;
        v_org uuid;
        v_prev bytea;
        v_hash bytea;
      begin
        for v_row in select * from public.audit_events_before order by org_id, seq loop
          if v_org is distinct from v_row.org_id then
            v_org := v_row.org_id;
            v_prev := decode(repeat('00', 32), 'hex');
          end if;
          v_hash := hub.audit_hash(v_prev, v_row.org_id, v_row.seq, v_row.id, v_row.at, v_row.name, v_row.provider, v_row.integration_id,
            v_row.actor_type, v_row.actor_id, v_row.detail);
          insert into public.audit_events values (v_row.org_id, v_row.seq, v_row.id, v_row.at, v_row.name, v_row.provider, v_row.integration_id,
            v_row.actor_type, v_row.actor_id, v_row.detail, v_prev, v_hash);
          v_prev := v_hash;
        end loop;
      end $$;
      drop table public.audit_events_before;
      update public.audit_heads h set hash = coalesce(
        (select e.hash from public.audit_events e where e.org_id = h.org_id and e.seq = h.seq), decode(repeat('00', 32), 'hex'));
      alter table public.audit_heads alter column hash set not null;

      alter table public.audit_events enable row level security;
      alter table public.audit_events force row level security;
      alter table public.audit_heads force row level security;
      create policy audit_events_by_org on public.audit_events for select to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org());
      create policy audit_events_append on public.audit_events for insert to hub_disconnector
        with check (org_id = hub.current_org());
      grant select on public.audit_events to hub_gateway, hub_worker, hub_auditor;
      grant insert on public.audit_events to hub_disconnector;
      create policy audit_heads_append on public.audit_heads to hub_disconnector
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select, insert, update on public.audit_heads to hub_disconnector;
      revoke insert, update on public.audit_heads from hub_gateway, hub_worker;
      drop policy audit_heads_by_org on public.audit_heads;
      create policy audit_heads_by_org on public.audit_heads for select to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org());
      create trigger audit_heads_kept before delete or truncate on public.audit_heads
        for each statement execute function hub.refuse_rewriting();

      -- called last in a transaction: the head stays locked until its commit. It alone may write events and heads, so that
      -- no app can write a number or a hash of its own choice
      create or replace function hub.append_event(p_name text, p_provider text, p_integration_id uuid, p_actor_type text, p_actor_id text, p_detail jsonb)
      returns bigint language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_org uuid := hub.current_org();
        v_id uuid := gen_random_uuid();
        v_at timestamptz;
        v_seq bigint;
        v_prev bytea;
        v_hash bytea;
        v_is_first boolean;
      begin
        loop
          select head.seq, head.hash into v_seq, v_prev from public.audit_heads head where head.org_id = v_org for update;
          v_is_first := not found;
          v_seq := coalesce(v_seq, 0) + 1;
          v_prev := coalesce(v_prev, decode(repeat('00', 32), 'hex'));
          v_at := clock_timestamp();
          v_hash := hub.audit_hash(v_prev, v_org, v_seq, v_id, v_at, p_name, p_provider, p_integration_id, p_actor_type, p_actor_id, p_detail);
          if v_is_first then
            insert into public.audit_heads (org_id, seq, hash) values (v_org, v_seq, v_hash) on conflict (org_id) do nothing;
          else
            update public.audit_heads head set seq = v_seq, hash = v_hash where head.org_id = v_org;
          end if;
          exit when found; -- else somebody else has written the org's first event meanwhile
        end loop;
        insert into public.audit_events (org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail, prev_hash, hash)
          values (v_org, v_seq, v_id, v_at, p_name, p_provider, p_integration_id, p_actor_type, p_actor_id, p_detail, v_prev, v_hash);
        return v_seq;
      end $$;
      grant create on schema hub to hub_disconnector;
      alter function hub.append_event(text, text, uuid, text, text, jsonb) owner to hub_disconnector;
      revoke create on schema hub from hub_disconnector;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter function hub.append_event(text, text, uuid, text, text, jsonb) owner to hub_owner;
      create or replace function hub.append_event(p_name text, p_provider text, p_integration_id uuid, p_actor_type text, p_actor_id text, p_detail jsonb)
      returns bigint language plpgsql security invoker set search_path = pg_catalog, public, pg_temp as $$
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

      drop trigger audit_heads_kept on public.audit_heads;
      drop policy audit_heads_append on public.audit_heads;
      revoke select, insert, update on public.audit_heads from hub_disconnector;
      grant insert, update on public.audit_heads to hub_gateway, hub_worker;
      drop policy audit_heads_by_org on public.audit_heads;
      create policy audit_heads_by_org on public.audit_heads to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      alter table public.audit_heads drop column hash;

      alter table public.audit_events no force row level security;
      create table public.audit_events_after (
        org_id uuid not null,
        seq bigint not null,
        id uuid not null default gen_random_uuid(),
        at timestamptz not null,
        name text not null,
        provider text,
        integration_id uuid,
        actor_type text not null,
        actor_id text not null,
        detail jsonb not null default '{}'
      );
      insert into public.audit_events_after
        select org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail from public.audit_events;
      drop table public.audit_events;
      drop schema audit;
      alter table public.audit_events_after rename to audit_events;
      alter table public.audit_events add primary key (org_id, seq);
      create index audit_events_provider on public.audit_events (org_id, provider, seq);
      alter table public.audit_events enable row level security;
      alter table public.audit_events force row level security;
      create policy audit_events_by_org on public.audit_events to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select, insert on public.audit_events to hub_gateway, hub_worker;
      grant select on public.audit_events to hub_auditor;
      create trigger audit_events_insert_only before update or delete or truncate on public.audit_events
        for each statement execute function hub.refuse_rewriting();

      drop function hub.ensure_audit_partitions();
      drop function hub.make_audit_partition(date);
      drop function hub.guard_audit_partition(regclass);
      drop function hub.audit_hash(bytea, uuid, bigint, uuid, timestamptz, text, text, uuid, text, text, jsonb);
    `);
  }
}
