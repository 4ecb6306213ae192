import type { EntityManager } from 'typeorm';

/** Runs a statement that changes rows. @returns how many */
export async function affected(manager: EntityManager, sql: string, parameters: readonly unknown[]): Promise<number> {
  const [, count] = await manager.query<[unknown, number]>(sql, [...parameters]);
  return count;
}

/** Runs a query that answers with exactly one row, such as an aggregate. */
export async function selectOne<Row>(
  manager: EntityManager,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row> {
  const [row] = await manager.query<Row[]>(sql, [...parameters]);
  if (row === undefined) throw new Error('the query answered with no row');
  return row;
}
