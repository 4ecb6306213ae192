import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import { Injectable } from '@nestjs/common';
import { LimitsService } from '../limits/limits.service';
import { hashSecret, looksLikeSecret } from '../http/secrets';

/** Flows by the address of their page, which is a secret: an address that nobody knows counts as a guess. */
@Injectable()
export class FlowPagesService {
  constructor(
    private readonly flows: FlowRepository,
    private readonly limits: LimitsService,
  ) {}

  /** The flow of a page, whatever its status. @throws HubError `rate_limited` where the address has guessed too often */
  async flowOf(pageSecret: string, address: string): Promise<FlowWithSecrets | undefined> {
    if (!looksLikeSecret(pageSecret)) return undefined;
    const flow = await this.flows.ofPage(hashSecret(pageSecret));
    if (!flow) await this.limits.countGuess('link', address);
    return flow;
  }
}
