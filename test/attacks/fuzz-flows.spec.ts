import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { ANYONES } from '../support/accounts';
import { codeOf } from '../support/person';
import { formOn } from '../support/page-form';
import type { Answer, Caller } from '../support/caller';
import { RETURN_URL, SITE_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';
import { strangeText, wrongValue } from './support/fuzz-shots';
import { settingSecrets, storedTokens, toldSecrets } from './support/hub-secrets';

/**
 * What lies behind the first checks, met with values of every kind: bodies that have the shape of a good one, callbacks with
 * a good state, handles of flows that wait, pages with their own cookie, and what providers answer. Nothing fails inside, no
 * answer holds a secret or leads where it must not, and whatever was stored can be read, synced and given up again.
 * HUB_FUZZ_SEED repeats a run, HUB_FUZZ_RUNS is the most tries of each kind; the least are always made.
 */
const SEED = Number(process.env['HUB_FUZZ_SEED'] ?? randomInt(2 ** 31));
const MOST_RUNS = Number(process.env['HUB_FUZZ_RUNS'] ?? 30);
const LEAST_RUNS = 8;
const ABOUT_MS = 6_000;
const AT_ONCE = 4;
const LONG_ENOUGH_MS = 300_000;
const FAILED_INSIDE = /"hub\.(request\.failed|audit\.write_failed|audit\.reads_lost)"/;

let hub: Stack;
let stand: AttackStand;
/** What providers were made to answer, and nobody may hear of. */
const madeUp = new Map<string, string>();
/** All that was answered, and whether it is a token read. */
const answers: { readonly text: string; readonly isTokenRead: boolean }[] = [];
beforeAll(async () => {
  hub = await Stack.start({ env: { RATE_LIMIT_CALLER: 'off', RATE_LIMIT_CONNECTS: 'off', GOOGLE_SCOPES: SCOPES } });
  stand = new AttackStand(hub);
});
afterAll(() => hub?.stop());
// what one test has a provider answer must not keep the next from it
beforeEach(() => hub.database.rows('delete from public.provider_breakers'));

const SCOPES = 'https://www.googleapis.com/auth/drive.file https://www.googleapis.com/auth/drive.metadata.readonly';

/**
 * Tries something with one value after the other.
 *
 * @param attempt throws where something is wrong. @returns a word for what it came to
 * @param first   a value that is tried whatever the seed
 * @returns the words that were met
 */
async function fuzzed<T>(
  values: fc.Arbitrary<T>,
  attempt: (value: T) => Promise<string>,
  ...first: readonly T[]
): Promise<Set<string>> {
  const met = new Set<string>();
  const wrong: string[] = [];
  const startedMs = performance.now();
  const left = [...first, ...fc.sample(values, { seed: SEED, numRuns: MOST_RUNS })].entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [made, value] of left) {
        if (made >= LEAST_RUNS && performance.now() - startedMs > ABOUT_MS) return;
        await attempt(value).then(
          (word) => met.add(word),
          (error: unknown) => wrong.push(`seed ${SEED}: ${fc.stringify(value).slice(0, 500)} ${String(error)}`),
        );
      }
    }),
  );
  expect(wrong.slice(0, 8)).toEqual([]);
  return met;
}

/** Takes an answer to a caller, which is as the document says already. @returns its status and code */
function told(answer: Answer, isTokenRead = false): string {
  answers.push({ text: JSON.stringify([...answer.headers]) + answer.text, isTokenRead });
  const code = codeOf(answer);
  if (answer.status === 500 || code === 'internal') throw new Error(`failed inside: ${answer.text}`);
  return [answer.status, ...(answer.status >= 400 ? [String(code)] : [])].join(' ');
}

/** Where a browser may be sent: to the product, the hub, and the providers. */
const places = (): string[] => [SITE_URL, hub.publicUrl, hub.sandbox.base];

