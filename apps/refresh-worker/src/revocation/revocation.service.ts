import { IntegrationRepository, RevocationRepository, type Revocation } from '@hub/database';
import { egressEvents, failure, ladderIsSpent, retryDelayMs, type Actor, type Failure, type OrgId } from '@hub/domain';
import { ProviderRegistry, speaksOAuth, type OAuthProvider, type RegisteredProvider } from '@hub/providers';
import type { JobOutcome, Work } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { KeyRefused, KeyUnavailable, OpenFailed } from '@hub/token-vault';
import { SingleFlight } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import { GrantReturnService } from './grant-return.service';
import { revocationVerdict } from './revocation-verdict';

/** While the key provider is away a revocation waits, on whatever rung it stands. */
const KEYS_AWAY_MS = 30_000;

const WORKER: Actor = { type: 'worker', id: 'refresh-worker' };

/** Gives grants back to their providers, one of the outbox at a time. */
@Injectable()
export class RevocationService {
  private readonly attempts = new SingleFlight<JobOutcome>();

  constructor(
    private readonly revocations: RevocationRepository,
    private readonly integrations: IntegrationRepository,
    private readonly providers: ProviderRegistry,
    private readonly grants: GrantReturnService,
    private readonly logger: HubLogger,
  ) {}

  revoke(work: Work): Promise<JobOutcome> {
    return this.attempts.once(work.id, () => this.attempt(work));
  }

  async drain(): Promise<void> {
    await this.attempts.idle();
  }

  private async attempt(work: Work): Promise<JobOutcome> {
    const revocation = await this.revocations.load(work.orgId as OrgId, work.id);
    if (!revocation?.isDue) return 'done';
    const provider = this.providers.find(revocation.provider);
    if (!provider) return this.postpone(revocation, failure('provider_misconfigured', 'unknown_provider'));
    if (!speaksOAuth(provider)) return this.forget(revocation);
    const { manner } = provider.definition.revoke;
    const verdict = revocationVerdict(manner, revocation.reason, await this.others(revocation));
    switch (verdict.kind) {
      case 'forget':
        return this.forget(revocation);
      case 'leave_alone':
        return this.finish(revocation, 'revocation.skipped', { reason: verdict.reason });
      case 'give_back':
        return this.giveBack(revocation, provider);
    }
  }

  private async others({ provider, accountId }: Revocation): Promise<number | null> {
    return accountId === null ? null : this.integrations.standingOnAccount(provider, accountId);
  }

  private async giveBack(revocation: Revocation, provider: RegisteredProvider<OAuthProvider>): Promise<JobOutcome> {
    if (!provider.configured)
      return this.postpone(revocation, failure('provider_misconfigured', 'no_credentials_here'));
    const answer = await this.grants.giveBack(revocation, provider).catch(unopened);
    if (answer instanceof KeyUnavailable) {
      this.logger.warning('hub.keys.unavailable', { ...idsOf(revocation), ...answer.facts });
      return { againInMs: KEYS_AWAY_MS };
    }
    if (answer.ok) return this.finish(revocation, 'revocation.succeeded', { outcome: answer.outcome });
    return this.postpone(revocation, answer.failure);
  }

  private async forget(revocation: Revocation): Promise<JobOutcome> {
    await this.revocations.finish(revocation, undefined, WORKER);
    return 'done';
  }

  private async finish(
    revocation: Revocation,
    name: 'revocation.succeeded' | 'revocation.skipped',
    detail: Readonly<Record<string, unknown>>,
  ): Promise<JobOutcome> {
    await this.revocations.finish(revocation, { name, detail: { ...detail, why: revocation.reason } }, WORKER);
    return 'done';
  }

  /** The next rung of the ladder, or the end of it: a dead letter waits for an operator. A definite refusal is the end at once. */
  private async postpone(revocation: Revocation, { code, kind, reason }: Failure): Promise<JobOutcome> {
    const attempts = revocation.failedAttempts + 1;
    const deadLetter = kind === 'definite' || ladderIsSpent(attempts);
    const detail = { code, reason, attempts, deadLetter };
    await this.revocations.postpone(
      revocation,
      { code, retryInMs: deadLetter ? null : retryDelayMs(attempts) },
      [{ name: 'revocation.failed', detail }, ...egressEvents({ reason })],
      WORKER,
    );
    return deadLetter ? 'give_up' : 'try_again';
  }
}

function unopened(error: unknown): KeyUnavailable | { ok: false; failure: Failure } {
  if (error instanceof KeyUnavailable) return error;
  if (error instanceof KeyRefused) return refusedHere(`sealing_key_${error.reason}`);
  if (error instanceof OpenFailed) return refusedHere(`${error.cell.column}_${error.reason}`);
  throw error;
}

/** An operator mends it, and has it done again. */
function refusedHere(reason: string): { ok: false; failure: Failure } {
  return { ok: false, failure: failure('internal', reason, { kind: 'definite' }) };
}

function idsOf({ id, orgId, provider, integrationId }: Revocation): Record<string, string> {
  return { provider, org: orgId, integration: integrationId, revocation: id };
}
