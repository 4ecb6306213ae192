import { randomUUID } from 'node:crypto';
import {
  completeFlow,
  enqueueRevocation,
  FlowRepository,
  IntegrationRepository,
  OrgForgotten,
  type ConnectStored,
  type FlowWithSecrets,
} from '@hub/database';
import {
  afterConnect,
  egressEvents,
  formatScopes,
  isOtherAccount,
  missingScopes,
  type Account,
  type AuditEntry,
  type Endpoints,
  type EventDraft,
  type EventName,
  type Failure,
  type FailureCode,
  type Integration,
  type IntegrationId,
} from '@hub/domain';
import {
  EXCHANGE_DEADLINE_MS,
  OAuthClient,
  providerId,
  type Grant,
  type OAuthProvider,
  type RegisteredProvider,
} from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { sealGrant, TokenVault, type Sealer } from '@hub/token-vault';
import { ExchangeRecord, HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import { flowEvent } from './flow-event';
import { FlowOpeningService } from './flow-opening.service';
import { FlowSecretsService } from './flow-secrets.service';

/** How a connect ends once its code may be spent. */
export type Completion =
  | { readonly kind: 'connected' }
  | { readonly kind: 'refused'; readonly code: FailureCode }
  | { readonly kind: 'flow_ended' };

/** A code that may be spent, and the flow it came back to. */
export interface SpendableCode {
  readonly flow: FlowWithSecrets & { readonly endpoints: Endpoints };
  readonly provider: RegisteredProvider<OAuthProvider>;
  readonly code: string;
  /** The monotonic time at which the flow was read, by `performance.now()`. */
  readonly flowReadMs: number;
  /** What the trail tells beside the connect where it was not the flow's own browser that has completed it. */
  readonly told?: EventDraft;
}

/** What the provider granted, and to whom. */
interface Obtained {
  readonly grant: Grant;
  readonly scopes: readonly string[] | undefined;
  readonly account: Account | null;
  /** Granted beyond what was asked: stored, and told. */
  readonly added: readonly string[];
  readonly askedAt: Date;
}

const GRANT_RECORDS = {
  started: 'hub.grant.exchange_started',
  succeeded: 'hub.grant.exchanged',
  failed: 'hub.grant.failed',
} as const;

/** What the trail tells of a refusal beside its code. */
type RefusalDetail = Readonly<{ reason?: string; missing?: string }>;

/** Two connects of one org at once take turns; a third try has never been needed. */
const TRIES = 3;

/** What an answer amounts to that should say whose grant it is, and does not. */
const NO_ACCOUNT = { code: 'bad_provider_response', reason: 'no_account' } as const;

const REJECTIONS: Partial<Record<FailureCode, EventName>> = {
  invalid_grant: 'grant.rejected',
  bad_provider_response: 'grant.malformed',
  token_refresh_failed: 'grant.malformed',
};

/** The last part of every connect: exchange, check, seal, store. */
@Injectable()
export class CompletionService {
  constructor(
    private readonly oauth: OAuthClient,
    private readonly vault: TokenVault,
    private readonly flows: FlowRepository,
    private readonly integrations: IntegrationRepository,
    private readonly opening: FlowOpeningService,
    private readonly secrets: FlowSecretsService,
    private readonly jobs: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  /** The org's sealing key comes first: a code is spent once, and what it brings must not be lost for want of a key. */
  async complete(spend: SpendableCode): Promise<Completion> {
    return this.vault.withSealer(spend.flow.orgId, (sealer) => this.completeWith(sealer, spend));
  }

  private async completeWith(sealer: Sealer, spend: SpendableCode): Promise<Completion> {
    const { flow, provider } = spend;
    const askedAt = new Date(flow.readAt.getTime() + (performance.now() - spend.flowReadMs));
    const startedMs = performance.now();
    const answer = await this.exchange(spend);
    if (!answer.ok)
      return this.refuse(spend, answer.failure.code, REJECTIONS[answer.failure.code] ?? 'grant.rejected', {
        reason: answer.failure.reason,
      });

    const { grant } = answer;
    const scopes = grantedScopes(provider, flow.scopes, grant);
    const asked = provider.definition.scopes.normalise(flow.scopes);
    const missing = missingScopes(asked, scopes ?? []);
    const added = missingScopes(scopes ?? [], asked);
    const identity = await this.identify(spend, grant, EXCHANGE_DEADLINE_MS - (performance.now() - startedMs));
    if (missing.length > 0)
      return this.giveBack(sealer, spend, grant, identity.account, 'insufficient_scope', 'grant.scope_changed', {
        missing: formatScopes(missing),
      });

    return this.keep(sealer, spend, { grant, scopes, account: identity.account, added, askedAt }, identity.failure);
  }

  /**
   * Stores what was obtained, unless it is for another account than the org has or for nobody knows whose, or the flow
   * has ended meanwhile.
   */
  private async keep(
    sealer: Sealer,
    spend: SpendableCode,
    obtained: Obtained,
    unknown: Failure | undefined,
  ): Promise<Completion> {
    const { flow } = spend;
    const { grant, account } = obtained;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const before = await this.integrations.find(flow.orgId, flow.provider);
      if (before?.account && !account && (unknown || !flow.allowAccountChange)) {
        const { code, reason } = unknown ?? NO_ACCOUNT;
        return this.giveBack(sealer, spend, grant, null, code, unknown ? 'grant.rejected' : 'grant.malformed', {
          reason,
        });
      }
      if (!flow.allowAccountChange && isOtherAccount(before?.account ?? null, account))
        return this.giveBack(sealer, spend, grant, account, 'account_mismatch', 'integration.account_mismatch', {});
      const stored = await this.store(sealer, spend, obtained, before).catch(flowEndedIfForgotten);
      if (stored === 'stored') return { kind: 'connected' };
      if (stored === 'flow_ended') break;
    }
    await this.giveBack(sealer, spend, grant, account, 'access_denied', 'flow.cancelled', {});
    return { kind: 'flow_ended' };
  }

  private async exchange({ flow, provider, code }: SpendableCode): ReturnType<OAuthClient['exchange']> {
    const verifier =
      flow.verifier === null
        ? undefined
        : (await this.secrets.open(flow, provider, 'verifier', flow.verifier)).reveal();
    const redirectUri = this.opening.redirectUri(provider);
    const record = new ExchangeRecord(this.logger, GRANT_RECORDS, {
      provider: provider.definition.id,
      org: flow.orgId,
      flow: flow.id, // which integration it is for stands in the trail, once it is stored
      attempt: 1, // a code is spent once
    });
    const answer = await record.hold(() =>
      this.oauth.exchange(provider, flow.endpoints, { code, redirectUri, verifier }),
    );
    if (answer.ok) record.succeeded();
    else record.failed(answer.failure);
    return answer;
  }

  /** Whose account it is: the token endpoint's word, else what was typed, else the API is asked, in what the exchange has left of its time. */
  private async identify(
    { flow, provider }: SpendableCode,
    grant: Grant,
    deadlineMs: number,
  ): Promise<{ account: Account | null; failure?: Failure }> {
    const { definition } = provider;
    const told = grant.account ?? definition.accountFromInputs?.(flow.inputs);
    if (told || !definition.identify) return { account: told ?? null };
    const reading = await definition.identify(
      this.oauth.api(provider, flow.endpoints, grant.accessToken, { deadlineMs }),
    );
    return reading.ok ? { account: reading.account } : { account: null, failure: reading.failure };
  }

  private async store(
    sealer: Sealer,
    { flow, provider, told }: SpendableCode,
    { grant, scopes, account, added, askedAt }: Obtained,
    before: Integration | undefined,
  ): Promise<ConnectStored['kind']> {
    const id = before?.id ?? (randomUUID() as IntegrationId);
    const sealed = sealGrant(sealer, { orgId: flow.orgId, provider: flow.provider, id }, { ...grant, scopes }, askedAt);
    const metadata = isOtherAccount(before?.account ?? null, account)
      ? grant.metadata
      : { ...before?.metadata, ...grant.metadata };
    const refreshable = grant.refreshToken !== undefined;
    const change = afterConnect(
      { grant: sealed, account, inputs: flow.inputs, metadata, refreshable, again: before !== undefined },
      askedAt,
      Math.random(),
    );
    const actor = { type: 'user', id: flow.startedBy } as const;
    const widened = { name: 'grant.scope_changed', detail: { added: formatScopes(added), flow: flow.id } } as const;
    const events = [...(told ? [told] : []), ...change.events, ...(added.length > 0 ? [widened] : [])];
    const stored = await this.integrations.storeConnect(
      {
        orgId: flow.orgId,
        provider: flow.provider,
        id,
        accountBefore: before?.account?.id ?? null,
        change: { ...change, events },
        actor,
      },
      (manager) => completeFlow(manager, flow.id),
    );
    if (stored.kind === 'stored') {
      await this.ring(stored.integration, change.next, askedAt);
      const ids = { provider: provider.definition.id, org: flow.orgId, integration: id };
      this.logger.info('hub.integration.connected', ids);
    }
    return stored.kind;
  }

  private async ring({ id, orgId, provider, epoch }: Integration, nextRefresh: Date | null, now: Date): Promise<void> {
    await this.jobs.ring('sync', { id, orgId, provider, epoch });
    if (nextRefresh)
      await this.jobs.schedule('refresh', { id, orgId, provider, epoch }, nextRefresh.getTime() - now.getTime());
  }

  private async refuse(
    { flow }: SpendableCode,
    code: FailureCode,
    name: EventName,
    detail: Readonly<{ reason: string }>,
  ): Promise<Completion> {
    await this.flows.refuse(flow, refusalEvents(flow, code, name, detail));
    return { kind: 'refused', code };
  }

  /** A grant that is not stored goes back to its provider, unless others stand on its account: the worker looks when it gives it back. */
  private async giveBack(
    sealer: Sealer,
    { flow, provider }: SpendableCode,
    grant: Grant,
    account: Account | null,
    code: FailureCode,
    name: EventName,
    detail: RefusalDetail,
  ): Promise<Completion> {
    const { orgId } = flow;
    const events = refusalEvents(flow, code, name, detail);
    const { manner } = provider.definition.revoke;
    const canGiveBack = manner === 'token' || manner === 'grant';
    const onItsWay = this.flows.refuse(flow, events, async (manager) => {
      if (!canGiveBack) return undefined;
      const integrationId = randomUUID() as IntegrationId;
      const sealed = sealGrant(sealer, { orgId, provider: flow.provider, id: integrationId }, grant, new Date());
      return enqueueRevocation(manager, {
        orgId,
        provider: providerId(provider.definition),
        integrationId,
        accountId: account?.id ?? null,
        inputs: flow.inputs,
        accessToken: sealed.accessToken,
        refreshToken: sealed.refreshToken ?? null,
        reason: 'not_stored',
      });
    });
    const revocation = await onItsWay.catch(async (error: unknown) => {
      if (!(error instanceof OrgForgotten)) throw error;
      // its keys are destroyed, and with them whatever would open the grant: nobody has waited for so long
      const dropped = flowEvent(flow, 'revocation.failed', { code, kept: 'nothing', why: 'org_forgotten' });
      await this.flows.refuse(flow, dropped);
      this.logger.warning('hub.grant.dropped', { provider: flow.provider, org: orgId, flow: flow.id });
      return undefined;
    });
    if (revocation) await this.jobs.ring('revocation', { id: revocation.id, orgId, provider: flow.provider, epoch: 0 });
    return { kind: 'refused', code };
  }
}

/** Why a connect came to nothing, and what was not called on the way. */
function refusalEvents(flow: FlowWithSecrets, code: FailureCode, name: EventName, detail: RefusalDetail): AuditEntry[] {
  const blocked = egressEvents({ reason: detail.reason ?? '' }).map((event) =>
    flowEvent(flow, event.name, event.detail),
  );
  return [...blocked, flowEvent(flow, name, { ...detail, code })];
}

/** For an org that is being forgotten nothing is stored: its flows are over. */
function flowEndedIfForgotten(error: unknown): 'flow_ended' {
  if (error instanceof OrgForgotten) return 'flow_ended';
  throw error;
}

/** The granted scopes, normalised. An answer that does not say grants what was asked (RFC 6749 §5.1); a provider without scopes has none. */
function grantedScopes(
  { definition }: RegisteredProvider<OAuthProvider>,
  asked: readonly string[],
  grant: Grant,
): readonly string[] | undefined {
  if (definition.scopes.separator === null) return undefined;
  return grant.scopes ?? definition.scopes.normalise(asked);
}
