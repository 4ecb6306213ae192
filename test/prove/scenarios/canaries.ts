import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CanarySearch } from '../canaries/canary-search';
import {
  CanaryHub,
  CONTROL_ACCOUNT,
  CONTROL_METRIC,
  CONTROL_ORG,
  CONTROL_PROBLEM,
  CONTROL_START,
  OAUTH,
} from '../canaries/canary-hub';
import { ECHOES } from '../canaries/echoes';
import { HOOK, POSITIONS } from '../canaries/provider-tap';
import { echoingHooks } from '../canaries/event-tour';
import type { Ended } from '../canaries/programs';
import type { Reached } from '../canaries/reached';
import {
  databaseDump,
  filesBelow,
  redisContents,
  searched,
  type Piece,
  type Searched,
  type Source,
} from '../canaries/sources';
import { badDays, echoRounds, goodDays, misplaced, programs, throughProxy } from '../canaries/tour';
import { NOT_COUNTED, type Claim, type Row, type Scenario, type Surroundings } from '../scenario';

/** Token reads are gathered before they are written. */
const WRITTEN_MS = 1_500;
/** An answer that waits for PostgreSQL, beside the journal. */
const SPOOLED = /^spool-refresh-worker-0\/[^/]+\.json$/;
const KINDS = [
  'access token',
  'refresh token',
  'authorization code',
  'state',
  'PKCE verifier',
  'client secret',
  'TOKEN_KEYS key',
  'AUTH_JWT_SECRET',
  'bearer JWT',
  'flow cookie',
  'confirm cookie',
  'CSRF proof',
  'handle',
  'address of a confirm page',
  'address of an input page',
  'webhook URL',
  'data of an event',
  'signing secret',
  'link of the console',
  'session cookie',
  'proof of a session',
  'database password',
  'Redis password',
  'password of the collector',
  'password of the proxy',
  'secret in a wrong place',
  'secret in a bad setting',
];

/** What must have been reached, by the step's name; the rest is told in the log folder. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  'shopify token, refresh, sync': /^200 200 200$/,
  'notion token, refresh, sync': /^200 200 200$/,
  'google_drive token, refresh, sync': /^200 200 200$/,
  'confirm: stranger, wrong proof, pressed, again, callback replayed': /^403 403 303 40[03] 400$/,
  'deferred: guessed, after a guess, again, in time, again': /^400 400 400 200 400$/,
  'zapier: page refuses, route refuses, checked, token': /^422 422 200 422$/,
  'shopify proxy: passed on, mended, refused': /^provider, provider; replayed, hub$/,
  'notion proxy: passed on, mended, refused': /^provider, provider; replayed, hub$/,
  'google_drive proxy: passed on, mended, refused': /^provider, provider; replayed, hub$/,
  'event, secret, rotated, event, log, settings': /^202 200 200 202 200 200$/,
  'hook gone, event waits': /^202$/,
  'delivery refused, replayed': /^202$/,
  'console: link, again, page, session, list, change, without a proof, with a wrong one, from elsewhere, signed out, cookie again':
    /^303 400 200 200 200 200 403 403 403 204 401$/,
  'misplaced in console and events': /^400 401 404 (413 )?422 426$/,
  'sockets refused': /^401 401 (400|401) 401 422$/,
  'shopify denied': /^access_denied$/,
  'notion denied': /^access_denied$/,
  'google_drive denied': /^access_denied$/,
  'proxy refuses, repeats, lets nobody through, breaks off': /^503 503 503 503, 4 by its password$/,
  misplaced: /^400 401 403 404 405 (409 )?414 415 422$/,
  callbacks: /^400( 404)?$/,
  'Redis away': /^200$/,
  'PostgreSQL away': /^50\d 50\d$/,
  'dead letter replayed': /^202$/,
};

interface Tour {
  readonly reached: Reached;
  readonly ended: readonly Ended[];
  /** What lay in Redis and in the spools at moments that pass. */
  readonly moments: { readonly redis: Piece[]; readonly spool: Piece[] };
}

