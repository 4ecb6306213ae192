import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { count, HubLogger, observe, preset } from '@hub/telemetry';
import {
  Controller,
  Inject,
  Req,
  Res,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { SessionsService } from '../console-session/sessions.service';
import type { HubReply, HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import { asksForUpgrade, takeUpgrade } from '../http/upgrades';
import { handshakeProblem, WEBSOCKET_VERSION } from './handshake';
import { LIVE_CLOSES, toldClose } from './live-closes';
import { LiveConnection } from './live-connection.socket';
import { LiveFeed, type Start } from './live-feed.service';
import { LivePlaces, type Full } from './live-places';
import { followLive, LIVE_PROTOCOL } from './live-status.routes';

/** So often each client is asked whether it is still there. */
const BEAT_EVERY_MS = 20_000;
/** So often it is asked whether the browser behind a socket is still signed in. */
const LOOK_EVERY_MS = 60_000;
/** When to come again where all places are taken. */
const ASK_AGAIN_SECONDS = 10;

const SERVER_OPTIONS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false, // messages are short, and each compressor takes memory for every client
  maxPayload: 1_024, // nothing is read here
  closeTimeout: 2_000,
  handleProtocols: () => LIVE_PROTOCOL, // it was looked at before, and the bearer beside it is never said back
} as const;

/** Live status: where its sockets come in, and go again. */
@Controller()
export class LiveStatusSocket implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly server = new WebSocketServer(SERVER_OPTIONS);
  private readonly connections = new Set<LiveConnection>();
  private readonly places: LivePlaces;
  /** Whose places were all taken already, and told so to the trail. */
  private readonly told = new Set<string>();
  private isClosing = false;
  private timer: NodeJS.Timeout | undefined;
  private endGauge: (() => void) | undefined;

  constructor(
    @Inject(HUB_CONFIG) { liveSockets }: HubConfig,
    private readonly feed: LiveFeed,
    private readonly sessions: SessionsService,
    private readonly denials: DenialsService,
    private readonly logger: HubLogger,
  ) {
    this.places = new LivePlaces(liveSockets);
  }

  onApplicationBootstrap(): void {
    preset('liveClosed');
    this.endGauge = observe('liveSockets', () => [{ value: this.connections.size, attributes: {} }]);
    this.timer = setInterval(() => this.beat(), BEAT_EVERY_MS);
  }

  /** Opens a socket for whoever has passed all checks; until then there was HTTP and nothing else. */
  @Route(followLive)
  async open(
    @CurrentCaller() caller: Caller,
    @Input() { query }: RouteInput<typeof followLive>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    this.checkHandshake(request, reply);
    this.takePlace(caller, request);
    const start = await this.feed.startOf(caller.orgId, query.after);
    const { socket, head } = takeUpgrade(request.raw);
    reply.hijack();
    this.server.handleUpgrade(request.raw, socket, head, (opened) => this.join(opened, request, caller, start));
  }

  private checkHandshake({ raw }: HubRequest, reply: HubReply): void {
    const problem = asksForUpgrade(raw)
      ? handshakeProblem(raw.headers, LIVE_PROTOCOL)
      : new HubError('invalid_request', 'This path speaks WebSocket: the request must ask for it.', { status: 426 });
    if (problem?.status === 426)
      void reply.headers({ upgrade: 'websocket', 'sec-websocket-version': WEBSOCKET_VERSION });
    if (problem) throw problem;
    if (!this.isClosing) return;
    throw new HubError('provider_unavailable', 'This gateway is being stopped: another one takes the socket.', {
      title: 'The gateway stops',
      fix: 'Open the socket again.',
      retryAfterSeconds: 1,
    });
  }

  /** A place is taken for as long as the line stands, whatever comes of it. @throws HubError `rate_limited` if there is none */
  private takePlace(caller: Caller, { raw, ip }: HubRequest): void {
    const place = this.places.take(caller.orgId);
    if (typeof place === 'string') throw this.full(place, caller, ip);
    const giveBack = (): void => {
      place();
      this.told.delete(caller.orgId);
      this.told.delete('ofGateway');
    };
    if (raw.socket.destroyed) giveBack();
    else raw.socket.once('close', giveBack);
  }

  private full(full: Full, { orgId, sub }: Caller, address: string): HubError {
    const key = full === 'ofOrg' ? orgId : full;
    const limit = full === 'ofOrg' ? 'live_sockets_org' : 'live_sockets_gateway';
    if (!this.told.has(key)) this.denials.record({ name: 'limit.reached', orgId, sub, address, detail: { limit } });
    this.told.add(key);
    count('denials', { 'hub.reason': 'rate_limited' });
    return new HubError(
      'rate_limited',
      full === 'ofOrg' ? 'This org has too many sockets open.' : 'This gateway has too many sockets open.',
      { retryAfterSeconds: ASK_AGAIN_SECONDS },
    );
  }

  private join(opened: WebSocket, { session, cookies }: HubRequest, { orgId, expiresAt }: Caller, start: Start): void {
    const connection = new LiveConnection(opened, expiresAt);
    this.connections.add(connection);
    const looking = session && setInterval(() => void this.closeIfSignedOut(connection, cookies), LOOK_EVERY_MS);
    const leave = this.feed.follow(orgId, start, connection);
    void connection.ended.then((code) => {
      leave();
      clearInterval(looking);
      this.connections.delete(connection);
      count('liveClosed', { 'hub.close_code': toldClose(code) });
      if (code === LIVE_CLOSES.tooSlow) this.logger.warning('hub.live.too_slow', { org: orgId });
    });
    if (this.isClosing) connection.close(LIVE_CLOSES.goingAway);
  }

  /** Whoever signs out takes his sockets along, and so does a session that nobody uses: a socket alone is no use of it. */
  private async closeIfSignedOut(connection: LiveConnection, cookies: HubRequest['cookies']): Promise<void> {
    try {
      if (!(await this.sessions.ofBrowser(cookies, false))) connection.close(LIVE_CLOSES.expired);
    } catch (error) {
      this.logger.failure('hub.live.session_unread', error); // looked for again in a minute
    }
  }

  private beat(): void {
    for (const connection of this.connections) connection.beat();
  }

  /** Before the server ends: it would wait for every line that is open. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isClosing = true;
    clearInterval(this.timer);
    const open = [...this.connections];
    for (const connection of open) connection.close(LIVE_CLOSES.goingAway);
    await Promise.all(open.map(({ ended }) => ended));
    this.endGauge?.();
  }
}
