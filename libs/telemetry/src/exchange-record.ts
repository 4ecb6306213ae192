import type { HubLogger, LogFields } from './logger';

/** The names of an exchange's records: one when it starts, and one of the others when it has ended. */
export interface ExchangeNames {
  readonly started: string;
  readonly succeeded: string;
  readonly failed: string;
}

/** What a failure is, in fixed words. */
export interface ToldFailure {
  readonly kind: string;
  readonly code: string;
  readonly reason: string;
}

/** What is thrown on the way is a bug: the record says so, and whoever catches it tells the rest. */
const BROKEN: ToldFailure = { kind: 'ours', code: 'internal', reason: 'unexpected_error' };

/** Tells the log of one conversation with a provider: exactly one record when it starts and one when it has ended. */
export class ExchangeRecord {
  private readonly startedMs = performance.now();

  /** @param facts ids and numbers, in every record */
  constructor(
    private readonly logger: HubLogger,
    private readonly names: ExchangeNames,
    private readonly facts: LogFields,
  ) {
    logger.info(names.started, facts);
  }

  /** Holds the conversation. What it throws is told as its end, and thrown on. The caller tells every other end. */
  async hold<T>(conversation: () => Promise<T>): Promise<T> {
    return conversation().catch((error: unknown) => {
      this.failed(BROKEN);
      throw error;
    });
  }

  succeeded(more: LogFields = {}): void {
    this.logger.info(this.names.succeeded, { ...this.ended(), outcome: 'success', ...more });
  }

  failed({ kind, code, reason }: ToldFailure): void {
    this.logger.warning(this.names.failed, { ...this.ended(), outcome: kind, 'error.type': code, reason });
  }

  private ended(): LogFields {
    return { ...this.facts, duration_ms: Math.round(performance.now() - this.startedMs) };
  }
}
