import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { Pool } from 'undici';
import { ANYONES } from '../support/accounts';
import { signed, standing } from '../support/bearer';
import { anAddress, type Caller } from '../support/caller';
import { RETURN_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';
import { shotsOf, type FuzzedOperation, type Known, type Schema, type Shot } from './support/fuzz-shots';
import { settingSecrets, storedTokens, toldSecrets } from './support/hub-secrets';

/**
 * Every operation of the gateway's own document, with what it takes and what it does not: nothing fails inside, nothing
 * hangs, and no answer holds a secret. A new route is met by itself. HUB_FUZZ_SEED repeats a run, HUB_FUZZ_RUNS is the most
 * requests of an operation; the least are always sent, however slow the machine. What needs a flow under way is met in
 * fuzz-flows.spec.ts.
 */
const SEED = Number(process.env['HUB_FUZZ_SEED'] ?? randomInt(2 ** 31));
const MOST_RUNS = Number(process.env['HUB_FUZZ_RUNS'] ?? 60);
const LEAST_RUNS = 12;
/** More of these for an operation that has not once answered with what it is for. */
const MOST_MORE = 1_000;
const ABOUT_MS = 30_000;
const AT_ONCE = 8;
/** A forced refresh may wait for ten seconds. Not a measure of speed: whoever has not answered by then never will. */
const NEVER_MS = 60_000;
/** A request that failed at something that nobody has foreseen, and an event that was lost. */
const FAILED_INSIDE = /"hub\.(request\.failed|audit\.write_failed|audit\.reads_lost)"/;
const CANARY = `canary${randomBytes(12).toString('hex')}`;

let hub: Stack;
let pool: Pool;
/** An org with everything connected, which is only read. */
let kept: Caller;
/** Another one, to which anything may be done. */
let target: Caller;
let known: Known;
let secrets: Map<string, string>;
/** What was answered, of all kinds. */
const statuses = new Set<number>();
/** Operations that have once answered with what they are for. */
const served = new Set<string>();
/** All answers, and whether each is a token read. */
const answers: { readonly text: string; readonly isTokenRead: boolean }[] = [];

/** What works only with more than a request: a flow that is under way, a dead letter, a browser's session or link, an upgrade. */
const NEEDS_MORE = [
  'get /functions/v1/integrations-callback/{provider}',
  'post /functions/v1/integrations-complete',
  'post /functions/v1/integrations-connect/{page}',
  'get /functions/v1/integrations-confirm/{page}',
  'post /functions/v1/integrations-confirm/{page}',
  'post /functions/v1/integrations/dead-letters/{id}/replay',
  'get /functions/v1/integrations-session',
  'delete /functions/v1/integrations-session',
  'get /functions/v1/integrations-session/{link}',
  'get /functions/v1/integrations/live',
];
beforeAll(async () => {
  hub = await Stack.start({ env: { RATE_LIMIT_CALLER: 'off', RATE_LIMIT_CONNECTS: 'off' } });
  pool = new Pool(hub.base, { connections: AT_ONCE });
  kept = hub.as();
  target = hub.as();
  for (const caller of [kept, target]) await connectAll(caller);
  known = { ...GOOD, page: await pages(), asset: [...(GOOD['asset'] ?? []), ...(await consoleAssets())] };
  const tokens = await storedTokens(hub);
  expect(tokens.size).toBeGreaterThanOrEqual(2 * OAUTH.length);
  secrets = new Map([...settingSecrets(hub), ...tokens, [CANARY, 'what a caller has sent']]);
}, 120_000);
afterAll(async () => {
  await pool?.destroy();
  await hub?.stop();
});

const GOOD: Known = {
  link: ['A'.repeat(43), 'x'],
  provider: ['shopify', 'notion', 'google_drive', 'zapier'],
  path: ['v1/sandbox/echo', 'drive/sandbox/echo', 'sandbox/echo', 'v1/users/me', ''],
  asset: ['swagger-ui.css', 'swagger-ui-bundle.js'],
  id: [`refresh-${randomUUID()}`, `revocation-${randomUUID()}`, randomUUID()],
  cursor: ['0', '3', '999999999999999', `1700000000000000-sync-${randomUUID()}`, `0-delivery-${randomUUID()}`],
  limit: ['1', '50', '200'],
  minTtl: ['0', '60', '86400'],
  redirectUri: [RETURN_URL],
  shop: ['ada.myshopify.com', 'https://Ada.myshopify.com/admin'],
  webhookUrl: ['https://hooks.zapier.com/hooks/catch/1/abc/'],
};

/** Pages that are there, of orgs that nothing else is done to: some that ask for an input, and one for a confirmation. */
async function pages(): Promise<string[]> {
  const asking = await Promise.all(
    ['shopify', 'zapier', 'shopify', 'zapier'].map(
      async (provider) => (await hub.as().begin({ provider })).body.authUrl,
    ),
  );
  const { url } = await new AttackStand(hub).atCallback('notion');
  const parked = (await hub.person().get(url)).headers.get('location') ?? '';
  return [...asking, parked].map((address) => address.split('/').at(-1) ?? '');
}

async function connectAll(caller: Caller): Promise<void> {
  for (const anyone of Object.values(ANYONES)) {
    const { order, choices } = anyone();
    await hub.connect(caller, order, choices);
  }
}

/** The console's own files, whose names have their hash. */
async function consoleAssets(): Promise<string[]> {
  const html = await (await fetch(`${hub.base}/integrations`)).text();
  const names = [...html.matchAll(/\/integrations\/assets\/([\w.-]+)/g)].flatMap(([, name]) => name ?? []);
  expect(names.length).toBeGreaterThan(0);
  return names;
}

function operations(): FuzzedOperation[] {
  const { paths } = hub.conformity.document as unknown as {
    paths: Record<
      string,
      Record<
        string,
        {
          security?: unknown;
          parameters: FuzzedOperation['parameters'];
          requestBody?: { content: Record<string, { schema?: Schema }> };
        }
      >
    >;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security, parameters, requestBody }]) => ({
      method,
      path,
      needsBearer: security !== undefined,
      parameters,
      body: requestBody?.content['application/json']?.schema,
      isRelayed: requestBody?.content['*/*'] !== undefined,
    })),
  );
}

