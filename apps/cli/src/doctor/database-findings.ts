import { isLoopback } from '@hub/config';
import type { DatabaseFacts, KeyUse, Standby } from './database-facts.repository';
import { bad, good, warning, type Finding } from './finding';

const OLDEST_SERVER = 150_000;
/** A provider's clock, ours and the database's may differ by so much before decisions about expiries suffer. */
const CLOCK_TOLERANCE_MS = 5_000;
/** Values of synchronous_commit with which a commit is answered before any standby has it. */
const WAITS_FOR_NO_STANDBY: readonly string[] = ['off', 'local'];

/** What the facts about PostgreSQL mean. @param expected the migrations of this release, by name */
export function databaseFindings(facts: DatabaseFacts, expected: readonly string[]): Finding[] {
  return [
    versionFinding(facts),
    loginFinding(facts),
    policyFinding(facts),
    migrationFinding(facts, expected),
    durabilityFinding(facts),
    standbyFinding(facts),
    endFinding(facts),
    clockFinding(facts),
  ];
}

function versionFinding({ version, versionNumber, database, isReadOnly }: DatabaseFacts): Finding {
  if (versionNumber < OLDEST_SERVER) return bad(`PostgreSQL ${version} is too old`, 'use PostgreSQL 15 or newer');
  if (isReadOnly) return bad(`PostgreSQL ${version} is a standby`, 'point DATABASE_URL at the primary server');
  return good(`PostgreSQL ${version}, database ${database}`);
}

function loginFinding({
  login: { name, isSuperuser, bypassesPolicies, ownsTables, appRoles },
}: DatabaseFacts): Finding {
  const rights = [
    isSuperuser && 'is a superuser',
    bypassesPolicies && 'bypasses row-level security',
    ownsTables && 'is of the tables’ owner',
  ].filter((right) => right !== false);
  if (rights.length > 0)
    return bad(
      `The login ${name} ${rights.join(' and ')}`,
      'give DATABASE_URL a plain login that is a member of one app’s role only: hub_gateway, hub_refresh_worker, hub_sync_worker or hub_delivery_worker',
    );
  if (appRoles.length > 1)
    return warning(
      `The login ${name} has the rights of several apps: ${appRoles.join(', ')}`,
      'give each app a login of its own, a member of its role only, and take hub_worker from this one',
    );
  return good(`The login ${name} is bound by row-level security`);
}

function policyFinding({ orgTables }: DatabaseFacts): Finding {
  const open = orgTables.filter(({ enabled, forced }) => !enabled || !forced);
  if (orgTables.length === 0) return bad('There are no tables', 'run `npm run migrate` with DATABASE_ADMIN_URL');
  if (open.length === 0) return good(`Row-level security is forced on all ${orgTables.length} tables of orgs`);
  return bad(
    `Row-level security is not forced on ${open.map(({ name }) => name).join(', ')}`,
    'alter table … enable row level security, force row level security; then find out who changed it',
  );
}

function migrationFinding({ migrations }: DatabaseFacts, expected: readonly string[]): Finding {
  if (migrations === null) return warning('Migrations cannot be read by this login', 'run `npm run migrate` once');
  const missing = expected.filter((name) => !migrations.includes(name));
  const strange = migrations.filter((name) => !expected.includes(name));
  if (missing.length > 0) return bad(`Migrations are missing: ${missing.join(', ')}`, 'run `npm run migrate`');
  if (strange.length > 0)
    return warning(`The database is ahead of this release: ${strange.join(', ')}`, 'update this installation');
  return good(`Migrations are up to date (${migrations.length})`);
}

/**
 * Whether the line to PostgreSQL is safe from those on its way. A pooler in between has a line of its own, which is not seen.
 *
 * @param url DATABASE_URL
 */
export function lineFinding({ tls }: Pick<DatabaseFacts, 'tls'>, url: string): Finding {
  const { hostname, searchParams } = new URL(url);
  const isOwn = hostname === '' || isLoopback(hostname); // a socket has no host
  const mode = searchParams.get('sslmode');
  const mend = 'add sslmode=verify-full to DATABASE_URL, and sslrootcert=FILE if the certificate is your own';
  if (!isOwn && tls === null) return warning('The line to PostgreSQL is not encrypted', mend);
  const isBlind = mode === 'no-verify' || (searchParams.has('uselibpqcompat') && mode !== 'verify-full');
  if (!isOwn && isBlind) return warning('Nobody checks that it is PostgreSQL who answers', mend);
  return good(`The line to PostgreSQL ${tls === null ? 'stays on this machine' : `is encrypted (${tls})`}`);
}

