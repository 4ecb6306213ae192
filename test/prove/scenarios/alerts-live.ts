import { bearerOf } from '../../support/bearer';
import { hub as runCommand } from '../../support/command-line';
import { eventually } from '../../support/eventually';
import { LiveClient, type LiveBody } from '../../support/live-client';
import { seedFleet, type Member } from '../fleet/fleet';
import { ProveHub } from '../fleet/prove-hub';
import { AlertWatch } from '../live/alert-watch';
import { Collector } from '../live/collector';
import { panelQueries } from '../live/panels';
import { Prometheus } from '../live/prometheus';
import { SCALE, scaledRules } from '../live/scaled-rules';
import { NOT_COUNTED, type Claim, type Row, type Scenario, type Surroundings } from '../scenario';

const EXPORT_EVERY_MS = 1_000;
/** A process that has sent nothing for as many exports is gone. */
const FORGET_AFTER_MS = 5_000;
const LIFE_SECONDS = 3_600;
/** What is left of the token that is to lapse. */
const LAPSES_IN_SECONDS = 8;
const PATIENCE_MS = 60_000;

/** A trouble that is made and mended. */
interface Trouble {
  readonly what: string;
  /** What must page, as `name` or `name provider`. */
  readonly pages: readonly string[];
  /** What may page besides, since it is the same trouble. */
  readonly besides?: readonly string[];
  readonly begin: () => Promise<void>;
  readonly mend: () => Promise<void>;
}

class Stage {
  private readonly claims: Claim[] = [];

  constructor(
    readonly hub: ProveHub,
    readonly watch: AlertWatch,
    private readonly say: (line: string) => void,
  ) {}

  get claimed(): readonly Claim[] {
    return this.claims;
  }

  claim(holds: boolean, what: string): void {
    this.claims.push({ holds, what });
  }

  /** Makes the trouble, waits for its pages, mends it, waits until they are over, and sees that nothing else paged. */
  async play({ what, pages, besides = [], begin, mend }: Trouble): Promise<void> {
    this.watch.takePages();
    await begin();
    const rose = await Promise.all(pages.map((page) => this.watch.fires(page)));
    await mend();
    const fell = await Promise.all([...pages, ...besides].map((page) => this.watch.clears(page)));
    const others = this.watch.takePages().filter((page) => ![...pages, ...besides].includes(page));
    const told = `${what}: ${pages.map((page, place) => `${page} after ${rose[place]} s, over ${fell[place]} s after the mend`).join(', ')}`;
    this.say(told);
    this.claim(
      others.length === 0,
      others.length === 0 ? `${told}; no other page` : `${told}; but ${others.join(', ')} paged too`,
    );
  }

  /** As an operator has one refreshed. @returns the exit code */
  async refresh({ orgId, provider }: Member): Promise<number> {
    const [worker] = this.hub.workers;
    if (!worker) throw new Error('there is no worker');
    const { exitCode } = await runCommand(['refresh', '--org', orgId, '--provider', provider], {
      ...worker.environment,
    });
    return exitCode;
  }

  /** Has one refreshed until that succeeds: a breaker may hold it up for a while. */
  async refreshed(member: Member): Promise<void> {
    await eventually(`${member.provider} refreshed`, async () => (await this.refresh(member)) === 0, {
      withinMs: PATIENCE_MS,
    });
  }
}

/** Failed refreshes in a row: three are silent, the fourth pages. */
async function streak(stage: Stage): Promise<void> {
  const { sandbox } = stage.hub;
  const [member] = await seedFleet(stage.hub, {
    provider: 'google_drive',
    count: 1,
    lifeSeconds: LIFE_SECONDS,
    due: 'fresh',
    name: 'streak',
  });
  if (!member) throw new Error('nobody was seeded');
  const mend = await sandbox.fault('google_drive', {
    on: 'refresh',
    kind: 'status',
    status: 503,
    account: member.account,
  });
  for (let failure = 1; failure <= 3; failure += 1) await stage.refresh(member);
  const failures = async (): Promise<number> => {
    const [row] = await stage.hub.database.rows<{ failures: number }>(
      'select failed_refreshes as failures from public.integrations where id = $1',
      [member.id],
    );
    return row?.failures ?? -1;
  };
  const before = await failures();
  stage.watch.takePages();
  await stage.watch.fewLooks(50); // figures are ten seconds old at most
  const silent = stage.watch.takePages();
  stage.claim(
    before === 3 && silent.length === 0,
    `${before} failed refreshes in a row page nobody (${silent.join(', ') || 'silent'})`,
  );
  await stage.play({
    what: 'provider answers 503 for one integration, a fourth time',
    pages: ['RefreshConsecutiveFailures google_drive'],
    begin: async () => void (await stage.refresh(member)),
    mend: async () => {
      await mend();
      await stage.refreshed(member);
    },
  });
}

