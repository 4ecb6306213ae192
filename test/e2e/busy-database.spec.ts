import { Client } from 'pg';
import { ANYONES } from '../support/accounts';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';

/** As many as a product sends when all of its pages are opened at once. */
const READS = 1_000;
const LONG_MS = 60_000;

let hub: Stack;
let holder: Client;
beforeAll(async () => {
  hub = await Stack.start({ env: { RATE_LIMIT_CALLER: 'off', RATE_LIMIT_ADDRESS: 'off', RATE_LIMIT_GUESSES: 'off' } });
  holder = new Client({ connectionString: hub.database.adminUrl });
  await holder.connect();
});
afterAll(async () => {
  await holder.end();
  await hub.stop();
});

it(
  'a thousand token reads that PostgreSQL keeps waiting are told to come again, and nobody else waits behind them',
  async () => {
    const caller = hub.as();
    const account = ANYONES.notion();
    await hub.connect(caller, account.order, account.choices);
    await hub.event(caller, 'sync.completed');
    expect((await caller.token('notion')).status).toBe(200);

    await holder.query('begin');
    await holder.query('lock table public.integrations in access exclusive mode');
    let isAnswered = false;
    const all = Promise.all(Array.from({ length: READS }, () => caller.token('notion'))).finally(
      () => (isAnswered = true),
    );
    // a callback and its flow are of other tables: behind the reads it would get a connection after them alone
    const callback = await fetch(
      `${hub.base}/functions/v1/integrations-callback/notion?code=x&state=${'a'.repeat(43)}`,
    );
    expect([callback.status, isAnswered]).toEqual([400, false]);
    const reads = await all;
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([503]));
    for (const read of reads) {
      expect([codeOf(read), read.headers.get('retry-after')]).toEqual(['provider_unavailable', '2']);
      expect(read.body).toMatchObject({ title: 'The hub is busy' });
    }

    await holder.query('rollback');
    const after = await Promise.all(Array.from({ length: READS }, () => caller.token('notion')));
    expect(after.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(new Set(after.map(({ status }) => status).filter((status) => status !== 503))).toEqual(new Set([200]));
    expect((await caller.token('notion')).status).toBe(200);
  },
  LONG_MS,
);
