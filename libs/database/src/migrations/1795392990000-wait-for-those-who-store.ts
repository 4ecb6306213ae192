import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever forgets an org waits for those who are storing something for it, and nothing comes after its keys are gone. */
export class WaitForThoseWhoStore1795392990000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // as the functions' owner, who may replace his own
    await runner.query(`
      grant create on schema hub to hub_eraser;
      set role hub_eraser;
      -- held to the end of a transaction: shared by whoever stores something for an org, alone by whoever forgets it
      create or replace function hub.refuse_forgotten() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform pg_advisory_xact_lock_shared(${LOCK}, hashtext(new.org_id::text));
        if exists (select from public.forgotten_orgs f where f.org_id = new.org_id) then
          raise exception 'this org is forgotten' using errcode = '${ORG_FORGOTTEN}';
        end if;
        return new;
      end $$;
      set role hub_owner;
      revoke create on schema hub from hub_eraser;
    `);
    await runner.query(`
      -- a grant may go back as long as there is a key that opens it
      create function hub.refuse_erased() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform pg_advisory_xact_lock_shared(${LOCK}, hashtext(new.org_id::text));
        if exists (select from public.forgotten_orgs f where f.org_id = new.org_id and f.forgotten_at is not null) then
          raise exception 'this org is forgotten' using errcode = '${ORG_FORGOTTEN}';
        end if;
        return new;
      end $$;
      revoke execute on function hub.refuse_erased() from public;
      create trigger forgotten before insert on public.revocations for each row execute function hub.refuse_erased();
      create trigger forgotten before insert on public.token_inbox for each row execute function hub.refuse_erased();

      create function hub.wait_for_those_who_store() returns trigger
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform pg_advisory_xact_lock(${LOCK}, hashtext(new.org_id::text));
        return new;
      end $$;
      revoke execute on function hub.wait_for_those_who_store() from public;
      create trigger alone before insert or update of forgotten_at on public.forgotten_orgs
        for each row execute function hub.wait_for_those_who_store();

      grant create on schema hub to hub_eraser;
      alter function hub.refuse_erased() owner to hub_eraser;
      revoke create on schema hub from hub_eraser;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger alone on public.forgotten_orgs;
      drop function hub.wait_for_those_who_store();
      drop trigger forgotten on public.token_inbox;
      drop trigger forgotten on public.revocations;
      drop function hub.refuse_erased();
    `);
    await runner.query(`
      grant create on schema hub to hub_eraser;
      set role hub_eraser;
      create or replace function hub.refuse_forgotten() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        if exists (select from public.forgotten_orgs f where f.org_id = new.org_id) then
          raise exception 'this org is forgotten' using errcode = '${ORG_FORGOTTEN}';
        end if;
        return new;
      end $$;
      set role hub_owner;
      revoke create on schema hub from hub_eraser;
    `);
  }
}

/** By which `org-forgotten.ts` knows it. */
const ORG_FORGOTTEN = 'HUB01';
/** The first half of the lock's name; the second is the org's. */
const LOCK = 7_264_013;
