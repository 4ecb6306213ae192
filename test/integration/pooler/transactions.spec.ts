import { randomUUID } from 'node:crypto';
import { HubDatabase, IntegrationRepository } from '@hub/database';
import type { OrgId, ProviderId } from '@hub/domain';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import { cloneDatabase, type OwnDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { findPgBouncer, PgBouncer, type PgBouncerProgram } from '../../support/pgbouncer';

const found = findPgBouncer();
const where = 'reason' in found ? ` (skipped: there is no PgBouncer: ${found.reason})` : '';
const described = 'reason' in found ? describe.skip : describe;

/** Server connections that all clients of a login share. */
const POOL_SIZE = 2;
const CLIENTS = 20;
const ORGS = 20;
const TRANSACTIONS = 2_000;
const PROVIDER = 'notion' as ProviderId;

let database: OwnDatabase;

async function integrationOf(orgId: string): Promise<void> {
  await database.sql(
    `insert into public.integrations (org_id, provider, access_token, failed_syncs, metadata)
     values ($1, $2, $3, 0, '{}')`,
    [orgId, PROVIDER, `token-of-${orgId}`],
  );
}

interface Seen {
  readonly pid: number;
  /** As the policies read it. */
  readonly org: string | null;
  /** Rows in sight, by their org. */
  readonly orgs: string[];
}

const LOOK = `
  select pg_backend_pid() as pid, hub.current_org()::text as org,
    array(select org_id::text from public.integrations) as orgs`;

async function look(manager: EntityManager): Promise<Seen> {
  const [seen]: Seen[] = await manager.query(LOOK);
  if (!seen) throw new Error('no row');
  return seen;
}

described(`behind a PgBouncer in transaction mode${where}`, () => {
  const program = found as PgBouncerProgram;

  beforeAll(async () => {
    database = await cloneDatabase();
  });
  afterAll(() => database.drop());

  describe(`${ORGS} orgs at once on ${POOL_SIZE} connections`, () => {
    let bouncer: PgBouncer;
    let doors: HubDatabase;
    const orgs = Array.from({ length: ORGS }, () => randomUUID() as OrgId);

    beforeAll(async () => {
      bouncer = await PgBouncer.start(program, { default_pool_size: POOL_SIZE });
      doors = await HubDatabase.open(bouncer.through(database.gatewayUrl), 'test-pooled', CLIENTS);
      await Promise.all(orgs.map(integrationOf));
    });
    afterAll(async () => {
      await doors.close();
      await bouncer.stop();
    });

    it(`see and change what is theirs in each of ${TRANSACTIONS} transactions, some of which fail, and nobody sees anything between`, async () => {
      const tokens = new IntegrationRepository(doors);
      const served = new Map<number, Set<string>>();
      const kept = new Map(orgs.map((org) => [org, 0]));
      const wrong: string[] = [];
      const ends = { kept: 0, refused: 0, undone: 0, outside: 0, tokens: 0 };
      const undo = new Error('undo');

      /** Reads and writes without naming the org anywhere: that is the policies' affair. */
      const change = async (manager: EntityManager, org: OrgId): Promise<void> => {
        const seen = await look(manager);
        served.set(seen.pid, (served.get(seen.pid) ?? new Set()).add(org));
        if (seen.org !== org || seen.orgs.join() !== org) wrong.push(`${org} saw ${JSON.stringify(seen)}`);
        const [rows]: [{ org_id: string }[], number] = await manager.query(
          'update public.integrations set failed_syncs = failed_syncs + 1 returning org_id',
        );
        if (rows.length !== 1 || rows[0]?.org_id !== org) wrong.push(`${org} changed ${JSON.stringify(rows)}`);
      };

      const steps: ((org: OrgId, other: OrgId) => Promise<void>)[] = [
        async (org) => {
          await doors.withOrg(org, (manager) => change(manager, org));
          ends.kept += 1;
          kept.set(org, (kept.get(org) ?? 0) + 1);
        },
        async (org, other) => {
          // a statement error, and the very one that would do harm
          const stolen = doors.withOrg(org, async (manager) => {
            await change(manager, org);
            await manager.query(
              `insert into public.revocations (org_id, provider, integration_id, access_token, reason)
               values ($1, $2, gen_random_uuid(), 'x', 'disconnect')`,
              [other, PROVIDER],
            );
          });
          await expect(stolen).rejects.toMatchObject({ code: '42501' });
          ends.refused += 1;
        },
        async (org) => {
          const undone = doors.withOrg(org, async (manager) => {
            await change(manager, org);
            throw undo;
          });
          await expect(undone).rejects.toBe(undo);
          ends.undone += 1;
        },
        async () => {
          const seen = await doors.asSystem('what is in sight outside every org', look);
          if (seen.org !== null || seen.orgs.length > 0) wrong.push(`outside was seen ${JSON.stringify(seen)}`);
          ends.outside += 1;
        },
        async (org) => {
          const read = await tokens.readToken(org, PROVIDER);
          if (read?.accessToken !== `token-of-${org}`) wrong.push(`${org} read ${JSON.stringify(read)}`);
          ends.tokens += 1;
        },
      ];

      let next = 0;
      const worker = async (): Promise<void> => {
        for (let turn = next++; turn < TRANSACTIONS; turn = next++) {
          const org = orgs[turn % ORGS] as OrgId;
          const other = orgs[(turn + 7) % ORGS] as OrgId;
          // half of all change something; the others are spread over the orgs
          const step = turn % 2 === 0 ? 0 : 1 + (Math.floor(turn / ORGS + turn / 2) % (steps.length - 1));
          await steps[step]?.(org, other);
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, worker));

      expect(wrong).toEqual([]);
      expect(Object.values(ends).reduce((sum, count) => sum + count)).toBe(TRANSACTIONS);
      for (const count of Object.values(ends)) expect(count).toBeGreaterThan(100);
      const rows = await database.sql<{ org_id: OrgId; failed_syncs: number }>(
        'select org_id, failed_syncs from public.integrations where org_id = any($1)',
        [orgs],
      );
      expect(new Map(rows.map((row) => [row.org_id, row.failed_syncs]))).toEqual(kept);
      // few connections, and each has served everybody: otherwise this would show nothing
      expect(served.size).toBeLessThanOrEqual(POOL_SIZE);
      for (const those of served.values()) expect(those.size).toBe(ORGS);
      const pools = await bouncer.pools();
      expect(pools.map(({ pool_mode: mode }) => mode)).toEqual(['transaction']);
    });

    it('leave no prepared statement behind, which the next client would not know', async () => {
      const [left] = await doors.asSystem('statements of this connection', (manager) =>
        manager.query<{ statements: number }[]>('select count(*)::int as statements from pg_prepared_statements'),
      );
      expect(left).toEqual({ statements: 0 });
    });
  });

  describe('whoever has a connection after somebody whose transaction', () => {
    let bouncer: PgBouncer;
    let doors: HubDatabase;
    let org: OrgId;

    beforeAll(async () => {
      // one for all: the next transaction has the one before's, unless PgBouncer threw it away
      bouncer = await PgBouncer.start(program, { default_pool_size: 1 });
      doors = await HubDatabase.open(bouncer.through(database.gatewayUrl), 'test-pooled', 3);
    });
    afterAll(async () => {
      await doors.close();
      await bouncer.stop();
    });
    beforeEach(async () => {
      org = randomUUID() as OrgId;
      await integrationOf(org);
    });

    const next = () => doors.asSystem('what is in sight outside every org', look);
    const changes = async (): Promise<number | undefined> => {
      const [row] = await database.sql<{ failed_syncs: number }>(
        'select failed_syncs from public.integrations where org_id = $1',
        [org],
      );
      return row?.failed_syncs;
    };
    const change = async (manager: EntityManager): Promise<number> => {
      const seen = await look(manager);
      expect(seen).toMatchObject({ org, orgs: [org] });
      await manager.query('update public.integrations set failed_syncs = failed_syncs + 1');
      return seen.pid;
    };

    /** A client of its own whose line can be cut, bound to the org in a transaction that has changed something. */
    async function inMidTransaction(): Promise<{ client: Client; pid: number; cut: () => void }> {
      const client = new Client({ connectionString: bouncer.through(database.gatewayUrl) });
      client.on('error', () => undefined); // its line is cut
      await client.connect();
      await client.query('begin');
      await client.query("select set_config('hub.org_id', $1, true)", [org]);
      const { rows } = await client.query<Seen>(LOOK);
      expect(rows[0]).toMatchObject({ org, orgs: [org] });
      await client.query('update public.integrations set failed_syncs = failed_syncs + 1');
      const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
      return { client, pid: rows[0]?.pid ?? 0, cut: () => stream.destroy() };
    }

    it('kept what it changed sees no org, on the very same connection', async () => {
      const pid = await doors.withOrg(org, change);
      expect(await next()).toEqual({ pid, org: null, orgs: [] });
      expect(await changes()).toBe(1);
    });

    it.each([
      ['met a statement error', 'select 1 / 0', '22012'],
      ['wanted what it may not', 'delete from public.integrations', '42501'],
      ['took too long', "set local statement_timeout = '50ms'; select pg_sleep(20)", '57014'],
    ])('%s sees no org, on the very same connection', async (_how, sql, code) => {
      let pid = 0;
      const failed = doors.withOrg(org, async (manager) => {
        pid = await change(manager);
        for (const statement of sql.split('; ')) await manager.query(statement);
      });
      await expect(failed).rejects.toMatchObject({ code });
      expect(await next()).toEqual({ pid, org: null, orgs: [] });
      expect(await changes()).toBe(0);
    });

    it('read a token by the function that sets the org itself sees no org, on the very same connection', async () => {
      const { pid } = await next();
      expect(await new IntegrationRepository(doors).readToken(org, PROVIDER)).toMatchObject({
        accessToken: `token-of-${org}`,
      });
      expect(await next()).toEqual({ pid, org: null, orgs: [] });
    });

    it('was broken off between two statements sees no org, and what it changed is undone', async () => {
      const { cut } = await inMidTransaction();
      cut();
      expect(await next()).toMatchObject({ org: null, orgs: [] });
      expect(await changes()).toBe(0);
    });

    it('was broken off within a statement sees no org, and what it changed is undone', async () => {
      const { client, pid, cut } = await inMidTransaction();
      const asked = client.query('select pg_sleep(1)').catch(() => undefined);
      await eventually('the statement', async () => {
        const [row] = await database.sql<{ query: string }>('select query from pg_stat_activity where pid = $1', [pid]);
        return row?.query.includes('pg_sleep');
      });
      cut();
      await asked;
      expect(await next()).toMatchObject({ org: null, orgs: [] });
      expect(await changes()).toBe(0);
    });

    it('was ended by the server since nothing came any more sees no org, and what it changed is undone', async () => {
      const { client } = await inMidTransaction();
      const ended = new Promise((resolve) => client.once('end', resolve));
      await client.query("set local idle_in_transaction_session_timeout = '50ms'");
      await ended;
      expect(await next()).toMatchObject({ org: null, orgs: [] });
      expect(await changes()).toBe(0);
    });

    it('had set the org for its whole session would see it: so these looks see what they look for', async () => {
      const client = new Client({ connectionString: bouncer.through(database.gatewayUrl) });
      await client.connect();
      await client.query("select set_config('hub.org_id', $1, false)", [org]);
      await client.end();
      expect(await next()).toMatchObject({ org, orgs: [org] });
      await doors.asSystem('undoes the line above', (manager) => manager.query('reset hub.org_id'));
      expect(await next()).toMatchObject({ org: null, orgs: [] });
    });
  });
});
