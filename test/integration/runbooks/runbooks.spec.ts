import { randomBytes } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { TokenVault } from '@hub/token-vault';
import { Client } from 'pg';
import { hub } from '../../support/command-line';
import { dataKeysIn, vaultSettings } from '../../support/data-keys';
import { cloneDatabase, type OwnDatabase } from '../../support/database';
import { alertRunbooks, hubCommands, sqlBlocks } from '../../support/runbooks';
import { storeIntegration } from '../../support/stored-integration';
import { testServers } from '../../support/test-servers';

/** The org that stands in the pages. */
const ORG = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId;
/** Needs a worker, and is tested with one elsewhere. */
const NEEDS_A_WORKER = ['refresh'];
/** Says of this installation what is bad about it, and ends with 1 then. */
const MAY_COMPLAIN = ['doctor'];

const pages = alertRunbooks();
let database: OwnDatabase;
let environment: Record<string, string>;

beforeAll(async () => {
  database = await cloneDatabase();
  const key = randomBytes(32);
  environment = {
    DATABASE_URL: database.refreshWorkerUrl,
    REDIS_URL: testServers().redisUrl,
    REDIS_PREFIX: `test-${database.name}`,
    TOKEN_KEYS: `k1:${key.toString('base64')}`,
  };
  const vault = TokenVault.over(
    vaultSettings('k1', key),
    dataKeysIn((sql, values) => database.sql(sql, values)),
  );
  await storeIntegration(database, vault, {
    orgId: ORG,
    provider: 'google_drive',
    grant: { accessToken: 'access', refreshToken: 'refresh', account: 'ada@example.com', accountId: 'a-1' },
    dueInSeconds: 1_800,
    syncInSeconds: 1_800,
  });
  await database.sql(
    `update public.integrations set status = 'refresh_failing', failed_refreshes = 4, refresh_failure_code = 'provider_unavailable',
       refresh_failure_at = now(), refresh_first_failed_at = now() where org_id = $1`,
    [ORG],
  );
});
afterAll(() => database.drop());

describe('the SQL of the runbooks', () => {
  const blocks = sqlBlocks(pages);

  it.each(blocks.map(({ page, by, sql }) => [page, by, sql] as const))(
    'of %s runs, by the %s',
    async (_page, by, sql) => {
      const client = new Client({
        connectionString: by === 'administrator' ? database.adminUrl : database.refreshWorkerUrl,
      });
      await client.connect();
      try {
        const answer = await client.query(sql);
        const answers = Array.isArray(answer) ? (answer as (typeof answer)[]) : [answer];
        expect(answers.some(({ command }) => command === 'SELECT')).toBe(true);
        expect(answers.every(({ command }) => ['SELECT', 'BEGIN', 'SET', 'COMMIT'].includes(command))).toBe(true);
      } finally {
        await client.end();
      }
    },
  );

  it('names whose refreshes fail again and again', async () => {
    const [block] = blocks.filter(
      ({ page, sql }) => page === 'RefreshConsecutiveFailures' && sql.includes('worst_streaks'),
    );
    const client = new Client({ connectionString: database.refreshWorkerUrl });
    await client.connect();
    try {
      const { rows } = await client.query(block?.sql ?? '');
      expect(rows).toEqual([expect.objectContaining({ org_id: ORG, provider: 'google_drive', failures: 4 })]);
    } finally {
      await client.end();
    }
  });
});

describe('the commands of the runbooks', () => {
  const commands = hubCommands(pages).filter(([, [name = '']]) => !NEEDS_A_WORKER.includes(name));
  const unique = [...new Map(commands.map((command) => [command[1].join(' '), command])).values()];

  it.each(unique)('%s: hub %j does what it says', async (_page, args) => {
    const { exitCode, out, err } = await hub(args, environment);
    expect({ exitCode, err }).toEqual({
      exitCode: MAY_COMPLAIN.includes(args[0] ?? '') ? expect.any(Number) : 0,
      err: expect.not.stringMatching(/error:|\n\s+at /),
    });
    expect(exitCode).toBeLessThan(2);
    expect(out).not.toBe('');
  });
});