/** A token that ends before anybody may refresh it. */
async function lapse(stage: Stage): Promise<void> {
  const account = 'lapse0';
  let member: Member | undefined;
  let mend: () => Promise<void>;
  await stage.play({
    what: 'a token ends while its provider answers 503',
    pages: ['RefreshWindowElapsed notion', 'TokenLapsed notion'],
    begin: async () => {
      mend = await stage.hub.sandbox.fault('notion', { on: 'refresh', kind: 'status', status: 503, account });
      [member] = await seedFleet(stage.hub, {
        provider: 'notion',
        count: 1,
        lifeSeconds: LIFE_SECONDS,
        due: LAPSES_IN_SECONDS,
        name: 'lapse',
      });
    },
    mend: async () => {
      await mend();
      if (member) await stage.refreshed(member);
    },
  });
}

/** The provider no longer knows our secret. */
async function wrongSecret(stage: Stage): Promise<void> {
  const { sandbox } = stage.hub;
  const [member] = await seedFleet(stage.hub, {
    provider: 'google_drive',
    count: 1,
    lifeSeconds: LIFE_SECONDS,
    due: 'fresh',
    name: 'secret',
  });
  if (!member) throw new Error('nobody was seeded');
  const { GOOGLE_CLIENT_SECRET: secret } = await sandbox.credentials();
  await stage.play({
    what: 'the provider takes another client secret',
    pages: ['ClientCredentialsRejected google_drive'],
    begin: async () => {
      await sandbox.set('google_drive', { clientSecrets: ['another'] });
      await stage.refresh(member);
    },
    mend: async () => {
      await sandbox.set('google_drive', { clientSecrets: [secret] });
      await stage.refreshed(member);
    },
  });
}

/** All refresh workers die at once. */
async function noWorkers(stage: Stage): Promise<void> {
  const { workers } = stage.hub;
  await stage.play({
    what: 'all refresh workers are killed',
    pages: ['WorkersAbsent', 'SchedulerStalled', 'MetricsAbsent'],
    begin: async () => void (await Promise.all(workers.map((worker) => worker.kill()))),
    mend: async () => void (await Promise.all(workers.map((worker) => worker.start()))),
  });
}

/** What a product service asks for. */
const CALLS = [
  ['GET', 'integrations/google_drive/token'],
  ['GET', 'integrations/google_drive/proxy/drive/v3/about?fields=user'],
  ['POST', 'integrations/google_drive/sync'],
  ['POST', 'integrations/google_drive/refresh'],
  ['POST', 'integrations-connect', { provider: 'zapier', webhookUrl: 'https://hooks.zapier.com/hooks/catch/7/live/' }],
  ['POST', 'integrations/zapier/events', { type: 'order.paid', data: { order: 7 } }],
] as const;

/**
 * A product service reads a token, calls the provider through the proxy, has the token refreshed and its metadata synced,
 * sends an event to a webhook, and hears of all of it, as on any day.
 *
 * @returns how long after its time each event was at the socket, in milliseconds
 */
