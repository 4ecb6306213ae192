import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bearerOf } from '../support/bearer';
import { eventually } from '../support/eventually';
import type { Stack } from '../support/stack';
import { post } from './connects';
import type { FloorProcess } from './floor-process';
import { inTurns, type LoadResult } from './load';

/** Webhooks of as many orgs, an event for each: a URL takes ten sends a second, and more events would measure that pace. */
const HOOKS = 600;
const AT_ONCE = 8;
const LONGEST_MS = 30_000;
const DATA = { order: { id: 4_711, lines: Array.from({ length: 5 }, (_, line) => ({ line, price: '12.34' })) } };

/** Takes whatever is delivered, as quickly as can be. */
export class Receiver {
  /** When each request was there as a whole, by `performance.now()`. */
  arrivals: number[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer((request, answer) => {
      request.resume();
      request.on('end', () => {
        receiver.arrivals.push(performance.now());
        answer.setHeader('content-type', 'application/json');
        answer.end('{"status":"success"}');
      });
    });
    const receiver = new Receiver(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Has the delivery worker send to this receiver from now on, instead of the sandbox. */
export async function sendTo(receiver: Receiver, stack: Stack): Promise<void> {
  const usual = stack.environment['PROVIDER_ENDPOINTS_FILE'] ?? '';
  const endpoints = JSON.parse(await readFile(usual, 'utf8')) as object;
  const file = `${usual}.bench.json`;
  await writeFile(file, JSON.stringify({ ...endpoints, zapier: { apiBaseUrl: receiver.base } }));
  await stack.restart('delivery-worker', { PROVIDER_ENDPOINTS_FILE: file });
}

/**
 * How many deliveries a worker makes of a backlog that it finds, and how many a bare HTTP client sends to the same receiver.
 *
 * @returns the floor's and the hub's
 */
export async function measureDeliveries(stack: Stack, floor: FloorProcess, receiver: Receiver): Promise<LoadResult[]> {
  const hooks = await Promise.all(Array.from({ length: HOOKS }, () => connectHook(stack)));
  return inTurns([
    () =>
      arrivalsOf(receiver, () =>
        post(`${floor.base}/deliveries`, { url: `${receiver.base}/hook`, count: HOOKS, data: DATA }),
      ),
    async () => {
      const worker = stack.process('delivery-worker');
      await worker.stop();
      await postEvents(stack, hooks);
      return arrivalsOf(receiver, async () => {
        await worker.start();
        await eventually('all deliveries to be settled', async () => (await pending(stack)) === 0, {
          withinMs: LONGEST_MS,
        });
      });
    },
  ]);
}

async function connectHook(stack: Stack): Promise<{ authorization: string }> {
  const headers = { authorization: `Bearer ${await bearerOf({ org: randomUUID() })}` };
  const webhookUrl = `https://hooks.zapier.com/hooks/catch/${randomInt(1e9)}/${randomBytes(8).toString('hex')}/`;
  await post(`${stack.base}/functions/v1/integrations-connect`, { provider: 'zapier', webhookUrl }, headers);
  return headers;
}

async function postEvents(stack: Stack, hooks: readonly { authorization: string }[]): Promise<void> {
  const url = `${stack.base}/functions/v1/integrations/zapier/events`;
  const left = [...hooks];
  const poster = async (): Promise<void> => {
    for (let headers = left.pop(); headers; headers = left.pop())
      await post(url, { type: 'order.paid', data: DATA }, headers, 202);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, poster));
}

async function pending(stack: Stack): Promise<number> {
  const [row] = await stack.database.rows<{ count: number }>(
    "select count(*)::int as count from public.deliveries where state = 'pending'",
  );
  return row?.count ?? -1;
}

/** The rate between the first and the last of what comes while something is done. */
async function arrivalsOf(receiver: Receiver, act: () => Promise<unknown>): Promise<LoadResult> {
  receiver.arrivals = [];
  await act();
  if (receiver.arrivals.length < HOOKS) throw new Error(`of ${HOOKS} sends ${receiver.arrivals.length} arrived`);
  const [first = 0] = receiver.arrivals;
  const seconds = ((receiver.arrivals.at(-1) ?? first) - first) / 1_000;
  return { perSecond: (receiver.arrivals.length - 1) / seconds, p50Ms: 0, p99Ms: 0, maxMs: 0 };
}
