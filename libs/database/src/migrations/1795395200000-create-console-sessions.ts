import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is signed in to the console: the links that sign a browser in once, and the sessions of browsers. */
export class CreateConsoleSessions1795395200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table public.console_links (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        -- of the caller who made the link; the session has both as they are here
        sub text not null,
        user_label text,
        scopes text[] not null default '{}',
        -- all that is kept of the link: its SHA-256
        link_hash bytea not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        used_at timestamptz,
        constraint console_links_link_hash_key unique (link_hash)
      );
      create index console_links_by_org on public.console_links (org_id);
      create index console_links_expiry on public.console_links (expires_at);

      create table public.console_sessions (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        sub text not null,
        user_label text,
        scopes text[] not null default '{}',
        -- local: npm start has signed the browser in by itself
        sign_in text not null constraint console_sessions_sign_in_check check (sign_in in ('link', 'local')),
        -- all that is kept of the cookie: its SHA-256
        cookie_hash bytea not null,
        created_at timestamptz not null default now(),
        -- within a minute
        last_seen_at timestamptz not null default now(),
        expires_at timestamptz not null,
        constraint console_sessions_cookie_hash_key unique (cookie_hash)
      );
      create index console_sessions_by_org on public.console_sessions (org_id);
      create index console_sessions_expiry on public.console_sessions (expires_at);

      ${TABLES.map(
        (table) => `
      alter table public.${table} enable row level security;
      alter table public.${table} force row level security;
      create policy ${table}_by_org on public.${table} to hub_gateway
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      create policy ${table}_erased on public.${table} to hub_eraser using (org_id = hub.current_org());
      create policy ${table}_find on public.${table} for select to hub_scanner using (true);
      create policy ${table}_sweep on public.${table} for delete to hub_scanner using (true);
      grant select (id, org_id), delete on public.${table} to hub_eraser;`,
      ).join('\n')}
      create policy console_sessions_seen on public.console_sessions for update to hub_scanner using (true) with check (true);

      grant select (id, org_id, sub, user_label, scopes, expires_at, used_at),
            insert (org_id, sub, user_label, scopes, link_hash, expires_at),
            update (used_at) on public.console_links to hub_gateway;
      grant select (id, org_id, expires_at),
            insert (org_id, sub, user_label, scopes, sign_in, cookie_hash, expires_at),
            delete on public.console_sessions to hub_gateway;
      grant select (id, org_id, link_hash, expires_at), delete on public.console_links to hub_scanner;
      grant select (id, org_id, sub, user_label, scopes, sign_in, cookie_hash, expires_at, last_seen_at), update (last_seen_at), delete
        on public.console_sessions to hub_scanner;

      -- whose a link is; whoever may use it is for the org's own transaction to say
      create function hub.console_link(p_link_hash bytea) returns table (id uuid, org_id uuid)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select l.id, l.org_id from public.console_links l where l.link_hash = p_link_hash $$;

      -- the session of a browser while it lives, in one round trip; that it was seen is noted once in a minute
      create function hub.console_session(p_cookie_hash bytea, p_idle interval)
      returns table (id uuid, org_id uuid, sub text, user_label text, scopes text[], sign_in text, expires_at timestamptz)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        return query select s.id, s.org_id, s.sub, s.user_label, s.scopes, s.sign_in, s.expires_at
          from public.console_sessions s
          where s.cookie_hash = p_cookie_hash and s.expires_at > now() and s.last_seen_at > now() - p_idle;
        if found then
          update public.console_sessions s set last_seen_at = now()
            where s.cookie_hash = p_cookie_hash and s.last_seen_at < now() - interval '1 minute';
        end if;
      end $$;

      -- sessions go with their end; links are kept for a day, so that a late opening is told apart from a forged one
      create function hub.sweep_console() returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with sessions as (delete from public.console_sessions s where s.expires_at <= now() returning 1),
             links as (delete from public.console_links l where l.expires_at < now() - interval '1 day' returning 1)
        select (select count(*) from sessions) + (select count(*) from links) $$;

      grant create on schema hub to hub_scanner;
      alter function hub.console_link(bytea) owner to hub_scanner;
      alter function hub.console_session(bytea, interval) owner to hub_scanner;
      alter function hub.sweep_console() owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.console_link(bytea), hub.console_session(bytea, interval), hub.sweep_console() from public;
      grant execute on function hub.console_link(bytea), hub.console_session(bytea, interval) to hub_gateway;
      grant execute on function hub.sweep_console() to hub_refresh_worker;
      set role hub_eraser;
      grant execute on function hub.refuse_forgotten() to hub_owner;
      set role hub_owner;
      ${TABLES.map(
        (table) => `
      create trigger forgotten before insert on public.${table} for each row execute function hub.refuse_forgotten();`,
      ).join('')}
      set role hub_eraser;
      revoke execute on function hub.refuse_forgotten() from hub_owner;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.sweep_console();
      drop function hub.console_session(bytea, interval);
      drop function hub.console_link(bytea);
      drop table public.console_sessions;
      drop table public.console_links;
    `);
  }
}

const TABLES = ['console_links', 'console_sessions'] as const;
