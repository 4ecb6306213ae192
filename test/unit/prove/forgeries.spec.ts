import { randomUUID } from 'node:crypto';
import { Answers, ClientAddresses } from '../../prove/forgeries/answers';
import {
  forge,
  forgeHandovers,
  SPOILINGS,
  stateOf,
  wrongHandle,
  type Fate,
  type Forgery,
  type KnownFlow,
} from '../../prove/forgeries/forge';
import { chances } from '../../prove/model/world';

const FATES: readonly Fate[] = ['open', 'used', 'refused', 'expired', 'cancelled', 'parked', 'deferred', 'completed'];
const HANDED: ReadonlySet<Fate> = new Set(['deferred', 'completed']);
const secret = (chance: () => number): string =>
  Buffer.from(Array.from({ length: 32 }, () => Math.floor(chance() * 256))).toString('base64url');
const drawn = chances(4);
const flows: readonly KnownFlow[] = [
  ...FATES.flatMap((fate) =>
    ['shopify', 'notion', 'google_drive'].map((provider): KnownFlow => {
      const query = `code=${secret(drawn)}&shop=a.myshopify.com&state=${secret(drawn)}`;
      const ids = { id: randomUUID(), org: randomUUID() };
      const flow = { ...ids, provider, fate, query, cookies: `hub_flow_x=${secret(drawn)}` };
      if (HANDED.has(fate)) return { ...flow, handle: secret(drawn) };
      return fate === 'parked' ? { ...flow, page: secret(drawn) } : flow;
    }),
  ),
  {
    id: randomUUID(),
    org: randomUUID(),
    provider: 'zapier',
    fate: 'awaiting input',
    query: '',
    cookies: '',
    page: secret(drawn),
  },
];
const COUNT = 20_000;

function forged(seed: number, count = COUNT): Forgery[] {
  const forgeries = forge(flows, chances(seed));
  return Array.from({ length: count }, () => forgeries.next().value);
}

const all = forged(1);
const statesOf = ({ path }: Forgery): string[] => new URLSearchParams(path.split('?')[1]).getAll('state');

describe('forged callbacks', () => {
  it('are the same for the same seed', () => {
    expect(forged(7, 200)).toEqual(forged(7, 200));
    expect(forged(7, 200)).not.toEqual(forged(8, 200));
  });

  it('never bring the state of an open flow in its place', () => {
    const open = new Set(flows.filter(({ fate }) => fate === 'open').map(stateOf));
    const good = all.filter((one) => {
      const states = statesOf(one);
      return states.length === 1 && open.has(states[0] ?? '');
    });
    expect(good).toEqual([]);
  });

  it('never open a page that is there', () => {
    const pages = flows.flatMap(({ page }) => (page === undefined ? [] : [page]));
    expect(all.filter(({ path }) => pages.some((page) => path.endsWith(`/${page}`)))).toEqual([]);
  });

  it('bring the states of flows that are over, of every kind', () => {
    const manners = new Set(all.map(({ manner }) => manner));
    for (const fate of FATES.filter((one) => one !== 'open'))
      expect(manners).toContain(`the state of a flow that is ${fate}`);
  });

  it('count as guesses where a state is well formed and of no flow', () => {
    const known = new Set(flows.map(stateOf));
    const wrong = all.filter((one) => {
      const states = statesOf(one);
      const isGuess = states.length === 1 && /^[\w-]{43}$/.test(states[0] ?? '') && !known.has(states[0] ?? '');
      return one.isCallback && one.isGuess !== isGuess;
    });
    expect(wrong).toEqual([]);
    expect(all.filter(({ isGuess }) => isGuess).length).toBeGreaterThan(COUNT / 10);
  });

  it('are of all manners, to all providers, and pass for addresses', () => {
    expect(new Set(all.map(({ manner }) => manner)).size).toBeGreaterThan(30);
    expect(all.filter(({ path }) => path.length > 12_288 || /[^\x21-\x7e]/.test(path))).toEqual([]);
    for (const provider of ['shopify', 'notion', 'google_drive', 'zapier'])
      expect(all.some(({ path }) => path.includes(`/integrations-callback/${provider}?`))).toBe(true);
  });
});

