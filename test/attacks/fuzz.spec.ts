import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { TokenVault, tokenCell } from '@hub/token-vault';
import fc from 'fast-check';
import { Pool } from 'undici';
import { ANYONES } from '../support/accounts';
import { AUTH, signed, standing } from '../support/bearer';
import { anAddress, type Caller } from '../support/caller';
import { dataKeysIn } from '../support/data-keys';
import { Stack } from '../support/stack';
import { testServers } from '../support/test-servers';
import { AttackStand, OAUTH } from './support/attack-stand';
import { shotsOf, type FuzzedOperation, type Known, type Schema, type Shot } from './support/fuzz-shots';

/**
 * Every operation of the gateway's own document, with what it takes and what it does not: nothing fails inside, nothing
 * hangs, and no answer holds a secret. A new route is met by itself. HUB_FUZZ_SEED repeats a run, HUB_FUZZ_RUNS is the most
 * requests of an operation; the least are always sent, however slow the machine.
 */
const SEED = Number(process.env['HUB_FUZZ_SEED'] ?? randomInt(2 ** 31));
const MOST_RUNS = Number(process.env['HUB_FUZZ_RUNS'] ?? 60);
const LEAST_RUNS = 12;
const ABOUT_MS = 30_000;
const AT_ONCE = 8;
/** A forced refresh may wait for ten seconds. Not a measure of speed: whoever has not answered by then never will. */
const NEVER_MS = 60_000;
const CANARY = `canary${randomBytes(12).toString('hex')}`;

let hub: Stack;
let pool: Pool;
/** An org with everything connected, which is only read. */
let kept: Caller;
/** Another one, to which anything may be done. */
let target: Caller;
let known: Known;
let secrets: ReadonlyMap<string, string>;
/** What was answered, of all kinds. */
const statuses = new Set<number>();
beforeAll(async () => {
  hub = await Stack.start({ env: { RATE_LIMIT_CALLER: 'off', RATE_LIMIT_CONNECTS: 'off' } });
  pool = new Pool(hub.base, { connections: AT_ONCE });
  kept = hub.as();
  target = hub.as();
  for (const caller of [kept, target])
    for (const anyone of Object.values(ANYONES)) {
      const { order, choices } = anyone();
      await hub.connect(caller, order, choices);
    }
  known = { provider: ['shopify', 'notion', 'google_drive', 'zapier'], page: await pages(), ...OTHERS };
  secrets = await allSecrets();
}, 120_000);
afterAll(async () => {
  await pool?.destroy();
  await hub?.stop();
});

const OTHERS = {
  link: ['A'.repeat(43), 'x'],
  id: [randomUUID(), randomUUID()],
  asset: ['swagger-ui.css', 'swagger-ui-bundle.js'],
};

/** Pages that are there: two that ask for an input, and one that asks for a confirmation. */
async function pages(): Promise<string[]> {
  const asking = await Promise.all(
    ['shopify', 'zapier'].map(async (provider) => (await target.begin({ provider })).body.authUrl),
  );
  const { url } = await new AttackStand(hub).atCallback('notion');
  const parked = (await hub.person().get(url)).headers.get('location') ?? '';
  return [...asking, parked].map((address) => address.split('/').at(-1) ?? '');
}

/** Everything that no answer may hold, by what it is. */
async function allSecrets(): Promise<Map<string, string>> {
  const { logins, adminUrl } = testServers();
  const environment = hub.environment;
  const found = new Map<string, string>([
    [AUTH.secret, 'AUTH_JWT_SECRET'],
    [(environment['TOKEN_KEYS'] ?? '').split(':')[1] ?? '', 'a key of TOKEN_KEYS'],
    [decodeURIComponent(new URL(adminUrl).password), 'the password of the database'],
    [CANARY, 'what a caller has sent'],
    ...Object.values(logins).map(({ password }): [string, string] => [password, 'the password of a login']),
    ...Object.entries(environment)
      .filter(([name]) => name.endsWith('_CLIENT_SECRET'))
      .map(([name, value]): [string, string] => [value, name]),
  ]);
  for (const [token, what] of await storedTokens()) found.set(token, what);
  expect([...found.keys()].filter((secret) => secret.length < 8 && secret !== '')).toEqual([]);
  found.delete('');
  return found;
}

