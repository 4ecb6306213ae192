import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The catalog of providers, the integrations, and who may see them. Roles are made before any migration (provision.ts). */
export class CreateIntegrations1795392000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create schema if not exists hub;
      grant usage on schema hub to hub_gateway, hub_worker, hub_scanner, hub_disconnector, hub_auditor;

      -- the org of the running transaction; unset and emptied settings are no org at all
      create function hub.current_org() returns uuid language sql stable parallel safe
        return nullif(current_setting('hub.org_id', true), '')::uuid;

      -- a new provider is a row here, not a migration
      create table public.providers (
        id text primary key,
        label text not null
      );
      grant select on public.providers to hub_gateway, hub_worker, hub_auditor;

      create table public.integrations (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        provider text not null references public.providers (id),
        access_token text not null,
        refresh_token text,
        scope text,
        expires_at timestamptz,
        status text not null default 'connected' check (status in ('connected', 'refresh_failing', 'reauth_required')),
        last_sync_at timestamptz,
        metadata jsonb not null default '{}',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),

        account_id text,
        account_label text,
        inputs jsonb not null default '{}',
        connected_at timestamptz not null default now(),

        -- refresh: when it is due, on which rung of the ladder, and who is at it
        issued_at timestamptz not null default now(),
        refresh_expires_at timestamptz,
        next_refresh_at timestamptz,
        failed_refreshes integer not null default 0,
        refresh_failure_code text,
        refresh_failure_at timestamptz,
        epoch bigint not null default 0,
        settled_epoch bigint not null default 0,
        settled_at timestamptz,
        lease_owner text,
        lease_until timestamptz,
        phase text not null default 'idle' check (phase in ('idle', 'claimed', 'sending')),

        -- metadata sync: a schedule of its own, so that a refresh never hides a dead sync
        next_sync_at timestamptz,
        failed_syncs integer not null default 0,
        sync_failure_code text,
        sync_failure_at timestamptz,
        sync_settled_at timestamptz,

        constraint integrations_org_provider unique (org_id, provider)
      );
      create index integrations_due_refresh on public.integrations (next_refresh_at) where next_refresh_at is not null;
      create index integrations_due_sync on public.integrations (next_sync_at) where next_sync_at is not null;
      create index integrations_account on public.integrations (provider, account_id);

      alter table public.integrations enable row level security;
      alter table public.integrations force row level security;
      create policy integrations_by_org on public.integrations to hub_gateway, hub_worker, hub_disconnector, hub_auditor
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      create policy integrations_scan on public.integrations for select to hub_scanner using (true);

      -- the gateway stores refresh tokens and never reads one
      grant select (id, org_id, provider, access_token, scope, expires_at, status, last_sync_at, metadata, created_at, updated_at,
                    account_id, account_label, inputs, connected_at, issued_at, refresh_expires_at, next_refresh_at,
                    failed_refreshes, refresh_failure_code, refresh_failure_at, epoch, settled_epoch, settled_at, lease_owner,
                    lease_until, phase, next_sync_at, failed_syncs, sync_failure_code, sync_failure_at, sync_settled_at),
            insert, update on public.integrations to hub_gateway;
      grant select, update on public.integrations to hub_worker;
      grant select, delete on public.integrations to hub_disconnector;
      grant select (id, org_id, provider, account_id, status, expires_at, next_refresh_at, next_sync_at, epoch, lease_until, phase)
        on public.integrations to hub_scanner;
      grant select (id, org_id, provider, scope, expires_at, status, last_sync_at, metadata, created_at, updated_at,
                    account_id, account_label, next_refresh_at, failed_refreshes, refresh_failure_code, refresh_failure_at)
        on public.integrations to hub_auditor;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table public.integrations;
      drop table public.providers;
      drop function hub.current_org();
      drop schema hub;
    `);
  }
}