/** Takes an answer to a browser. @returns its status, and what the browser is told by where it is sent */
async function shown(answer: Response): Promise<string> {
  const text = await answer.text();
  answers.push({ text: JSON.stringify([...answer.headers]) + text, isTokenRead: false });
  if (answer.status >= 500) throw new Error(`failed inside: ${answer.status} ${text}`);
  const location = answer.headers.get('location');
  if (location === null) return String(answer.status);
  const { origin, pathname, searchParams } = new URL(location, hub.publicUrl);
  if (!places().includes(origin)) throw new Error(`sent to ${location}`);
  const page = /integrations-(confirm|connect)/.exec(pathname)?.[0] ?? '';
  return [answer.status, page, ...['success', 'error'].map((name) => searchParams.get(name) ?? '')].join(' ').trim();
}

/** Reads all that an org has of a provider, has it synced, and gives it up. */
async function usedUp(caller: Caller, provider: string): Promise<void> {
  told(await caller.list());
  told(await caller.token(provider), true);
  told(await caller.sync(provider));
  told(await caller.refresh(provider));
  told(await caller.read(provider));
  told(await caller.token(provider, '?minTtl=0'), true);
  expect((await caller.disconnect(provider)).status).toBe(204);
  told(await caller.audit('?limit=200'));
  told(await caller.deadLetters());
}

/** Mostly one of these, else something strange. */
function mostly<T>(...good: readonly [T, ...T[]]): fc.Arbitrary<T | string> {
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: strangeText });
}

const BODIES = fc.oneof(
  fc.record(
    {
      provider: fc.constant('shopify'),
      shop: mostly('ada.myshopify.com', 'https://ADA.myshopify.com/admin?x=y', 'admin.shopify.com/store/ada'),
      redirectUri: mostly(RETURN_URL, `${SITE_URL}/`, `${RETURN_URL}#x`, `${RETURN_URL}&x=y`),
      completion: fc.constantFrom('browser', 'deferred'),
      allowAccountChange: fc.boolean(),
    },
    { requiredKeys: ['provider'] },
  ),
  fc.record(
    {
      provider: fc.constant('zapier'),
      webhookUrl: mostly('https://hooks.zapier.com/hooks/catch/1/abc/', 'https://hooks.zapier.com/hooks/catch/1/ab%00'),
      redirectUri: mostly(RETURN_URL),
      completion: fc.constantFrom('browser', 'deferred'),
    },
    { requiredKeys: ['provider'] },
  ),
  fc.record(
    {
      provider: mostly('notion', 'google_drive'),
      redirectUri: mostly(RETURN_URL),
      completion: fc.constantFrom('browser', 'deferred'),
      allowAccountChange: fc.boolean(),
    },
    { requiredKeys: ['provider'] },
  ),
);

it(
  `a connect takes whatever has the shape of a good one (HUB_FUZZ_SEED=${SEED})`,
  async () => {
    const met = await fuzzed(
      BODIES,
      async (body) => {
        const caller = hub.as();
        const answer = await caller.begin(body);
        const { origin } = new URL(answer.status === 200 ? answer.body.authUrl : SITE_URL);
        if (!places().includes(origin)) throw new Error(`leads to ${origin}`);
        told(await caller.list());
        return told(answer);
      },
      { provider: 'notion' },
    );
    expect([...met]).toContain('200');
  },
  LONG_ENOUGH_MS,
);

/** What is done to one parameter of a callback. */
const CHANGES = fc.record({
  name: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('code', 'shop', 'timestamp', 'host', 'scope', 'iss', 'error') },
    { weight: 1, arbitrary: fc.constantFrom('hmac', 'access_token', 'error_description', 'id_token', '__proto__', '') },
    { weight: 1, arbitrary: strangeText },
  ),
  value: fc.oneof(
    { weight: 3, arbitrary: strangeText },
    {
      weight: 1,
      arbitrary: fc.constantFrom(undefined, 'server_error', 'ada.myshopify.com', 'https://accounts.google.com'),
    },
    { weight: 1, arbitrary: fc.constantFrom('0', '99999999999999999999', '-1', 'NaN', 'a'.repeat(2_049)) },
  ),
});

const CALLBACKS = fc.record({
  changes: fc.array(CHANGES, { maxLength: 3 }),
  isSigned: fc.boolean(),
  isOwnBrowser: fc.boolean(),
  isDeferred: fc.boolean(),
});

