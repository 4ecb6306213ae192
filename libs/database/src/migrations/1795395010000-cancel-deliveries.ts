import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Disconnecting cancels what is still to be delivered, dead letters included, and forgets the secret that signed it. */
export class CancelDeliveries1795395010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      replaced(`
        delete from public.delivery_settings s where s.id = v_gone.id;
        update public.deliveries d
          set state = 'cancelled', data = null, next_attempt_at = null, lease_until = null, ended_at = now()
          where d.integration_id = v_gone.id and d.state in ('pending', 'dead');`),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(replaced(''));
  }
}

/** @param cancelled what else ends with the integration */
function replaced(cancelled: string): string {
  return `
      grant create on schema hub to hub_disconnector;
      set role hub_disconnector;
      create or replace function hub.disconnect(p_provider text, p_revoke boolean, p_reason text)
      returns table (id uuid, account_label text, revocation_id uuid)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_gone public.integrations;
        v_revocation uuid;
      begin
        update public.flows f set status = 'cancelled', verifier = null, parked_code = null, confirm_cookie_hash = null
          where f.provider = p_provider and f.status in ('awaiting_input', 'open', 'taken', 'parked');
        delete from public.integrations i where i.provider = p_provider returning i.* into v_gone;
        if v_gone.id is null then return; end if;${cancelled}
        -- grants that came too late go the same way
        if p_revoke then
          insert into public.revocations (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at)
            select t.org_id, t.provider, t.integration_id, v_gone.account_id, v_gone.inputs, t.access_token, t.refresh_token, 'late_grant', now()
            from public.token_inbox t where t.integration_id = v_gone.id;
        end if;
        delete from public.token_inbox t where t.integration_id = v_gone.id;
        if p_revoke then
          insert into public.revocations (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at)
            values (v_gone.org_id, v_gone.provider, v_gone.id, v_gone.account_id, v_gone.inputs, v_gone.access_token, v_gone.refresh_token, p_reason, now())
            returning revocations.id into v_revocation;
        end if;
        return query select v_gone.id, v_gone.account_label, v_revocation;
      end $$;
      set role hub_owner;
      revoke create on schema hub from hub_disconnector;`;
}
