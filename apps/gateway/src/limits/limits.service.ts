import { HUB_CONFIG, type HubConfig, type LimitsConfig } from '@hub/config';
import { HubError, type OrgId } from '@hub/domain';
import { RedisConnections, RedisHearing } from '@hub/queues';
import { count } from '@hub/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { addressKey, keyHash } from './limit-key';
import { Limiter, type Exceeded } from './limiter';

/** Secrets that somebody may try to guess; each kind is counted apart. */
export type Guess = 'link' | 'session';

/** A caller's requests are counted in Redis by the hundredth of its limit, so that a token read seldom waits for Redis. */
const CALLER_SLICES = 100;

/** What is counted, and for whom. */
interface Counted {
  readonly name: keyof LimitsConfig;
  readonly key: string;
  readonly address: string;
  readonly caller?: Pick<Caller, 'orgId' | 'sub'>;
}

/** How many requests the gateway takes from an address and from a caller, over all gateways. */
@Injectable()
export class LimitsService {
  private readonly limiters: Readonly<Partial<Record<keyof LimitsConfig, Limiter>>>;

  constructor(
    @Inject(HUB_CONFIG) { limits, redisPrefix }: HubConfig,
    connections: RedisConnections,
    private readonly denials: DenialsService,
  ) {
    const redis = connections.forLimits();
    const hearing = new RedisHearing();
    const names = Object.keys(limits) as (keyof LimitsConfig)[];
    this.limiters = Object.fromEntries(
      names.flatMap((name) => {
        const rate = limits[name];
        if (rate === null) return [];
        const slice = name === 'caller' ? Math.max(1, Math.floor(rate.count / CALLER_SLICES)) : 1;
        return [[name, new Limiter(redis, redisPrefix, name, rate, hearing, slice)]];
      }),
    );
  }

  /** Counts a request without a caller. @throws HubError `rate_limited` */
  async countAddress(address: string): Promise<void> {
    await this.count({ name: 'address', key: addressKey(address), address });
  }

  /** Counts a request of a caller. @throws HubError `rate_limited` */
  async countCaller(caller: Pick<Caller, 'orgId' | 'sub'>, address: string): Promise<void> {
    await this.count({ name: 'caller', key: callerKey(caller), address, caller });
  }

  /** Counts a connect that a caller starts or completes. @throws HubError `rate_limited` */
  async countConnect(caller: Pick<Caller, 'orgId' | 'sub'>, address: string): Promise<void> {
    await this.count({ name: 'connects', key: callerKey(caller), address, caller });
  }

  /** Counts a secret that nobody knows. @throws HubError `rate_limited` instead of the usual answer */
  async countGuess(kind: Guess, address: string): Promise<void> {
    await this.count({ name: 'guesses', key: guessKey(kind, address), address });
  }

  /** Counts a bearer that is not valid: nobody guesses a signature, but each costs a check. @throws HubError `rate_limited` instead of the usual answer */
  async countBadBearer(address: string): Promise<void> {
    await this.count({ name: 'bearers', key: addressKey(address), address });
  }

  /** Before anything is looked up for an address that has guessed too often. @throws HubError `rate_limited` */
  async refuseGuesser(kind: Guess, address: string): Promise<void> {
    const exceeded = await this.limiters.guesses?.over(keyHash(guessKey(kind, address)));
    if (exceeded) throw tooMany('guesses', exceeded);
  }

  private async count({ name, key, address, caller }: Counted): Promise<void> {
    const exceeded = await this.limiters[name]?.take(keyHash(key));
    if (!exceeded) return;
    if (exceeded.isFirst) this.record(name, address, caller);
    throw tooMany(name, exceeded);
  }

  private record(limit: keyof LimitsConfig, address: string, caller: { orgId: OrgId; sub: string } | undefined): void {
    this.denials.record({ name: 'limit.reached', address, detail: { limit }, ...caller });
  }
}

const DETAILS: Readonly<Record<keyof LimitsConfig, string>> = {
  guesses: 'Too many links or sessions that are not valid came from this address.',
  bearers: 'Too many bearer tokens that are not valid came from this address.',
  address: 'Too many requests came from this address.',
  connects: 'This caller starts too many connects.',
  caller: 'This caller sends too many requests.',
};

function tooMany(name: keyof LimitsConfig, { retryAfterMs }: Exceeded): HubError {
  count('denials', { 'hub.reason': 'rate_limited' });
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return new HubError('rate_limited', DETAILS[name], { retryAfterSeconds });
}

function guessKey(kind: Guess, address: string): string {
  return `${kind} ${addressKey(address)}`;
}

function callerKey({ orgId, sub }: Pick<Caller, 'orgId' | 'sub'>): string {
  return `${orgId} ${sub}`;
}
