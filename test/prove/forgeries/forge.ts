import { createHash } from 'node:crypto';

/** Providers whose callback is tried; the last one has no callback at all. */
export const CALLBACKS = ['shopify', 'notion', 'google_drive', 'zapier'] as const;

/** What has become of a flow before anything is forged of it. */
export type Fate =
  'open' | 'used' | 'refused' | 'expired' | 'cancelled' | 'parked' | 'deferred' | 'completed' | 'awaiting input';

/** A real flow that forgers know all of: what its provider sent, and what its browser keeps. */
export interface KnownFlow {
  /** Its own. */
  readonly id: string;
  readonly provider: string;
  /** The org whose flow it is. */
  readonly org: string;
  readonly fate: Fate;
  /** The query of its callback, as the provider made it; empty where it has not come so far. */
  readonly query: string;
  /** Its cookies, as the browser sends them. */
  readonly cookies: string;
  /** The secret in the address of its page at the hub, where it has one. */
  readonly page?: string;
  /** What its browser took to the backend, where a backend completes it. */
  readonly handle?: string;
}

/** One request that no flow may be moved by. */
export interface Forgery {
  readonly method: 'GET' | 'POST';
  /** Path and query, as they are sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What is wrong with it. */
  readonly manner: string;
  /** Whether it counts as a guess of its address: well formed, and of no flow. */
  readonly isGuess: boolean;
  readonly isCallback: boolean;
}

/** A number between 0 and 1, 1 left out. */
export type Chance = () => number;

/** One state's place in the query, bent. @param other the state of another flow */
type Bend = (state: string, chance: Chance, other: string) => string;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const SECRET_LENGTH = 43;
/** The gateway's limit is 12 KiB. */
const LONGEST_PATH = 11_500;

const named = (value: string): string => `state=${encodeURIComponent(value)}`;

const STATES: Readonly<Record<string, Bend>> = {
  'a random state': (_state, chance) => named(random(SECRET_LENGTH, chance)),
  'one bit of a state': (state, chance) => named(flipped(state, chance)),
  'the case of a letter': (state, chance) => named(recased(state, chance)),
  'the spare bits of the last letter': (state, chance) =>
    named(state.slice(0, -1) + letter((place(state.at(-1)) & ~3) | Math.floor(chance() * 4))),
  'a state backwards': (state) => named([...state].reverse().join('')),
  'halves of two states': (state, _chance, other) => named(state.slice(0, 21) + other.slice(21)),
  'what the table keeps of a state': (state) => named(createHash('sha256').update(state).digest('base64url')),
  'its hash in hex': (state) => named(createHash('sha256').update(state).digest('hex')),
  'a state that is cut': (state, chance) => named(state.slice(0, Math.floor(chance() * SECRET_LENGTH))),
  'a state that goes on': (state, chance) => named(state + random(1 + Math.floor(chance() * 40), chance)),
  'a state with padding': (state) => named(`${state}=`),
  'a UUID': (_state, chance) => named(uuid(chance)),
  'the name of a user': () => named('ada'),
  'an empty state': () => 'state=',
  'no state': () => '',
  'a state twice': (state) => `state=${state}&state=${state}`,
  'two states': (state, _chance, other) => `state=${state}&state=${other}`,
  'a list of states': (state) => `state[]=${state}`,
  'an object of a state': (state) => `state[$ne]=${state}`,
  'a state of a prototype': (state) => `__proto__[state]=${state}&__proto__.state=${state}`,
  'another name': (state) => `State=${state}`,
  'a NUL behind it': (state) => `state=${state}%00`,
  'a space before it': (state) => `state=+${state}`,
  'a line break behind it': (state) => `state=${state}%0d%0a`,
  'a broken escape': (state) => `state=${state}%E0%A4%A`,
  'escapes of escapes': (state) => `state=${[...state].map((one) => `%25${one.charCodeAt(0).toString(16)}`).join('')}`,
  'wide letters': (state) => named([...state].map((one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)).join('')),
  'ten kilobytes': (state) => `state=${state.repeat(238)}`,
  'a quote behind it': (state) => named(`${state}' or ''='`),
  'a path to it': (state) => named(`../${state}`),
  JSON: (state) => named(JSON.stringify({ state })),
};

