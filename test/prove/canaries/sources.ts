import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { Client, escapeIdentifier } from 'pg';
import { valueOf } from '../../support/redis-dump';
import type { CanarySearch, Hit } from './canary-search';

/** Some bytes that were written down, and where they lie. */
export interface Piece {
  readonly where: string;
  readonly bytes: Buffer;
}

/** A place where the hub or its servers write something down, or that they send it to. */
export interface Source {
  readonly name: string;
  /** A control: this stands in it, openly, or it has not been searched. */
  readonly holds: string;
  readonly pieces: () => Iterable<Piece> | AsyncIterable<Piece>;
}

/** What a search of one source came to. */
export interface Searched {
  readonly name: string;
  readonly bytes: number;
  /** Whether the control was found by the same search. */
  readonly controlFound: boolean;
  readonly hits: readonly (Hit & { readonly where: string })[];
}

/** Searches one source. @param controls what the controls are called; they are looked for beside the secrets */
export async function searched(source: Source, search: CanarySearch, controls: ReadonlySet<string>): Promise<Searched> {
  let bytes = 0;
  let controlFound = false;
  const hits: Searched['hits'][number][] = [];
  for await (const piece of source.pieces()) {
    bytes += piece.bytes.length;
    for (const hit of search.in(piece.bytes)) {
      if (!controls.has(hit.what)) hits.push({ ...hit, where: piece.where });
      else if (hit.what === source.holds) controlFound = true;
    }
  }
  return { name: source.name, bytes, controlFound, hits };
}

/** Every file below a folder, whatever it is called. */
export function* filesBelow(folder: string, leaveOut: RegExp = /^$/): Generator<Piece> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(folder, name);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile() || leaveOut.test(name)) continue;
    yield { where: name, bytes: readFileSync(file) };
  }
}

/** Every table of every schema as text, as a dump has it; roles and settings of the server too. */
export async function* databaseDump(url: string): AsyncGenerator<Piece> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'm', 'p', 'v') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1, 2`,
    );
    for (const { schema, name } of tables) {
      const { rows } = await client.query<{ row: string }>(
        `select t::text as row from ${escapeIdentifier(schema)}.${escapeIdentifier(name)} t`,
      );
      yield { where: `${schema}.${name}`, bytes: Buffer.from(rows.map(({ row }) => row).join('\n')) };
    }
    for (const name of [
      'pg_settings',
      'pg_stat_activity',
      'pg_db_role_setting',
      'pg_proc',
      'pg_description',
      'pg_authid',
    ]) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from pg_catalog.${name} t`);
      yield { where: `pg_catalog.${name}`, bytes: Buffer.from(rows.map(({ row }) => row).join('\n')) };
    }
  } finally {
    await client.end();
  }
}

/** Every key of a Redis as it is serialised, its values as text, and what the server tells of itself. */
export async function redisContents(url: string): Promise<Piece[]> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined); // the question that it breaks tells of it
  try {
    const pieces: Piece[] = [];
    for (const key of await redis.keys('*')) {
      const dump = await redis.dumpBuffer(key);
      pieces.push({ where: key, bytes: Buffer.concat([Buffer.from(`${key}\n`), dump ?? Buffer.alloc(0)]) });
      const value = await valueOf(redis, key);
      pieces.push({ where: key, bytes: Buffer.from(JSON.stringify(value) ?? '') });
    }
    for (const question of [['info'], ['client', 'list'], ['slowlog', 'get', '1000']] as const) {
      const told: unknown = await redis.call(...(question as unknown as [string, ...string[]])).catch(() => '');
      pieces.push({ where: question.join(' '), bytes: Buffer.from(JSON.stringify(told)) });
    }
    return pieces;
  } finally {
    redis.disconnect();
  }
}
