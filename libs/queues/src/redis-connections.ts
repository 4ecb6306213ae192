import { setTimeout } from 'node:timers/promises';
import type { HubConfig } from '@hub/config';
import type { HubLogger } from '@hub/telemetry';
import { Redis } from 'ioredis';

/** So long a connection that ends keeps its process. */
const GOODBYE_MS = 200;
/** So long a start waits to hear whether Redis is there. */
const FIRST_WORD_MS = 2_000;

/** Redis as it is needed: for those who ring it answers at once or fails; for those who listen it waits for its return. */
export class RedisConnections {
  private readonly open: Redis[] = [];
  private isDown = false;
  private hearFirst: () => void;
  private readonly firstWord = new Promise<void>((resolve) => (this.hearFirst = resolve));

  constructor(
    private readonly config: Pick<HubConfig, 'redisUrl'> & Partial<Pick<HubConfig, 'redisCaCert'>>,
    private readonly logger: HubLogger,
  ) {}

  /** For producers: without Redis a call fails at once, and the row still tells what is due. */
  forProducer(): Redis {
    return this.connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 2_000 });
  }

  /** For counting requests, each of which waits for it: without Redis a call fails at once, and a slow one soon. */
  forLimits(): Redis {
    return this.connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 250 });
  }

  /** For consumers: blocked commands wait as long as it takes (BullMQ requires `null`). */
  forConsumer(): Redis {
    return this.connect({ maxRetriesPerRequest: null });
  }

  private connect(options: {
    maxRetriesPerRequest: number | null;
    enableOfflineQueue?: boolean;
    commandTimeout?: number;
  }): Redis {
    const redis = new Redis(this.config.redisUrl, {
      ...options,
      ...trusting(this.config.redisCaCert),
      retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
      disconnectTimeout: GOODBYE_MS,
    });
    redis.on('error', () => this.note(true));
    redis.on('ready', () => this.note(false));
    return this.track(redis);
  }

  /** BullMQ duplicates what it is given, and without Redis it never lets go of a duplicate: `close` ends those as well. */
  private track(redis: Redis): Redis {
    this.open.push(redis);
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (...options) => this.track(duplicate(...options));
    return redis;
  }

  /** One record for each outage, not one for each attempt. */
  private note(isDown: boolean): void {
    this.hearFirst();
    if (isDown === this.isDown) return;
    this.isDown = isDown;
    if (isDown) this.logger.warning('redis.unavailable');
    else this.logger.info('redis.available');
  }

  /** Comes back once it is known whether Redis is there; before that the first rings would be lost for nothing. */
  async known(): Promise<void> {
    await Promise.race([this.firstWord, setTimeout(FIRST_WORD_MS, undefined, { ref: false })]);
  }

  get available(): boolean {
    return !this.isDown;
  }

  close(): void {
    for (const redis of this.open) redis.disconnect();
  }
}

/** ioredis' option for a Redis behind TLS whose certificate a company has signed itself. */
export function trusting(caCert: string | null | undefined): { tls?: { ca: string } } {
  return caCert ? { tls: { ca: caCert } } : {};
}