function durabilityFinding({ synchronousCommit, fsync }: DatabaseFacts): Finding {
  const isDurable = synchronousCommit !== 'off' && fsync === 'on';
  return isDurable
    ? good('A commit is on disk before it is answered')
    : warning(
        `A crash may forget commits (synchronous_commit ${synchronousCommit}, fsync ${fsync})`,
        'set both on: a forgotten refresh is a lost connection',
      );
}

function standbyFinding({ standbys, synchronousCommit }: DatabaseFacts): Finding {
  const behind = standbys.filter(({ syncState }) => syncState === 'async');
  const unknown = standbys.filter(({ syncState }) => syncState === null);
  if (behind.length > 0)
    return warning(
      `Asynchronous standbys: ${namesOf(behind)}`,
      'a failover to one forgets the last refreshed tokens: make it synchronous (synchronous_standby_names)',
    );
  if (standbys.length > 0 && WAITS_FOR_NO_STANDBY.includes(synchronousCommit))
    return warning(
      `Commits wait for no standby (synchronous_commit ${synchronousCommit}): ${namesOf(standbys)}`,
      'a failover forgets the last refreshed tokens: set synchronous_commit on',
    );
  if (unknown.length > 0)
    return warning(
      `Whether standbys are synchronous is hidden from this login: ${namesOf(unknown)}`,
      'grant it pg_read_all_stats, or look at pg_stat_replication.sync_state: a failover to one that is async forgets tokens',
    );
  return good(
    standbys.length === 0 ? 'There is no standby that lags behind' : `Synchronous standbys: ${namesOf(standbys)}`,
  );
}

function namesOf(standbys: readonly Standby[]): string {
  return standbys.map(({ name }) => name).join(', ');
}

function endFinding({ login: { name }, endsAfterMs: { statement, idleTransaction } }: DatabaseFacts): Finding {
  const endless = [
    statement === 0 && 'statement_timeout',
    idleTransaction === 0 && 'idle_in_transaction_session_timeout',
  ].filter((setting) => setting !== false);
  if (endless.length === 0) return good(`The server ends a statement after ${statement / 1000} s`);
  return warning(
    `Nothing ends what takes too long: ${endless.join(' and ')} of ${name} ${endless.length === 1 ? 'is' : 'are'} off, and a pooler drops what the app sends`,
    endless.map((setting) => `alter role ${name} set ${setting} = '10s'`).join('; '),
  );
}

/** Whether workers hear by NOTIFY what somebody waits for. */
export function noticesFinding(areHeard: boolean): Finding {
  return areHeard
    ? good('Workers hear at once what somebody waits for')
    : warning(
        'Workers do not hear what somebody waits for: while Redis is away, it waits for their next look',
        'where DATABASE_URL leads to a pooler such as PgBouncer, set DATABASE_NOTICES_URL to PostgreSQL itself',
      );
}

function clockFinding({ clockAheadMs }: DatabaseFacts): Finding {
  const seconds = `${(clockAheadMs / 1000).toFixed(1)} s`;
  return Math.abs(clockAheadMs) <= CLOCK_TOLERANCE_MS
    ? good(`The database's clock is ${seconds} ahead of this one`)
    : bad(`The database's clock is ${seconds} ahead of this one`, 'synchronise both machines by NTP');
}

/** Whether everything that is sealed can be opened. @param known ids of the keys in TOKEN_KEYS */
export function keyUseFinding(uses: readonly KeyUse[] | null, known: readonly string[]): Finding {
  if (uses === null)
    return warning(
      'Which keys are in use was not looked at',
      'set DATABASE_URL to the refresh worker’s login to see it',
    );
  const foreign = uses.filter(({ keyId }) => keyId === null || !known.includes(keyId));
  if (foreign.length === 0) return good(`Every sealed value in sight opens with a known key (${total(uses)} values)`);
  const list = foreign.map(({ keyId, values }) => `${keyId ?? 'no sealed value'} (${values})`).join(', ');
  return bad(`Sealed with keys that are not in TOKEN_KEYS: ${list}`, 'add those keys again, behind the first');
}

function total(uses: readonly KeyUse[]): number {
  return uses.reduce((sum, { values }) => sum + values, 0);
}
