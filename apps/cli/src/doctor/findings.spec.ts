import type { DatabaseFacts } from './database-facts.repository';
import { databaseFindings, keyUseFinding, lineFinding } from './database-findings';
import { bad, findingLine, good, warning, type Finding } from './finding';
import { redisFindings } from './redis-findings';
import { nodeFinding } from './runtime-findings';
import { outboundFindings, returnUrlFinding } from './settings-findings';

const kindsOf = (findings: readonly Finding[]): string[] => findings.map(({ kind }) => kind);

describe('a finding', () => {
  it.each([
    [good('Node 24'), '✓ Node 24'],
    [warning('Redis keeps nothing', 'set appendonly yes'), '! Redis keeps nothing → set appendonly yes'],
    [bad('No tables', 'migrate'), '✗ No tables → migrate'],
  ])('is one line with its mark, and what mends it', (finding, line) => {
    expect(findingLine(finding)).toBe(line);
  });
});

describe('Node', () => {
  it.each([
    ['18.20.4', 'bad'],
    ['20.18.3', 'bad'],
    ['20.19.0', 'good'],
    ['20.20.2', 'good'],
    ['21.0.0', 'good'],
    ['26.10.0', 'good'],
  ])('%s is %s', (version, kind) => {
    expect(nodeFinding(version).kind).toBe(kind);
  });
});

describe('OUTBOUND_ALLOW_PRIVATE', () => {
  const of = (allowPrivate: boolean, publicUrl: string): string[] =>
    kindsOf(outboundFindings({ outbound: { allowPrivate, allowHosts: [], proxyUrl: null, noProxy: [] }, publicUrl }));

  it('is worth a look on the machine of a developer, and to be mended anywhere else', () => {
    expect(of(true, 'http://localhost:3000')).toEqual(['warning']);
    expect(of(true, 'https://hub.example')).toEqual(['bad']);
    expect(of(false, 'https://hub.example')).toEqual([]);
  });
});

describe('return URLs', () => {
  it('are to have TLS, but for those on the machine of a developer', () => {
    const of = (...redirectAllowList: string[]): Finding => returnUrlFinding({ redirectAllowList });
    expect(of('https://a.example', 'http://localhost:3000').kind).toBe('good');
    expect(findingLine(of('https://a.example', 'http://b.example/x'))).toMatch(/http:\/\/b\.example\/x → write https/);
  });
});

describe('the line to PostgreSQL', () => {
  it.each([
    ['good', null, 'postgres://u:p@localhost/hub'],
    ['good', null, 'postgres:///hub'],
    ['warning', null, 'postgres://u:p@db.example/hub'],
    ['good', 'TLSv1.3', 'postgres://u:p@db.example/hub?sslmode=verify-full'],
    ['good', 'TLSv1.3', 'postgres://u:p@db.example/hub?sslmode=verify-full&uselibpqcompat=true'],
    ['warning', 'TLSv1.3', 'postgres://u:p@db.example/hub?sslmode=no-verify'],
    ['warning', 'TLSv1.3', 'postgres://u:p@db.example/hub?sslmode=require&uselibpqcompat=true'],
  ])('is %s with %s at %s', (kind, tls, url) => {
    expect(lineFinding({ tls }, url).kind).toBe(kind);
  });
});

