import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import { HubError, problemOf, type FailureCode, type FlowId } from '@hub/domain';
import { count } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import type { IntegrationView } from '../integrations/integration-view';
import { IntegrationsService } from '../integrations/integrations.service';
import { CompletionService, type Completion } from './completion.service';
import { flowEvent } from './flow-event';
import { countCallback, countedCallback, outcomeOfCompletion, type FlowOutcome } from './flow-metrics';
import { judgeHandle, type HandleVerdict } from './handle-verdict';
import { ParkedCodeService, type Reopened } from './parked-code.service';
import { WebhookConnectService } from './webhook-connect.service';

/** A flow and the handle that its browser brought to the backend. */
export interface Handover {
  readonly flow: string;
  readonly handle: string;
}

/** What a caller hears of every flow that his handle does not complete, whatever the reason. */
const NOTHING_TO_COMPLETE = 'Nothing waits under this handle (any more). If the flow was under way, it is over now.';

/** Completes flows for the backends of products, which know whose browser brought the handle. */
@Injectable()
export class DeferredCompletionService {
  constructor(
    private readonly flows: FlowRepository,
    private readonly parked: ParkedCodeService,
    private readonly completion: CompletionService,
    private readonly webhooks: WebhookConnectService,
    private readonly integrations: IntegrationsService,
    private readonly denials: DenialsService,
  ) {}

  /**
   * @param address of the caller, for the trail
   * @returns the integration as it stands
   * @throws HubError `invalid_state` if the handle completes nothing, `forbidden` for another user than the starter; else
   *         the problem by which the connect ended. But for another org's flows, the flow is over then
   * @throws KeyUnavailable if what is sealed cannot be opened at the moment: the handle is still good
   */
  async complete(caller: Caller, { flow: id, handle }: Handover, address: string): Promise<IntegrationView> {
    const flow = await this.flows.find(caller.orgId, id as FlowId);
    const verdict = judgeHandle(flow, { handle, sub: caller.sub });
    if (!flow || verdict.kind !== 'good') {
      if (flow) countCallback(flow.provider, 'state_invalid');
      throw await this.deny(caller, { id, flow, verdict }, address);
    }
    const { completion } = await countedCallback(flow.provider, () => this.takeUp(caller, flow, address));
    if (!completion) throw nothingToComplete();
    return this.answer(caller, flow, completion);
  }

  /** @returns no completion where nothing waits any more */
  private async takeUp(
    caller: Caller,
    flow: FlowWithSecrets,
    address: string,
  ): Promise<{ completion?: Completion; outcome: FlowOutcome }> {
    const reopened = await this.parked.reopen(flow, {
      name: 'flow.confirmed',
      detail: { flow: flow.id, completion: 'deferred' },
    });
    if (reopened.kind === 'used') {
      this.record(caller, { id: flow.id, flow }, 'flow.handle_replayed', 'flow was taken', address);
      return { outcome: 'state_invalid' };
    }
    if (reopened.kind === 'refused') return { outcome: 'error' };
    const completion = await this.spend(flow, reopened);
    return { completion, outcome: outcomeOfCompletion(completion) };
  }

  private spend(flow: FlowWithSecrets, reopened: Extract<Reopened, { kind: 'code' | 'webhook' }>): Promise<Completion> {
    return reopened.kind === 'code' ? this.completion.complete(reopened.spend) : this.storeWebhook(flow, reopened);
  }

  private async storeWebhook(
    flow: FlowWithSecrets,
    { provider, webhookUrl, told }: Extract<Reopened, { kind: 'webhook' }>,
  ): Promise<Completion> {
    const stored = await this.webhooks.store({ orgId: flow.orgId, sub: flow.startedBy }, provider, webhookUrl, {
      id: flow.id,
      from: 'taken',
      told,
    });
    return { kind: stored ? 'connected' : 'flow_ended' };
  }

  private answer(caller: Caller, flow: FlowWithSecrets, completion: Completion): Promise<IntegrationView> {
    switch (completion.kind) {
      case 'connected':
        return this.integrations.read(caller, flow.provider);
      case 'refused':
        throw refusal(completion.code);
      case 'flow_ended':
        throw nothingToComplete();
    }
  }

  private async deny(
    caller: Caller,
    { id, flow, verdict }: Presented & { readonly verdict: HandleVerdict },
    address: string,
  ): Promise<HubError> {
    if (verdict.kind === 'burn' && flow) {
      const told = flowEvent(flow, verdict.event, {}, caller.sub);
      await this.flows.refuse(flow, { ...told, pseudonyms: { address } });
      if (verdict.problem === 'forbidden') count('denials', { 'hub.reason': 'forbidden' });
      return verdict.problem === 'forbidden' ? anotherUser() : nothingToComplete();
    }
    if (verdict.kind === 'void') this.record(caller, { id, flow }, verdict.event, verdict.reason, address);
    return nothingToComplete();
  }

  private record(
    { orgId, sub }: Caller,
    { id, flow }: Presented,
    name: Extract<HandleVerdict, { kind: 'void' }>['event'],
    reason: string,
    address: string,
  ): void {
    const provider = flow?.provider ?? null;
    this.denials.record({ name, orgId, sub, provider, address, detail: { flow: id, reason } });
  }
}

/** What was asked for by its id, and the flow where the org has it. */
interface Presented {
  readonly id: string;
  readonly flow: FlowWithSecrets | undefined;
}

function nothingToComplete(): HubError {
  return new HubError('invalid_state', NOTHING_TO_COMPLETE, { title: 'This handle is not valid (any more)' });
}

function anotherUser(): HubError {
  return new HubError(
    'forbidden',
    'Another user has started this connect. Nothing is connected, and the flow is over.',
    {
      fix: 'The user who wants to connect starts the connect, and completes it.',
    },
  );
}

/** The code is spent or given up, so that nothing is retried by itself. */
const START_AGAIN: ReadonlySet<FailureCode> = new Set([
  'rate_limited',
  'provider_unavailable',
  'bad_provider_response',
  'token_refresh_failed',
]);

function refusal(code: FailureCode): HubError {
  return new HubError(problemOf(code), 'The provider was asked, and nothing is connected by it. The flow is over.', {
    ...(START_AGAIN.has(code) && { fix: 'Start the connect again, in a while.' }),
  });
}
