import { HubLogger } from '@hub/telemetry';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { HubDatabase } from './hub-database';
import { MIGRATIONS } from './migrations';
import { awaitSchema, missingMigrations } from './schema-gate';

const newest = MIGRATIONS.at(-1)!.name;

let own: OwnDatabase;
let database: HubDatabase;
let records: Record<string, unknown>[];
let logger: HubLogger;

beforeEach(async () => {
  own = await cloneDatabase();
  database = await HubDatabase.open(own.gatewayUrl, 'test');
  records = [];
  logger = HubLogger.forApp('test', 'info', {
    write: (line) => void records.push(JSON.parse(line) as Record<string, unknown>),
  });
});
afterEach(async () => {
  await database.close();
  await own.drop();
});

const forget = () => own.sql('delete from public.hub_migrations where name = $1', [newest]);
const remember = () => own.sql('insert into public.hub_migrations (timestamp, name) values (1, $1)', [newest]);

it('an app begins at once where all migrations of its release have run', async () => {
  await awaitSchema(database, logger);
  expect(records).toEqual([]);
});

it('an app of an earlier release begins beside a schema that is ahead of it', async () => {
  await own.sql("insert into public.hub_migrations (timestamp, name) values (2, 'OfTheNextRelease1')");
  expect(await missingMigrations(database)).toEqual([]);
});

it('an app waits for the migrations of its release, says which, and begins once they have run', async () => {
  await forget();
  let hasBegun = false;
  const waiting = awaitSchema(database, logger).then(() => (hasBegun = true));
  while (records.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(records).toMatchObject([{ 'event.name': 'hub.schema.awaited', missing: 1, first: newest }]);
  expect(hasBegun).toBe(false);
  await remember();
  await waiting;
});

it('an empty database lacks all of them', async () => {
  await own.sql('alter table public.hub_migrations rename to of_another_program');
  expect(await missingMigrations(database)).toEqual(MIGRATIONS.map(({ name }) => name));
});

it('a login that may not see them begins, and says so', async () => {
  await own.sql('revoke select on public.hub_migrations from hub_gateway');
  await awaitSchema(database, logger);
  expect(records).toMatchObject([{ 'event.name': 'hub.schema.unseen' }]);
});
