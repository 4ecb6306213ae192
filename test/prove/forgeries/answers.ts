import { Pool } from 'undici';

/** What differs between two answers by its nature. */
const ITS_OWN = new Set(['date', 'x-request-id', 'retry-after']);
/** The name of the request in a problem document. */
const INSTANCE = /"instance":"urn:uuid:[\da-f-]{36}"/;

/** A request as it is sent, whatever is wrong with it. */
export interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The gateways as a forger finds them: nothing follows redirects, nothing mends a request. */
export class Targets {
  private readonly pools: readonly Pool[];
  private turn = 0;

  /** @param connections to each of the gateways */
  constructor(bases: readonly string[], connections: number) {
    this.pools = bases.map((base) => new Pool(base, { connections }));
  }

  /** Sends to one gateway and then the next. @returns status, headers and body, without what differs by its nature */
  async send({ method, path, headers, body = '' }: Sent): Promise<string> {
    const pool = this.pools[this.turn++ % this.pools.length];
    if (!pool) throw new Error('there is no gateway');
    const answer = await pool.request({ method, path, headers, ...(body !== '' && { body }) });
    const told = Object.entries(answer.headers).filter(([name]) => !ITS_OWN.has(name));
    const text = (await answer.body.text()).replace(INSTANCE, '"instance":"its own"');
    return JSON.stringify([answer.statusCode, told.sort(), text]);
  }

  async close(): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.destroy()));
  }
}

/** How often each answer was given. */
export class Answers {
  private readonly counts = new Map<string, number>();

  add(answer: string): void {
    this.counts.set(answer, (this.counts.get(answer) ?? 0) + 1);
  }

  /** All that were given with this status. */
  of(status: number): readonly string[] {
    return [...this.counts.keys()].filter((answer) => statusOf(answer) === status);
  }

  /** How many were given with this status. */
  count(status: number): number {
    return this.of(status).reduce((sum, answer) => sum + (this.counts.get(answer) ?? 0), 0);
  }

  get kinds(): number {
    return this.counts.size;
  }
}

/** The status of an answer. */
export function statusOf(answer: string): number {
  return (JSON.parse(answer) as [number])[0];
}

/**
 * Addresses of clients, each used so seldom that no limit of the gateway meets it. Those that guess do nothing else, so that
 * the others can do more before the trail begins to count them together.
 */
export class ClientAddresses {
  private readonly guesser = { address: '', uses: Infinity };
  private readonly other = { address: '', uses: Infinity };

  /**
   * @param chance between 0 and 1
   * @param most   guesses of an address, and requests of another one that are none
   */
  constructor(
    private readonly chance: () => number,
    private readonly most: { readonly guesses: number; readonly others: number },
  ) {}

  /** The address for the next request. */
  next(isGuess: boolean): string {
    const client = isGuess ? this.guesser : this.other;
    if (client.uses >= (isGuess ? this.most.guesses : this.most.others)) {
      client.address = this.another();
      client.uses = 0;
    }
    client.uses += 1;
    return client.address;
  }

  /** IPv4 as often as IPv6, whose first 64 bits are what counts. */
  private another(): string {
    const part = (below: number): number => Math.floor(this.chance() * below);
    return this.chance() < 0.5
      ? `10.${part(256)}.${part(256)}.${part(256)}`
      : `2001:db8:${part(65_536).toString(16)}:${part(65_536).toString(16)}::${part(65_536).toString(16)}`;
  }
}
