import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import {
  AuditChainRepository,
  AuditSealService,
  appDataSource,
  HubDatabase,
  SealFolderRepository,
} from '@hub/database';
import type { OrgId } from '@hub/domain';
import { fillTrail, tamper } from '../../support/audit-trail';
import { Chance, tamperings, type Filled, type Tampering } from '../audit/tamperings';
import { NO_TOKENS, type Row, type Scenario, type Surroundings } from '../scenario';
import { ProveDatabase } from '../servers/prove-database';

const ORGS = 20;
const KEY_BYTES = 32;
const DAY_MS = 86_400_000;
const MOST_OUTPUT = 16_777_216;

/** How large the proof is. */
interface Size {
  readonly events: number;
  readonly rounds: number;
}

/** What `hub audit verify` answered. */
interface Answer {
  readonly exitCode: number;
  /** Findings, as `org kind seq`. */
  readonly found: readonly string[];
  readonly tookMs: number;
}

async function proveChain(surroundings: Surroundings, size: Size): Promise<Row> {
  const database = await ProveDatabase.clone(await surroundings.sharedServers());
  surroundings.atEnd(() => database.drop());
  const trails = await fill(database, size.events);
  await database.rows('create table kept_events as select * from public.audit_events');
  await database.rows('create table kept_heads as select * from public.audit_heads');
  await database.rows('create index on kept_events (org_id, seq)');
  await database.rows('analyze kept_events, public.audit_events');
  const verify = await sealed(surroundings, database);

  surroundings.say(`${size.events} events of ${ORGS} orgs are sealed`);
  const chance = new Chance(surroundings.seed);
  const untouched = await verify();
  const violations: string[] = [];
  const tookMs = [untouched.tookMs];
  let acts = 0;
  for (let round = 0; round < size.rounds; round += 1) {
    const tampered = tamperings(trails, acts, chance);
    acts += tampered.length;
    await tamper(
      (sql) => database.rows(sql),
      tampered.flatMap(({ statements }) => statements),
    );
    const answer = await verify();
    tookMs.push(answer.tookMs);
    violations.push(...misses(tampered, answer));
    await putBack(database);
  }
  const again = await verify();
  return {
    ...NO_TOKENS,
    faults: acts,
    note: `${size.events} events verified in ${(median(tookMs) / 1_000).toFixed(1)} s (the command, its start included)`,
    claims: [
      { holds: isClean(untouched), what: `the untouched trail passes (${untouched.found.length} findings)` },
      { holds: isClean(again), what: `it passes again once all is put back (${again.found.length} findings)` },
      { holds: acts >= size.rounds * (ORGS / 2), what: `hundreds of acts of tampering were tried (${acts})` },
    ],
    violations,
  };
}

async function fill(database: ProveDatabase, events: number): Promise<Filled[]> {
  const each = events / ORGS;
  const trails = Array.from({ length: ORGS }, () => ({ orgId: randomUUID() as OrgId, events: each }));
  const start = Date.now() - 2 * DAY_MS;
  for (const [place, { orgId }] of trails.entries())
    // no two orgs have an event of the same time: one that is moved must fit beside those that are there
    await fillTrail((sql) => database.rows(sql), orgId, {
      events: each,
      from: new Date(start + place),
      everySeconds: 1,
    });
  return trails;
}

/** Seals the trails as a worker does. @returns runs the real command against them */
async function sealed({ dist, workFolder }: Surroundings, database: ProveDatabase): Promise<() => Promise<Answer>> {
  const key = { id: 'prove1', key: randomBytes(KEY_BYTES) };
  const folder = path.join(workFolder, 'audit-seals');
  const door = new HubDatabase(await appDataSource(database.urlFor('refreshWorker'), 'prove-audit', 2).initialize());
  try {
    await new AuditSealService(new AuditChainRepository(door), new SealFolderRepository(folder, [key])).sealHeads(
      new Date(),
      0,
    );
  } finally {
    await door.close();
  }
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.urlFor('refreshWorker'),
    AUDIT_SEAL_KEY: `${key.id}:${key.key.toString('base64')}`,
    AUDIT_SEAL_DIR: folder,
    AUDIT_SEAL_EVERY: '1d', // it is sealed once, and looked at for as long as the trial takes
  };
  return () => verifyOnce(path.join(dist, 'apps/cli/src/main.js'), env);
}

async function verifyOnce(main: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  const startedMs = performance.now();
  const options = { env, maxBuffer: MOST_OUTPUT };
  const { exitCode, stdout } = await promisify(execFile)(process.execPath, [main, 'audit', 'verify'], options).then(
    (ended) => ({ exitCode: 0, stdout: ended.stdout }),
    (error: { code: number; stdout: string }) => ({ exitCode: error.code, stdout: error.stdout }),
  );
  const found = [...stdout.matchAll(/^✗ (\S+) (\d+) (\w+):/gm)].map(([, org, seq, kind]) => `${org} ${kind} ${seq}`);
  if (!/^[✓✗] \d+ events? of/m.test(stdout)) throw new Error(`audit verify did not come to its end: ${stdout}`);
  return { exitCode, found, tookMs: performance.now() - startedMs };
}

function isClean({ exitCode, found }: Answer): boolean {
  return exitCode === 0 && found.length === 0;
}

/** What should have been named and was not, and what was named though nobody had touched it. */
function misses(tampered: readonly Tampering[], { exitCode, found }: Answer): string[] {
  const touched = new Set<string>(tampered.flatMap(({ orgs }) => orgs));
  return [
    ...(exitCode === 1 ? [] : [`audit verify exits with ${exitCode}`]),
    ...tampered.flatMap(({ what, expected, orgs }) =>
      expected
        .filter((finding) => !found.includes(finding))
        .map(
          (finding) =>
            `${what}: not found: ${finding}; ${found.filter((one) => orgs.some((org) => one.startsWith(org))).join(', ')}`,
        ),
    ),
    ...found
      .filter((finding) => !touched.has(finding.slice(0, 36)))
      .map((finding) => `found without a cause: ${finding}`),
  ];
}

/** Undoes whatever was done: rows that are not as they were go, those that were there come back. */
async function putBack(database: ProveDatabase): Promise<void> {
  await tamper(
    (sql) => database.rows(sql),
    [
      'delete from public.audit_events e where not exists (select from kept_events k where k.org_id = e.org_id and k.seq = e.seq and k is not distinct from e)',
      'insert into public.audit_events select k.* from kept_events k where not exists (select from public.audit_events e where e.org_id = k.org_id and e.seq = k.seq)',
      'delete from public.audit_heads',
      'insert into public.audit_heads select * from kept_heads',
    ],
  );
}

function median(figures: readonly number[]): number {
  return [...figures].sort((one, other) => one - other)[Math.floor(figures.length / 2)] ?? 0;
}

export const auditChain: readonly Scenario[] = [
  {
    name: 'audit-chain',
    proves: 'hundreds of acts of tampering with the trail, by a superuser: each is found and named',
    weight: 1,
    run: (surroundings) =>
      proveChain(
        surroundings,
        surroundings.isLong ? { events: 1_000_000, rounds: 5 } : { events: 100_000, rounds: 14 },
      ),
  },
];
