import { HookVerdictRepository, type DeliveryClaim, type HookHold } from '@hub/database';
import { endsGrant, isConfirmedVerdict, isMassVerdict, notBelieved, type Failure } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';

/** What other workers have opened or closed is known here so long after. */
const VIEW_MS = 1_000;
const LOOK_EVERY_MS = 10_000;

/** What is asked for of a claim: whose hook it is, and what was said of it before. */
type Asked = Pick<DeliveryClaim, 'provider' | 'goneHeldAt'>;

/**
 * Stands between a provider's word that a hook is gone and what it costs its org. So many hooks are not gone at once by
 * themselves: then the word is held, and each is sent to as to a receiver that is down.
 */
@Injectable()
export class VerdictsService {
  private view: readonly HookHold[] = [];
  private seenMs = -Infinity;
  private looking: Promise<void> | undefined;
  private tending: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isTroubled = false;

  constructor(
    private readonly verdicts: HookVerdictRepository,
    private readonly logger: HubLogger,
  ) {}

  /** Looks after holds that nobody ends by a delivery. */
  start(): void {
    this.timer = setInterval(() => {
      this.tending ??= this.tend().finally(() => (this.tending = undefined));
    }, LOOK_EVERY_MS);
  }

  /** Comes back once what is being opened again is. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.tending;
  }

  /** @returns what a failure comes to: a hook that is gone, among very many, is none for now */
  async believed({ provider, goneHeldAt }: Asked, failure: Failure): Promise<Failure> {
    if (!endsGrant(failure)) return failure;
    await this.look();
    const hold = this.holdOf(provider);
    if (hold?.closedAt === null) return notBelieved(failure);
    if (hold && isConfirmedVerdict(heldIn(hold, goneHeldAt), hold.closedAt)) return failure;
    const { definite, settled, accounts } = await this.verdicts.recent(provider);
    if (!isMassVerdict({ definite: definite + 1, settled: settled + 1, accounts })) return failure;
    if (await this.verdicts.open(provider)) this.logger.warning('hub.delivery.hold_opened', { provider });
    await this.lookAgain();
    return notBelieved(failure);
  }

  /** A hook has taken a delivery: if it was said to be gone, and that was held, then the provider is believed again. */
  async taken({ provider, goneHeldAt }: Asked): Promise<void> {
    if (goneHeldAt === null) return;
    await this.look();
    if (this.holdOf(provider)?.closedAt === null) await this.close(provider, 'hook_is_back');
  }

  private async close(provider: string, reason: 'hook_is_back' | 'over'): Promise<void> {
    const closed = await this.verdicts.close(provider);
    await this.lookAgain();
    if (closed)
      this.logger.info('hub.delivery.hold_closed', {
        provider,
        reason,
        tried_again: closed.reopened,
        revived: closed.revived,
      });
  }

  /** Ends holds that have lasted as long as they may. */
  async tend(): Promise<void> {
    try {
      await this.lookAgain();
      for (const { provider, isOver } of this.view) if (isOver) await this.close(provider, 'over');
      this.isTroubled = false;
    } catch (error) {
      // one record for each time that the database is away
      if (!this.isTroubled) this.logger.failure('hub.delivery.holds_unseen', error);
      this.isTroubled = true;
    }
  }

  private holdOf(provider: string): HookHold | undefined {
    return this.view.find((hold) => hold.provider === provider);
  }

  private async look(): Promise<void> {
    if (performance.now() - this.seenMs >= VIEW_MS) await (this.looking ?? this.lookAgain());
  }

  /** A look that is under way may have begun before what is to be seen. */
  private async lookAgain(): Promise<void> {
    await this.looking;
    this.looking ??= this.verdicts
      .holds()
      .then((view) => {
        this.view = view;
        this.seenMs = performance.now();
      })
      .finally(() => (this.looking = undefined));
    await this.looking;
  }
}

/** A word that an earlier hold has held confirms nothing: this one was not asked in between. */
function heldIn({ openedAt }: HookHold, heldAt: Date | null): Date | null {
  return heldAt !== null && heldAt >= openedAt ? heldAt : null;
}