/** What is put into a query besides what the provider sent. */
const ADDITIONS: readonly ((chance: Chance) => string)[] = [
  () => 'error=access_denied',
  () => 'error=%3Cscript%3E&error_description=%3Cscript%3Ealert(1)%3C/script%3E',
  (chance) => `code=${random(1 + Math.floor(chance() * 60), chance)}`,
  (chance) => `access_token=${random(30, chance)}`,
  (chance) => `id_token=${random(30, chance)}`,
  () => 'iss=https%3A%2F%2Faccounts.google.com',
  () => 'iss=https%3A%2F%2Fevil.example',
  (chance) => `shop=${random(8, chance).toLowerCase()}.myshopify.com`,
  (chance) => `hmac=${createHash('sha256').update(random(8, chance)).digest('hex')}`,
  (chance) => `timestamp=${Math.floor(1_700_000_000 + chance() * 1e8)}`,
  () => 'redirect_uri=https%3A%2F%2Fevil.example%2F',
  () => 'constructor=x&__proto__=x&hasOwnProperty=x',
  (chance) => `scope=${random(1 + Math.floor(chance() * 200), chance)}`,
  () => '%00=%00&%=%&=&&',
];

/** Headers that a server behind proxies may be misled by. */
const NOISE: readonly Readonly<Record<string, string>>[] = [
  {},
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
  { 'x-original-url': '/functions/v1/integrations-callback/notion', 'x-http-method-override': 'POST' },
  { referer: 'https://evil.example/', 'sec-fetch-site': 'cross-site' },
  { authorization: 'Bearer x' },
  { accept: 'application/json' },
];

/**
 * Forged callbacks, and forged visits of the hub's pages: no end of them, and the same ones for the same flows and chances.
 * None has the state of an open flow in its place; those of flows that are over it may have.
 */
export function* forge(flows: readonly KnownFlow[], chance: Chance): Generator<Forgery, never> {
  const pages = new Set(flows.map(({ page }) => page));
  const returned = flows.filter(({ query }) => query !== '');
  const states = new Map(returned.map((flow) => [stateOf(flow), flow.fate]));
  const over = returned.filter(({ fate }) => fate !== 'open');
  const shown = flows.filter(({ page }) => page !== undefined);
  const bends = Object.keys(STATES);
  for (;;) {
    const kind = chance();
    const forgery =
      kind < 0.1
        ? visit(pick(shown, chance), pages, chance)
        : kind < 0.3
          ? callback(pick(over, chance), undefined, pick(returned, chance), chance)
          : callback(pick(returned, chance), pick(bends, chance), pick(returned, chance), chance);
    if (forgery.path.length > LONGEST_PATH) continue;
    const known = forgery.isCallback ? states.get(onlyState(forgery.path) ?? '') : undefined;
    if (known === 'open') continue; // a bend that is none, such as a letter that has no case
    yield known === undefined
      ? forgery
      : { ...forgery, isGuess: false, manner: `the state of a flow that is ${known}` };
  }
}

/** A flow and a handle that somebody presents as a backend would. */
export interface Handover {
  /** Of the caller; whoever he is there, it completes nothing. */
  readonly org: string;
  readonly flow: string;
  readonly handle: string;
  /** What is wrong with it. */
  readonly manner: string;
}

/** A handle, bent. @param other the handle of another flow */
type BentHandle = (handle: string, chance: Chance, other: string) => string;

