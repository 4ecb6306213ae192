import type { Actor, Change, EventDraft, Integration, IntegrationId, OrgId, ProviderId } from '@hub/domain';
import type { AuditVault } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents, tellsOfPeople, withTrailKey } from './audit.repository';
import { sendWhatWaits } from './delivery.repository';
import { IntegrationEntity } from './entities';
import { noticeDue } from './due-notices.client';
import type { HubDatabase } from './hub-database';
import { patchColumns, toIntegration } from './integration-row';
import { affected, selectOne } from './statements';

/** What a token read finds, in one round trip. `accessToken` is sealed for the integration's cell. */
export interface TokenRow {
  readonly id: IntegrationId;
  readonly status: Integration['status'];
  readonly accessToken: string;
  readonly scope: string | null;
  readonly issuedAt: Date;
  readonly expiresAt: Date | null;
  readonly account: Integration['account'];
  readonly failureCode: string | null;
  readonly nextRefreshAt: Date | null;
  /** The database's time of the read. */
  readonly readAt: Date;
}

/** Where a token comes from: which connect of the row, and what was told at it. */
export interface TokenOrigin {
  readonly id: IntegrationId;
  readonly issuedAt: Date;
  readonly inputs: Readonly<Record<string, string>>;
  /** The row's epoch at its last connect. A refresh leaves it as it is. */
  readonly connectedEpoch: number;
}

/** How far an integration's refreshes and syncs have come; read while waiting for one. */
export interface Progress {
  readonly epoch: number;
  /** The last attempt that has come to an end, whatever the end. */
  readonly settledEpoch: number;
  readonly settledAt: Date | null;
  /** Somebody has claimed a refresh and not settled it. */
  readonly isClaimed: boolean;
  readonly syncSettledAt: Date | null;
  readonly status: Integration['status'];
}

/** What came of storing a connect: `overtaken`: another connect has made the org's row meanwhile; seal for that row and try again. */
export type ConnectStored =
  | { readonly kind: 'stored'; readonly integration: Integration }
  | { readonly kind: 'flow_ended' }
  | { readonly kind: 'overtaken' };

/** What the gateway asks of the workers through the row. */
export type RequestedWork =
  | { readonly kind: 'not_connected' }
  | { readonly kind: 'reauth_required'; readonly integration: Integration }
  | {
      readonly kind: 'requested';
      readonly integration: Integration;
      readonly progress: Progress;
      readonly at: Date;
      /** The same work came to an end since the caller arrived: nothing was asked for, its outcome is the caller's as well. */
      readonly isMet: boolean;
    };

/** Integrations as the gateway reads and connects them. */
export class IntegrationRepository {
  /** @param vault seals what the trail tells of people; without one it is withheld */
  constructor(
    private readonly database: HubDatabase,
    private readonly vault?: AuditVault,
  ) {}

  /** All integrations of an org. */
  async list(orgId: OrgId): Promise<Integration[]> {
    return this.database.withOrg(orgId, async (manager) =>
      (await manager.find(IntegrationEntity, { order: { provider: 'ASC' } })).map(toIntegration),
    );
  }

  async find(orgId: OrgId, provider: ProviderId): Promise<Integration | undefined> {
    return this.database.withOrg(orgId, (manager) => findIn(manager, provider));
  }

  /** Where the token that the row holds comes from; `undefined` without a row. */
  async findOrigin(orgId: OrgId, provider: ProviderId): Promise<TokenOrigin | undefined> {
    return this.database.withOrg(orgId, async (manager) => {
      const row = await manager.findOneBy(IntegrationEntity, { provider });
      if (!row) return undefined;
      const { id, issuedAt, inputs, connectedEpoch } = row;
      return { id: id as IntegrationId, issuedAt, inputs, connectedEpoch };
    });
  }

  /** The same as {@link find} with the database's time, against which the row's times are to be held. */
  async findNow(
    orgId: OrgId,
    provider: ProviderId,
  ): Promise<{ readonly integration: Integration; readonly at: Date } | undefined> {
    return this.database.withOrg(orgId, async (manager) => {
      const integration = await findIn(manager, provider);
      return integration && { integration, ...(await selectOne<{ at: Date }>(manager, 'select now() as at')) };
    });
  }

  /** The hot read: one statement, one round trip, row-level security in force. */
  async readToken(orgId: OrgId, provider: ProviderId): Promise<TokenRow | undefined> {
    const rows: TokenFunctionRow[] = await this.database.asSystem('hub.read_token sets the org itself', (manager) =>
      manager.query('select * from hub.read_token($1, $2)', [orgId, provider]),
    );
    return rows[0] && toTokenRow(rows[0]);
  }