async function use(stage: Stage): Promise<number[]> {
  const [member] = await seedFleet(stage.hub, {
    provider: 'google_drive',
    count: 1,
    lifeSeconds: LIFE_SECONDS,
    due: 'fresh',
    name: 'used',
  });
  const [gateway] = stage.hub.gateways;
  if (!member || !gateway) throw new Error('nobody was seeded, or there is no gateway');
  const authorization = `Bearer ${await bearerOf({ org: member.orgId })}`;
  const follower = await LiveClient.open(gateway.base, { headers: { authorization } });
  const behindMs: number[] = [];
  follower.socket.on('message', (data: Buffer) => {
    const { at } = JSON.parse(data.toString()) as Partial<LiveBody>;
    if (at !== undefined) behindMs.push(Date.now() - Date.parse(at));
  });
  await follower.ready();
  const asked = [];
  for (const [method, path, body] of CALLS) {
    const answer = await fetch(`${gateway.base}/functions/v1/${path}`, {
      method,
      headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    await answer.body?.cancel();
    asked.push(`${path} ${answer.status}`);
  }
  const heard = ['refresh.succeeded', 'delivery.succeeded'];
  for (const name of heard) await follower.event(name, undefined, PATIENCE_MS);
  await follower.close();
  stage.claim(
    asked.every((answer) => / 20[02]$/.test(answer)),
    `a product service is served: ${asked.join(', ')}, and hears of ${heard.join(' and ')}`,
  );
  return behindMs;
}

/** Every panel of the dashboards has something to draw. */
async function panels(stage: Stage, prometheus: Prometheus): Promise<void> {
  const queries = panelQueries();
  const empty: string[] = [];
  for (const { panel, expr } of queries) if ((await prometheus.seriesOf(expr)) === 0) empty.push(panel);
  stage.claim(
    queries.length > 0 && empty.length === 0,
    `${queries.length} queries of panels give a series${empty.length > 0 ? `, but ${empty.join(', ')}` : ''}`,
  );
}

async function run(surroundings: Surroundings): Promise<Row> {
  const { atEnd, dist, logFolder, workFolder, say } = surroundings;
  const collector = await Collector.start(FORGET_AFTER_MS);
  atEnd(() => collector.stop());
  const hub = await ProveHub.prepare({
    servers: await surroundings.sharedServers(),
    dist,
    logFolder,
    workFolder,
    workers: 2,
    syncWorkers: 1,
    deliveryWorkers: 1,
    gateways: 1,
    settings: collector.settings(EXPORT_EVERY_MS),
  });
  atEnd(() => hub.stop());
  await hub.startApps();
  await eventually('exports of all apps', async () => collector.received >= 8, { withinMs: PATIENCE_MS });
  const prometheus = await Prometheus.start(collector.port, scaledRules(), workFolder);
  atEnd(() => prometheus.stop());
  const watch = new AlertWatch(prometheus);
  watch.start();
  const stage = new Stage(hub, watch, say);
  await watch.fires('Watchdog');
  await eventually('figures of the fleet', async () => (await prometheus.seriesOf('hub_integration_lapsed')) > 0, {
    withinMs: PATIENCE_MS,
  });
  await Promise.all(['WorkersAbsent', 'SchedulerStalled', 'MetricsAbsent'].map((alert) => watch.clears(alert)));
  const [behindMs] = await Promise.all([use(stage), streak(stage)]);
  await lapse(stage);
  await wrongSecret(stage);
  await panels(stage, prometheus);
  await noWorkers(stage);
  const errors = await prometheus.ruleErrors();
  stage.claim(
    errors.length === 0,
    `Prometheus evaluates every rule${errors.length > 0 ? `: ${errors.join('; ')}` : ''}`,
  );
  stage.claim(
    collector.troubles.length === 0,
    `${collector.received} exports were read${collector.troubles.length > 0 ? `, but ${collector.troubles[0]}` : ''}`,
  );
  await watch.stop();
  const [{ refreshes = '0' } = {}] = await hub.database.rows<{ refreshes: string }>(
    "select count(*) as refreshes from public.audit_events where name = 'refresh.succeeded'",
  );
  return {
    tokens: 4,
    refreshes: Number(refreshes),
    faults: 4,
    ...NOT_COUNTED,
    lapses: { count: 0, note: 'not counted: one is wanted' },
    recoveryMs: null,
    note: `Prometheus ${prometheus.version}, rules ${SCALE} times faster; tickets: ${watch.allTickets.join(', ') || 'none'}; ${behindMs.length} events at a socket, the slowest ${Math.max(...behindMs)} ms after its time`,
    claims: stage.claimed,
    violations: [],
  };
}

export const alertsLive: readonly Scenario[] = [
  {
    name: 'alerts-live',
    proves:
      'the hub’s own metrics, in a real Prometheus with the alerts: what is broken pages, clears once mended, and nothing else does',
    weight: 1,
    run,
  },
];
