import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Verdicts on one account are not a provider's: the tally of verdicts tells on how many accounts they are. */
export class CountAccountsOfVerdicts1795393100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await asScanner(
      runner,
      `drop function hub.recent_verdicts(text, interval);
      create function hub.recent_verdicts(p_provider text, p_within interval)
      returns table (definite bigint, settled bigint, accounts bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where is_definite), count(*), count(distinct account) filter (where is_definite)
        from (
          select i.status = 'reauth_required' and i.refresh_failure_at > now() - p_within as is_definite,
            coalesce(i.account_id, i.id::text) as account -- where nobody knows the account, each stands for itself
          from public.integrations i
          where i.provider = p_provider and i.settled_at > now() - p_within
            and (i.status <> 'reauth_required' or i.refusal_held_at is null)) as settlement $$;`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await asScanner(
      runner,
      `drop function hub.recent_verdicts(text, interval);
      create function hub.recent_verdicts(p_provider text, p_within interval) returns table (definite bigint, settled bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where i.status = 'reauth_required' and i.refresh_failure_at > now() - p_within), count(*)
        from public.integrations i
        where i.provider = p_provider and i.settled_at > now() - p_within
          and (i.status <> 'reauth_required' or i.refusal_held_at is null) $$;`,
    );
  }
}

/** What a function tells cannot be changed, only made anew, by its owner. */
async function asScanner(runner: QueryRunner, remake: string): Promise<void> {
  await runner.query(`
    grant create on schema hub to hub_scanner;
    set role hub_scanner;
    ${remake}
    revoke execute on function hub.recent_verdicts(text, interval) from public;
    grant execute on function hub.recent_verdicts(text, interval) to hub_refresh_worker;
    set role hub_owner;
    revoke create on schema hub from hub_scanner;
  `);
}
