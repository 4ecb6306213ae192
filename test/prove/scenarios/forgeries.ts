import type { AtCallback } from '../forgeries/known-flows';
import { Answers, ClientAddresses, statusOf, Targets } from '../forgeries/answers';
import {
  forge,
  forgeHandovers,
  spoilingFor,
  wrongHandle,
  type Forgery,
  type Handover,
  type KnownFlow,
} from '../forgeries/forge';
import { Connects, OAUTH, PUBLIC_URL, side, SITE_URL } from '../forgeries/known-flows';
import { bearerOf } from '../../support/bearer';
import { changedTables } from '../../support/table-checksums';
import { ProveHub } from '../fleet/prove-hub';
import { chances } from '../model/world';
import { NOT_COUNTED, type Claim, type Row, type Scenario, type Surroundings } from '../scenario';

/** So many forged callbacks lie between two looks at the tables, with what else is forged beside them. */
const BATCH = 5_000;
/** Forged handovers in each batch. */
const HANDOVERS = 500;
const CONNECTIONS = 16;
/** Below the gateway's limits for an address, 20 guesses and 300 requests in a minute. */
const OF_AN_ADDRESS = { guesses: 15, others: 200 };
/** Fewer than the 300 requests at which an address is told something else. */
const FLOOD = 250;
/** RATE_LIMIT_GUESSES, as it is by default. A gateway that Redis does not answer in time keeps to it by its own count. */
const GUESSES_ANSWERED = 20;
const GATEWAYS = 2;
/** Callbacks of one flow at the same moment. */
const AT_ONCE = 50;
const RACES_BESIDE = 4;

/** What the trail tells of a state or a handle that is not good, of which an org or nobody is told. */
const DENIALS = [
  'flow.state_unknown',
  'flow.state_malformed',
  'flow.state_replayed',
  'flow.state_expired',
  'flow.cancelled',
  'flow.handle_rejected',
  'flow.handle_replayed',
  'flow.user_mismatch',
  'auth.foreign_org',
];

async function hubOf(surroundings: Surroundings): Promise<ProveHub> {
  const { atEnd, dist, logFolder, workFolder } = surroundings;
  const hub = await ProveHub.prepare({
    servers: await surroundings.sharedServers(),
    dist,
    logFolder,
    workFolder,
    workers: 0, // what changes here, a callback has changed
    gateways: GATEWAYS,
    settings: { PUBLIC_URL, SITE_URL, TRUST_PROXY: '127.0.0.1/32' },
  });
  atEnd(() => hub.stop());
  await hub.startApps();
  return hub;
}

/** One run of forgeries against a hub. */
class Attack {
  readonly answers = new Answers();
  /** Those of handovers. */
  readonly refusals = new Answers();
  readonly violations: string[] = [];
  private readonly targets: Targets;
  private readonly addresses: ClientAddresses;
  sent = 0;
  sentCallbacks = 0;
  sentHandovers = 0;
  accepted = 0;
  changes = 0;
  private callers = 0;

  constructor(
    readonly hub: ProveHub,
    private readonly seed: number,
    private readonly chance: () => number,
    atEnd: Surroundings['atEnd'],
  ) {
    this.targets = new Targets(
      hub.gateways.map(({ base }) => base),
      CONNECTIONS,
    );
    this.addresses = new ClientAddresses(chance, OF_AN_ADDRESS);
    atEnd(() => this.targets.close());
  }

  /**
   * Sends forgeries until so many of them were callbacks, and forged handovers among them, looking at every table in
   * between.
   */
  async sendForgeries(flows: readonly KnownFlow[], callbacks: number, say: (line: string) => void): Promise<void> {
    const forgeries = forge(flows, this.chance);
    const handovers = forgeHandovers(flows, this.chance);
    let before = await this.hub.database.checksums();
    for (let batches = 0; this.sentCallbacks < callbacks; batches += 1) {
      const from = this.sent;
      const some = batchOf(forgeries, Math.min(BATCH, callbacks - this.sentCallbacks));
      const others = Array.from({ length: HANDOVERS }, () => handovers.next().value);
      await Promise.all([
        side(some, (forgery) => this.sendOne(forgery), 2 * CONNECTIONS),
        side(others, (handover) => this.sendHandover(handover), 2),
      ]);
      const after = await this.hub.database.checksums();
      const changed = changedTables(before, after);
      this.changes += changed.length;
      for (const table of changed) this.violate(`${table} has changed`, `forgeries ${from} to ${this.sent}`);
      before = after;
      if (batches % 20 === 0) say(`${this.sentCallbacks} forged callbacks and ${this.sentHandovers} handovers sent`);
    }
  }

