import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws';
import { eventually } from '../../../../test/support/eventually';
import { CONNECTION_LIMITS, LiveConnection, type ConnectionLimits } from './live-connection.socket';

let http: Server;
let server: WebSocketServer;
const clients: WebSocket[] = [];

beforeAll(async () => {
  http = createServer();
  server = new WebSocketServer({ server: http, maxPayload: 1_024 });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const client of clients) client.terminate();
  server.close();
  await new Promise((resolve) => http.close(resolve));
});

interface Pair {
  readonly connection: LiveConnection;
  readonly client: WebSocket;
  readonly heard: string[];
  /** By which code the client saw it end. */
  readonly seen: Promise<number>;
}

async function aPair({
  expiresAt = null,
  limits = {},
  options = {},
}: { expiresAt?: Date | null; limits?: Partial<ConnectionLimits>; options?: ClientOptions } = {}): Promise<Pair> {
  const connected = new Promise<WebSocket>((resolve) => server.once('connection', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, options);
  clients.push(client);
  const heard: string[] = [];
  client.on('message', (data: Buffer) => heard.push(data.toString()));
  client.on('error', () => undefined);
  const seen = new Promise<number>((resolve) => client.once('close', resolve));
  await new Promise((resolve) => client.once('open', resolve));
  const connection = new LiveConnection(await connected, expiresAt, { ...CONNECTION_LIMITS, ...limits });
  return { connection, client, heard, seen };
}

/** The client reads nothing more. */
const stopReading = (client: WebSocket): unknown => (client as unknown as { _socket: Socket })._socket.pause();

it('sends in order, and ends as it is told to', async () => {
  const { connection, heard, seen } = await aPair();
  for (const text of ['a', 'b', 'c']) connection.send(text);
  connection.close(1001);
  connection.close(4401);
  connection.send('d');
  expect([connection.isOpen, await seen, await connection.ended]).toEqual([false, 1001, 1001]);
  expect(heard).toEqual(['a', 'b', 'c']);
});

it('ends as its client says', async () => {
  const { connection, client } = await aPair();
  client.close(1000);
  expect(await connection.ended).toBe(1000);
});

it('ends when the proof of who the client is ends', async () => {
  const { connection, seen } = await aPair({ expiresAt: new Date(Date.now() + 200) });
  expect([await seen, await connection.ended]).toEqual([4401, 4401]);
});

it('ends at once where that is over already, and stays open where it is far away', async () => {
  const far = await aPair({ expiresAt: new Date(8.64e15) });
  const over = await aPair({ expiresAt: new Date(0) });
  expect(await over.seen).toBe(4401);
  expect(far.connection.isOpen).toBe(true);
  far.connection.close(1001);
  await far.connection.ended;
});

it('hears nothing', async () => {
  const said = await aPair();
  said.client.send('{}');
  expect([await said.seen, await said.connection.ended]).toEqual([1008, 1008]);
  const shouted = await aPair();
  shouted.client.send('x'.repeat(2_000));
  expect([await shouted.seen, await shouted.connection.ended]).toEqual([1009, 1009]);
});

it('drops a client that takes nothing, by the bytes that stand', async () => {
  const { connection, client } = await aPair({ limits: { unsentBytes: 100_000 } });
  stopReading(client);
  const text = 'x'.repeat(50_000);
  let sent = 0;
  await eventually('the client to be dropped', () => {
    connection.send(text);
    sent += 1;
    return Promise.resolve(!connection.isOpen);
  });
  expect(sent).toBeGreaterThan(2);
  client.terminate();
  expect(await connection.ended).toBe(4408);
});

it('drops a client that takes nothing, by the messages that stand', async () => {
  const { connection, heard, seen } = await aPair({ limits: { unsentMessages: 10 } });
  for (let number = 0; number < 20; number += 1) connection.send(String(number)); // none is written before the turn ends
  expect(connection.isOpen).toBe(false);
  expect([await seen, await connection.ended]).toEqual([4408, 4408]);
  expect(heard).toEqual(Array.from({ length: 10 }, (_, number) => String(number)));
});

it('lets a client read a gap at its own pace, far beyond what may stand otherwise', async () => {
  const { connection, client, heard } = await aPair({ limits: { unsentBytes: 100_000, pacedBytes: 20_000 } });
  const text = 'x'.repeat(50_000);
  const socket = (client as unknown as { _socket: Socket })._socket;
  for (let number = 0; number < 400; number += 1) {
    if (number % 100 === 50) {
      socket.pause();
      setTimeout(() => socket.resume(), 100);
    }
    await connection.sendAtItsPace(text);
    expect(connection.isOpen).toBe(true);
  }
  connection.close(1001);
  await connection.ended;
  expect(heard).toHaveLength(400);
});

it('drops a client that reads nothing of a gap for too long', async () => {
  const { connection, client } = await aPair({ limits: { pacedBytes: 20_000, stallMs: 300 } });
  stopReading(client);
  for (let number = 0; number < 1_000 && connection.isOpen; number += 1)
    await connection.sendAtItsPace('x'.repeat(50_000));
  expect(connection.isOpen).toBe(false);
  client.terminate();
  expect(await connection.ended).toBe(4408);
});

it('keeps a client that answers, and lets go of one that is gone without a word', async () => {
  const well = await aPair();
  const gone = await aPair({ options: { autoPong: false } });
  for (let beat = 0; beat < 3; beat += 1) {
    const asked = new Promise((resolve) => well.client.once('ping', resolve));
    well.connection.beat();
    await asked;
    await new Promise((resolve) => setTimeout(resolve, 50)); // for the answer
  }
  gone.connection.beat();
  expect([well.connection.isOpen, gone.connection.isOpen]).toEqual([true, true]);
  gone.connection.beat();
  expect([await gone.connection.ended, await gone.seen]).toEqual([1006, 1006]);
  well.connection.close(1001);
  await well.connection.ended;
});
