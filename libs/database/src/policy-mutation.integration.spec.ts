import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { standBeforeWalls, type Walls } from '../../../test/support/walls';

interface Policy {
  table: string;
  name: string;
  command: string;
  roles: string;
  using: string | null;
  check: string | null;
}

/** One thing that somebody might take away, and how it comes back. */
interface Mutation {
  readonly table: string;
  readonly act: string;
  readonly undo: string;
}

/** Not `true`: the catalog alone would tell that, and what counts is that somebody meets a foreign row. */
const EVERY_ROW = 'org_id is not null';

describe('a wall that is taken away', () => {
  let database: OwnDatabase;
  let walls: Walls;

  beforeAll(async () => {
    database = await cloneDatabase();
    walls = await standBeforeWalls(database);
  });
  afterAll(async () => {
    await walls.close();
    await database.drop();
  });

  /** @returns what nobody noticed */
  async function survivors(mutations: readonly Mutation[]): Promise<string[]> {
    const unnoticed: string[] = [];
    for (const { table, act, undo } of mutations) {
      await database.sql(act);
      if ((await walls.breaches(table)).length === 0) unnoticed.push(act);
      await database.sql(undo);
    }
    return unnoticed;
  }

  const policies = () =>
    database.sql<Policy>(`
      select tablename as table, policyname as name, cmd as command, array_to_string(roles, ', ') as roles, qual as using, with_check as check
      from pg_policies where schemaname = 'public' order by 1, 2`);

  it('is noticed for every single policy that is dropped', async () => {
    const all = await policies();
    expect(all.length).toBeGreaterThanOrEqual(12);
    expect(
      await survivors(all.map((policy) => ({ table: policy.table, act: drop(policy), undo: create(policy) }))),
    ).toEqual([]);
    expect(await walls.breaches()).toEqual([]);
  }, 60_000);

  it('is noticed for every condition of a policy that is widened to all rows', async () => {
    const widened = (await policies()).flatMap((policy) => [
      ...(policy.using === null || policy.using === 'true' ? [] : [{ ...policy, using: EVERY_ROW }]),
      ...(policy.check === null || policy.check === 'true' ? [] : [{ ...policy, check: EVERY_ROW }]),
    ]);
    const all = await policies();
    const asItWas = (wide: Policy) => all.find(({ table, name }) => table === wide.table && name === wide.name)!;
    expect(widened.length).toBeGreaterThanOrEqual(12);
    const mutations = widened.map((wide) => ({
      table: wide.table,
      act: `${drop(wide)}; ${create(wide)}`,
      undo: `${drop(wide)}; ${create(asItWas(wide))}`,
    }));
    expect(await survivors(mutations)).toEqual([]);
    expect(await walls.breaches()).toEqual([]);
  }, 60_000);

  it('is noticed for every table whose policies are not enabled, or not forced upon its owner', async () => {
    const tables = [...new Set((await policies()).map(({ table }) => table))];
    const mutations = tables.flatMap((table) => [
      {
        table,
        act: `alter table public.${table} disable row level security`,
        undo: `alter table public.${table} enable row level security`,
      },
      {
        table,
        act: `alter table public.${table} no force row level security`,
        undo: `alter table public.${table} force row level security`,
      },
    ]);
    expect(await survivors(mutations)).toEqual([]);
    expect(await walls.breaches()).toEqual([]);
  }, 60_000);
});

function drop({ name, table }: Policy): string {
  return `drop policy ${name} on public.${table}`;
}

function create({ name, table, command, roles, using, check }: Policy): string {
  return `create policy ${name} on public.${table} for ${command} to ${roles}${using === null ? '' : ` using (${using})`}${
    check === null ? '' : ` with check (${check})`
  }`;
}
