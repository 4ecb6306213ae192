import { createServer, type AddressInfo } from 'node:net';
import type { OrgId } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { TcpProxy } from '../../../test/support/tcp-proxy';
import { appDataSource } from './data-source';
import { DatabaseBusy } from './database-busy';
import { HubDatabase } from './hub-database';

/** An answer is waited for twelve seconds. */
const LONG_MS = 60_000;

describe('a connection that stands and answers nothing', () => {
  let database: OwnDatabase;
  let line: TcpProxy;
  let door: HubDatabase;

  beforeAll(async () => {
    database = await cloneDatabase();
    const url = new URL(database.refreshWorkerUrl);
    line = await TcpProxy.before(url.hostname, Number(url.port));
    url.hostname = '127.0.0.1';
    url.port = String(line.port);
    door = new HubDatabase(await appDataSource(url.href, 'test-silence', 2).initialize());
  }, LONG_MS);
  afterAll(async () => {
    await door.close();
    await line.shut();
    await database.drop();
  }, LONG_MS);

  const ask = (): Promise<unknown> => door.asSystem('a look', (manager) => manager.query('select 1 as one'));

  it(
    'is cut and never given out again: the next question has a new one',
    async () => {
      await ask();
      line.forget();
      await expect(ask()).rejects.toThrow('Query read timeout');
      expect(await ask()).toEqual([{ one: 1 }]);
    },
    LONG_MS,
  );
});

describe('a pool whose connections are all lent', () => {
  const ORG = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId;

  it.each([
    ['to the work of an org', (door: HubDatabase) => door.withOrg(ORG, () => Promise.resolve())],
    ['to a look across orgs', (door: HubDatabase) => door.asSystem('a look', (manager) => manager.query('select 1'))],
    [
      'to a look by another door inside it',
      (door: HubDatabase) => door.asSystem('a look', () => door.withOrg(ORG, () => Promise.resolve())),
    ],
  ])(
    'is no outage %s: it is told by an error of its own, and goes on once one comes free',
    async (_what, ask) => {
      const database = await cloneDatabase();
      const door = await HubDatabase.open(database.refreshWorkerUrl, 'test-full-pool', 1);
      try {
        let giveBack = (): void => undefined;
        const lent = new Promise<void>((resolve) => (giveBack = resolve));
        let begin = (): void => undefined;
        const isLent = new Promise<void>((resolve) => (begin = resolve));
        const holder = door.withOrg(ORG, () => (begin(), lent));
        await isLent;
        await expect(ask(door)).rejects.toBeInstanceOf(DatabaseBusy);
        expect(door.troubles).toBe(0);
        giveBack();
        await holder;
        await door.withOrg(ORG, () => Promise.resolve());
        expect(door.troubles).toBe(0);
      } finally {
        await door.close();
        await database.drop();
      }
    },
    LONG_MS,
  );
});

/** A message of PostgreSQL's protocol: its kind, its length, what it holds. */
function message(kind: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + content.length);
  return Buffer.concat([Buffer.from(kind), length, content]);
}

it('a server that takes a connection and ends it in the same breath ends nothing else', async () => {
  const welcome = [message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))];
  const farewell = message('E', Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0'));
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([...welcome, farewell])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const opening = appDataSource(`postgres://app:secret@127.0.0.1:${port}/hub`, 'test-farewell').initialize();
    await expect(opening).rejects.toThrow(/terminat|not queryable|closed/i);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
