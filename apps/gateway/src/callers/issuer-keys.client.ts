import { egressEvents, type EventDraft } from '@hub/domain';
import type { OutboundClient, OutboundOutcome } from '@hub/outbound';
import type { HubLogger } from '@hub/telemetry';
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';

const DEADLINE_MS = 5_000;
const LONGEST_KEY_SET_BYTES = 64 * 1024;
/** So long a key set is used without asking for it again. */
const FRESH_MS = 10 * 60_000;
/** So long the last good key set is used while no other comes. */
const USABLE_MS = 24 * 60 * 60_000;
/** An unknown key id asks for the key set again, but not more often than this. */
const COOLDOWN_MS = 30_000;
/** After a fetch that failed, the next waits so long. */
const PAUSE_MS = 5_000;

/** The issuer's keys cannot be fetched, and none from before are those of this token. */
export class IssuerAway extends Error {
  /**
   * @param reason  a fixed word, such as `timeout` or `http_302`
   * @param hasKeys whether there are keys from before: then the token names one that is new, or made up
   */
  constructor(
    readonly reason: string,
    readonly hasKeys: boolean,
  ) {
    super('the keys of the issuer cannot be fetched');
    this.name = 'IssuerAway';
  }
}

type LocalKeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * The keys of the tokens' issuer (RFC 7517), fetched when they are needed. While the issuer is away the last good set goes
 * on for a day: who may call does not hang on another's uptime, and a key that was withdrawn is believed that long at most.
 */
export class IssuerKeys {
  private last: { readonly keys: LocalKeySet; readonly fetchedAt: number } | undefined;
  private triedAt = -Infinity;
  /** Why the last fetch failed; `undefined`: it did not. */
  private fault: string | undefined;
  private fetching: Promise<void> | undefined;

  /**
   * @param outbound a client that may reach the issuer
   * @param tell     takes what the trail must hear: once, when an answer begins to lead elsewhere
   * @param nowMs    a clock that only goes forward
   */
  constructor(
    private readonly url: string,
    private readonly outbound: Pick<OutboundClient, 'send'>,
    private readonly logger: Pick<HubLogger, 'info' | 'warning'>,
    private readonly tell: (event: EventDraft) => void,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /**
   * The key that a token names by its header, for jose's `jwtVerify`.
   *
   * @throws IssuerAway if nobody can say which keys there are
   * @throws errors.JOSEError if the issuer has no such key
   */
  readonly keyFor = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    const keys = await this.current();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // a key that is new, perhaps
      if (this.mayFetch(COOLDOWN_MS)) await this.fetch();
      if (this.fault !== undefined) throw new IssuerAway(this.fault, true);
      return (this.last?.keys ?? keys)(header, token);
    }
  };

  private async current(): Promise<LocalKeySet> {
    if (this.ageMs() >= FRESH_MS && this.mayFetch(0)) {
      const fetching = this.fetch();
      // who is known to be away is not waited for, as long as there are keys
      if (this.fault === undefined || this.ageMs() >= USABLE_MS) await fetching;
    }
    if (!this.last || this.ageMs() >= USABLE_MS) throw new IssuerAway(this.fault ?? 'not_fetched', false);
    return this.last.keys;
  }

  private ageMs(): number {
    return this.last ? this.nowMs() - this.last.fetchedAt : Infinity;
  }

  /** True if one is under way, or may be: the last one is `restMs` ago, or some seconds if it failed. */
  private mayFetch(restMs: number): boolean {
    const waitMs = this.fault === undefined ? restMs : PAUSE_MS;
    return this.fetching !== undefined || this.nowMs() >= this.triedAt + waitMs;
  }

  /** One at a time; never throws: how it went is in `fault`. */
  private fetch(): Promise<void> {
    this.fetching ??= this.fetchNow().finally(() => (this.fetching = undefined));
    return this.fetching;
  }

  private async fetchNow(): Promise<void> {
    const outcome = await this.outbound.send({
      method: 'GET',
      url: this.url,
      headers: { accept: 'application/json, application/jwk-set+json' },
      deadlineMs: DEADLINE_MS,
      maxBytes: LONGEST_KEY_SET_BYTES,
    });
    this.triedAt = this.nowMs();
    const read = readKeySet(outcome);
    if (typeof read === 'string') {
      this.logger.warning('hub.issuer.keys_unavailable', { reason: read, goesOn: this.ageMs() < USABLE_MS });
      if (read !== this.fault) egressEvents({ reason: read }).forEach(this.tell);
      this.fault = read;
      return;
    }
    if (this.fault !== undefined) this.logger.info('hub.issuer.keys_available');
    this.fault = undefined;
    this.last = { keys: read, fetchedAt: this.triedAt };
  }
}

/** The key set that an answer holds, or a fixed word for why there is none. */
function readKeySet(outcome: OutboundOutcome): LocalKeySet | string {
  if (outcome.kind !== 'answer') return outcome.reason;
  if (outcome.answer.status !== 200) return `http_${outcome.answer.status}`;
  try {
    return createLocalJWKSet(outcome.answer.json as JSONWebKeySet);
  } catch {
    return 'no_key_set'; // it says no more: what is wrong with it is the issuer's affair
  }
}
