import { setTimeout as sleep } from 'node:timers/promises';
import { EventNotices, LiveTrailRepository, type LivePage } from '@hub/database';
import { HubError, LIVE_EVENT_NAMES, type OrgId } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { HubLogger, measure } from '@hub/telemetry';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { integrationView } from '../integrations/integration-view';
import { AtMost } from './at-most';
import { LIVE_CLOSES } from './live-closes';
import type { LiveConnection } from './live-connection.socket';
import { eventMessage, readyMessage } from './live-message';

/** So often all followed trails are looked at, whatever was noticed. */
const LOOK_EVERY_MS = 500;
/** Connections that reading takes at once, however many come back after a gap: the pool is there for callers first. */
const MOST_READS = 3;
/** Events of one page. */
const MOST_EVENTS = 100;

/** Where a follower begins. */
export interface Start {
  /** It has everything up to here. */
  readonly position: number;
  /** The end of the trail. */
  readonly head: number;
}

/** What a follower takes messages by. */
export type FollowerConnection = Pick<LiveConnection, 'isOpen' | 'send' | 'sendAtItsPace' | 'close'>;

interface Follower {
  readonly connection: FollowerConnection;
  /** It has everything up to here. */
  position: number;
}

/** An org with followers at this gateway. */
interface FollowedOrg {
  readonly orgId: OrgId;
  /** The trail was read up to here for those who are live. */
  cursor: number;
  /** Who has everything up to the cursor, and takes what comes. */
  readonly live: Set<Follower>;
  /** Those who are live, and those who still read what they have missed. */
  readonly all: Set<Follower>;
  isReading: boolean;
  /** There may be more since the last page was read. */
  isStale: boolean;
}

interface Message {
  readonly seq: number;
  readonly text: string;
}

/**
 * Reads the trails of the orgs that have followers here, each once for all of its followers, as soon as something is
 * noticed and twice a second anyhow. The trail is the one source: every gateway reads it for itself, none hears of others.
 */
@Injectable()
export class LiveFeed implements OnApplicationBootstrap {
  private readonly orgs = new Map<OrgId, FollowedOrg>();
  private readonly reads = new AtMost(MOST_READS);
  private timer: NodeJS.Timeout | undefined;
  private isLooking = false;
  private isBlind = false;

  constructor(
    private readonly trail: LiveTrailRepository,
    private readonly notices: EventNotices,
    private readonly providers: ProviderRegistry,
    private readonly logger: HubLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.notices.listen((orgId) => {
      const org = this.orgs.get(orgId);
      if (org) void this.readOn(org);
    });
    this.notices.whenTried((isHeard) => {
      if (isHeard) void this.look();
      else this.logger.warning('hub.notices.unheard', { fix: 'set DATABASE_NOTICES_URL to PostgreSQL itself' });
    });
  }

  /**
   * Where a follower begins.
   *
   * @param after the last `seq` that it has; absent: the end of the trail
   * @throws HubError `invalid_request` (422) if the trail has not come so far
   */
  async startOf(orgId: OrgId, after: number | undefined): Promise<Start> {
    const head = (await this.reads.run(() => this.trail.heads([orgId]))).get(orgId) ?? 0;
    if (after !== undefined && after > head)
      throw new HubError('invalid_request', 'The query is not valid: after: the trail of this org is not so long.', {
        fix: 'Read the integrations anew, and open the socket without after.',
      });
    return { position: after ?? head, head };
  }

  /** Has a connection told what follows in the trail of an org: first what it has missed, then what comes. @returns ends it */
  follow(orgId: OrgId, { position, head }: Start, connection: FollowerConnection): () => void {
    const known = this.orgs.get(orgId);
    const org = known ?? this.begin(orgId, head);
    const follower: Follower = { connection, position };
    org.all.add(follower);
    connection.send(readyMessage(position));
    void this.catchUp(org, follower);
    if (!known) void this.readOn(org); // what was written since the head was read is not noticed any more
    return () => this.leave(org, follower);
  }

  private begin(orgId: OrgId, cursor: number): FollowedOrg {
    const org = {
      orgId,
      cursor,
      live: new Set<Follower>(),
      all: new Set<Follower>(),
      isReading: false,
      isStale: false,
    };
    this.orgs.set(orgId, org);
    this.notices.follow(orgId);
    this.timer ??= setInterval(() => void this.look(), LOOK_EVERY_MS);
    return org;
  }