/** A callback's address with parameters set, or taken away. */
function changedUrl(url: string, changes: readonly { name: string; value: string | undefined }[]): string {
  const copy = new URL(url);
  for (const { name, value } of changes) {
    if (name === 'state') continue;
    if (value === undefined) copy.searchParams.delete(name);
    else copy.searchParams.set(name, value.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
  }
  return copy.href;
}

it.each(OAUTH)(
  `a callback with a good state takes whatever %s might send (HUB_FUZZ_SEED=${SEED})`,
  async (provider) => {
    const met = await fuzzed(
      CALLBACKS,
      async ({ changes, isSigned, isOwnBrowser, isDeferred }) => {
        const { caller, person, url } = await stand.atCallback(provider, isDeferred ? { completion: 'deferred' } : {});
        const bent = changedUrl(url, changes);
        const opened = isSigned ? await stand.signed(provider, bent) : bent;
        const outcome = await shown(await (isOwnBrowser ? person : hub.person()).get(opened));
        // whatever it was, the state is used, unless the address was too long to be read
        if (outcome === '414') return outcome;
        if (/success|error/.test(await shown(await person.get(url))))
          throw new Error('the true callback goes on after it');
        told(await caller.read(provider));
        return outcome;
      },
      { changes: [], isSigned: false, isOwnBrowser: true, isDeferred: false },
    );
    expect([...met]).toContain(`302  ${provider}`);
  },
  LONG_ENOUGH_MS,
);

const TEXT = fc.oneof(strangeText, fc.stringMatching(/^[\x21-\x7e]{1,200}$/));
const MADE_UP = fc.stringMatching(/^[A-Za-z0-9_-]{24,64}$/);
/** By which a refresh token is told from whatever else was made up: what may be shown is sometimes drawn alike. */
const REFRESH = 'refresh-';

/** A token answer that is mostly good, member by member. */
const GRANTS = fc.record(
  {
    access_token: fc.oneof({ weight: 6, arbitrary: MADE_UP }, { weight: 1, arbitrary: TEXT }, wrongValue),
    token_type: fc.oneof(fc.constantFrom('bearer', 'Bearer', 'BEARER'), wrongValue),
    expires_in: fc.oneof(
      fc.integer({ min: 1, max: 100_000 }),
      fc.constantFrom(3_600, '3600', 0, -1, 1e300),
      wrongValue,
    ),
    refresh_token: fc.oneof(
      { weight: 3, arbitrary: MADE_UP.map((text) => REFRESH + text) },
      { weight: 1, arbitrary: TEXT },
      wrongValue,
    ),
    refresh_token_expires_in: fc.oneof(fc.integer({ min: 1, max: 10_000_000 }), wrongValue),
    scope: fc.oneof(fc.constantFrom(SCOPES, 'read_products', 'read_products,write_products', ''), TEXT, wrongValue),
    workspace_id: fc.oneof(MADE_UP, TEXT, wrongValue),
    workspace_name: fc.oneof(TEXT, wrongValue),
    workspace_icon: fc.oneof(TEXT, wrongValue),
    bot_id: fc.oneof(MADE_UP, TEXT, wrongValue),
    owner: wrongValue,
    associated_user: wrongValue,
    associated_user_scope: TEXT,
    id_token: TEXT,
  },
  { requiredKeys: ['access_token'] },
);

it.each(OAUTH)(
  `a grant of %s may say whatever it wants, and what is stored of it can be used (HUB_FUZZ_SEED=${SEED})`,
  async (provider) => {
    const met = await fuzzed(GRANTS, async (body) => {
      const { refresh_token: refreshToken } = body;
      if (typeof refreshToken === 'string' && refreshToken.startsWith(REFRESH))
        madeUp.set(refreshToken, 'a refresh token');
      const { caller, person, account, url } = await stand.atCallback(provider);
      const fault = { on: 'exchange', account: account.name, kind: 'error', status: 200, body } as const;
      const mend = await hub.sandbox.fault(provider, fault);
      const outcome = await shown(await person.get(url));
      await mend();
      await usedUp(caller, provider);
      return outcome;
    });
    expect([...met].every((word) => word.startsWith('302'))).toBe(true);
    expect([...met].length).toBeGreaterThan(1);
  },
  LONG_ENOUGH_MS,
);

/** What an API may answer: anything, or the right members with anything in them. */
const MEMBERS = fc.constantFrom(
  ...['data', 'shop', 'user', 'storageQuota', 'results', 'errors', 'error', 'name', 'id', 'email', 'displayName'],
  ...['has_more', 'next_cursor', 'object', 'type', 'bot', 'limit', 'usage', '__proto__', 'permissionId'],
);
const FACTS = fc.letrec<{ fact: unknown; facts: Record<string, unknown> }>((tie) => ({
  fact: fc.oneof({ maxDepth: 4 }, TEXT, wrongValue, tie('facts')),
  facts: fc.dictionary(MEMBERS, tie('fact'), { maxKeys: 6 }),
})).facts;

it.each(OAUTH)(
  `the API of %s may say whatever it wants (HUB_FUZZ_SEED=${SEED})`,
  async (provider) => {
    const anyone = fc.record({ body: FACTS, status: fc.constantFrom(200, 200, 200, 400, 403, 404, 429, 500) });
    const met = await fuzzed(anyone, async ({ body, status }) => {
      const { caller, person, account, url } = await stand.atCallback(provider);
      const fault = { on: 'api', account: account.name, kind: 'error', status, body } as const;
      const mend = await hub.sandbox.fault(provider, fault);
      const outcome = await shown(await person.get(url));
      await usedUp(caller, provider);
      await mend();
      return outcome;
    });
    expect([...met].every((word) => word.startsWith('302'))).toBe(true);
  },
  LONG_ENOUGH_MS,
);

const HANDOVERS = fc.record({
  handle: fc.option(fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }), strangeText, MADE_UP), {
    nil: undefined,
    freq: 2,
  }),
  sub: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }), { nil: undefined, freq: 1 }),
  isOfAnother: fc.boolean(),
});

