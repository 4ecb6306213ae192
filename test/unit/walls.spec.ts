import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(__dirname, '../..');

describe('the walls about imports', () => {
  /** A small house in which every wall is broken once, beside neighbours that keep it. */
  const house: Record<string, string> = {
    'package.json': JSON.stringify({
      dependencies: { '@nestjs/common': '*', pg: '*' },
      devDependencies: { jest: '*', react: '*' },
    }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: { module: 'nodenext', paths: { '@hub/*': ['./libs/*/src/index.ts'] } },
    }),
    ...['@nestjs/common', 'pg', 'jest', 'react', 'unlisted'].reduce(
      (files, name) => ({
        ...files,
        [`node_modules/${name}/package.json`]: JSON.stringify({ name, main: 'index.js' }),
        [`node_modules/${name}/index.js`]: 'module.exports = {};',
        [`node_modules/${name}/index.d.ts`]: 'export const it: number; export type It = number;',
      }),
      {},
    ),

    'libs/domain/src/index.ts': "export * from './rule'; export * from './impure'; export * from './worldly';",
    'libs/domain/src/rule.ts': 'export const rule = 1;',
    'libs/domain/src/impure.ts': "import { readFileSync } from 'node:fs'; export const impure = readFileSync;",
    'libs/domain/src/worldly.ts': "import { it } from 'pg'; export const worldly = it;",

    'libs/queues/src/index.ts':
      "export * from './good.module'; export * from './inner'; export * from './nest-leak'; export * from './climbs'; export * from './tested'; export * from './plays'; export * from './circle-one'; export * from './strange'; export * from './develops';",
    'libs/queues/src/good.module.ts':
      "import { it } from '@nestjs/common'; import { rule } from '@hub/domain'; export const good = [it, rule];",
    'libs/queues/src/inner.ts': "import type { It } from '@nestjs/common'; export const inner: It = 1;",
    'libs/queues/src/nest-leak.ts': "import { it } from '@nestjs/common'; export const leak = it;",
    'libs/queues/src/climbs.ts': "import { shared } from '../../../apps/one/src/shared'; export const climbs = shared;",
    'libs/queues/src/tested.ts': "import { aid } from '../../../test/support/aid'; export const tested = aid;",
    'libs/queues/src/plays.ts': "import { play } from '../../providers/src/play.sandbox'; export const plays = play;",
    'libs/queues/src/circle-one.ts': "import { two } from './circle-two'; export const one = () => two;",
    'libs/queues/src/circle-two.ts': "import { one } from './circle-one'; export const two = () => one;",
    'libs/queues/src/strange.ts': "import { it } from 'unlisted'; export const strange = it;",
    'libs/queues/src/develops.ts': "import { it } from 'jest'; export const develops = it;",
    'libs/queues/src/forgotten.ts': 'export const forgotten = 1;',
    'libs/providers/src/index.ts': "export * from './definition';",
    'libs/providers/src/definition.ts': "import { rule } from '@hub/domain'; export const definition = rule;",
    'libs/providers/src/play.sandbox.ts': "import { definition } from './definition'; export const play = definition;",

    'apps/one/src/main.ts': "import { shared } from './shared'; import { inner } from '@hub/queues'; shared(inner);",
    'apps/one/src/shared.ts': 'export const shared = (value: unknown) => value;',
    'apps/two/src/main.ts': "import './copies'; import './digs'; import './walks';",
    'apps/two/src/copies.ts': "import { shared } from '../../one/src/shared'; export const copies = shared;",
    'apps/two/src/digs.ts': "import { inner } from '../../../libs/queues/src/inner'; export const digs = inner;",
    'apps/two/src/walks.ts': "import { rule } from '../../../libs/domain/src/index'; export const walks = rule;",
    'apps/sandbox/src/main.ts': "import { play } from '../../../libs/providers/src/play.sandbox'; void play;",
    'apps/console/src/main.tsx': "import { it } from 'react'; import './borrows'; import './names'; it;",
    'apps/console/src/borrows.ts': "import { rule } from '@hub/domain'; export const borrowed = rule;",
    'apps/console/src/names.ts': "import type { rule } from '@hub/domain'; export type Named = typeof rule;",
    'test/support/aid.ts': "import { play } from '../../libs/providers/src/play.sandbox'; export const aid = play;",
  };

  const broken: [wall: string, file: string][] = [
    ['domain-imports-nothing', 'libs/domain/src/impure.ts'],
    ['domain-imports-nothing', 'libs/domain/src/worldly.ts'],
    ['apps-never-import-apps', 'apps/two/src/copies.ts'],
    ['libs-never-import-apps', 'libs/queues/src/climbs.ts'],
    ['only-tests-import-tests', 'libs/queues/src/tested.ts'],
    ['a-lib-is-entered-by-its-index', 'apps/two/src/digs.ts'],
    ['a-lib-is-called-by-its-name', 'apps/two/src/walks.ts'],
    ['only-sandbox-and-tests-import-a-sandbox', 'libs/queues/src/plays.ts'],
    ['nest-only-in-suffixed-files', 'libs/queues/src/nest-leak.ts'],
    ['the-console-stands-alone', 'apps/console/src/borrows.ts'],
    ['no-circular-imports', 'libs/queues/src/circle-one.ts'],
    ['no-orphans', 'libs/queues/src/forgotten.ts'],
    ['no-undeclared-packages', 'libs/queues/src/strange.ts'],
    ['no-development-packages-in-apps', 'libs/queues/src/develops.ts'],
  ];

  let found: string[];

  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'walls-'));
    try {
      for (const [file, content] of Object.entries(house)) {
        mkdirSync(join(folder, dirname(file)), { recursive: true });
        writeFileSync(join(folder, file), content);
      }
      found = cruise(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(broken)('%s: %s is reported', (wall, file) => {
    expect(found).toContain(`${wall} ${file}`);
  });

  it('reports nothing else: type-only Nest, modules, indexes, the sandbox and tests may pass', () => {
    expect(found.filter((entry) => !broken.some(([wall, file]) => entry === `${wall} ${file}`))).toEqual([]);
  });

  it('has no wall that this house does not break', () => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the tool's own configuration file
    const { forbidden } = require('../../.dependency-cruiser.cjs') as { forbidden: { name: string }[] };
    expect(forbidden.map(({ name }) => name).sort()).toEqual([...new Set(broken.map(([wall]) => wall))].sort());
  });
});

