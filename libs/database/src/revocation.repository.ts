import type { Actor, AuditEntry, IntegrationId, OrgId, ProviderId } from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import { RevocationEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** A grant to give back. Its tokens stay sealed for the cells of `integrations` under `integrationId`. */
export interface NewRevocation {
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  readonly integrationId: IntegrationId;
  readonly accountId: string | null;
  readonly inputs: Readonly<Record<string, string>>;
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** `disconnect`, `uninstall`, `late_grant`, `not_stored`: why it goes back. */
  readonly reason: 'disconnect' | 'uninstall' | 'late_grant' | 'not_stored';
}

export interface Revocation extends Omit<NewRevocation, 'reason'> {
  readonly id: string;
  readonly reason: string;
  readonly failedAttempts: number;
  /** Whether an attempt is due: neither a dead letter nor put off to a later time. */
  readonly isDue: boolean;
}

/** Puts a grant into the outbox, in the running transaction. @returns the id that its job is named by */
export async function enqueueRevocation(manager: EntityManager, revocation: NewRevocation): Promise<{ id: string }> {
  const rows: { id: string }[] = await manager.query(
    `insert into public.revocations (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now()) returning id`,
    [
      revocation.orgId,
      revocation.provider,
      revocation.integrationId,
      revocation.accountId,
      JSON.stringify(revocation.inputs),
      revocation.accessToken,
      revocation.refreshToken,
      revocation.reason,
    ],
  );
  const [row] = rows;
  if (!row) throw new Error('the revocation was not stored');
  return row;
}

/** The outbox of grants on their way back to their providers. */
export class RevocationRepository {
  constructor(private readonly database: HubDatabase) {}

  async load(orgId: OrgId, id: string): Promise<Revocation | undefined> {
    return this.database.withOrg(orgId, async (manager) => {
      const row = await manager
        .createQueryBuilder(RevocationEntity, 'revocation')
        .addSelect(['revocation.accessToken', 'revocation.refreshToken'])
        .where('revocation.id = :id', { id })
        .getOne();
      if (!row) return undefined;
      const { due } = await selectOne<{ due: boolean }>(
        manager,
        'select coalesce($1::timestamptz <= clock_timestamp(), false) as due',
        [row.nextAttemptAt],
      );
      return toRevocation(row, due);
    });
  }

  /** The grant is gone at its provider, or must stay: the row goes, the event tells which; `undefined` where there is nothing to tell. */
  async finish(
    revocation: Revocation,
    event: Pick<AuditEntry, 'name' | 'detail'> | undefined,
    actor: Actor,
  ): Promise<void> {
    await this.database.withOrg(revocation.orgId, async (manager) => {
      const { affected } = await manager.delete(RevocationEntity, { id: revocation.id });
      if (affected === 1 && event) await appendEvents(manager, [entryOf(revocation, event, actor)]);
    });
  }

  /** Keeps fresh tokens of the grant, sealed for the same cells: those before them may be spent. */
  async keepTokens(revocation: Revocation, tokens: Pick<Revocation, 'accessToken' | 'refreshToken'>): Promise<void> {
    await this.database.withOrg(revocation.orgId, (manager) =>
      manager.query('update public.revocations set access_token = $2, refresh_token = $3 where id = $1', [
        revocation.id,
        tokens.accessToken,
        tokens.refreshToken,
      ]),
    );
  }

  /**
   * An attempt failed.
   *
   * @param retryInMs when to try again; `null` once the ladder is spent: the row stays as a dead letter
   */
  async postpone(
    revocation: Revocation,
    failure: { code: string; retryInMs: number | null },
    events: readonly Pick<AuditEntry, 'name' | 'detail'>[],
    actor: Actor,
  ): Promise<void> {
    await this.database.withOrg(revocation.orgId, async (manager) => {
      await manager.query(
        `update public.revocations set next_attempt_at = now() + make_interval(secs => $2), failed_attempts = failed_attempts + 1, failure_code = $3,
           first_failed_at = coalesce(first_failed_at, now()), last_failed_at = now() where id = $1`,
        [revocation.id, failure.retryInMs === null ? null : failure.retryInMs / 1000, failure.code],
      );
      await appendEvents(
        manager,
        events.map((event) => entryOf(revocation, event, actor)),
      );
    });
  }
}

function entryOf(revocation: Revocation, event: Pick<AuditEntry, 'name' | 'detail'>, actor: Actor): AuditEntry {
  return { ...event, provider: revocation.provider, integrationId: revocation.integrationId, actor };
}

function toRevocation(row: RevocationEntity, isDue: boolean): Revocation {
  return {
    id: row.id,
    orgId: row.orgId as OrgId,
    provider: row.provider as ProviderId,
    integrationId: row.integrationId as IntegrationId,
    accountId: row.accountId,
    inputs: row.inputs,
    accessToken: row.accessToken,
    refreshToken: row.refreshToken,
    reason: row.reason,
    failedAttempts: row.failedAttempts,
    isDue,
  };
}
