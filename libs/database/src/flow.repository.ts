import {
  FLOW_LIFE_MS,
  type Actor,
  type AuditEntry,
  type Endpoints,
  type Flow,
  type FlowCompletion,
  type FlowId,
  type FlowStatus,
  type OrgId,
  type ProviderId,
  type Sealed,
} from '@hub/domain';
import type { AuditVault } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents, tellsOfPeople, withTrailKey } from './audit.repository';
import { FlowEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { affected, selectOne } from './statements';

export interface NewFlow {
  readonly id: FlowId;
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  readonly startedBy: string;
  readonly completion: FlowCompletion;
  readonly returnUrl: string;
  readonly scopes: readonly string[];
  readonly clientId: string;
  readonly allowAccountChange: boolean;
  readonly cookieHash: Buffer;
}

/** What turns a flow loose to its provider. */
export interface OpenedFlow {
  readonly inputs: Readonly<Record<string, string>>;
  readonly endpoints: Endpoints;
  readonly stateHash: Buffer;
  /** The PKCE verifier, sealed for `flows.verifier` of this flow; `null` without PKCE. */
  readonly verifier: Sealed | null;
}

/** A flow with what only its own callback or page needs. */
export interface FlowWithSecrets extends Flow {
  readonly cookieHash: Buffer;
  readonly confirmCookieHash: Buffer | null;
  readonly handleHash: Buffer | null;
  readonly verifier: string | null;
  readonly parkedCode: string | null;
  /** The database's time of the read. */
  readonly readAt: Date;
}

/** A code that waits, sealed for `flows.parked_code` of its flow. */
export interface ParkedCode {
  readonly code: Sealed;
  /** For how long it can be spent, in seconds, as far as that is known; the flow waits no longer. */
  readonly lifeSeconds: number | null;
}

/** What came of presenting a state. */
export type TakenFlow =
  | { readonly kind: 'taken'; readonly flow: FlowWithSecrets }
  | {
      readonly kind: 'refused';
      readonly reason: 'unknown' | 'replayed' | 'expired' | 'cancelled';
      readonly orgId: OrgId | null;
      readonly flowId: FlowId | null;
    };

/** `$3`: the life of the code. It was issued a moment before it came, and is to be spent in time. */
const ENDS_WITH_CODE = 'expires_at = least(expires_at, now() + make_interval(secs => $3 - 10))';

/** Flows: single use, ten minutes, secrets only as hashes. */
export class FlowRepository {
  /** @param vault of what events tell of people; without one it is withheld */
  constructor(
    private readonly database: HubDatabase,
    private readonly vault?: AuditVault,
  ) {}

  /** Stores a new flow: on its way to the provider, or waiting on the hub's own page for an input. */
  async begin(flow: NewFlow, start: { opened: OpenedFlow } | { pageHash: Buffer }, event: AuditEntry): Promise<void> {
    await this.database.withOrg(flow.orgId, async (manager) => {
      await manager.query(
        `insert into public.flows (id, org_id, provider, started_by, status, return_url, scopes, client_id, allow_account_change, cookie_hash, page_hash, completion, expires_at)
         values ($1, $2, $3, $4, 'awaiting_input', $5, $6, $7, $8, $9, $10, $11, now() + make_interval(secs => $12))`,
        [
          flow.id,
          flow.orgId,
          flow.provider,
          flow.startedBy,
          flow.returnUrl,
          flow.scopes,
          flow.clientId,
          flow.allowAccountChange,
          flow.cookieHash,
          'pageHash' in start ? start.pageHash : null,
          flow.completion,
          FLOW_LIFE_MS / 1000,
        ],
      );
      if ('opened' in start) await openIn(manager, flow.id, start.opened);
      await appendEvents(manager, [event]);
    });
  }

  /** Sends a flow that waited for its input on to the provider. @returns false if it no longer waits. */
  async open(orgId: OrgId, id: FlowId, opened: OpenedFlow): Promise<boolean> {
    return this.database.withOrg(orgId, (manager) => openIn(manager, id, opened));
  }

  /** Uses a state, once: of any number of callbacks at the same moment one takes the flow. */
  async take(stateHash: Buffer): Promise<TakenFlow> {
    const [row]: { id: string; org_id: string; outcome: 'taken' | 'replayed' | 'expired' | 'cancelled' }[] =
      await this.database.asSystem('callback by state hash', (manager) =>
        manager.query('select * from hub.take_flow($1)', [stateHash]),
      );
    if (!row) return { kind: 'refused', reason: 'unknown', orgId: null, flowId: null };
    const orgId = row.org_id as OrgId;
    const flowId = row.id as FlowId;
    if (row.outcome !== 'taken') return { kind: 'refused', reason: row.outcome, orgId, flowId };
    const flow = await this.load(orgId, flowId);
    return flow ? { kind: 'taken', flow } : { kind: 'refused', reason: 'cancelled', orgId, flowId };
  }

  /** A flow of this org, whatever its status. */
  async find(orgId: OrgId, id: FlowId): Promise<FlowWithSecrets | undefined> {
    return this.load(orgId, id);
  }

  /** The flow behind one of the hub's own pages, whatever its status. */
  async ofPage(pageHash: Buffer): Promise<FlowWithSecrets | undefined> {
    const [row]: { id: string; org_id: string }[] = await this.database.asSystem(
      "the hub's own page by its hash",
      (manager) => manager.query('select * from hub.flow_of_page($1)', [pageHash]),
    );
    return row && this.load(row.org_id as OrgId, row.id as FlowId);
  }

  /** Parks a code, sealed, behind the confirm page. */
  async park(
    flow: Flow,
    parked: ParkedCode & { pageHash: Buffer; cookieHash: Buffer },
    event: AuditEntry,
  ): Promise<boolean> {
    return this.database.withOrg(flow.orgId, async (manager) => {
      const count = await affected(
        manager,
        `update public.flows set status = 'parked', parked_code = $2, ${ENDS_WITH_CODE}, page_hash = $4, confirm_cookie_hash = $5
         where id = $1 and status = 'taken'`,
        [flow.id, parked.code, parked.lifeSeconds, parked.pageHash, parked.cookieHash],
      );
      if (count === 1) await appendEvents(manager, [event]);
      return count === 1;
    });
  }

  /**
   * Parks what a deferred flow has brought, sealed, until its handle is presented: a code that came back, or what was
   * typed into the hub's own page.
   *
   * @returns false if the flow has ended meanwhile
   */
  async defer(flow: Flow, parked: ParkedCode & { handleHash: Buffer }, event: AuditEntry): Promise<boolean> {
    return this.database.withOrg(flow.orgId, async (manager) => {
      const count = await affected(
        manager,
        `update public.flows set status = 'parked', parked_code = $2, ${ENDS_WITH_CODE}, page_hash = null, handle_hash = $4
         where id = $1 and completion = 'deferred' and (status = 'taken' or (status = 'awaiting_input' and expires_at > now()))`,
        [flow.id, parked.code, parked.lifeSeconds, parked.handleHash],
      );
      if (count === 1) await appendEvents(manager, [event]);
      return count === 1;
    });
  }

  /** Takes a parked flow up again, once. @returns false if it was taken before or has expired. */
  async unpark(flow: Flow): Promise<boolean> {
    return this.database.withOrg(flow.orgId, async (manager) => {
      const count = await affected(
        manager,
        `update public.flows set status = 'taken' where id = $1 and status = 'parked' and expires_at > now()`,
        [flow.id],
      );
      return count === 1;
    });
  }

  /**
   * Flows whose time has been over for a moment and that nobody has brought to an end, the longest first, of any org.
   *
   * @param limit how many at most
   */
  async overdue(limit: number): Promise<Pick<Flow, 'id' | 'orgId'>[]> {
    const rows: { id: string; org_id: string }[] = await this.database.asSystem('overdue flows', (manager) =>
      manager.query('select * from hub.overdue_flows($1)', [limit]),
    );
    return rows.map(({ id, org_id }) => ({ id: id as FlowId, orgId: org_id as OrgId }));
  }

  /**
   * Ends an overdue flow. Its secrets go, and the trail tells in which status it was.
   *
   * @returns false if somebody else has ended it
   */
  async abandon({ id, orgId }: Pick<Flow, 'id' | 'orgId'>, actor: Actor): Promise<boolean> {
    return this.database.withOrg(orgId, async (manager) => {
      const [row]: { provider: string; was: FlowStatus }[] = await manager.query('select * from hub.abandon_flow($1)', [
        id,
      ]);
      if (!row) return false;
      const { provider, was } = row;
      await appendEvents(manager, [
        { name: 'flow.abandoned', provider, integrationId: null, actor, detail: { flow: id, was } },
      ]);
      return true;
    });
  }

  /**
   * Ends a flow that was refused, with the events that say why. Its secrets go.
   *
   * @param alongside what else belongs into the transaction, such as a grant's way back to its provider
   */
  async refuse<T = void>(
    flow: Pick<Flow, 'id' | 'orgId'>,
    told: AuditEntry | readonly AuditEntry[],
    alongside?: (manager: EntityManager) => Promise<T>,
  ): Promise<T | undefined> {
    const events = [told].flat();
    return withTrailKey(this.vault, flow.orgId, events.some(tellsOfPeople), (sealer) =>
      this.database.withOrg(flow.orgId, async (manager) => {
        await endIn(manager, flow.id, 'refused', ['awaiting_input', 'open', 'taken', 'parked']);
        const result = await alongside?.(manager);
        await appendEvents(manager, events, sealer);
        return result;
      }),
    );
  }

  private async load(orgId: OrgId, id: FlowId): Promise<FlowWithSecrets | undefined> {
    return this.database.withOrg(orgId, async (manager) => {
      const row = await manager
        .createQueryBuilder(FlowEntity, 'flow')
        .addSelect(['flow.verifier', 'flow.parkedCode'])
        .where('flow.id = :id', { id })
        .getOne();
      if (!row) return undefined;
      const { at } = await selectOne<{ at: Date }>(manager, 'select clock_timestamp() as at');
      return toFlow(row, at);
    });
  }
}

/**
 * Ends a flow as completed, in the running transaction.
 *
 * @param from the statuses in which it may be completed
 * @returns false if the flow was cancelled or used meanwhile: nothing may be stored
 */
export async function completeFlow(
  manager: EntityManager,
  id: FlowId,
  from: readonly FlowStatus[] = ['taken'],
): Promise<boolean> {
  return endIn(manager, id, 'completed', from);
}

async function openIn(manager: EntityManager, id: FlowId, opened: OpenedFlow): Promise<boolean> {
  const count = await affected(
    manager,
    `update public.flows set status = 'open', inputs = $2, endpoints = $3, state_hash = $4, verifier = $5, page_hash = null
     where id = $1 and status = 'awaiting_input' and expires_at > now()`,
    [id, JSON.stringify(opened.inputs), JSON.stringify(opened.endpoints), opened.stateHash, opened.verifier],
  );
  return count === 1;
}

async function endIn(
  manager: EntityManager,
  id: FlowId,
  end: FlowStatus,
  from: readonly FlowStatus[],
): Promise<boolean> {
  const count = await affected(
    manager,
    `update public.flows set status = $2, verifier = null, parked_code = null, confirm_cookie_hash = null
     where id = $1 and status = any($3)`,
    [id, end, from],
  );
  return count === 1;
}

function toFlow(row: FlowEntity, readAt: Date): FlowWithSecrets {
  return {
    id: row.id as FlowId,
    orgId: row.orgId as OrgId,
    provider: row.provider as ProviderId,
    startedBy: row.startedBy,
    status: row.status as FlowStatus,
    completion: row.completion as FlowCompletion,
    returnUrl: row.returnUrl,
    inputs: row.inputs,
    scopes: row.scopes,
    endpoints: row.endpoints,
    clientId: row.clientId,
    allowAccountChange: row.allowAccountChange,
    expiresAt: row.expiresAt,
    cookieHash: row.cookieHash,
    confirmCookieHash: row.confirmCookieHash,
    handleHash: row.handleHash,
    verifier: row.verifier,
    parkedCode: row.parkedCode,
    readAt,
  };
}