const HANDLES: Readonly<Record<string, BentHandle>> = {
  'a random handle': (_handle, chance) => random(SECRET_LENGTH, chance),
  'one bit of a handle': (handle, chance) => flipped(handle, chance),
  'the case of a letter': (handle, chance) => recased(handle, chance),
  'a handle backwards': (handle) => [...handle].reverse().join(''),
  'halves of two handles': (handle, _chance, other) => handle.slice(0, 21) + other.slice(21),
  "another flow's handle": (_handle, _chance, other) => other,
  'what the table keeps of a handle': (handle) => createHash('sha256').update(handle).digest('base64url'),
  'its hash in hex': (handle) => createHash('sha256').update(handle).digest('hex'),
  'a handle that is cut': (handle, chance) => handle.slice(0, 1 + Math.floor(chance() * (SECRET_LENGTH - 1))),
  'a handle that goes on': (handle, chance) => handle + random(1 + Math.floor(chance() * 40), chance),
  'a handle with padding': (handle) => `${handle}=`,
  'a UUID': (_handle, chance) => uuid(chance),
  'one letter': () => 'A',
  'a NUL behind it': (handle) => `${handle}\0`,
  'half a character behind it': (handle) => `${handle}\ud800`,
  'a space before it': (handle) => ` ${handle}`,
  'wide letters': (handle) => [...handle].map((one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)).join(''),
  'all that may be sent': (handle) => handle.repeat(6).slice(0, 256),
  'a quote behind it': (handle) => `${handle}' or ''='`,
};

/**
 * Forged handovers: no end of them, the same ones for the same flows and chances. None is by the org whose flow still waits
 * for its handle: those would end it, as they must.
 */
export function* forgeHandovers(flows: readonly KnownFlow[], chance: Chance): Generator<Handover, never> {
  const handed = flows.filter(({ handle }) => handle !== undefined);
  const waiting = handed.filter(({ fate }) => fate === 'deferred');
  const over = handed.filter(({ fate }) => fate !== 'deferred');
  const others = flows.filter(({ handle }) => handle === undefined);
  for (;;) {
    const kind = chance();
    if (kind < 0.3) yield foreign(pick(waiting, chance), pick(flows, chance));
    else if (kind < 0.5) yield unknown(pick(handed, chance), chance);
    else if (kind < 0.7) yield ofABrowser(pick(others, chance), pick(handed, chance), chance);
    else yield late(pick(over, chance), pick(handed, chance), chance);
  }
}

function foreign(flow: KnownFlow, by: KnownFlow): Handover {
  const org = by.org === flow.org ? flow.id : by.org; // an id that is no org's will do as a stranger's
  return { org, flow: flow.id, handle: flow.handle ?? '', manner: 'all of it good, by another org' };
}

function unknown({ org, handle = '' }: KnownFlow, chance: Chance): Handover {
  return { org, flow: uuid(chance), handle, manner: 'a good handle for a flow that there is not' };
}

/** A flow that its browser completes has no handle; whatever else is known of it is brought as one. */
function ofABrowser(flow: KnownFlow, other: KnownFlow, chance: Chance): Handover {
  const handle = pick([stateOf(flow), flow.page ?? '', other.handle ?? ''], chance) || random(SECRET_LENGTH, chance);
  return { org: flow.org, flow: flow.id, handle, manner: `a flow that is ${flow.fate} and has no handle` };
}

function late(flow: KnownFlow, other: KnownFlow, chance: Chance): Handover {
  const handle = flow.handle ?? '';
  const bend = chance() < 0.3 ? undefined : pick(Object.keys(HANDLES), chance);
  const bent = bend === undefined ? handle : (HANDLES[bend]?.(handle, chance, other.handle ?? '') ?? '');
  return { org: flow.org, flow: flow.id, handle: bent, manner: `a flow that is over: ${bend ?? 'its handle again'}` };
}

/** A handle that is wrong for its flow: the flow must end by it. @param handle the true one, @param other of another flow */
export function wrongHandle(handle: string, other: string, chance: Chance): { manner: string; handle: string } {
  const manner = pick(Object.keys(HANDLES), chance);
  const bent = HANDLES[manner]?.(handle, chance, other) ?? '';
  return bent === handle ? wrongHandle(handle, other, chance) : { manner, handle: bent };
}

