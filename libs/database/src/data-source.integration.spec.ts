import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { TcpProxy } from '../../../test/support/tcp-proxy';
import { appDataSource } from './data-source';
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
