import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Orgs that are forgotten: their grants go back, their data keys are destroyed, and nothing is stored for them any more. */
export class CreateForgottenOrgs1795392970000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant usage on schema hub to hub_eraser;

      create table public.forgotten_orgs (
        org_id uuid primary key,
        requested_at timestamptz not null default now(),
        -- answers of refreshes that were under way come until then; their grants have to go back as well
        answers_until timestamptz,
        -- since then no data key of the org is left
        forgotten_at timestamptz
      );
      alter table public.forgotten_orgs enable row level security;
      alter table public.forgotten_orgs force row level security;
      create policy forgotten_orgs_seen on public.forgotten_orgs for select to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org());
      create policy forgotten_orgs_erased on public.forgotten_orgs to hub_eraser
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select (org_id, requested_at, answers_until, forgotten_at) on public.forgotten_orgs
        to hub_gateway, hub_worker, hub_auditor, hub_eraser;
      grant insert (org_id), update (answers_until, forgotten_at) on public.forgotten_orgs to hub_eraser;

      alter table public.data_keys drop constraint data_keys_status_check;
      -- shredded: destroyed with all that it has sealed
      alter table public.data_keys add constraint data_keys_status_check
        check (status in ('active', 'retiring', 'retired', 'shredded'));
      alter table public.data_keys add constraint data_keys_shredded_check check ((status = 'shredded') = (wrapped_key = ''));
      create policy data_keys_shredded on public.data_keys to hub_eraser using (org_id = hub.current_org());
      grant select (id, org_id, status), update (wrapped_key, status, status_changed_at) on public.data_keys to hub_eraser;

      create policy integrations_ended on public.integrations for select to hub_eraser using (org_id = hub.current_org());
      grant select (id, org_id, provider, lease_until) on public.integrations to hub_eraser;
      create policy flows_erased on public.flows to hub_eraser using (org_id = hub.current_org());
      grant select (id, org_id), delete on public.flows to hub_eraser;
      create policy revocations_erased on public.revocations to hub_eraser using (org_id = hub.current_org());
      grant select (id, org_id, provider, next_attempt_at), delete on public.revocations to hub_eraser;
      create policy token_inbox_erased on public.token_inbox to hub_eraser using (org_id = hub.current_org());
      grant select (id, org_id), delete on public.token_inbox to hub_eraser;
      create policy audit_heads_seen on public.audit_heads for select to hub_eraser using (org_id = hub.current_org());
      grant select (org_id, seq) on public.audit_heads to hub_eraser;

      -- whoever stores something for an org is bound to it, and sees whether it is forgotten
      create function hub.refuse_forgotten() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        if exists (select from public.forgotten_orgs f where f.org_id = new.org_id) then
          raise exception 'this org is forgotten' using errcode = '${ORG_FORGOTTEN}';
        end if;
        return new;
      end $$;
      revoke execute on function hub.refuse_forgotten() from public;
      create trigger forgotten before insert on public.integrations for each row execute function hub.refuse_forgotten();
      create trigger forgotten before insert on public.flows for each row execute function hub.refuse_forgotten();
      create trigger forgotten before insert on public.data_keys for each row execute function hub.refuse_forgotten();
      grant create on schema hub to hub_eraser;
      alter function hub.refuse_forgotten() owner to hub_eraser;
      revoke create on schema hub from hub_eraser;
    `);
    await runner.query(`
      set role hub_disconnector;
      grant execute on function hub.disconnect(text, boolean, text) to hub_eraser;
      grant execute on function ${APPEND_EVENT} to hub_eraser;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_disconnector;
      revoke execute on function hub.disconnect(text, boolean, text) from hub_eraser;
      revoke execute on function ${APPEND_EVENT} from hub_eraser;
      set role hub_owner;
    `);
    await runner.query(`
      drop trigger forgotten on public.integrations;
      drop trigger forgotten on public.flows;
      drop trigger forgotten on public.data_keys;
      drop function hub.refuse_forgotten();
      drop policy audit_heads_seen on public.audit_heads;
      drop policy token_inbox_erased on public.token_inbox;
      drop policy revocations_erased on public.revocations;
      drop policy flows_erased on public.flows;
      drop policy integrations_ended on public.integrations;
      drop policy data_keys_shredded on public.data_keys;
      revoke all on public.audit_heads, public.token_inbox, public.revocations, public.flows, public.integrations, public.data_keys
        from hub_eraser;
      delete from public.data_keys where status = 'shredded';
      alter table public.data_keys drop constraint data_keys_shredded_check;
      alter table public.data_keys drop constraint data_keys_status_check;
      alter table public.data_keys add constraint data_keys_status_check check (status in ('active', 'retiring', 'retired'));
      drop table public.forgotten_orgs;
      revoke usage on schema hub from hub_eraser;
    `);
  }
}

/** By which `org-forgotten.ts` knows it. */
const ORG_FORGOTTEN = 'HUB01';
const APPEND_EVENT = 'hub.append_event(text, text, uuid, text, text, jsonb)';