/** The header of a shot's bearer. Whoever only reads may read the org that must stay as it is. */
async function authorizationOf({ bearer, method, isOfKept }: Shot): Promise<string> {
  const caller = method === 'GET' && isOfKept ? kept : target;
  switch (bearer.kind) {
    case 'good':
      return caller.authorization();
    case 'few rights':
      return caller.with({ scopes: ['integrations:read'] }).authorization();
    case 'strange name':
      return `Bearer ${await signed({
        sub: bearer.sub,
        org_id: caller.claims.org,
        scope: 'integrations:read integrations:write tokens:read audit:read operations',
        ...standing(),
      })}`;
    case 'none':
    case 'garbage':
      return bearer.header;
  }
}

/** A body in some pieces, the first of one byte. */
function pieces(body: string | Buffer): Buffer[] {
  const bytes = Buffer.from(body);
  const third = Math.ceil(bytes.length / 3);
  return [bytes.subarray(0, 1), bytes.subarray(1, third), bytes.subarray(Math.max(1, third))].filter(
    ({ length }) => length > 0,
  );
}

/** What is wrong with the answer to a shot; `undefined` if nothing is. */
async function complaint(shot: Shot, operation: FuzzedOperation): Promise<string | undefined> {
  const authorization = await authorizationOf(shot);
  const { method, path, headers, body, isChunked } = shot;
  const answer = await pool
    .request({
      method,
      path,
      headers: { 'x-forwarded-for': anAddress(), ...(authorization !== '' && { authorization }), ...headers },
      ...(body !== undefined && { body: isChunked ? Readable.from(pieces(body)) : body }),
      headersTimeout: NEVER_MS,
      bodyTimeout: NEVER_MS,
    })
    .then(async (got) => ({ status: got.statusCode, headers: got.headers, text: await got.body.text() }));
  statuses.add(answer.status);
  if (answer.status < 400) served.add(nameOf(operation));
  const retry = answer.headers['retry-after'];
  const isProblem = String(answer.headers['content-type']).startsWith('application/problem+json');
  const isOfProvider = answer.headers['hub-answer'] !== undefined;
  if (isOfProvider && isProblem)
    return `is a problem of the hub that goes as the provider's: ${answer.text.slice(0, 300)}`;
  if (answer.status >= 500 && !isOfProvider && !(answer.status === 503 && retry !== undefined))
    return `is answered ${answer.status}: ${answer.text.slice(0, 300)}`;
  const all = JSON.stringify(answer.headers) + answer.text;
  const isTokenRead =
    answer.status === 200 &&
    ((/\/token(\?|$)/.test(path) && method === 'GET') || (isOfProvider && /\/echo(\?|$)/.test(path)));
  answers.push({ text: all, isTokenRead });
  const [toldSecret] = toldSecrets(all, secrets, isTokenRead);
  if (toldSecret !== undefined) return `tells ${toldSecret}`;
  if (!shot.isPlain) return undefined;
  const template = path.split('?')[0] ?? '';
  if (answer.status === 414 || answer.status === 431) return undefined; // any path may be too long, and any header
  return hub.conformity.complaint(method, template, {
    status: answer.status,
    type: String(answer.headers['content-type'] ?? ''),
    text: answer.text,
  });
}