describe('forged handovers', () => {
  const handovers = (seed: number, count = COUNT) => {
    const forgeries = forgeHandovers(flows, chances(seed));
    return Array.from({ length: count }, () => forgeries.next().value);
  };
  const some = handovers(1);

  it('are the same for the same seed', () => {
    expect(handovers(7, 200)).toEqual(handovers(7, 200));
    expect(handovers(7, 200)).not.toEqual(handovers(8, 200));
  });

  it('are never by the org whose flow waits for its handle', () => {
    const waiting = flows.filter(({ fate }) => fate === 'deferred');
    expect(some.filter(({ org, flow }) => waiting.some((one) => one.id === flow && one.org === org))).toEqual([]);
  });

  it('can be read: a flow that is a UUID, and a handle of 1 to 256 characters', () => {
    const odd = some.filter(({ flow, handle }) => !/^[\da-f-]{36}$/.test(flow) || handle === '' || handle.length > 256);
    expect(odd).toEqual([]);
  });

  it('are of all manners, and of flows of all fates', () => {
    expect(new Set(some.map(({ manner }) => manner)).size).toBeGreaterThan(25);
    const met = new Set(some.map(({ flow }) => flows.find(({ id }) => id === flow)?.fate));
    expect([...FATES, 'awaiting input'].filter((fate) => !met.has(fate as Fate))).toEqual([]);
  });

  it('have a wrong handle where one is wanted', () => {
    const chance = chances(3);
    const [handle, other] = [secret(chance), secret(chance)];
    const wrong = Array.from({ length: 2_000 }, () => wrongHandle(handle, other, chance));
    expect(wrong.filter((one) => one.handle === handle)).toEqual([]);
    expect(new Set(wrong.map(({ manner }) => manner)).size).toBeGreaterThan(15);
  });
});

it.each(SPOILINGS.map((spoiling) => [spoiling.manner, spoiling] as const))(
  '%s changes the address',
  (_manner, { spoil }) => {
    const url = new URL(
      'http://hub/functions/v1/integrations-callback/shopify?code=c&hmac=h&iss=https%3A%2F%2Fa.example&shop=s&state=s&timestamp=1',
    );
    const before = url.href;
    spoil(url, chances(1));
    expect(url.href).not.toBe(before);
    expect(url.searchParams.getAll('state')).toEqual(['s']);
  },
);

describe('addresses of clients', () => {
  it('are each used below the limits, and guess or do not', () => {
    const addresses = new ClientAddresses(chances(1), { guesses: 3, others: 10 });
    const uses = new Map<string, { guesses: number; others: number }>();
    for (const chance = chances(2); uses.size < 500;) {
      const isGuess = chance() < 0.4;
      const address = addresses.next(isGuess);
      const { guesses, others } = uses.get(address) ?? { guesses: 0, others: 0 };
      uses.set(address, { guesses: guesses + Number(isGuess), others: others + Number(!isGuess) });
    }
    for (const { guesses, others } of uses.values()) {
      expect(guesses).toBeLessThanOrEqual(3);
      expect(others).toBeLessThanOrEqual(10);
      expect(Math.min(guesses, others)).toBe(0);
    }
  });
});

it('tells answers apart by all of their bytes', () => {
  const answers = new Answers();
  for (const answer of ['[400,[],"a"]', '[400,[],"b"]', '[400,[],"a"]', '[429,[],"a"]']) answers.add(answer);
  expect([answers.kinds, answers.count(400), answers.of(400), answers.count(429)]).toEqual([
    3,
    3,
    ['[400,[],"a"]', '[400,[],"b"]'],
    1,
  ]);
});
