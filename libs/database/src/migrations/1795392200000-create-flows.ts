import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What lives between connect and callback. */
export class CreateFlows1795392200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table public.flows (
        id uuid primary key,
        org_id uuid not null,
        provider text not null references public.providers (id),
        started_by text not null,
        status text not null check (status in ('awaiting_input', 'open', 'taken', 'parked', 'completed', 'refused', 'cancelled')),
        return_url text not null,
        inputs jsonb not null default '{}',
        scopes text[] not null default '{}',
        endpoints jsonb,
        client_id text not null,
        allow_account_change boolean not null default false,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,

        -- secrets of the browser, only as SHA-256: the state, the flow's cookie, the address of the hub's own page
        state_hash bytea unique,
        cookie_hash bytea not null,
        page_hash bytea unique,
        -- the confirm page's proof that the same browser presses its button
        confirm_cookie_hash bytea,

        -- sealed: the PKCE verifier, and the code that waits for the button
        verifier text,
        parked_code text
      );
      create index flows_by_org on public.flows (org_id, provider, status);
      create index flows_expiry on public.flows (expires_at);

      alter table public.flows enable row level security;
      alter table public.flows force row level security;
      create policy flows_by_org on public.flows to hub_gateway, hub_disconnector
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      create policy flows_find on public.flows for select to hub_scanner using (true);
      create policy flows_take on public.flows for update to hub_scanner using (true) with check (true);
      create policy flows_sweep on public.flows for delete to hub_scanner using (true);
      grant select, insert, update on public.flows to hub_gateway;
      grant select (id, org_id, provider, status), update (status, verifier, parked_code, confirm_cookie_hash)
        on public.flows to hub_disconnector;
      grant select (id, org_id, provider, status, expires_at, state_hash, page_hash), update (status), delete on public.flows to hub_scanner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table public.flows;');
  }
}