  /**
   * Stores a completed connect: a new row, or the same row with the new grant. A refresh under way is fenced out, and what
   * waited for a new webhook URL is due.
   *
   * @param id the row's id that the grant was sealed for
   * @param finish what else belongs into the transaction, such as the end of the flow
   * @returns the integration; or why nothing was stored: the flow has ended, or the org's row is another one by now
   */
  async storeConnect(
    connect: {
      orgId: OrgId;
      provider: ProviderId;
      id: IntegrationId;
      /** The account's id as the decision saw it: a row of another one by now is left alone. Absent: whatever it is. */
      accountBefore?: string | null;
      change: Change;
      actor: Actor;
    },
    finish: (manager: EntityManager) => Promise<boolean>,
  ): Promise<ConnectStored> {
    const { orgId, provider, id, accountBefore, change, actor } = connect;
    const entries = change.events.map((event) => ({ ...event, provider, integrationId: id, actor }));
    return withTrailKey(this.vault, orgId, entries.some(tellsOfPeople), (sealer) =>
      this.database
        .withOrg(orgId, async (manager): Promise<ConnectStored> => {
          if (!(await finish(manager))) return { kind: 'flow_ended' };
          if (!(await isStillOf(manager, id, accountBefore))) throw new Overtaken();
          const { at } = await selectOne<{ at: Date }>(
            manager,
            "select date_trunc('milliseconds', clock_timestamp()) as at",
          );
          // what this connect does not tell must not stay that of the grant before
          const columns = { ...FORGOTTEN_BY_CONNECT, ...patchColumns(change.patch), connected_at: at, updated_at: at };
          const stored =
            (await replaceGrant(manager, id, columns)) ||
            (await insertIfNone(manager, { id, org_id: orgId, provider, ...columns }));
          if (!stored) throw new Overtaken();
          await sendWhatWaits(manager, id);
          await appendEvents(manager, entries, sealer);
          const row = await manager.findOneOrFail(IntegrationEntity, { where: { id } });
          return { kind: 'stored', integration: toIntegration(row) };
        })
        .catch((error: unknown): ConnectStored => {
          if (error instanceof Overtaken) return { kind: 'overtaken' };
          throw error;
        }),
    );
  }

  /**
   * Asks for a refresh at once: the row says so, whoever rings. In `reauth_required` nothing is asked.
   *
   * @param arrivedAgoMs how long ago the caller came; what settled since then overlapped with the wish, whichever gateway asked for it
   */
  async requestRefresh(orgId: OrgId, provider: ProviderId, arrivedAgoMs = 0): Promise<RequestedWork> {
    return this.request(orgId, provider, 'refresh', arrivedAgoMs);
  }

  /** Asks for a metadata sync at once. */
  async requestSync(orgId: OrgId, provider: ProviderId, arrivedAgoMs = 0): Promise<RequestedWork> {
    return this.request(orgId, provider, 'sync', arrivedAgoMs);
  }

  private async request(
    orgId: OrgId,
    provider: ProviderId,
    kind: 'refresh' | 'sync',
    arrivedAgoMs: number,
  ): Promise<RequestedWork> {
    const [column, settled] =
      kind === 'refresh' ? ['next_refresh_at', 'settled_at'] : ['next_sync_at', 'sync_settled_at'];
    const isMet = `coalesce(${settled} >= now() - make_interval(secs => $2) and (${column} is null or ${column} > now()), false)`;
    const arrivedAgo = arrivedAgoMs / 1000;
    return this.database.withOrg(orgId, async (manager) => {
      await manager.query(
        `update public.integrations set ${column} = least(${column}, now()) where provider = $1 and status <> 'reauth_required'
           and (lease_until is null or lease_until < now() or $3) and not ${isMet}`,
        [provider, arrivedAgo, kind === 'sync'],
      );
      const [row] = await manager.find(IntegrationEntity, { where: { provider } });
      if (!row) return { kind: 'not_connected' };
      const integration = toIntegration(row);
      if (integration.status === 'reauth_required') return { kind: 'reauth_required', integration };
      const found = await selectOne<{ at: Date; isMet: boolean }>(
        manager,
        `select now() as at, ${isMet} as "isMet" from public.integrations where provider = $1`,
        [provider, arrivedAgo],
      );
      if (!found.isMet) await noticeDue(manager, { ...integration, kind });
      return { kind: 'requested', integration, progress: toProgress(row), ...found };
    });
  }

  /** How far the work has come; `undefined` once the row is gone. */
  async progress(orgId: OrgId, id: IntegrationId): Promise<Progress | undefined> {
    return this.database.withOrg(orgId, async (manager) => {
      const row = await manager.findOne(IntegrationEntity, { where: { id } });
      return row ? toProgress(row) : undefined;
    });
  }

