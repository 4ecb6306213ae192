import { randomBytes } from 'node:crypto';
import { Agent, request, type Dispatcher } from 'undici';
import { load, type LoadResult } from './load';

const CONCURRENCY = 8;
const FOR_MS = 3_000;
const WARM_MS = 1_000;

/** Where connects go: the hub, or the floor. */
export interface ConnectTarget {
  /** Starts one. @returns where the consent is given, and what must come along to the callback */
  start(): Promise<{ consentUrl: string; cookie?: string }>;
  /** The callback's address as this process reaches it. */
  reach(callbackUrl: string): string;
}

const agent = new Agent({ connections: CONCURRENCY });

/** Whole connects, one after the other by each of several browsers: start, consent, callback. */
export async function measureConnects(target: ConnectTarget): Promise<LoadResult> {
  const connect = async (): Promise<void> => {
    const { consentUrl, cookie } = await target.start();
    const callback = await redirectOf(consentUrl);
    const end = await redirectOf(target.reach(callback), cookie);
    if (/[?&]error=/.test(end)) throw new Error(`a connect was refused: ${end}`);
  };
  await load({ concurrency: CONCURRENCY, forMs: WARM_MS }, connect);
  return load({ concurrency: CONCURRENCY, forMs: FOR_MS }, connect);
}

/** POST with JSON. @throws Error unless it is answered as expected */
export async function post(
  url: string,
  body: object,
  headers: Record<string, string> = {},
  expected = 200,
): Promise<{ headers: Dispatcher.ResponseData['headers']; json: unknown }> {
  const answer = await request(url, {
    method: 'POST',
    dispatcher: agent,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (answer.statusCode !== expected)
    throw new Error(`${url} answers ${answer.statusCode}: ${await answer.body.text()}`);
  return { headers: answer.headers, json: await answer.body.json() };
}

/** An account of its own for each connect: Google keeps a hundred refresh tokens of one. */
export function anAccount(): string {
  return `bench-${randomBytes(6).toString('hex')}@example.com`;
}

async function redirectOf(url: string, cookie?: string): Promise<string> {
  const answer = await request(url, { dispatcher: agent, headers: { ...(cookie !== undefined && { cookie }) } });
  const { location } = answer.headers;
  await answer.body.dump();
  if (answer.statusCode !== 302 || typeof location !== 'string')
    throw new Error(`${new URL(url).pathname} answers ${answer.statusCode} and leads nowhere`);
  return location;
}