  private async sendOne(forgery: Forgery): Promise<void> {
    this.sent += 1;
    if (forgery.isCallback) this.sentCallbacks += 1;
    const answer = await this.targets.send({
      ...forgery,
      headers: { ...forgery.headers, 'x-forwarded-for': this.addresses.next(forgery.isGuess) },
    });
    this.take(answer, forgery.manner);
  }

  /** Each by a caller of its own, since a caller completes only so many connects in a minute. */
  private async sendHandover({ org, flow, handle, manner }: Handover): Promise<void> {
    this.sent += 1;
    this.sentHandovers += 1;
    this.callers += 1;
    const answer = await this.complete({ org, sub: `forger ${this.callers}` }, { flow, handle });
    this.takeRefusal(answer, manner);
  }

  private async complete(caller: { org: string; sub?: string }, handover: Pick<Handover, 'flow' | 'handle'>) {
    return this.targets.send({
      method: 'POST',
      path: '/functions/v1/integrations-complete',
      headers: {
        authorization: `Bearer ${await bearerOf(caller)}`,
        'content-type': 'application/json',
        'x-forwarded-for': this.addresses.next(false),
      },
      body: JSON.stringify({ flow: handover.flow, handle: handover.handle }),
    });
  }

  /**
   * Handovers by the very org whose flow waits, with a handle that is wrong or by another user; then the true one, which
   * comes too late.
   */
  async spoilHandovers(connects: Connects, count: number, flows: readonly KnownFlow[]): Promise<void> {
    const other = flows.find(({ fate }) => fate === 'deferred')?.handle ?? '';
    await side(
      Array.from({ length: count }, (_, at) => OAUTH[at % OAUTH.length] ?? OAUTH[0]),
      async (provider, at) => {
        const { caller, flow, handle } = await connects.atBackend(provider);
        const isByAnother = at % 3 === 0;
        const { manner, handle: wrong } = wrongHandle(handle, other, this.chance);
        if (isByAnother) {
          const answer = await this.complete({ ...caller.claims, sub: 'eve' }, { flow, handle });
          if (statusOf(answer) !== 403) this.violate('a handover by another user', `was answered ${answer}`);
        } else this.takeRefusal(await this.complete(caller.claims, { flow, handle: wrong }), manner);
        const late = await this.complete(caller.claims, { flow, handle });
        this.takeRefusal(late, `the true handover after ${isByAnother ? 'one by another user' : manner}`);
      },
    );
  }

  /** Callbacks with the good state of a flow, and something else wrong with each. @returns the flows that lived on */
  async spoilCallbacks(connects: Connects, count: number): Promise<void> {
    await side(
      Array.from({ length: count }, (_, at) => OAUTH[at % OAUTH.length] ?? OAUTH[0]),
      async (provider) => {
        const { person, url } = await connects.atCallback(provider);
        const { manner, spoil } = spoilingFor(provider, this.chance);
        const forged = new URL(url);
        spoil(forged, this.chance);
        const headers = { cookie: person.cookieHeader(PUBLIC_URL), 'x-forwarded-for': person.address };
        for (const [target, what] of [
          [forged, manner],
          [url, `the true callback after ${manner}`],
        ] as const)
          this.take(await this.targets.send({ method: 'GET', path: target.pathname + target.search, headers }), what);
      },
    );
  }

  /** One address guesses and guesses. */
  async flood(flows: readonly KnownFlow[]): Promise<Answers> {
    const answers = new Answers();
    const forgeries = forge(flows, this.chance);
    const guesses: Forgery[] = [];
    while (guesses.length < FLOOD) {
      const { value } = forgeries.next();
      if (value.isGuess && value.isCallback) guesses.push(value);
    }
    await side(
      guesses,
      async (guess) => {
        const headers = { ...guess.headers, 'x-forwarded-for': '192.0.2.1' };
        answers.add(await this.targets.send({ ...guess, headers }));
      },
      2 * CONNECTIONS,
    );
    return answers;
  }

  private take(answer: string, manner: string): void {
    const isNew = this.answers.of(statusOf(answer)).every((known) => known !== answer);
    this.answers.add(answer);
    if (statusOf(answer) === 302 || statusOf(answer) === 303) this.accepted += 1;
    if (isNew && this.answers.kinds > 1) this.violate(manner, `was answered ${answer.slice(0, 200)}`);
  }

  private takeRefusal(answer: string, manner: string): void {
    const isNew = this.refusals.of(statusOf(answer)).every((known) => known !== answer);
    this.refusals.add(answer);
    if (statusOf(answer) === 200) this.accepted += 1;
    if (isNew && this.refusals.kinds > 1) this.violate(`a handover: ${manner}`, `was answered ${answer.slice(0, 200)}`);
  }

