/** Asks a database as superuser. */
type Rows = (sql: string) => Promise<object[]>;

/** A checksum of each table but those of the audit trail, by name: changes with any column of any row. */
export async function tableChecksums(rows: Rows): Promise<Readonly<Record<string, string>>> {
  const tables = (await rows(
    `select c.oid::regclass::text as name from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and c.relname not like 'audit\\_%' order by 1`,
  )) as { name: string }[];
  const sums = tables.map(
    ({ name }) =>
      `select '${name}' as name, md5(coalesce(string_agg(t::text, e'\\n' order by t::text), '')) as sum from ${name} t`,
  );
  const found = (await rows(sums.join(' union all '))) as { name: string; sum: string }[];
  return Object.fromEntries(found.map(({ name, sum }) => [name, sum]));
}

/** The tables that differ, but for `data_keys`: a first event gives the trail of its org a key. */
export function changedTables(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(after).filter((table) => table !== 'data_keys' && after[table] !== before[table]);
}
