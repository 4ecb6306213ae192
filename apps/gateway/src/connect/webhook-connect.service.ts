import { randomUUID } from 'node:crypto';
import { completeFlow, IntegrationRepository } from '@hub/database';
import {
  afterConnect,
  HubError,
  type EventDraft,
  type FlowId,
  type Integration,
  type IntegrationId,
  type WebhookStatus,
} from '@hub/domain';
import { providerId, type RegisteredProvider } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { sealGrant, TokenVault } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import { actorOf, type Caller } from '../callers/caller';

/** A flow that a pasted URL completes. */
export interface FlowToComplete {
  readonly id: FlowId;
  /** The status in which it may be completed. */
  readonly from: 'awaiting_input' | 'taken';
  /** What the trail tells beside the connect where it was not the flow's own browser that has brought the URL. */
  readonly told?: EventDraft | undefined;
}

/** Two connects of one org at once take turns; a third try has never been needed. */
const TRIES = 3;

/** What is known of a hook that nothing was sent to: nobody has to be asked for it. */
const NEW_HOOK: { readonly webhookStatus: WebhookStatus; readonly lastDeliveryAt: null } = {
  webhookStatus: 'unverified',
  lastDeliveryAt: null,
};

/** What is known of a hook that is connected again; that it is gone is to be seen anew. */
function kept({ status, metadata }: Integration): Readonly<Record<string, unknown>> {
  const known = { ...NEW_HOOK, ...metadata };
  return status === 'reauth_required' ? { ...known, webhookStatus: NEW_HOOK.webhookStatus } : known;
}

/** Connects providers whose credential is a URL that the person pastes. */
@Injectable()
export class WebhookConnectService {
  constructor(
    private readonly integrations: IntegrationRepository,
    private readonly vault: TokenVault,
    private readonly jobs: JobProducer,
  ) {}

  /**
   * Seals the URL as the org's credential. It may replace another one freely.
   *
   * @param webhookUrl validated by the provider's definition
   * @param flow       the flow that asked for it on the hub's page, to be completed with it
   * @returns false if that flow has ended meanwhile
   */
  async store(
    caller: Pick<Caller, 'orgId' | 'sub'>,
    provider: RegisteredProvider,
    webhookUrl: string,
    flow?: FlowToComplete,
  ): Promise<boolean> {
    const { definition } = provider;
    if (definition.authMode !== 'webhook_url') throw new Error(`${definition.id} is not connected by a webhook URL`);
    const account = definition.accountOfWebhook(webhookUrl);
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const now = new Date();
      const before = await this.integrations.find(caller.orgId, providerId(definition));
      const id = before?.id ?? (randomUUID() as IntegrationId);
      const plain = {
        accessToken: webhookUrl,
        refreshToken: undefined,
        expiresInSeconds: null,
        refreshExpiresInSeconds: null,
        scopes: undefined,
      };
      const owner = { orgId: caller.orgId, provider: providerId(definition), id };
      const grant = await this.vault.withSealer(owner.orgId, (sealer) => sealGrant(sealer, owner, plain, now));
      const metadata = before?.account?.id === account.id ? kept(before) : NEW_HOOK;
      const change = afterConnect(
        { grant, account, inputs: {}, metadata, refreshable: false, again: before !== undefined },
        now,
        Math.random(),
      );
      const told = { ...change, events: [...(flow?.told ? [flow.told] : []), ...change.events] };
      const stored = await this.integrations.storeConnect(
        { orgId: caller.orgId, provider: providerId(definition), id, change: told, actor: actorOf(caller) },
        (manager) => (flow === undefined ? Promise.resolve(true) : completeFlow(manager, flow.id, [flow.from])),
      );
      if (stored.kind === 'flow_ended') return false;
      if (stored.kind === 'stored') {
        await this.ringForSync(stored.integration);
        return true;
      }
    }
    throw new HubError('internal', 'Several connects of this org are under way; try again.', {
      status: 503,
      retryAfterSeconds: 1,
    });
  }

  private async ringForSync({ id, orgId, provider, epoch }: Integration): Promise<void> {
    await this.jobs.ring('sync', { id, orgId, provider, epoch });
  }
}