/** @returns `wall file` for each violation */
function cruise(folder: string): string[] {
  const tool = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.cjs');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [tool, '--config', config, '--output-type', 'json', 'apps', 'libs', 'test'],
    { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (!stdout) throw new Error(stderr);
  const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string }; from: string }[] } };
  return summary.violations.map(({ rule, from }) => `${rule.name} ${from}`);
}

describe('the walls about what a file says', () => {
  const forbidden: [rule: string, file: string, code: string][] = [
    ['hub/no-environment', 'libs/queues/src/a.ts', 'export const url = process.env.REDIS_URL;'],
    ['hub/no-environment', 'apps/gateway/src/a.service.ts', 'const { env } = process; export const url = env.A;'],
    ['hub/no-environment', 'apps/gateway/src/a.ts', "import { env } from 'node:process'; export const a = env.A;"],
    ['hub/no-back-doors', 'apps/gateway/src/a.ts', 'export const rows = (db: any) => db.dataSource.query("select 1");'],
    ['hub/no-back-doors', 'apps/gateway/src/a.ts', 'export const rows = (db: any) => db.manager.find(Object);'],
    ['hub/no-back-doors', 'libs/queues/src/a.ts', "import { Client } from 'pg'; export const client = new Client();"],
    ['hub/no-back-doors', 'apps/cli/src/a.ts', "import pg from 'pg'; export const client = new pg.Client();"],
    ['hub/no-back-doors', 'apps/cli/src/a.ts', "import { DataSource } from 'typeorm'; export const a = DataSource;"],
    ...[
      'export const rows = (db: any) => db["dataSource"].query("select 1");',
      'export const rows = ({ dataSource }: any) => dataSource;',
      'export const rows = (appDataSource: any) => appDataSource.query("select 1");',
      'export const rows = (db: any) => db.getRepository(Object);',
      'export const rows = (db: any) => db.createQueryRunner().query("select 1");',
      'export const rows = (db: any) => db.createEntityManager();',
      'export const rows = (manager: any) => manager.connection.query("select 1");',
      'export const rows = (manager: any) => manager.queryRunner.query("rollback");',
      "import { appDataSource } from '@hub/database'; export const a = appDataSource;",
      "import { Pool } from 'pg'; export const pool = new Pool();",
      "import * as pg from 'pg'; export const pool = new pg.Pool();",
      "import Pool from 'pg-pool'; export const pool = new Pool();",
      "import Client from 'pg/lib/client'; export const client = new Client();",
      "export const client = async () => new (await import('pg')).Client();",
      "export const pg = require('pg');",
      "export { Client } from 'pg';",
      "export * from 'typeorm';",
      'export const sql = "select set_config(\'hub.org_id\', $1, false)";',
      'export const sql = (role: string) => `set local role ${role}`;',
      "export const sql = 'set row_security = off';",
    ].flatMap((code): [string, string, string][] =>
      ['apps/gateway/src/a.ts', 'libs/worker/src/a.ts', 'libs/database/src/a.repository.ts'].map((file) => [
        'hub/no-back-doors',
        file,
        code,
      ]),
    ),
    [
      'hub/reason-in-words',
      'apps/gateway/src/a.ts',
      'export const rows = (db: any, why: string) => db.asSystem(why, () => 1);',
    ],
    [
      'hub/reason-in-words',
      'libs/database/src/a.repository.ts',
      "export const rows = (db: any) => db.asSystem(' ', () => 1);",
    ],
    ['hub/no-provider-ids', 'libs/providers/src/a.ts', "export const is = (id: string) => id === 'shopify';"],
    ['hub/no-provider-ids', 'apps/gateway/src/a.ts', 'export const is = (id: string) => id === `notion`;'],
    ['hub/no-provider-ids', 'libs/domain/src/a.ts', 'export const scopes = { google_drive: 1 };'],
    ['no-console', 'apps/gateway/src/a.ts', "console.log('here');"],
    ['@typescript-eslint/no-explicit-any', 'libs/domain/src/a.ts', 'export const a = (it: any) => it;'],
    [
      '@typescript-eslint/consistent-type-imports',
      'libs/queues/src/a.ts',
      "import { A } from './b'; export type B = A;",
    ],
  ];

  const allowed: [what: string, file: string, code: string][] = [
    ['main.ts hands the environment on', 'apps/gateway/src/main.ts', 'export const environment = process.env;'],
    ['a test reads it', 'test/e2e/a.test.ts', 'export const url = process.env.HUB_TEST_REDIS_URL;'],
    [
      'the database knows its data source',
      'libs/database/src/a.ts',
      'export const a = (db: { dataSource: 1 }) => db.dataSource;',
    ],
    [
      'a repository asks through a door, and says why where it crosses orgs',
      'libs/database/src/a.repository.ts',
      "import type { HubDatabase } from './hub-database'; export const a = (db: HubDatabase) => db.asSystem('due scan', (manager) => manager.query(''));",
    ],
    [
      'the command line opens a database for its two doors',
      'apps/cli/src/a.client.ts',
      "import { HubDatabase } from '@hub/database'; export const a = (url: string) => HubDatabase.open(url, 'hub-cli');",
    ],
    [
      'a repository elsewhere may name the type of what a door hands it',
      'apps/cli/src/a.repository.ts',
      "import type { EntityManager } from 'typeorm'; export const a = (manager: EntityManager) => manager.query('');",
    ],
    ['the catalog names its provider', 'libs/providers/src/catalog/zapier/a.ts', "export const id = 'zapier';"],
    ['a spec names one', 'libs/domain/src/a.spec.ts', "export const id = 'notion';"],
    ['words that only hold one', 'libs/domain/src/a.ts', "export const text = 'notions of shopify';"],
    [
      'Nest finds injected classes by their values',
      'apps/gateway/src/a.service.ts',
      "import { Injectable } from '@nestjs/common'; import { B } from './b'; @Injectable() export class A { constructor(readonly b: B) {} }",
    ],
  ];

  let rules: string[][];

  beforeAll(() => {
    const snippets = [...forbidden, ...allowed].map(([, file, code]) => ({ file, code }));
    const output = execFileSync(process.execPath, [join(root, 'test/support/lint-snippets.mjs')], {
      input: JSON.stringify(snippets),
      encoding: 'utf8',
      cwd: root,
      // with CI set the parser takes a run for one over whole programs, and a snippet stands in none
      env: { ...process.env, TSESTREE_SINGLE_RUN: 'false' },
    });
    rules = JSON.parse(output) as string[][];
  });

  it.each(forbidden.map((entry, place) => [...entry, place] as const))('%s in %s: %s', (rule, _file, _code, place) => {
    expect(rules[place]).toContain(rule);
  });

  it.each(allowed.map((entry, place) => [...entry, forbidden.length + place] as const))(
    '%s',
    (_what, _file, _code, place) => {
      expect(rules[place]).toEqual([]);
    },
  );
});