  private leave(org: FollowedOrg, follower: Follower): void {
    org.live.delete(follower);
    org.all.delete(follower);
    if (org.all.size === 0) this.forget(org);
  }

  private forget(org: FollowedOrg): void {
    if (this.orgs.get(org.orgId) !== org) return;
    this.orgs.delete(org.orgId);
    this.notices.unfollow(org.orgId);
    if (this.orgs.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Asks for the ends of all followed trails at once, and reads on where one is elsewhere than the cursor. */
  private async look(): Promise<void> {
    if (this.isLooking || this.orgs.size === 0) return;
    this.isLooking = true;
    const orgs = [...this.orgs.values()];
    const heads = await this.trying(() => this.trail.heads(orgs.map(({ orgId }) => orgId)));
    this.isLooking = false;
    if (heads) for (const org of orgs) if ((heads.get(org.orgId) ?? 0) !== org.cursor) void this.readOn(org);
  }

  /** Reads on from the cursor, for those who are live. One at a time for each org. */
  private async readOn(org: FollowedOrg): Promise<void> {
    org.isStale = true;
    if (org.isReading) return;
    org.isReading = true;
    while (org.isStale && org.all.size > 0) {
      org.isStale = false;
      const page = await this.page(org, org.cursor);
      if (!page) break; // the next look comes back to it
      org.isStale ||= page.upTo < page.head;
      this.tell(org, page);
    }
    org.isReading = false;
  }

  private tell(org: FollowedOrg, page: LivePage): void {
    const startedMs = performance.now();
    const messages = org.live.size > 0 ? this.messagesOf(page) : [];
    for (const follower of org.live) {
      for (const { seq, text } of messages) if (seq > follower.position) follower.connection.send(text);
      follower.position = Math.max(follower.position, page.upTo);
    }
    org.cursor = page.upTo;
    const tookMs = performance.now() - startedMs;
    if (org.live.size > 0) for (const { ageMs } of page.events) measure('liveDelay', (ageMs + tookMs) / 1_000, {});
  }

  /** Reads for one follower what it has missed, at its own pace, until it has all that the others have. */
  private async catchUp(org: FollowedOrg, follower: Follower): Promise<void> {
    const { connection } = follower;
    while (connection.isOpen) {
      if (follower.position >= org.cursor) {
        org.live.add(follower); // at this very moment: nothing lies between what it has and what comes
        return;
      }
      const page = await this.page(org, follower.position);
      if (!page) {
        await sleep(LOOK_EVERY_MS, undefined, { ref: false });
        continue;
      }
      for (const { text } of this.messagesOf(page)) {
        await connection.sendAtItsPace(text);
        if (!connection.isOpen) return;
      }
      follower.position = page.upTo;
    }
  }

  /** @returns `undefined` while the database is away, and where the trail was set back: then nobody is left who follows */
  private async page(org: FollowedOrg, after: number): Promise<LivePage | undefined> {
    const known = Math.max(after, org.cursor);
    const page = await this.trying(() =>
      this.reads.run(() => this.trail.page(org.orgId, { after, names: LIVE_EVENT_NAMES, most: MOST_EVENTS })),
    );
    if (!page || page.head >= known) return page;
    this.setBack(org);
    return undefined;
  }

  /** The database is one from before: what followers have may never have happened. */
  private setBack(org: FollowedOrg): void {
    this.logger.warning('hub.live.set_back', { org: org.orgId, followers: org.all.size });
    this.forget(org); // who comes now begins anew
    for (const { connection } of org.all) connection.close(LIVE_CLOSES.setBack);
  }

  private messagesOf({ events, integrations }: LivePage): Message[] {
    return events.map((event) => {
      const provider = event.provider === null ? undefined : this.providers.find(event.provider);
      const integration = integrations.find((one) => one.provider === event.provider);
      return { seq: event.seq, text: eventMessage(event, provider ? integrationView(provider, integration) : null) };
    });
  }

  /** What is thrown is told once until it is over. @returns `undefined` then */
  private async trying<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      const found = await read();
      if (this.isBlind) this.logger.info('hub.live.reads_again');
      this.isBlind = false;
      return found;
    } catch (error) {
      if (!this.isBlind) this.logger.failure('hub.live.read_failed', error);
      this.isBlind = true;
      return undefined;
    }
  }
}