async function runCanaries(surroundings: Surroundings): Promise<Row> {
  const { say, dist, logFolder } = surroundings;
  const hub = await CanaryHub.start(surroundings);
  const { reached, ended, moments } = await takeTour(hub, dist, say);
  await sleep(WRITTEN_MS);
  const secrets = hub.canaries.all();
  const controls = await controlsOf(hub);
  const search = new CanarySearch(new Map([...secrets, ...controls]));
  say(`${secrets.size} secrets in ${search.size} windows are looked for`);
  const results: Searched[] = [];
  for (const source of await sourcesOf(hub, surroundings, ended, moments))
    results.push(await searched(source, search, new Set(controls.values())));
  const events = await hub.toldEvents();
  writeFileSync(path.join(logFolder, 'canaries.json'), JSON.stringify(toldOf(hub, reached, results, events), null, 2));
  const hits = results.flatMap(({ name, hits: found }) =>
    found.map(({ what, how, where }) => `${name}: ${what}, ${how}, in ${where}`),
  );
  const bytes = results.reduce((sum, result) => sum + result.bytes, 0);
  const struck = [...hub.provider.struck.values()].reduce((sum, count) => sum + count, 0);
  return {
    tokens: events.get('integration.connected') ?? 0,
    refreshes: events.get('refresh.succeeded') ?? 0,
    faults: struck,
    ...NOT_COUNTED,
    recoveryMs: null,
    note: `${hits.length} hits of ${secrets.size} secrets of ${hub.canaries.counts().size} kinds in ${megabytes(bytes)} of ${results.length} sources; ${hub.provider.struck.size + reached.size} positions (${results.map((one) => `${one.name} ${megabytes(one.bytes)}`).join(', ')})`,
    claims: claimsOf(hub, reached, ended, results),
    violations: hits,
  };
}

async function takeTour(hub: CanaryHub, dist: string, say: (line: string) => void): Promise<Tour> {
  const reached: Reached = new Map();
  const moments = { redis: [] as Piece[], spool: [] as Piece[] };
  const look = async (): Promise<void> => {
    moments.redis.push(...(await redisContents(hub.servers.redisUrl)));
    moments.spool.push(...filesBelow(hub.hub.folder, /^(?!spool-)/));
  };
  await goodDays(hub, reached);
  await look();
  say('every provider repeats what it was sent, everywhere and in every manner');
  const rounds = OAUTH.map((id) => echoRounds(hub, id, reached));
  await Promise.all([...rounds, misplaced(hub, reached), throughProxy(hub, reached), echoingHooks(hub)]);
  await look();
  say('workers die, servers go away');
  await badDays(hub, reached, () => {
    const files = [...filesBelow(hub.hub.folder, /^(?!spool-)/)];
    const waits = files.some(({ where }) => SPOOLED.test(where));
    if (waits) moments.spool.push(...files);
    return Promise.resolve(waits);
  });
  say('commands and failed starts');
  const ended = await programs(hub, dist);
  await look();
  return { reached, ended, moments };
}

/** What must be found in every source, by the very search that finds no secret. */
async function controlsOf(hub: CanaryHub): Promise<Map<string, string>> {
  const [row] = await hub.hub.database.rows<{ account_label: string }>(
    `select account_label from public.integrations where org_id = $1 and provider = 'shopify'`,
    [hub.org],
  );
  return new Map([
    [hub.org, CONTROL_ORG],
    [row?.account_label ?? '', CONTROL_ACCOUNT],
    ['urn:hub:problem:', CONTROL_PROBLEM],
    ['"event.name":"hub.', CONTROL_START],
    ['hub.oauth.exchange.duration', CONTROL_METRIC],
  ]);
}

