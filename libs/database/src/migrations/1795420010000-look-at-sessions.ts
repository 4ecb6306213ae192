import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A page that asks by itself looks at its session, and does not keep it alive. */
export class LookAtSessions1795420010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- as hub.console_session, which notes besides that the session was seen
      create function hub.console_session_unseen(p_cookie_hash bytea, p_idle interval)
      returns table (id uuid, org_id uuid, sub text, user_label text, scopes text[], sign_in text, expires_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select s.id, s.org_id, s.sub, s.user_label, s.scopes, s.sign_in, s.expires_at
          from public.console_sessions s
          where s.cookie_hash = p_cookie_hash and s.expires_at > now() and s.last_seen_at > now() - p_idle $$;

      grant create on schema hub to hub_scanner;
      alter function hub.console_session_unseen(bytea, interval) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.console_session_unseen(bytea, interval) from public;
      grant execute on function hub.console_session_unseen(bytea, interval) to hub_gateway;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function hub.console_session_unseen(bytea, interval)');
  }
}