it.each(OAUTH)(
  `a backend may bring whatever it wants for a flow of %s that waits (HUB_FUZZ_SEED=${SEED})`,
  async (provider) => {
    const met = await fuzzed(
      HANDOVERS,
      async ({ handle, sub, isOfAnother }) => {
        const { caller, person, url } = await stand.atCallback(provider, { completion: 'deferred' });
        const onward = new URL((await person.get(url)).headers.get('location') ?? '', SITE_URL).searchParams;
        const org = isOfAnother ? hub.as() : caller;
        const by = sub === undefined ? org : org.with({ sub });
        const outcome = told(await by.complete({ flow: onward.get('flow'), handle: handle ?? onward.get('handle') }));
        const isTrue = handle === undefined && sub === undefined && !isOfAnother;
        if (isTrue !== (outcome === '200')) throw new Error(`is answered ${outcome}`);
        await usedUp(caller, provider);
        return outcome;
      },
      { handle: undefined, sub: undefined, isOfAnother: false },
      { handle: 'x', sub: undefined, isOfAnother: false },
    );
    expect([...met]).toEqual(expect.arrayContaining(['200', '400 invalid_state']));
  },
  LONG_ENOUGH_MS,
);

const INPUTS = fc.record({
  value: mostly('ada.myshopify.com', 'https://hooks.zapier.com/hooks/catch/1/abc/'),
  isOwnBrowser: fc.boolean(),
  more: fc.array(fc.tuple(strangeText, strangeText), { maxLength: 2 }),
});

it.each([
  ['shopify', 'shop', 'ada.myshopify.com'],
  ['zapier', 'webhookUrl', 'https://hooks.zapier.com/hooks/catch/1/abc/'],
])(
  `the page that asks for an input of %s takes what is typed there (HUB_FUZZ_SEED=${SEED})`,
  async (provider, name, good) => {
    const met = await fuzzed(
      INPUTS,
      async ({ value, isOwnBrowser, more }) => {
        const caller = hub.as();
        const starter = hub.person();
        const page = await starter.starts(caller, { provider });
        const person = isOwnBrowser ? starter : hub.person();
        const form = formOn(await (await person.get(page)).text());
        const typed = (form?.fields ?? []).map(([field, given]) => [field, field === name ? value : given] as const);
        const outcome = await shown(await person.post(page, [...typed, ...more]));
        await usedUp(caller, provider);
        return outcome;
      },
      { value: good, isOwnBrowser: false, more: [] },
    );
    expect([...met].some((word) => word.startsWith('303'))).toBe(true);
  },
  LONG_ENOUGH_MS,
);