describe('PostgreSQL', () => {
  const facts: DatabaseFacts = {
    version: '18.4',
    versionNumber: 180_004,
    database: 'hub',
    isReadOnly: false,
    synchronousCommit: 'on',
    fsync: 'on',
    login: {
      name: 'hub_worker_hub',
      isSuperuser: false,
      bypassesPolicies: false,
      ownsTables: false,
      appRoles: ['hub_sync_worker'],
    },
    orgTables: [{ name: 'integrations', enabled: true, forced: true }],
    migrations: ['A1', 'B2'],
    tls: null,
    standbys: [],
    endsAfterMs: { statement: 10_000, idleTransaction: 10_000 },
    clockAheadMs: 12,
  };
  const examined = (different: Partial<DatabaseFacts>): Finding[] =>
    databaseFindings({ ...facts, ...different }, ['A1', 'B2']);

  it.each([
    ['alone', {}],
    ['alone, where commits could wait for nobody else', { synchronousCommit: 'local' }],
    ['with a standby that commits wait for', { standbys: [{ name: 'replica-1', syncState: 'sync' }] }],
    ['with some of which one is waited for', { standbys: [{ name: 'replica-1', syncState: 'quorum' }] }],
  ] as [string, Partial<DatabaseFacts>][])('is in order %s', (_how, different) => {
    expect(new Set(kindsOf(examined(different)))).toEqual(new Set(['good']));
  });

  it.each([
    ['bad', /too old/, { version: '14.2', versionNumber: 140_002 }],
    ['bad', /is a standby/, { isReadOnly: true }],
    ['bad', /is a superuser and bypasses/, { login: { ...facts.login, isSuperuser: true, bypassesPolicies: true } }],
    ['bad', /is of the tables’ owner/, { login: { ...facts.login, ownsTables: true } }],
    ['warning', /rights of several apps: hub_a, hub_b/, { login: { ...facts.login, appRoles: ['hub_a', 'hub_b'] } }],
    ['bad', /There are no tables/, { orgTables: [] }],
    ['bad', /not forced on flows/, { orgTables: [{ name: 'flows', enabled: true, forced: false }] }],
    ['bad', /not forced on flows/, { orgTables: [{ name: 'flows', enabled: false, forced: true }] }],
    ['bad', /Migrations are missing: B2 →/, { migrations: ['A1'] }],
    ['warning', /ahead of this release: C3/, { migrations: ['A1', 'B2', 'C3'] }],
    ['warning', /cannot be read/, { migrations: null }],
    ['warning', /synchronous_commit off/, { synchronousCommit: 'off' }],
    ['warning', /fsync off/, { fsync: 'off' }],
    [
      'warning',
      /Asynchronous standbys: replica-1 →/,
      {
        standbys: [
          { name: 'replica-1', syncState: 'async' },
          { name: 'replica-2', syncState: 'sync' },
        ],
      },
    ],
    [
      'warning',
      /hidden from this login: replica-1 → grant it pg_read_all_stats/,
      { standbys: [{ name: 'replica-1', syncState: null }] },
    ],
    [
      'warning',
      /wait for no standby \(synchronous_commit local\): replica-1/,
      { synchronousCommit: 'local', standbys: [{ name: 'replica-1', syncState: 'sync' }] },
    ],
    [
      'warning',
      /statement_timeout and idle_in_transaction_session_timeout of hub_worker_hub are off, .* → alter role hub_worker_hub set statement_timeout = '10s'; alter role/,
      { endsAfterMs: { statement: 0, idleTransaction: 0 } },
    ],
    [
      'warning',
      /takes too long: idle_in_transaction_session_timeout of/,
      { endsAfterMs: { statement: 9_000, idleTransaction: 0 } },
    ],
    ['bad', /5\.1 s ahead/, { clockAheadMs: 5_100 }],
    ['bad', /-7\.0 s ahead/, { clockAheadMs: -7_000 }],
  ] as [Finding['kind'], RegExp, Partial<DatabaseFacts>][])('has one %s finding: %s', (kind, words, different) => {
    const ill = examined(different).filter((finding) => finding.kind !== 'good');
    expect(kindsOf(ill)).toEqual([kind]);
    expect(ill.map(findingLine).join()).toMatch(words);
  });
});

describe('the keys in use', () => {
  it.each([
    ['good', [{ keyId: 'k1', values: 4 }], /4 values/],
    ['good', [], /0 values/],
    [
      'bad',
      [
        { keyId: 'k1', values: 4 },
        { keyId: 'k0', values: 2 },
      ],
      /k0 \(2\)/,
    ],
    ['bad', [{ keyId: null, values: 1 }], /no sealed value \(1\)/],
    ['warning', null, /was not looked at/],
  ] as const)('are %s: %j', (kind, uses, words) => {
    const finding = keyUseFinding(uses, ['k1', 'k2']);
    expect(finding.kind).toBe(kind);
    expect(findingLine(finding)).toMatch(words);
  });
});

describe('Redis', () => {
  it.each([
    [
      { version: '7.0.15', evictionPolicy: 'noeviction', appendOnly: true, isOpenLine: false },
      ['good', 'good', 'good', 'good'],
    ],
    [
      { version: '6.2.0', evictionPolicy: 'noeviction', appendOnly: false, isOpenLine: false },
      ['good', 'good', 'warning', 'good'],
    ],
    [
      { version: '9.1.0', evictionPolicy: 'allkeys-lru', appendOnly: true, isOpenLine: false },
      ['good', 'warning', 'good', 'good'],
    ],
    [
      { version: '7.0.15', evictionPolicy: 'noeviction', appendOnly: true, isOpenLine: true },
      ['good', 'good', 'good', 'warning'],
    ],
    [
      { version: '5.0.7', evictionPolicy: 'noeviction', appendOnly: true, isOpenLine: false },
      ['bad', 'good', 'good', 'good'],
    ],
  ])('%j', (facts, kinds) => {
    expect(kindsOf(redisFindings(facts))).toEqual(kinds);
  });
});
