import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import fastify from 'fastify';
import { Pool } from 'pg';
import { Agent, request } from 'undici';

/**
 * The least that could do what the hub does, as a process of its own: bare Fastify, a pool, one key. No caller is asked
 * for, no org is kept apart, nothing is bound, fenced or recorded. What the hub costs is what it takes beyond this.
 */
const KEY = randomBytes(32);
const POOL_SIZE = 10;
const ROWS = 10_000;
/** As many as the delivery worker has. */
const SENDS_AT_ONCE = 64;

interface Settings {
  readonly databaseUrl: string;
  readonly tokenUrl: string;
  readonly apiBaseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export function seal(text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', KEY, nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

export function open(sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', KEY, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
}

async function main(settings: Settings): Promise<void> {
  const pool = new Pool({ connectionString: settings.databaseUrl, max: POOL_SIZE });
  await pool.query(`
    create table if not exists floor_tokens (id text primary key, sealed text not null, expires_at timestamptz not null);
    create table if not exists floor_flows (state text primary key, created_at timestamptz not null default now());
  `);
  const token = `ya29.${randomBytes(96).toString('base64url')}`;
  await pool.query(
    "insert into floor_tokens select n::text, $1, now() + interval '1 hour' from generate_series(1, $2::int) n",
    [seal(token), ROWS],
  );

  const server = fastify();
  server.get<{ Params: { id: string } }>('/tokens/:id', async ({ params }) => {
    const { rows } = await pool.query<{ sealed: string; expires_at: Date }>({
      name: 'token',
      text: 'select sealed, expires_at from floor_tokens where id = $1',
      values: [params.id],
    });
    const [row] = rows;
    return { accessToken: open(row?.sealed ?? ''), tokenType: 'Bearer', expiresAt: row?.expires_at };
  });

  server.post('/connect', async () => {
    const state = randomBytes(32).toString('base64url');
    await pool.query({ name: 'flow', text: 'insert into floor_flows (state) values ($1)', values: [state] });
    return { state };
  });

  server.get<{ Querystring: { code: string; state: string } }>('/callback', async ({ query }, reply) => {
    const flow = { name: 'take', text: 'delete from floor_flows where state = $1', values: [query.state] };
    if ((await pool.query(flow)).rowCount !== 1) return reply.status(400).send();
    const grant = (await ask(settings.tokenUrl, exchangeBody(settings, query.code))) as { access_token: string };
    await ask(`${settings.apiBaseUrl}/drive/v3/about?fields=user`, undefined, { bearer: grant.access_token });
    const sealed = seal(JSON.stringify(grant));
    await pool.query({
      name: 'store',
      text: "insert into floor_tokens values ($1, $2, now() + interval '1 hour')",
      values: [randomUUID(), sealed],
    });
    return reply.redirect('/done', 302);
  });
  const hooks = new Agent({ connections: SENDS_AT_ONCE });
  server.post<{ Body: { url: string; count: number; data: object } }>('/deliveries', async ({ body }) => {
    const text = JSON.stringify({ id: randomUUID(), seq: 1, type: 'order.paid', at: new Date(), data: body.data });
    let left = body.count;
    const sender = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await ask(body.url, text, { type: 'application/json', dispatcher: hooks });
      }
    };
    await Promise.all(Array.from({ length: SENDS_AT_ONCE }, sender));
    return {};
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  process.send?.({ port: (server.server.address() as { port: number }).port });
}

function exchangeBody({ clientId, clientSecret }: Settings, code: string): string {
  const redirectUri = 'http://127.0.0.1/callback';
  return new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    client_id: clientId,
    client_secret: clientSecret,
  }).toString();
}

interface Asking {
  readonly type?: string;
  readonly bearer?: string;
  readonly dispatcher?: Agent;
}

/** POST where there is a body, a form unless another type is said; else GET. */
async function ask(
  url: string,
  body?: string,
  { type = 'application/x-www-form-urlencoded', bearer, dispatcher }: Asking = {},
): Promise<unknown> {
  const answer = await request(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body !== undefined && { 'content-type': type }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    ...(body !== undefined && { body }),
    ...(dispatcher && { dispatcher }),
  });
  if (answer.statusCode !== 200) throw new Error(`${url} answers ${answer.statusCode}`);
  return answer.body.json();
}

if (process.env['FLOOR'] !== undefined) {
  process.on('disconnect', () => process.exit(0)); // whoever started it has ended
  void main(JSON.parse(process.env['FLOOR']) as Settings);
}