const BUTTONS = fc.record({
  csrf: fc.option(strangeText, { nil: undefined, freq: 1 }),
  more: fc.array(fc.tuple(strangeText, strangeText), { maxLength: 2 }),
});

it.each(OAUTH)(
  `the page that asks whether %s may be connected takes what is sent there (HUB_FUZZ_SEED=${SEED})`,
  async (provider) => {
    const met = await fuzzed(
      BUTTONS,
      async ({ csrf, more }) => {
        const { caller, url } = await stand.atCallback(provider);
        const other = hub.person();
        const page = (await other.get(url)).headers.get('location') ?? '';
        const form = formOn(await (await other.get(page)).text());
        const sent = (form?.fields ?? []).map(([field, value]) => [field, csrf ?? value] as const);
        const outcome = await shown(await other.post(page, [...sent, ...more]));
        await usedUp(caller, provider);
        return outcome;
      },
      { csrf: undefined, more: [] },
      { csrf: 'x', more: [] },
    );
    expect([...met]).toEqual(expect.arrayContaining([`303  ${provider}`, '403']));
  },
  LONG_ENOUGH_MS,
);

const LISTS = fc.record({
  cursor: fc.oneof(
    fc.integer({ min: 0, max: 999_999_999_999_999 }).map(String),
    fc.constantFrom('0', '000000000000001'),
  ),
  limit: fc.integer({ min: 0, max: 201 }),
  provider: fc.constantFrom('', 'shopify', 'notion', 'google_drive', 'zapier', 'evernote'),
  kind: fc.constantFrom('', 'sync', 'refresh', 'delivery', 'revocation'),
  microseconds: fc.oneof(fc.maxSafeNat().map(String), fc.constantFrom('0', '1700000000000000', '9999999999999999')),
  id: fc.uuid(),
  minTtl: fc.integer({ min: 0, max: 86_401 }),
});

it(
  `the readers of lists take every place and every filter (HUB_FUZZ_SEED=${SEED})`,
  async () => {
    const caller = hub.as();
    for (const provider of OAUTH) {
      const { order, choices } = ANYONES[provider]();
      await hub.connect(caller, order, choices);
    }
    const met = await fuzzed(LISTS, async ({ cursor, limit, provider, kind, microseconds, id, minTtl }) => {
      const filter = provider && `&provider=${provider}`;
      const places = [`&cursor=${microseconds}-${kind || 'sync'}-${id}`, ''];
      const asked = [
        await caller.audit(`?limit=${limit}&cursor=${cursor}${filter}`),
        ...(await Promise.all(
          places.map((place) => caller.deadLetters(`?limit=${limit}${place}${filter}${kind && `&kind=${kind}`}`)),
        )),
        await caller.replay(`${kind || 'sync'}-${id}`),
        await caller.replayAll({ ...(kind && { kind }), ...(provider && { provider }) }),
      ];
      told(await caller.token(provider || 'notion', `?minTtl=${minTtl}`), true);
      return asked.map((answer) => told(answer)).join(', ');
    });
    expect(met.size).toBeGreaterThan(1);
  },
  LONG_ENOUGH_MS,
);

it(`has failed inside at nothing, and has told no secret (HUB_FUZZ_SEED=${SEED})`, async () => {
  const secrets = new Map([...settingSecrets(hub), ...(await storedTokens(hub)), ...madeUp]);
  expect(madeUp.size).toBeGreaterThan(0);
  expect(answers.length).toBeGreaterThan(100);
  expect(new Set(answers.flatMap(({ text, isTokenRead }) => toldSecrets(text, secrets, isTokenRead)))).toEqual(
    new Set(),
  );
  for (const app of ['gateway', 'refresh-worker', 'metadata-sync-worker'] as const) {
    expect(hub.process(app).isRunning).toBe(true);
    expect(hub.process(app).lines.filter((line) => FAILED_INSIDE.test(line))).toEqual([]);
  }
  expect((await fetch(`${hub.base}/health/ready`)).status).toBe(200);
});