/** The state by which a flow came back. */
export function stateOf({ query }: Pick<KnownFlow, 'query'>): string {
  return new URLSearchParams(query).get('state') ?? '';
}

/** What a server reads as the state, if there is one and only one. */
function onlyState(path: string): string | undefined {
  const values = new URLSearchParams(path.split('?')[1] ?? '').getAll('state');
  return values.length === 1 ? values[0] : undefined;
}

/** @param bend name of what is done to the state; `undefined`: it stays */
function callback(flow: KnownFlow, bend: string | undefined, other: KnownFlow, chance: Chance): Forgery {
  const state = stateOf(flow);
  const pieces = flow.query.split('&').flatMap((piece) => {
    if (piece.startsWith('state='))
      return bend === undefined ? [piece] : [STATES[bend]?.(state, chance, stateOf(other)) ?? ''];
    return spoiled(piece, chance);
  });
  while (chance() < 0.3) pieces.splice(Math.floor(chance() * (pieces.length + 1)), 0, pick(ADDITIONS, chance)(chance));
  const provider = chance() < 0.6 ? flow.provider : pick(CALLBACKS, chance);
  const path = `/functions/v1/integrations-callback/${provider}?${pieces.filter((piece) => piece !== '').join('&')}`;
  const cookies = [flow.cookies, other.cookies, `${flow.cookies}; ${other.cookies}`, 'hub_flow=x; =; ;', ''];
  return {
    method: 'GET',
    path,
    headers: headersOf(pick(cookies, chance), chance),
    manner: bend ?? 'a state as it was',
    isGuess: SECRET.test(onlyState(path) ?? ''),
    isCallback: true,
  };
}

/** A parameter as it is, gone, doubled or with another letter. */
function spoiled(piece: string, chance: Chance): string[] {
  const luck = chance();
  if (luck < 0.7) return [piece];
  if (luck < 0.8) return [];
  if (luck < 0.85) return [piece, piece];
  const at = piece.indexOf('=') + 1 + Math.floor(chance() * (piece.length - piece.indexOf('=') - 1));
  return [piece.slice(0, at) + random(1, chance) + piece.slice(at + 1)];
}

function visit(flow: KnownFlow, pages: ReadonlySet<string | undefined>, chance: Chance): Forgery {
  const known = flow.page ?? '';
  const spare = [random(SECRET_LENGTH, chance), flipped(known, chance), recased(known, chance)];
  const bent = [...spare, known.slice(1), `${known}A`, `${known}%00`, 'ada', uuid(chance)];
  const page = pick(bent, chance);
  const form = { method: 'POST', body: `csrf=${random(SECRET_LENGTH, chance)}&shop=a.myshopify.com` } as const;
  const isForm = chance() < 0.5;
  const headers = headersOf(pick([flow.cookies, ''], chance), chance);
  return {
    ...(isForm ? form : { method: 'GET' }),
    // a letter without case stays: then another page is looked for, which there is not either
    path: `/functions/v1/integrations-${pick(['confirm', 'connect'], chance)}/${pages.has(page) ? random(SECRET_LENGTH, chance) : page}`,
    headers: isForm ? { ...headers, 'content-type': 'application/x-www-form-urlencoded' } : headers,
    manner: 'the address of a page',
    isGuess: pages.has(page) || SECRET.test(page),
    isCallback: false,
  };
}

function headersOf(cookie: string, chance: Chance): Record<string, string> {
  return { ...pick(NOISE, chance), ...(cookie !== '' && { cookie }) };
}

/** How a callback with a good state may be forged so that its flow ends for it. */
export interface Spoiling {
  readonly manner: string;
  /** Of which providers' callbacks. */
  readonly of: (provider: string) => boolean;
  /** @param url the callback's address, all of it real */
  readonly spoil: (url: URL, chance: Chance) => void;
}