async function sourcesOf(
  hub: CanaryHub,
  { logFolder }: Surroundings,
  ended: readonly Ended[],
  moments: Tour['moments'],
): Promise<Source[]> {
  const { servers, gateway, collector } = hub;
  const answers = (from: (status: number) => boolean) => () =>
    gateway.answers
      .filter(({ status }) => from(status))
      .map(({ what, text }) => ({ where: what, bytes: Buffer.from(text) }));
  const sent = (key: string) => () =>
    collector.bodies
      .filter((body) => body.startsWith(`{"${key}"`))
      .map((body) => ({ where: key, bytes: Buffer.from(body) }));
  const logs = [...filesBelow(logFolder)];
  const logOf = (name: string) => () => logs.filter(({ where }) => where === `${name}.log`);
  await hub.hub.database.rows('checkpoint');
  const nativeRedis = [...filesBelow(servers.redisFolder, /\.conf$/)];
  return [
    ...['gateway-0', 'refresh-worker-0', 'metadata-sync-worker-0', 'delivery-worker-0'].map((name) => ({
      name: `log of ${name}`,
      holds: CONTROL_START,
      pieces: logOf(name),
    })),
    { name: 'log of PostgreSQL', holds: CONTROL_ORG, pieces: logOf('postgres') },
    { name: 'dump of PostgreSQL', holds: CONTROL_ORG, pieces: () => databaseDump(hub.databaseUrl) },
    { name: 'files of PostgreSQL', holds: CONTROL_ACCOUNT, pieces: () => filesBelow(servers.postgresFolder) },
    { name: 'contents of Redis', holds: CONTROL_ORG, pieces: () => moments.redis },
    // Valkey compiled to WebAssembly keeps everything in memory
    ...(nativeRedis.length > 0 ? [{ name: 'files of Redis', holds: CONTROL_ORG, pieces: () => nativeRedis }] : []),
    { name: 'spool and journal', holds: CONTROL_ORG, pieces: () => moments.spool },
    { name: 'problems', holds: CONTROL_PROBLEM, pieces: answers((status) => status >= 400 || status === 0) },
    { name: 'other answers', holds: CONTROL_ORG, pieces: answers((status) => status > 0 && status < 400) },
    {
      name: 'commands and failed starts',
      holds: CONTROL_ACCOUNT,
      pieces: () => ended.map(({ what, out, err }) => ({ where: what, bytes: Buffer.from(`${out}\n${err}`) })),
    },
    { name: 'spans', holds: CONTROL_ORG, pieces: sent('resourceSpans') },
    { name: 'metrics', holds: CONTROL_METRIC, pieces: sent('resourceMetrics') },
  ];
}

function claimsOf(
  { canaries, provider }: CanaryHub,
  reached: Reached,
  ended: readonly Ended[],
  results: readonly Searched[],
): Claim[] {
  const counts = canaries.counts();
  const missing = KINDS.filter((kind) => !counts.has(kind));
  const positions = [...OAUTH.flatMap((id) => POSITIONS.map((position) => `${id} ${position}`)), `zapier ${HOOK}`];
  const unstruck = positions
    .flatMap((position) => ECHOES.map((manner) => `${position} ${manner}`))
    .filter((place) => !provider.struck.has(place));
  const unreached = Object.entries(EXPECTED)
    .filter(([step, wanted]) => !wanted.test(reached.get(step) ?? ''))
    .map(([step]) => `${step}: ${reached.get(step) ?? 'not at all'}`);
  const unsearched = results.filter(({ controlFound }) => !controlFound).map(({ name }) => name);
  const started = ended.filter(({ what, exitCode }) => !what.startsWith('cli') && exitCode !== 1);
  return [
    {
      holds: missing.length === 0,
      what: `secrets of all ${KINDS.length} kinds are in play; missing: ${list(missing)}`,
    },
    { holds: unstruck.length === 0, what: `every manner strikes at every position; not struck: ${list(unstruck)}` },
    { holds: unreached.length === 0, what: `every step ends as it must; otherwise: ${list(unreached)}` },
    { holds: unsearched.length === 0, what: `the control is found in every source; not in: ${list(unsearched)}` },
    {
      holds: started.length === 0,
      what: `bad settings stop every app: ${list(started.map(({ what }) => what))} went on`,
    },
  ];
}

function toldOf(
  hub: CanaryHub,
  reached: Reached,
  results: readonly Searched[],
  events: ReadonlyMap<string, number>,
): object {
  return {
    secrets: Object.fromEntries(hub.canaries.counts()),
    reached: Object.fromEntries(reached),
    struck: Object.fromEntries(hub.provider.struck),
    events: Object.fromEntries(events),
    searched: results,
  };
}

function list(names: readonly string[]): string {
  const left = names.length - 6;
  return names.length === 0 ? 'none' : names.slice(0, 6).join('; ') + (left > 0 ? ` and ${left} more` : '');
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

export const canaries: readonly Scenario[] = [
  {
    name: 'canaries',
    proves:
      'no secret of any kind stands in a log, an answer, a span, a metric, Redis or PostgreSQL, whatever goes wrong',
    weight: 2,
    run: runCanaries,
  },
];