/** All tokens that are stored, opened with the hub's keys. */
async function storedTokens(): Promise<Map<string, string>> {
  const [id = '', key = ''] = (hub.environment['TOKEN_KEYS'] ?? '').split(':');
  const vault = TokenVault.over(
    { tokenKeys: [{ id, key: Buffer.from(key, 'base64') }], keyProvider: 'local' },
    dataKeysIn((sql, values) => hub.database.rows(sql, values)),
  );
  const rows = await hub.database.rows<Record<'id' | 'org_id' | 'provider' | 'access_token' | 'refresh_token', string>>(
    'select id, org_id, provider, access_token, refresh_token from public.integrations',
  );
  const tokens = new Map<string, string>();
  for (const row of rows) {
    const owner = {
      id: row.id as IntegrationId,
      orgId: row.org_id as OrgId,
      provider: row.provider as ProviderId,
    };
    for (const column of ['access_token', 'refresh_token'] as const)
      if (row[column] !== null)
        tokens.set((await vault.open(tokenCell(owner, column), row[column])).reveal(), `${column} of ${row.provider}`);
  }
  expect(tokens.size).toBeGreaterThanOrEqual(2 * OAUTH.length);
  return tokens;
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
          requestBody?: { content: Record<string, { schema: Schema }> };
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
    })),
  );
}

/** The header of a shot's bearer. Whoever only reads may read the org that must stay as it is. */
async function authorizationOf({ bearer, method }: Shot): Promise<string> {
  const caller = method === 'GET' && Math.random() < 0.5 ? kept : target;
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

/** What is wrong with the answer to a shot; `undefined` if nothing is. */
async function complaint(shot: Shot): Promise<string | undefined> {
  const authorization = await authorizationOf(shot);
  const { method, path, headers, body } = shot;
  const answer = await pool
    .request({
      method,
      path,
      headers: { 'x-forwarded-for': anAddress(), ...(authorization !== '' && { authorization }), ...headers },
      ...(body !== undefined && { body }),
      headersTimeout: NEVER_MS,
      bodyTimeout: NEVER_MS,
    })
    .then(async (got) => ({ status: got.statusCode, headers: got.headers, text: await got.body.text() }));
  statuses.add(answer.status);
  const retry = answer.headers['retry-after'];
  if (answer.status >= 500 && !(answer.status === 503 && retry !== undefined))
    return `is answered ${answer.status}: ${answer.text.slice(0, 300)}`;
  const all = JSON.stringify(answer.headers) + answer.text;
  const isTokenRead = answer.status === 200 && /\/token(\?|$)/.test(path) && method === 'GET';
  for (const [secret, what] of secrets)
    if (all.includes(secret) && !(isTokenRead && what.startsWith('access_token'))) return `tells ${what}`;
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

function told({ method, path, headers, bearer, body }: Shot): string {
  return JSON.stringify({ method, path, headers, bearer, body }).slice(0, 600);
}

it(`answers whatever it is sent, fails inside at nothing, and tells no secret (HUB_FUZZ_SEED=${SEED})`, async () => {
  const before = await standingOf(kept);
  const all = operations();
  expect(all.length).toBeGreaterThan(15);
  const shots = all.map((operation) =>
    fc.sample(shotsOf(operation, known, CANARY), { seed: SEED, numRuns: MOST_RUNS }),
  );

  const complaints = new Set<string>();
  const startedMs = performance.now();
  let round = 0;
  while (round < MOST_RUNS && (round < LEAST_RUNS || performance.now() - startedMs < ABOUT_MS)) {
    const left = shots.flatMap((of) => of[round] ?? []).values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const shot of left) {
          const wrong = await complaint(shot).catch((error: unknown) => `has no answer: ${String(error)}`);
          if (wrong !== undefined) complaints.add(`seed ${SEED}: ${told(shot)} ${wrong}`);
        }
      }),
    );
    round += 1;
  }
  expect([...complaints].slice(0, 12)).toEqual([]);
  // it has come to the routes themselves, and to what stands before them
  expect([...statuses]).toEqual(expect.arrayContaining([200, 401, 403, 404, 422]));

  for (const app of ['gateway', 'refresh-worker', 'metadata-sync-worker'] as const) {
    expect(hub.process(app).isRunning).toBe(true);
    expect(hub.process(app).lines.filter((line) => line.includes('"hub.request.failed"'))).toEqual([]);
  }
  expect((await fetch(`${hub.base}/health/ready`)).status).toBe(200);
  expect(await standingOf(kept)).toEqual(before);
}, 600_000);