  /**
   * Ends an integration: row gone, flows ended, tokens on their way to revocation if they shall be.
   *
   * @returns `undefined` if there was none; else its id, and that of the revocation that is due now, `null` without one
   */
  async disconnect(
    orgId: OrgId,
    provider: ProviderId,
    options: { revoke: boolean; reason: 'disconnect' | 'uninstall'; actor: Actor; detail: EventDraft['detail'] },
  ): Promise<{ id: string; revocationId: string | null } | undefined> {
    const label = (await this.find(orgId, provider))?.account?.label;
    return withTrailKey(this.vault, orgId, label !== undefined, (sealer) =>
      this.database.withOrg(orgId, async (manager) => {
        const gone: { id: string; account_label: string | null; revocation_id: string | null }[] = await manager.query(
          'select * from hub.disconnect($1, $2, $3)',
          [provider, options.revoke, options.reason],
        );
        const [integration] = gone;
        if (!integration) return undefined;
        await appendEvents(
          manager,
          [
            {
              name: 'integration.disconnected',
              detail: options.detail ?? {},
              personal: { account: integration.account_label },
              provider,
              integrationId: integration.id as IntegrationId,
              actor: options.actor,
            },
          ],
          sealer,
        );
        return { id: integration.id, revocationId: integration.revocation_id };
      }),
    );
  }

  /** How many integrations of any org stand on an account at a provider. */
  async standingOnAccount(provider: ProviderId, accountId: string): Promise<number> {
    return this.database.asSystem('a grant is revoked only if nobody else stands on its account', async (manager) => {
      return (
        await selectOne<{ standing: number }>(manager, 'select hub.standing_on_account($1, $2) as standing', [
          provider,
          accountId,
        ])
      ).standing;
    });
  }
}

/** The integration of one provider inside a transaction that is bound to its org. */
export async function findIn(manager: EntityManager, provider: ProviderId): Promise<Integration | undefined> {
  const row = await manager.findOne(IntegrationEntity, { where: { provider } });
  return row ? toIntegration(row) : undefined;
}

/** Columns that a connect resets unless it tells them itself. */
const FORGOTTEN_BY_CONNECT = {
  refresh_token: null,
  refresh_expires_at: null,
  scope: null,
  account_id: null,
  account_label: null,
};

/** Undoes the transaction although nothing failed: what was to be written has been overtaken. */
class Overtaken extends Error {}

/** Whether the row, locked from here on, is still of that account. A row that is gone stands in nobody's way. */
async function isStillOf(
  manager: EntityManager,
  id: IntegrationId,
  accountBefore: string | null | undefined,
): Promise<boolean> {
  if (accountBefore === undefined) return true;
  const [row] = await manager.query<{ account_id: string | null }[]>(
    'select account_id from public.integrations where id = $1 for update',
    [id],
  );
  return row === undefined || row.account_id === accountBefore;
}

async function replaceGrant(
  manager: EntityManager,
  id: IntegrationId,
  columns: Record<string, unknown>,
): Promise<boolean> {
  const set = Object.keys(columns).map((column, place) => `${column} = $${place + 2}`);
  const count = await affected(
    manager,
    `update public.integrations set ${set.join(', ')}, epoch = epoch + 1, connected_epoch = epoch + 1, settled_epoch = epoch + 1,
       phase = 'idle', lease_owner = null, lease_until = null
     where id = $1`,
    [id, ...Object.values(columns)],
  );
  return count === 1;
}

async function insertIfNone(manager: EntityManager, columns: Record<string, unknown>): Promise<boolean> {
  const names = Object.keys(columns);
  const rows: unknown[] = await manager.query(
    `insert into public.integrations (${names.join(', ')}) values (${names.map((_, place) => `$${place + 1}`).join(', ')})
     on conflict (org_id, provider) do nothing returning id`,
    Object.values(columns),
  );
  return rows.length === 1;
}

function toProgress(row: IntegrationEntity): Progress {
  return {
    epoch: row.epoch,
    settledEpoch: row.settledEpoch,
    settledAt: row.settledAt,
    isClaimed: row.phase !== 'idle',
    syncSettledAt: row.syncSettledAt,
    status: row.status as Integration['status'],
  };
}

interface TokenFunctionRow {
  id: string;
  status: string;
  access_token: string;
  scope: string | null;
  issued_at: Date;
  expires_at: Date | null;
  account_id: string | null;
  account_label: string | null;
  refresh_failure_code: string | null;
  next_refresh_at: Date | null;
  read_at: Date;
}

function toTokenRow(row: TokenFunctionRow): TokenRow {
  return {
    id: row.id as IntegrationId,
    status: row.status as Integration['status'],
    accessToken: row.access_token,
    scope: row.scope,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    account: row.account_id === null ? null : { id: row.account_id, label: row.account_label ?? row.account_id },
    failureCode: row.refresh_failure_code,
    nextRefreshAt: row.next_refresh_at,
    readAt: row.read_at,
  };
}
