import { setTimeout as sleep } from 'node:timers/promises';
import { parseOrgId, type OrgId } from '@hub/domain';
import type { HubDatabase } from './hub-database';
import { NoticeLine } from './notice-line.client';

const CHANNEL = 'hub_events';
/** The first half of the locks by which followers are known; the migration that makes `hub.notice_event` has the same. */
const FOLLOWERS = 7_264_020;
/** A place that could not be held is tried again after so long. */
const PAUSE_MS = 1_000;

/**
 * Hears which of the followed trails have gone on, over a line of its own. Only what is followed is noticed: the session of
 * the line holds, shared, the lock of each followed org's place among 256, which whoever appends an event looks for.
 */
export class EventNotices {
  private readonly line: NoticeLine;
  private hearer: ((orgId: OrgId) => void) | undefined;
  /** Followed orgs of each place. */
  private readonly followed = new Map<number, number>();
  /** Places whose lock the line's session holds. */
  private readonly held = new Set<number>();
  private isSettling = false;
  private isClosed = false;

  /** @param databaseUrl, name, door as for {@link NoticeLine} */
  constructor(databaseUrl: string, name: string, door: HubDatabase) {
    this.line = new NoticeLine({
      databaseUrl,
      name,
      door,
      channel: CHANNEL,
      hear: (payload) => this.tell(payload),
      opened: () => {
        this.held.clear(); // the session before has let go of them
        void this.settle();
      },
    });
  }

  /** Calls `hear` with each followed org whose trail has gone on, and now and then with another. Once. */
  listen(hear: (orgId: OrgId) => void): void {
    this.hearer = hear;
  }

  /** Calls `tell` once a new connection has been tried, as {@link NoticeLine.whenTried} does. */
  whenTried(tell: (isHeard: boolean) => void): void {
    this.line.whenTried(tell);
  }

  /** Follows an org's trail until {@link unfollow}. Connects at the first call. */
  follow(orgId: OrgId): void {
    const place = placeOf(orgId);
    this.followed.set(place, (this.followed.get(place) ?? 0) + 1);
    this.line.open();
    void this.settle();
  }

  unfollow(orgId: OrgId): void {
    const place = placeOf(orgId);
    const left = (this.followed.get(place) ?? 0) - 1;
    if (left > 0) this.followed.set(place, left);
    else this.followed.delete(place);
    void this.settle();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.line.close();
  }

  private tell(payload: string): void {
    const orgId = parseOrgId(payload);
    if (orgId) this.hearer?.(orgId);
  }

  /** Takes and gives back locks until the session holds those of the followed places and no other. */
  private async settle(): Promise<void> {
    if (this.isSettling) return;
    this.isSettling = true;
    for (let change = this.nextChange(); change && !this.isClosed; change = this.nextChange()) {
      const { place, isTaken } = change;
      try {
        await this.line.run(`select ${isTaken ? 'pg_advisory_lock_shared' : 'pg_advisory_unlock_shared'}($1, $2)`, [
          FOLLOWERS,
          place,
        ]);
        if (isTaken) this.held.add(place);
        else this.held.delete(place);
      } catch {
        // no connection, or a writer that takes long: until then the place's trails are looked at now and then all the same
        await sleep(PAUSE_MS, undefined, { ref: false });
      }
    }
    this.isSettling = false;
  }

  private nextChange(): { readonly place: number; readonly isTaken: boolean } | undefined {
    for (const place of this.followed.keys()) if (!this.held.has(place)) return { place, isTaken: true };
    for (const place of this.held) if (!this.followed.has(place)) return { place, isTaken: false };
    return undefined;
  }
}

/** The last byte of a UUID is drawn by chance in every version that orgs have. */
function placeOf(orgId: OrgId): number {
  return Number.parseInt(orgId.slice(-2), 16);
}
