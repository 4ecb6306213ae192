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

/** One statement has ten seconds and keeps what it has locked: so many rows are done in far less. */
const PIECE = 500;

/**
 * Does something to all rows that need it, a piece in each transaction.
 *
 * @param work does it to so many at most, and says to how many it did
 * @returns to how many in all
 */
export async function allInPieces(work: (most: number) => Promise<number>, most = PIECE): Promise<number> {
  for (let all = 0; ;) {
    const done = await work(most);
    all += done;
    if (done < most) return all;
  }
}