/** What no reading may change of an org's integrations; syncs go on. */
async function standingOf(caller: Caller): Promise<unknown[]> {
  const { integrations } = (await caller.list()).body;
  return integrations.map(
    ({ provider, status, account, scope, expiresAt, failure, createdAt }) =>
      [provider, status, account, scope, expiresAt, failure, createdAt] as const,
  );
}

function nameOf({ method, path }: FuzzedOperation): string {
  return `${method} ${path}`;
}

function told({ method, path, headers, bearer, body }: Shot): string {
  const text = body?.toString('latin1').slice(0, 300);
  return JSON.stringify({ method, path, headers, bearer, body: text }).slice(0, 600);
}

it(`answers whatever it is sent, fails inside at nothing, and tells no secret (HUB_FUZZ_SEED=${SEED})`, async () => {
  const before = await standingOf(kept);
  const all = operations();
  expect(all.length).toBeGreaterThan(15);
  const shots = all.map((operation) =>
    fc.sample(shotsOf(operation, known, CANARY), { seed: SEED, numRuns: MOST_RUNS }),
  );

  const complaints = new Set<string>();
  const send = async (shot: Shot, operation: FuzzedOperation): Promise<void> => {
    const wrong = await complaint(shot, operation).catch((error: unknown) => `has no answer: ${String(error)}`);
    if (wrong !== undefined) complaints.add(`seed ${SEED}: ${told(shot)} ${wrong}`);
  };
  const startedMs = performance.now();
  let round = 0;
  while (round < MOST_RUNS && (round < LEAST_RUNS || performance.now() - startedMs < ABOUT_MS)) {
    const left = all.map((operation, at) => [operation, shots[at]?.[round]] as const).values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const [operation, shot] of left) if (shot) await send(shot, operation);
      }),
    );
    round += 1;
  }
  // and on, where it has been sent too little to meet what a route is for: on an org that nothing was done to yet
  target = hub.as();
  await connectAll(target);
  const unserved = () => all.filter((one) => !served.has(nameOf(one)) && !NEEDS_MORE.includes(nameOf(one)));
  for (const operation of unserved())
    for (const shot of fc.sample(shotsOf(operation, known, CANARY), { seed: SEED + 1, numRuns: MOST_MORE }))
      if (!served.has(nameOf(operation))) await send(shot, operation);
  expect([...complaints].slice(0, 12)).toEqual([]);
  // it has come to each route itself, and to what stands before them
  expect([...statuses]).toEqual(expect.arrayContaining([200, 401, 403, 404, 422]));
  expect(unserved().map(nameOf)).toEqual([]);
  // refreshed meanwhile
  const late = await storedTokens(hub);
  expect(answers.flatMap(({ text, isTokenRead }) => toldSecrets(text, late, isTokenRead))).toEqual([]);

  for (const app of ['gateway', 'refresh-worker', 'metadata-sync-worker', 'delivery-worker'] as const) {
    expect(hub.process(app).isRunning).toBe(true);
    expect(hub.process(app).lines.filter((line) => FAILED_INSIDE.test(line))).toEqual([]);
  }
  expect((await fetch(`${hub.base}/health/ready`)).status).toBe(200);
  expect(await standingOf(kept)).toEqual(before);
}, 600_000);
