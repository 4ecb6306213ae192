import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId, Status } from '@hub/domain';
import { PlainToken, tokenCell, type TokenVault } from '@hub/token-vault';
import type { OwnDatabase } from './database';
import type { SeededGrant } from './sandbox';

const SECOND_MS = 1000;

/** What is to be stored; what is left out follows from status and grant. */
export interface Wanted {
  readonly orgId?: OrgId;
  readonly provider: string;
  readonly grant: Pick<SeededGrant, 'accessToken' | 'refreshToken'> & Partial<SeededGrant>;
  readonly status?: Status;
  readonly inputs?: Record<string, string>;
  /** Seconds until the access token ends, negative once it is over; `null`: no end is known. */
  readonly endsInSeconds?: number | null;
  /** The token's whole life in seconds. */
  readonly lifeSeconds?: number;
  /** Seconds until the refresh is due; negative: overdue. `null`: none is due. */
  readonly dueInSeconds?: number | null;
  /** Seconds until the sync is due. */
  readonly syncInSeconds?: number | null;
  readonly metadata?: Record<string, unknown>;
  readonly failedRefreshes?: number;
  readonly failedSyncs?: number;
  readonly phase?: 'idle' | 'claimed' | 'sending';
}

/** A stored integration, and how the row stands now. */
export interface Stored {
  readonly id: IntegrationId;
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  /** A job that rings for it. */
  work(): Promise<{ id: string; orgId: string; provider: string; epoch: number }>;
  row(): Promise<Row>;
  /** The tokens of the row, in the clear. */
  tokens(): Promise<{ accessToken: string; refreshToken: string | null }>;
  /** Names of its audit events, the oldest first. */
  events(): Promise<string[]>;
  /** Its audit events of one name, the oldest first. */
  eventsNamed(name: string): Promise<Record<string, unknown>[]>;
}

export interface Row {
  id: string;
  status: Status;
  access_token: string;
  refresh_token: string | null;
  scope: string | null;
  issued_at: Date;
  expires_at: Date | null;
  next_refresh_at: Date | null;
  failed_refreshes: number;
  refresh_failure_code: string | null;
  epoch: number;
  settled_epoch: number;
  phase: string;
  lease_until: Date | null;
  last_sync_at: Date | null;
  next_sync_at: Date | null;
  failed_syncs: number;
  sync_failure_code: string | null;
  metadata: Record<string, unknown>;
  account_id: string | null;
}

/** Stores an integration as a connect would have, with the grant sealed for its cells. */
export async function storeIntegration(database: OwnDatabase, vault: TokenVault, wanted: Wanted): Promise<Stored> {
  const id = randomUUID() as IntegrationId;
  const orgId = wanted.orgId ?? (randomUUID() as OrgId);
  const provider = wanted.provider as ProviderId;
  const owner = { orgId, provider, id };
  const status = wanted.status ?? 'connected';
  const isJudged = status === 'reauth_required';
  const failed = wanted.failedRefreshes ?? (status === 'connected' ? 0 : 1);
  const endsIn = wanted.endsInSeconds === undefined ? 3600 : wanted.endsInSeconds;
  const life = wanted.lifeSeconds ?? 3600;
  const fromNow = (seconds: number | null): Date | null =>
    seconds === null ? null : new Date(Date.now() + seconds * SECOND_MS);
  const columns = {
    id,
    org_id: orgId,
    provider,
    access_token: await vault.seal(tokenCell(owner, 'access_token'), new PlainToken(wanted.grant.accessToken)),
    refresh_token:
      wanted.grant.refreshToken === null
        ? null
        : await vault.seal(tokenCell(owner, 'refresh_token'), new PlainToken(wanted.grant.refreshToken)),
    status,
    inputs: JSON.stringify(wanted.inputs ?? {}),
    account_id: wanted.grant.accountId ?? null,
    account_label: wanted.grant.account ?? null,
    scope: wanted.grant.scopes?.join(' ') ?? null,
    issued_at: fromNow(endsIn === null ? -60 : endsIn - life),
    connected_at: fromNow(-7200),
    expires_at: fromNow(endsIn),
    next_refresh_at: isJudged || wanted.dueInSeconds === undefined ? null : fromNow(wanted.dueInSeconds),
    next_sync_at: isJudged || wanted.syncInSeconds === undefined ? null : fromNow(wanted.syncInSeconds),
    failed_refreshes: failed,
    refresh_failure_code: failed > 0 ? (isJudged ? 'invalid_grant' : 'provider_unavailable') : null,
    refresh_failure_at: failed > 0 ? fromNow(-1) : null,
    failed_syncs: wanted.failedSyncs ?? 0,
    sync_failure_code: wanted.failedSyncs ? 'provider_unavailable' : null,
    sync_failure_at: wanted.failedSyncs ? fromNow(-1) : null,
    metadata: JSON.stringify(wanted.metadata ?? {}),
    phase: wanted.phase ?? 'idle',
    epoch: wanted.phase === 'sending' ? 1 : 0,
  };
  const names = Object.keys(columns);
  await database.sql(
    `insert into public.integrations (${names.join(', ')}) values (${names.map((_, place) => `$${place + 1}`).join(', ')})`,
    Object.values(columns),
  );
  return storedIntegration(database, vault, owner);
}

/** An integration that is stored already. */
export function storedIntegration(
  database: OwnDatabase,
  vault: TokenVault,
  owner: { orgId: OrgId; provider: ProviderId; id: IntegrationId },
): Stored {
  const row = async (): Promise<Row> => {
    const [found] = await database.sql<Row>('select * from public.integrations where id = $1', [owner.id]);
    if (!found) throw new Error('the integration is gone');
    return { ...found, epoch: Number(found.epoch), settled_epoch: Number(found.settled_epoch) };
  };
  const eventRows = (): Promise<{ name: string; detail: Record<string, unknown> }[]> =>
    database.sql('select name, detail from public.audit_events where integration_id = $1 order by seq', [owner.id]);
  return {
    ...owner,
    row,
    work: async () => ({ id: owner.id, orgId: owner.orgId, provider: owner.provider, epoch: (await row()).epoch }),
    tokens: async () => {
      const { access_token: access, refresh_token: refresh } = await row();
      return {
        accessToken: (await vault.open(tokenCell(owner, 'access_token'), access)).reveal(),
        refreshToken: refresh === null ? null : (await vault.open(tokenCell(owner, 'refresh_token'), refresh)).reveal(),
      };
    },
    events: async () => (await eventRows()).map(({ name }) => name),
    eventsNamed: async (name) => (await eventRows()).filter((event) => event.name === name).map(({ detail }) => detail),
  };
}
