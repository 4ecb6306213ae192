import { RefreshLeaseRepository } from '@hub/database';
import {
  callMs,
  graceLeftMs,
  leaseWithinGraceMs,
  lifeMs,
  type Endpoints,
  type Failure,
  type Integration,
} from '@hub/domain';
import { OAuthClient, type Grant, type OAuthProvider, type RegisteredProvider } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { sealGrant, tokenCell, TokenVault, type PlainToken, type Sealer } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import type { HeldLease } from './held-lease';
import type { Doubt, RefreshAnswer } from './refresh-answer';
import { graceMsOf } from './refresh-manner';
import { countIndeterminate, countLostLease } from './refresh-metrics';
import { RefreshRecord } from './refresh-record';

/** What is needed to ask a provider about one integration. */
export interface Address {
  readonly provider: RegisteredProvider<OAuthProvider>;
  readonly endpoints: Endpoints;
}

/** One presentation of the refresh token. */
type Presented =
  | { readonly kind: 'granted'; readonly grant: Grant; readonly askedAt: Date }
  | { readonly kind: 'refused'; readonly failure: Failure; readonly askedAt: Date }
  | { readonly kind: 'not_asked' };

/** A doubt, and when the token was first presented that may be spent. */
interface DoubtBefore extends Doubt {
  readonly since: Date;
}

/** Asks token endpoints for fresh tokens, and knows what to do when an answer is lost (reliability reference §3). */
@Injectable()
export class TokenEndpointService {
  private isDraining = false;

  constructor(
    private readonly leases: RefreshLeaseRepository,
    private readonly oauth: OAuthClient,
    private readonly vault: TokenVault,
    private readonly logger: HubLogger,
  ) {}

  /** From now on nothing is asked, be it for the first or for the second time: the process is about to end. */
  drain(): void {
    this.isDraining = true;
  }

  /**
   * Presents the refresh token, and once more at once if its answer is lost.
   *
   * @param sealer seals what is granted: after the call nothing is needed for it that could be away
   */
  async ask(held: HeldLease, address: Address, refreshToken: PlainToken, sealer: Sealer): Promise<RefreshAnswer> {
    const { retry } = address.provider.definition.refresh;
    const before = await this.doubtBefore(held, address);
    const first = await this.present(held, address, refreshToken);
    // after a doubt this was the second time already: more waits for the ladder
    if (!isLost(first) || before !== null || this.isDraining) return answerOf(sealer, held, address, first, before);
    const doubt = { retry, lost: first.failure.reason, since: first.askedAt };
    const second = await this.present(held, address, refreshToken);
    return answerOf(sealer, held, address, second, doubt);
  }

  /** Whether an answer before this attempt may be lost. A token that still works where each refresh ends its like was never refreshed. */
  private async doubtBefore(held: HeldLease, address: Address): Promise<DoubtBefore | null> {
    const { definition } = address.provider;
    const { integration, inDoubtSince, neverRecorded, accessToken } = held.lease;
    if (inDoubtSince === null) return null;
    if (definition.refresh.retry === 'probe' && definition.probe) {
      const token = await this.vault.open(tokenCell(integration, 'access_token'), accessToken);
      const api = this.oauth.api(address.provider, address.endpoints, token.reveal());
      if ((await definition.probe(api)).ok) return null;
    }
    const lost = neverRecorded ? 'never_recorded' : 'attempt_before';
    return { retry: definition.refresh.retry, lost, since: inDoubtSince };
  }

  private async present(
    held: HeldLease,
    { provider, endpoints }: Address,
    refreshToken: PlainToken,
  ): Promise<Presented> {
    const sending = await this.leases.markSending(held.lease, leaseToSend(held, provider.definition));
    if (!sending) {
      countLostLease();
      return { kind: 'not_asked' };
    }
    held.renew(sending);
    const deadlineMs = callMs(sending.leaseMs);
    // a process that stood still may be overtaken before its answer is saved; one that ends begins nothing
    if (held.leftMs() < deadlineMs || this.isDraining) {
      await this.leases.release(held.lease);
      return { kind: 'not_asked' };
    }
    const record = new RefreshRecord(this.logger, held.lease, 'ask');
    const askedAt = held.now();
    held.noteSent(askedAt);
    const answer = await record.hold(() =>
      this.oauth.refresh(provider, endpoints, refreshToken.reveal(), { deadlineMs }),
    );
    if (answer.ok) record.succeeded();
    else record.failed(answer.failure);
    if (!answer.ok && answer.failure.kind === 'in_doubt') countIndeterminate(provider.definition.id);
    return answer.ok
      ? { kind: 'granted', grant: answer.grant, askedAt }
      : { kind: 'refused', failure: answer.failure, askedAt };
  }
}

function answerOf(
  sealer: Sealer,
  { lease }: HeldLease,
  { provider }: Address,
  presented: Presented,
  before: DoubtBefore | null,
): RefreshAnswer {
  if (presented.kind === 'not_asked') return presented;
  const doubt = before && { retry: before.retry, lost: before.lost };
  if (presented.kind === 'refused') {
    const { failure, askedAt } = presented;
    const since = before?.since ?? (failure.kind === 'in_doubt' ? askedAt : null);
    const standing = since && { since, graceMs: graceMsOf(provider.definition.refresh.retry) };
    return { kind: 'refused', failure, doubt, standing };
  }
  const expiresInSeconds = presented.grant.expiresInSeconds ?? lifeBefore(provider.definition, lease.integration);
  const grant = sealGrant(sealer, lease.integration, { ...presented.grant, expiresInSeconds }, presented.askedAt);
  return { kind: 'granted', grant, doubt, dataKey: sealer.dataKey };
}

/** How long the lease lasts from here on: should this process die, the next one must come within the provider's grace. */
function leaseToSend(held: HeldLease, { refresh }: OAuthProvider): number {
  const now = held.now();
  const leftMs = graceLeftMs(held.lease.inDoubtSince ?? now, graceMsOf(refresh.retry), now);
  return leaseWithinGraceMs(held.lease.leaseMs, leftMs);
}

/** What has been refreshed ahead goes on to be: an answer that tells no life is taken for one of the life before. */
function lifeBefore({ refresh }: OAuthProvider, integration: Integration): number | null {
  const life = lifeMs(integration);
  return refresh.mode === 'proactive' && life ? life / 1000 : null;
}

/** True if the refresh token may be spent although no grant was read. A provider that asks to wait has answered. */
function isLost(presented: Presented): presented is Extract<Presented, { kind: 'refused' }> {
  return (
    presented.kind === 'refused' &&
    presented.failure.kind === 'in_doubt' &&
    presented.failure.retryAfterMs === undefined
  );
}
