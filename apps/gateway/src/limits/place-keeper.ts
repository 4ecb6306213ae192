import type { PlacesConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { count } from '@hub/telemetry';
import type { Caller } from '../callers/caller';
import type { DenialsService } from '../callers/denials.service';
import { Places, type Full } from './places';

/** What the places are for, in words. */
export interface PlacesFor {
  /** As the trail names the limit, before `_org` and `_gateway`. */
  readonly limit: 'live_sockets' | 'proxy_calls';
  /** As people name what is open: `sockets open`. */
  readonly what: string;
  /** When to come again where all places are taken. */
  readonly askAgainSeconds: number;
}

/** So often at most the trail is told that an org's places, or the gateway's, are all taken. */
const TOLD_EVERY_MS = 60_000;

/** Lets callers in as long as there are places, and tells the trail where there are none. */
export class PlaceKeeper {
  private readonly places: Places;
  private readonly told = new Set<string>();

  constructor(
    most: PlacesConfig,
    private readonly words: PlacesFor,
    private readonly denials: Pick<DenialsService, 'record'>,
  ) {
    this.places = new Places(most);
  }

  /** @returns what gives the place back, which may be called again. @throws HubError `rate_limited` if there is none */
  take(caller: Pick<Caller, 'orgId' | 'sub'>, address: string): () => void {
    const place = this.places.take(caller.orgId);
    if (typeof place === 'string') throw this.full(place, caller, address);
    return place;
  }

  private full(full: Full, { orgId, sub }: Pick<Caller, 'orgId' | 'sub'>, address: string): HubError {
    const { limit, what, askAgainSeconds } = this.words;
    const key = full === 'ofOrg' ? orgId : full;
    const name = `${limit}_${full === 'ofOrg' ? 'org' : 'gateway'}`;
    if (!this.told.has(key)) {
      this.told.add(key);
      setTimeout(() => this.told.delete(key), TOLD_EVERY_MS).unref();
      this.denials.record({ name: 'limit.reached', orgId, sub, address, detail: { limit: name } });
    }
    count('denials', { 'hub.reason': 'rate_limited' });
    return new HubError('rate_limited', `This ${full === 'ofOrg' ? 'org' : 'gateway'} has too many ${what}.`, {
      retryAfterSeconds: askAgainSeconds,
    });
  }
}
