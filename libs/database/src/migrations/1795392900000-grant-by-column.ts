import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each app's role may read and write the columns that its code names, and no other. The README of libs/database lists them. */
export class GrantByColumn1795392900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant usage on schema hub to hub_refresh_worker, hub_sync_worker, hub_token_reader, hub_rotator;

      -- taking a right from a table takes it from its columns as well
      revoke all on public.integrations, public.flows, public.revocations, public.token_inbox, public.audit_events,
        public.audit_heads, public.audit_checkpoints, public.data_keys, public.provider_breakers, public.providers
        from hub_gateway, hub_worker;

      -- who opens and seals reads the keys; the sync worker only opens
      grant select (${DATA_KEY}) on public.data_keys to hub_gateway, hub_worker;
      grant insert (${DATA_KEY}) on public.data_keys to hub_gateway, hub_refresh_worker;

      -- everybody writes the trail by hub.append_event; the refresh worker seals it, and the command line verifies it with its login
      grant select (${AUDIT_EVENT}) on public.audit_events to hub_gateway, hub_refresh_worker;
      grant select (org_id, seq, hash) on public.audit_heads to hub_refresh_worker;
      grant select (org_id, seq, hash, before, export_sha256, pruned_at) on public.audit_checkpoints to hub_refresh_worker;

      grant select (${ALL_BUT_TOKENS}),
            insert (id, org_id, provider, ${CONNECTED}),
            update (${CONNECTED}, epoch, settled_epoch, phase, lease_owner, lease_until) on public.integrations to hub_gateway;
      grant select (id, org_id, provider, started_by, status, return_url, inputs, scopes, endpoints, client_id, allow_account_change,
                    created_at, expires_at, state_hash, cookie_hash, page_hash, confirm_cookie_hash, verifier, parked_code),
            insert (id, org_id, provider, started_by, status, return_url, scopes, client_id, allow_account_change, cookie_hash,
                    page_hash, expires_at),
            update (status, inputs, endpoints, state_hash, page_hash, confirm_cookie_hash, verifier, parked_code)
        on public.flows to hub_gateway;
      grant select (id, org_id, provider, integration_id, next_attempt_at, failed_attempts, failure_code, first_failed_at, last_failed_at),
            insert (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at),
            update (next_attempt_at, failed_attempts) on public.revocations to hub_gateway;
      grant select (provider, client_id, probe_at, closed_at) on public.provider_breakers to hub_gateway;

      grant select (access_token, refresh_token, ${ALL_BUT_TOKENS}),
            update (access_token, refresh_token, scope, expires_at, issued_at, refresh_expires_at, status, last_sync_at, updated_at,
                    next_refresh_at, failed_refreshes, refresh_failure_code, refresh_failure_at, refresh_first_failed_at,
                    refusal_held_at, in_doubt_since, epoch, settled_epoch, settled_at, phase, lease_owner, lease_until, next_sync_at)
        on public.integrations to hub_refresh_worker;
      grant select (id, org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at,
                    failed_attempts, failure_code, first_failed_at, last_failed_at, created_at),
            insert (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at),
            update (access_token, refresh_token, next_attempt_at, failed_attempts, failure_code, first_failed_at, last_failed_at), delete
        on public.revocations to hub_refresh_worker;
      grant select (id, org_id, provider, integration_id, epoch, access_token, refresh_token, scope, issued_at, expires_at,
                    refresh_expires_at, received_at),
            insert (org_id, provider, integration_id, epoch, access_token, refresh_token, scope, issued_at, expires_at, refresh_expires_at),
            delete on public.token_inbox to hub_refresh_worker;
      grant select (provider, client_id, reason, opened_at, probes, probe_at, closed_at), insert (provider, client_id, reason, probe_at),
            update (reason, opened_at, probes, probe_at, closed_at) on public.provider_breakers to hub_refresh_worker;

      grant select (access_token, ${ALL_BUT_TOKENS}),
            update (status, last_sync_at, metadata, updated_at, account_id, account_label, next_refresh_at, failed_refreshes,
                    refresh_failure_code, refresh_failure_at, refresh_first_failed_at, in_doubt_since, next_sync_at, failed_syncs,
                    sync_failure_code, sync_failure_at, sync_first_failed_at, sync_settled_at)
        on public.integrations to hub_sync_worker;

      -- what an app needs of a token that it may not read by itself: still one org at a time
      grant select (id, org_id, provider, status, access_token, refresh_token, scope, issued_at, expires_at, account_id, account_label,
                    refresh_failure_code, next_refresh_at) on public.integrations to hub_token_reader;
      create policy integrations_read_token on public.integrations for select to hub_token_reader using (org_id = hub.current_org());

      create function hub.has_refresh_token(p_id uuid) returns boolean
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select i.refresh_token is not null from public.integrations i where i.id = p_id $$;

      alter function hub.read_token(uuid, text) security definer;
      grant create on schema hub to hub_token_reader;
      alter function hub.read_token(uuid, text) owner to hub_token_reader;
      alter function hub.has_refresh_token(uuid) owner to hub_token_reader;
      revoke create on schema hub from hub_token_reader;
    `);
    await runner.query(`
      set role hub_token_reader;
      revoke execute on function hub.has_refresh_token(uuid) from public;
      grant execute on function hub.has_refresh_token(uuid) to hub_sync_worker;
      set role hub_scanner;
      revoke execute on function ${FOR_REFRESHES}, ${FOR_SYNCS} from hub_worker;
      grant execute on function ${FOR_REFRESHES} to hub_refresh_worker;
      grant execute on function ${FOR_SYNCS} to hub_sync_worker;
      set role hub_owner;
      revoke execute on function ${FOR_THE_TRAIL} from hub_worker;
      grant execute on function ${FOR_THE_TRAIL} to hub_refresh_worker;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_scanner;
      revoke execute on function ${FOR_REFRESHES} from hub_refresh_worker;
      revoke execute on function ${FOR_SYNCS} from hub_sync_worker;
      grant execute on function ${FOR_REFRESHES}, ${FOR_SYNCS} to hub_worker;
      set role hub_owner;
      revoke execute on function ${FOR_THE_TRAIL} from hub_refresh_worker;
      grant execute on function ${FOR_THE_TRAIL} to hub_worker;
    `);
    await runner.query(`
      drop function hub.has_refresh_token(uuid);
      alter function hub.read_token(uuid, text) security invoker;
      alter function hub.read_token(uuid, text) owner to hub_owner;
      drop policy integrations_read_token on public.integrations;
      revoke all on public.integrations, public.flows, public.revocations, public.token_inbox, public.audit_events,
        public.audit_heads, public.audit_checkpoints, public.data_keys, public.provider_breakers
        from hub_gateway, hub_worker, hub_refresh_worker, hub_sync_worker, hub_token_reader;
      revoke usage on schema hub from hub_refresh_worker, hub_sync_worker, hub_token_reader, hub_rotator;

      grant select on public.providers to hub_gateway, hub_worker;
      grant select (access_token, ${ALL_BUT_TOKENS}), insert, update on public.integrations to hub_gateway;
      grant select, update on public.integrations to hub_worker;
      grant select on public.audit_events, public.audit_heads, public.audit_checkpoints to hub_gateway, hub_worker;
      grant select, insert on public.data_keys to hub_gateway, hub_worker;
      grant select, insert, update on public.flows to hub_gateway;
      grant select (id, org_id, provider, integration_id, next_attempt_at, failed_attempts, failure_code, first_failed_at, last_failed_at),
            insert, update (next_attempt_at, failed_attempts) on public.revocations to hub_gateway;
      grant select, insert, update, delete on public.revocations to hub_worker;
      grant select, insert, delete on public.token_inbox to hub_worker;
      grant select on public.provider_breakers to hub_gateway;
      grant select, insert, update, delete on public.provider_breakers to hub_worker;
    `);
  }
}

/** Of an integration, as every app loads it. */
const ALL_BUT_TOKENS = `id, org_id, provider, scope, expires_at, status, last_sync_at, metadata, created_at, updated_at, account_id,
  account_label, inputs, connected_at, issued_at, refresh_expires_at, next_refresh_at, failed_refreshes, refresh_failure_code,
  refresh_failure_at, epoch, settled_epoch, settled_at, lease_owner, lease_until, phase, next_sync_at, failed_syncs, sync_failure_code,
  sync_failure_at, sync_settled_at, refresh_first_failed_at, sync_first_failed_at, in_doubt_since, refusal_held_at`;

const AUDIT_EVENT = `org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail, prev_hash, hash`;

const DATA_KEY = `id, org_id, key_provider, wrapping_key_id, wrapped_key, status, created_at, status_changed_at`;

/** What a connect writes. */
const CONNECTED = `access_token, refresh_token, scope, expires_at, issued_at, refresh_expires_at, status, metadata, updated_at, account_id,
  account_label, inputs, connected_at, next_refresh_at, failed_refreshes, refresh_failure_code, refresh_failure_at,
  refresh_first_failed_at, refusal_held_at, in_doubt_since, next_sync_at, failed_syncs, sync_failure_code, sync_failure_at,
  sync_first_failed_at`;

const FOR_REFRESHES = `hub.due_refreshes(interval, integer, timestamptz, uuid), hub.due_refresh_shares(interval, integer),
  hub.due_revocations(interval, integer, timestamptz, uuid), hub.due_revocation_shares(interval, integer), hub.sweep_flows(),
  hub.standing_on_account(text, text), hub.recent_verdicts(text, interval), hub.reopen_verdicts(text, timestamptz),
  hub.probe_candidate(text, timestamptz), hub.audit_heads_from(uuid, integer), hub.audit_orgs_from(uuid, integer)`;

const FOR_THE_TRAIL = `hub.ensure_audit_partitions(), hub.audit_chains(uuid[], timestamptz, integer)`;

// hub.due_syncs stays with both workers: the doctor finds the orgs by it
const FOR_SYNCS = `hub.due_sync_shares(interval, integer), hub.recent_sync_refusals(text, uuid, interval, integer),
  hub.reopen_sync_verdicts(text, interval)`;
