import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Grants on their way back to the provider, and grants that came too late to be stored. */
export class CreateRevocations1795392300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- tokens stay sealed for the cell that they come from: integrations, under integration_id
      create table public.revocations (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        provider text not null references public.providers (id),
        integration_id uuid not null,
        account_id text,
        inputs jsonb not null default '{}',
        access_token text not null,
        refresh_token text,
        reason text not null,
        next_attempt_at timestamptz,
        failed_attempts integer not null default 0,
        failure_code text,
        first_failed_at timestamptz,
        last_failed_at timestamptz,
        created_at timestamptz not null default now()
      );
      create index revocations_due on public.revocations (next_attempt_at) where next_attempt_at is not null;
      alter table public.revocations enable row level security;
      alter table public.revocations force row level security;
      create policy revocations_by_org on public.revocations to hub_gateway, hub_worker, hub_disconnector
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      create policy revocations_scan on public.revocations for select to hub_scanner using (true);
      grant insert on public.revocations to hub_gateway, hub_disconnector;
      grant select (id, org_id, provider, integration_id) on public.revocations to hub_gateway, hub_disconnector;
      grant select, insert, update, delete on public.revocations to hub_worker;
      grant select (id, org_id, provider, next_attempt_at) on public.revocations to hub_scanner;

      -- answers whose epoch had passed when they came: kept sealed, never thrown away
      create table public.token_inbox (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        provider text not null references public.providers (id),
        integration_id uuid not null,
        epoch bigint not null,
        access_token text not null,
        refresh_token text,
        scope text,
        issued_at timestamptz not null,
        expires_at timestamptz,
        refresh_expires_at timestamptz,
        received_at timestamptz not null default now()
      );
      create index token_inbox_integration on public.token_inbox (integration_id);
      alter table public.token_inbox enable row level security;
      alter table public.token_inbox force row level security;
      create policy token_inbox_by_org on public.token_inbox to hub_worker, hub_disconnector
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select, insert, delete on public.token_inbox to hub_worker;
      grant select, delete on public.token_inbox to hub_disconnector;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table public.token_inbox; drop table public.revocations;');
  }
}
