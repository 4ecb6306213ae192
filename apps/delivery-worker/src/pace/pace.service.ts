import { setTimeout as sleep } from 'node:timers/promises';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import type { SendPace } from '@hub/providers';
import { RedisConnections, RedisHearing } from '@hub/queues';
import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { heldFor, nextTurn, type Turn } from './turn';

/** A claim is not held for longer than that only to wait: its row goes back. */
const PATIENCE_MS = 1_000;
/** Behind its last send a pace is forgotten: it would allow the whole burst again. */
const MOST_KEPT_HERE = 10_000;

/**
 * `nextTurn` (turn.ts), for all workers together. KEYS: the paces; ARGV: patience, then burst and interval of each.
 * The time is Redis' own.
 */
const TAKE_TURN = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at = now
local known = {}
for place, key in ipairs(KEYS) do
  known[place] = tonumber(redis.call('GET', key)) or now
  at = math.max(at, known[place] - (ARGV[2 * place] - 1) * ARGV[2 * place + 1])
end
if at - now > tonumber(ARGV[1]) then return {0, math.ceil(at - now)} end
for place, key in ipairs(KEYS) do
  local after = math.max(at, known[place]) + ARGV[2 * place + 1]
  redis.call('SET', key, string.format('%.0f', after), 'PX', string.format('%.0f', math.max(1, after - now)))
end
return {1, math.ceil(at - now)}`;

/** `heldFor` (turn.ts). KEYS: the pace; ARGV: burst, interval, for how long. */
const HOLD = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local until_ms = now + ARGV[3] + (ARGV[1] - 1) * ARGV[2]
local after = math.max(tonumber(redis.call('GET', KEYS[1])) or now, until_ms)
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', string.format('%.0f', math.max(1, after - now)))`;

/**
 * Keeps sends within what providers take: over all workers together by Redis, and in each by itself while Redis is away.
 */
@Injectable()
export class PaceService {
  private readonly redis: Redis;
  private readonly hearing = new RedisHearing();
  private readonly here = new Map<string, number>();

  constructor(
    @Inject(HUB_CONFIG) private readonly config: Pick<HubConfig, 'redisPrefix'>,
    private readonly connections: RedisConnections,
  ) {
    this.redis = connections.forLimits();
  }

  /**
   * Comes back when it is the caller's turn.
   *
   * @returns `undefined` then; else in how many milliseconds it may be worth asking again: nothing was taken
   */
  async turn(paces: readonly SendPace[]): Promise<number | undefined> {
    const turn = (await this.shared(paces)) ?? this.alone(paces);
    if (turn.kind === 'later') return turn.inMs;
    if (turn.inMs > 0) await sleep(turn.inMs);
    return undefined;
  }

  /** The other side asks for patience: nothing more is sent at this pace for so long. */
  async hold(pace: SendPace, forMs: number): Promise<void> {
    const nowMs = performance.now();
    this.keepHere(pace.key, heldFor(pace, this.here.get(pace.key), nowMs, forMs));
    const { burst, everyMs } = pace;
    await this.ask(HOLD, [pace.key], [burst, everyMs, Math.ceil(forMs)]);
  }

  private async shared(paces: readonly SendPace[]): Promise<Turn | undefined> {
    const answer = await this.ask(
      TAKE_TURN,
      paces.map(({ key }) => key),
      [PATIENCE_MS, ...paces.flatMap(({ burst, everyMs }) => [burst, everyMs])],
    );
    if (answer === undefined) return undefined;
    const [isKept, inMs] = answer as [number, number];
    return { kind: isKept === 1 ? 'kept' : 'later', inMs };
  }

  private alone(paces: readonly SendPace[]): Turn {
    const known = paces.map(({ key }) => this.here.get(key));
    const { turn, after } = nextTurn(paces, known, performance.now(), PATIENCE_MS);
    if (turn.kind === 'kept') paces.forEach(({ key }, place) => this.keepHere(key, after[place]!));
    return turn;
  }

  /** @returns `undefined` if Redis does not take part */
  private async ask(script: string, keys: readonly string[], values: readonly number[]): Promise<unknown> {
    if (!this.connections.available || !this.hearing.isGood) return undefined;
    try {
      const names = keys.map((key) => `${this.config.redisPrefix}:pace:${key}`);
      return (await this.redis.eval(script, names.length, ...names, ...values)) ?? null;
    } catch (error) {
      this.hearing.note(error as Error); // RedisConnections tells of outages
      return undefined;
    }
  }

  /** The oldest goes first; whoever asks for it again then begins anew. */
  private keepHere(key: string, afterMs: number): void {
    this.here.delete(key);
    this.here.set(key, afterMs);
    const [oldest] = this.here.keys();
    if (this.here.size > MOST_KEPT_HERE && oldest !== undefined) this.here.delete(oldest);
  }
}