const any = (): boolean => true;
const signed = (provider: string): boolean => provider === 'shopify';
const issued = (provider: string): boolean => provider === 'google_drive';
const setTo =
  (name: string, change: (value: string, chance: Chance) => string): Spoiling['spoil'] =>
  ({ searchParams }, chance) =>
    searchParams.set(name, change(searchParams.get(name) ?? '', chance));
const twice =
  (name: string): Spoiling['spoil'] =>
  ({ searchParams }) =>
    searchParams.append(name, searchParams.get(name) ?? 'x');

/** Every one must be answered as a state that nobody knows, and must end the flow. */
export const SPOILINGS: readonly Spoiling[] = [
  {
    manner: 'the callback of another provider',
    of: any,
    spoil: (url, chance) => {
      const others = CALLBACKS.filter((provider) => !url.pathname.endsWith(`/${provider}`));
      url.pathname = url.pathname.replace(/[^/]+$/, pick(others, chance));
    },
  },
  { manner: 'a code twice', of: any, spoil: twice('code') },
  {
    manner: 'an issuer twice',
    of: any,
    spoil: (url) => [twice('iss'), twice('iss')].forEach((act) => act(url, () => 0)),
  },
  { manner: 'a token in the query', of: any, spoil: setTo('access_token', (_value, chance) => random(30, chance)) },
  { manner: 'another issuer', of: issued, spoil: setTo('iss', () => 'https://evil.example') },
  { manner: 'an issuer with a slash', of: issued, spoil: setTo('iss', (value) => `${value}/`) },
  { manner: 'an issuer in capitals', of: issued, spoil: setTo('iss', (value) => value.toUpperCase()) },
  { manner: 'another signature', of: signed, spoil: setTo('hmac', (_value, chance) => hex(64, chance)) },
  { manner: 'no signature', of: signed, spoil: ({ searchParams }) => searchParams.delete('hmac') },
  { manner: 'another code than was signed', of: signed, spoil: setTo('code', (_value, chance) => hex(32, chance)) },
  { manner: 'another shop than was signed', of: signed, spoil: setTo('shop', () => 'evil.myshopify.com') },
  {
    manner: 'another time than was signed',
    of: signed,
    spoil: setTo('timestamp', (value) => String(Number(value) + 1)),
  },
  { manner: 'more than was signed', of: signed, spoil: setTo('extra', () => '1') },
];

/** One of the ways for this provider. */
export function spoilingFor(provider: string, chance: Chance): Spoiling {
  return pick(
    SPOILINGS.filter(({ of }) => of(provider)),
    chance,
  );
}

function pick<T>(from: readonly T[], chance: Chance): T {
  const found = from[Math.floor(chance() * from.length)];
  if (found === undefined) throw new Error('there is nothing to choose from');
  return found;
}

function letter(at: number): string {
  return ALPHABET[at % ALPHABET.length] ?? '';
}

function place(of = ''): number {
  return Math.max(0, ALPHABET.indexOf(of));
}

function random(length: number, chance: Chance): string {
  return Array.from({ length }, () => letter(Math.floor(chance() * ALPHABET.length))).join('');
}

function hex(length: number, chance: Chance): string {
  return Array.from({ length }, () => Math.floor(chance() * 16).toString(16)).join('');
}

function uuid(chance: Chance): string {
  return [hex(8, chance), hex(4, chance), `4${hex(3, chance)}`, `a${hex(3, chance)}`, hex(12, chance)].join('-');
}

/** One bit of one letter is another. */
function flipped(text: string, chance: Chance): string {
  const at = Math.floor(chance() * text.length);
  return text.slice(0, at) + letter(place(text[at]) ^ (1 << Math.floor(chance() * 6))) + text.slice(at + 1);
}

/** The case of one letter is another, from a chance place on the first that has one. */
function recased(text: string, chance: Chance): string {
  const from = Math.floor(chance() * text.length);
  const at = [...text].findIndex((one, index) => index >= from && one.toLowerCase() !== one.toUpperCase());
  const one = text[at] ?? '';
  return at < 0
    ? text
    : text.slice(0, at) + (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase()) + text.slice(at + 1);
}
