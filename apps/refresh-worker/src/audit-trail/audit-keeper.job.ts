import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { AuditChainRepository, AuditSealService, SealFolderRepository } from '@hub/database';
import { HubLogger, schedulerStarted, schedulerSucceeded } from '@hub/telemetry';
import { Inject, Injectable } from '@nestjs/common';

/** Months are made ahead, so once in a while is often enough. */
const LOOK_FOR_MONTHS_MS = 3_600_000;

/**
 * Keeps the audit trail: seals where all trails end, outside the database, and makes partitions for the months to come.
 * Timers of this process's own: neither may hang on Redis.
 */
@Injectable()
export class AuditKeeperJob {
  private readonly seals: AuditSealService | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private sealing: Promise<void> | undefined;

  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly chains: AuditChainRepository,
    private readonly logger: HubLogger,
  ) {
    const { keys, dir } = config.auditSeal;
    if (keys.length > 0 && dir !== null) this.seals = new AuditSealService(chains, new SealFolderRepository(dir, keys));
  }

  start(): void {
    this.every(LOOK_FOR_MONTHS_MS, () => this.makePartitions());
    if (this.seals) {
      schedulerStarted('audit-seal');
      this.every(this.config.auditSeal.everyMs, () => this.seal());
    } else if (!this.config.local)
      this.logger.warning('hub.audit.unsealed', { fix: 'set AUDIT_SEAL_KEY and AUDIT_SEAL_DIR' });
  }

  /** One last seal, so that a stop leaves nothing of this minute unsealed. */
  async stop(): Promise<void> {
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    await this.sealing;
    await this.sealNow(0);
  }

  private every(intervalMs: number, act: () => Promise<void>): void {
    void act();
    this.timers.push(setInterval(() => void act(), intervalMs));
  }

  private seal(): Promise<void> {
    // workers that share a folder take turns: a seal of half the interval's age is another's of this turn
    this.sealing ??= this.sealNow(this.config.auditSeal.everyMs / 2).finally(() => (this.sealing = undefined));
    return this.sealing;
  }

  private async sealNow(unlessYoungerMs: number): Promise<void> {
    try {
      if (!this.seals) return;
      const sealed = await this.seals.sealHeads(new Date(), unlessYoungerMs);
      schedulerSucceeded('audit-seal'); // also where another worker has sealed in this turn
      if (sealed.kind !== 'sealed') return;
      const { n, mac, heads } = sealed;
      this.logger.info('hub.audit.sealed', { seal: n, mac, heads });
    } catch (error) {
      this.logger.failure('hub.audit.not_sealed', error);
    }
  }

  private async makePartitions(): Promise<void> {
    try {
      const { made, blocked } = await this.chains.ensurePartitions();
      if (made > 0) this.logger.info('hub.audit.partitions_made', { made });
      if (blocked > 0) this.logger.warning('hub.audit.partitions_blocked', { blocked });
    } catch (error) {
      this.logger.failure('hub.audit.partitions_not_made', error);
    }
  }
}