  private violate(what: string, how: string): void {
    this.violations.push(`seed ${this.seed}: ${what}: ${how}`);
  }
}

/** As many forgeries as it takes for so many callbacks. */
function batchOf(forgeries: Generator<Forgery, never>, callbacks: number): Forgery[] {
  const batch: Forgery[] = [];
  for (let found = 0; found < callbacks;) {
    const { value } = forgeries.next();
    batch.push(value);
    if (value.isCallback) found += 1;
  }
  return batch;
}

/** How often the trail tells of something, one by one and in the counts of what was too much. */
async function toldDenials(hub: ProveHub): Promise<{ written: number; counted: number }> {
  const [row] = await hub.database.rows<{ written: number; counted: number }>(
    `select count(*) filter (where name = any($1))::int as written,
            coalesce(sum((detail->>'count')::int) filter (where name = 'denials.suppressed'), 0)::int as counted
       from public.audit_events`,
    [DENIALS],
  );
  return row ?? { written: 0, counted: 0 };
}

/** Flows that a spoiled callback or handover has ended; no other deferred one is refused here. */
async function flowsThatEnded(hub: ProveHub): Promise<number> {
  const [row] = await hub.database.rows<{ count: number }>(
    `select (select count(*) from public.audit_events
              where name in ('flow.provider_mismatch', 'flow.issuer_mismatch', 'flow.response_rejected'))::int
          + (select count(*) from public.flows where completion = 'deferred' and status = 'refused')::int as count`,
  );
  return row?.count ?? 0;
}

async function exchanges(hub: ProveHub): Promise<number> {
  const logs = await Promise.all(OAUTH.map((provider) => hub.sandbox.log({ provider, kind: 'exchange' })));
  return logs.flat().length;
}

async function connected(hub: ProveHub): Promise<number> {
  const [row] = await hub.database.rows<{ count: number }>(
    `select count(*)::int as count from public.integrations where status = 'connected'`,
  );
  return row?.count ?? 0;
}

async function forgedCallbacks(surroundings: Surroundings): Promise<Row> {
  const { atEnd, isLong, say, seed } = surroundings;
  const sizes = isLong
    ? { ofEach: 30, callbacks: 1_000_000, spoiled: 20_000, spoiledAtBackend: 5_000 }
    : { ofEach: 5, callbacks: 20_000, spoiled: 400, spoiledAtBackend: 100 };
  const hub = await hubOf(surroundings);
  const connects = await Connects.at(hub);
  const flows = await connects.flows(sizes.ofEach);
  const tokens = await connected(hub);
  const attack = new Attack(hub, seed, chances(seed), atEnd);
  say(`${flows.length} flows are known`);
  const exchangesBefore = await exchanges(hub);

  await attack.sendForgeries(flows, sizes.callbacks, say);
  const before = await hub.database.checksums();
  await attack.spoilCallbacks(connects, sizes.spoiled);
  await attack.spoilHandovers(connects, sizes.spoiledAtBackend, flows);
  const flood = await attack.flood(flows);
  const after = await hub.database.checksums();
  const moved = changedTables(before, after);
  const exchanged = (await exchanges(hub)) - exchangesBefore;
  await Promise.all(hub.gateways.map(({ process }) => process.stop())); // so that all is written that was counted
  const ended = await flowsThatEnded(hub);
  const { written, counted } = await toldDenials(hub);
  const spoiled = sizes.spoiled + sizes.spoiledAtBackend;
  const { sentCallbacks, sentHandovers } = attack;
  // after a spoiled callback the true one came too late; of a handover the trail tells both
  const told = sentCallbacks + sentHandovers + sizes.spoiled + 2 * sizes.spoiledAtBackend;
  const [answered, late, kinds] = [flood.count(400), flood.count(429), flood.kinds];

  const claims: Claim[] = [
    {
      holds: sentCallbacks >= sizes.callbacks,
      what: `${sizes.callbacks} callbacks and more are forged (${sentCallbacks})`,
    },
    { holds: attack.accepted === 0, what: `none is accepted (${attack.accepted} were)` },
    { holds: attack.changes === 0, what: `no row changes (tables changed ${attack.changes} times)` },
    { holds: attack.answers.kinds === 1, what: `all have the same answer (${attack.answers.kinds} were given)` },
    { holds: attack.answers.count(400) > 0, what: 'the answer is 400' },
    {
      holds: attack.refusals.kinds === 1 && attack.refusals.count(400) > sentHandovers,
      what: `${sentHandovers} forged handovers and all spoiled ones have one answer, 400 (${attack.refusals.kinds} were given)`,
    },
    {
      holds: moved.join() === 'flows',
      what: `a good state or flow with something forged moves only its flow (${moved.join()} changed)`,
    },
    { holds: exchanged === 0, what: `no code is spent (${exchanged} were)` },
    {
      holds: ended === spoiled,
      what: `each ends its flow, and the trail says why (${ended} of ${spoiled})`,
    },
    {
      holds: answered >= GUESSES_ANSWERED && answered <= GATEWAYS * GUESSES_ANSWERED && answered + late === FLOOD,
      what: `one address is answered ${GUESSES_ANSWERED} times, or as often by each gateway, and then 429 alone (${answered}, ${late})`,
    },
    {
      holds: kinds === 2,
      what: `and every 429 is the same (${kinds} kinds of answer)`,
    },
    {
      holds: isSame(flood.of(400), attack.answers.of(400)),
      what: 'the one who guesses too often is answered as all others until then',
    },
    {
      // what the flood was told before it was known for one, nobody can say
      holds: written + counted >= told + GUESSES_ANSWERED && written + counted <= told + FLOOD + 2,
      what: `the trail tells of all ${told} callbacks and handovers and of the flood (${written} written, ${counted} counted)`,
    },
  ];
  return {
    ...NO_TOKENS,
    tokens,
    faults: attack.sent + 2 * spoiled + FLOOD,
    note: `${sentCallbacks} callbacks and ${sentHandovers} handovers among ${attack.sent} forgeries, ${attack.accepted} accepted, ${attack.changes} tables changed, ${attack.answers.kinds} kind of answer; ${written} denials written, ${counted} counted`,
    claims,
    violations: [...attack.violations, ...(kinds > 2 ? flood.of(429).map((answer) => `a 429: ${answer}`) : [])],
  };
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}

