import {
  DeadLetterRepository,
  ReplayBrokenOff,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterPlace,
  type ReplayedLetter,
} from '@hub/database';
import { HubError } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import { actorOf, type Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { replayDeadLetter } from './dead-letters.routes';

/** An org's jobs that ran out of tries: to see, and to have tried again. */
@Injectable()
export class DeadLettersService {
  constructor(
    private readonly letters: DeadLetterRepository,
    private readonly providers: ProviderRegistry,
    private readonly jobs: JobProducer,
    private readonly denials: DenialsService,
    private readonly logger: HubLogger,
  ) {}

  async page(
    caller: Caller,
    query: DeadLetterFilter & { after: DeadLetterPlace | undefined; limit: number },
  ): Promise<DeadLetterPage> {
    this.checkProvider(query.provider);
    return this.letters.page(caller.orgId, query);
  }

  /**
   * Has all that match tried again.
   *
   * @returns how many
   * @throws HubError `internal` that tells how many are due, if it broke off after some of them
   */
  async replay(caller: Caller, filter: DeadLetterFilter): Promise<number> {
    this.checkProvider(filter.provider);
    try {
      const replayed = await this.letters.replay(caller.orgId, filter, actorOf(caller));
      await this.ring(replayed);
      return replayed.length;
    } catch (error) {
      if (!(error instanceof ReplayBrokenOff)) throw error;
      const { replayed, cause } = error;
      this.logger.failure('hub.dead_letters.replay_broken_off', cause, {
        org: caller.orgId,
        replayed: replayed.length,
      });
      await this.ring(replayed);
      throw new HubError('internal', `${error.message}.`, {
        title: 'Not all dead letters are due',
        fix: 'Replay again: what is due already is not taken twice.',
        extensions: { replayed: replayed.length },
        cause,
      });
    }
  }

  /**
   * Has one letter tried again. What another org has is not told from what nobody has, here as in the trail.
   *
   * @param address of the caller, for the denial
   * @throws HubError `not_found` if the org has none of this id
   */
  async replayOne(caller: Caller, id: string, address: string): Promise<void> {
    const { orgId, sub } = caller;
    const replayed = await this.letters.replayOne(orgId, id, actorOf(caller));
    if (!replayed) {
      this.denials.record({ name: 'auth.foreign_org', orgId, sub, address, detail: { route: replayDeadLetter.path } });
      throw new HubError('not_found', 'This org has no dead letter of this id.');
    }
    const { kind, ...work } = replayed;
    await this.jobs.ring(kind, work);
  }

  /** A ring that is lost is made up for by the workers' watch. */
  private async ring(replayed: readonly ReplayedLetter[]): Promise<void> {
    await this.jobs.ringCrowd(replayed.map(({ kind, ...work }) => ({ job: kind, work })));
  }

  private checkProvider(id: string | undefined): void {
    if (id !== undefined && !this.providers.find(id))
      throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
  }
}
