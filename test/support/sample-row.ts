import { escapeIdentifier, escapeLiteral } from 'pg';
import type { OwnDatabase } from './database';

interface ColumnRow {
  name: string;
  type: string;
  /** The table and column that it refers to. */
  refers: string | null;
  refers_to: string | null;
  /** Its CHECK constraints. */
  checks: string | null;
}

const BY_TYPE: Record<string, string> = {
  uuid: 'gen_random_uuid()',
  text: 'md5(random()::text || clock_timestamp()::text)',
  'timestamp with time zone': 'now()',
  date: 'current_date',
  bigint: '(random() * 1e9)::bigint + 10',
  integer: '1',
  smallint: '1',
  boolean: 'false',
  jsonb: "'{}'",
  bytea: 'decode(md5(random()::text), $$hex$$)',
};

/**
 * The least that a row of a table needs, as SQL by column, found in the catalog: a new table has one without being told of.
 *
 * @param which of two rows that no unique key keeps apart from each other but that of the org
 */
export async function sampleRow(
  database: OwnDatabase,
  table: string,
  which: 'first' | 'second',
): Promise<Record<string, string>> {
  const columns = await database.sql<ColumnRow>(
    `select a.attname as name, format_type(a.atttypid, null) as type, ref.confrelid::regclass::text as refers,
       (select attname from pg_attribute where attrelid = ref.confrelid and attnum = ref.confkey[1]) as refers_to,
       (select string_agg(pg_get_constraintdef(oid), ' ') from pg_constraint
        where conrelid = a.attrelid and contype = 'c' and a.attnum = any (conkey)) as checks
     from pg_attribute a
     left join pg_constraint ref on ref.conrelid = a.attrelid and ref.contype = 'f' and ref.conkey[1] = a.attnum
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef
       and a.attidentity = '' and a.attname <> 'org_id' order by a.attnum`,
    [`public.${table}`],
  );
  const row: Record<string, string> = {};
  for (const column of columns) row[column.name] = await sampleOf(database, table, column, which);
  return row;
}

async function sampleOf(
  database: OwnDatabase,
  table: string,
  { name, type, refers, refers_to: key, checks }: ColumnRow,
  which: 'first' | 'second',
): Promise<string> {
  if (refers !== null && key !== null) {
    const [found] = await database.sql<{ value: string }>(
      `select ${escapeIdentifier(key)}::text as value from ${refers} order by 1 limit 1 offset ${which === 'first' ? 0 : 1}`,
    );
    if (found) return escapeLiteral(found.value);
  }
  const word = /'(\w+)'::text/.exec(checks ?? '')?.[1];
  if (word !== undefined) return escapeLiteral(word);
  const value = BY_TYPE[type];
  if (value === undefined) throw new Error(`sample-row.ts knows no value for ${table}.${name}, a ${type}`);
  return value;
}