const NO_TOKENS = {
  refreshes: 0,
  ...NOT_COUNTED,
  recoveryMs: null,
} as const;

/** What came of one flow whose callback many brought at once. */
interface Race {
  readonly through: number;
  readonly rest: readonly string[];
  readonly exchanged: number;
}

async function race(hub: ProveHub, targets: Targets, { account, person, url }: AtCallback): Promise<Race> {
  const headers = { cookie: person.cookieHeader(PUBLIC_URL), 'x-forwarded-for': person.address };
  const sent = { method: 'GET', path: url.pathname + url.search, headers } as const;
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => targets.send(sent)));
  const through = answers.filter(
    (answer) => statusOf(answer) === 302 && answer.includes(`success=${account.provider}`),
  );
  const log = await hub.sandbox.log({ provider: account.provider, account: account.name, kind: 'exchange' });
  return {
    through: through.length,
    rest: answers.filter((answer) => !through.includes(answer)),
    exchanged: log.length,
  };
}

async function callbackRaces(surroundings: Surroundings): Promise<Row> {
  const races = surroundings.isLong ? 10_000 : 100;
  const hub = await hubOf(surroundings);
  const connects = await Connects.at(hub);
  const targets = new Targets(
    hub.gateways.map(({ base }) => base),
    AT_ONCE,
  );
  surroundings.atEnd(() => targets.close());
  const answers = new Answers();
  const results = await side(
    Array.from({ length: races }, (_, at) => OAUTH[at % OAUTH.length] ?? OAUTH[0]),
    async (provider) => {
      const result = await race(hub, targets, await connects.atCallback(provider));
      result.rest.forEach((answer) => answers.add(answer));
      return result;
    },
    RACES_BESIDE,
  );
  const tokens = await connected(hub);
  const fair = results.filter(({ through, exchanged }) => through === 1 && exchanged === 1).length;
  const rest = answers.count(400);
  return {
    ...NO_TOKENS,
    tokens,
    faults: races * AT_ONCE,
    note: `${fair} of ${races} flows connected once and only once, ${rest} callbacks got the one page`,
    claims: [
      { holds: fair === races, what: `one of ${AT_ONCE} goes on, and its code is spent once (${fair} of ${races})` },
      { holds: tokens === races, what: `every flow has connected (${tokens} of ${races})` },
      { holds: rest === races * (AT_ONCE - 1), what: `all others get 400 (${rest} of ${races * (AT_ONCE - 1)})` },
      { holds: answers.kinds === 1, what: `and cannot be told apart (${answers.kinds} kinds)` },
    ],
    violations: [],
  };
}

export const forgeries: readonly Scenario[] = [
  {
    name: 'forged-callbacks',
    proves: 'forged and mutated callbacks from many addresses: none is accepted, no row changes, no answer differs',
    weight: 1,
    run: forgedCallbacks,
  },
  {
    name: 'callback-races',
    proves: 'fifty callbacks of one flow at once, over two gateways: one goes on, its code is spent once',
    weight: 1,
    run: callbackRaces,
  },
];
