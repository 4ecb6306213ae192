import { HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import { RotationService } from './rotation.service';

/** Nobody rings for a rotation: the row alone tells of it. */
const LOOK_EVERY_MS = 5_000;

/** Looks for orgs whose keys are to be rotated. A timer of this process's own, which hangs on no Redis. */
@Injectable()
export class RotationJob {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly rotations: RotationService,
    private readonly logger: HubLogger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  /** Comes back once the batch under way is written; the rest is another worker's. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.rotations.interrupt();
    await this.looking;
  }

  private look(): Promise<void> {
    this.looking ??= this.rotations
      .rotateDue()
      .catch((error: unknown) => this.logger.failure('hub.keys.rotation_failed', error))
      .finally(() => (this.looking = undefined));
    return this.looking;
  }
}
