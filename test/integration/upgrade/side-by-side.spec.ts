import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { formatAnswer, parseAnswer } from '../../../apps/refresh-worker/src/spool/spooled-answer';
import { anAnswer } from '../../../apps/refresh-worker/testing/answers';
import { ANYONES } from '../../support/accounts';
import { previousRelease } from '../../support/previous-release';
import { Stack, type AppName } from '../../support/stack';

/**
 * A rollout: pods of the release before and of this one side by side, over the schema of this one. What one of them writes
 * into rows, queues and seals, the other reads.
 */
const previous = previousRelease();
const root = 'root' in previous ? previous.root : '';
const withPrevious = 'root' in previous ? describe : describe.skip;

const ROLLOUTS: [string, AppName[]][] = [
  ['a gateway before the workers', ['refresh-worker', 'metadata-sync-worker']],
  ['the workers before the gateway', ['gateway']],
  ['the refresh worker alone', ['gateway', 'metadata-sync-worker']],
];

it('the release before this one is in the history, or it is said why not', () => {
  expect('root' in previous ? previous.commit : previous.reason).toMatch(/^[0-9a-f]{40}$|^git has no commit/);
});

withPrevious.each(ROLLOUTS)('a rollout that has brought %s', (_what, old) => {
  let hub: Stack;
  beforeAll(async () => {
    hub = await Stack.start({ roots: Object.fromEntries(old.map((app) => [app, root])) });
  });
  afterAll(() => hub.stop());

  it.each(['google_drive', 'notion', 'shopify'] as const)(
    'connects, syncs, refreshes, serves and disconnects %s',
    async (provider) => {
      const caller = hub.as();
      const account = ANYONES[provider]();
      await hub.connect(caller, account.order, account.choices);
      await hub.event(caller, 'sync.completed');
      const before = (await caller.token(provider)).body;
      const refreshed = await caller.refresh(provider);
      expect(refreshed.status).toBe(200);
      expect(refreshed.body.status).toBe('connected');
      const after = (await caller.token(provider)).body;
      expect(after.accessToken === before.accessToken).toBe(provider === 'notion');
      expect((await caller.sync(provider)).status).toBe(200);
      expect((await caller.disconnect(provider)).status).toBe(204);
      await hub.event(caller, 'integration.disconnected');
    },
  );

  it('seals what the other opens, over a move of every app to this release', async () => {
    const caller = hub.as();
    const account = ANYONES.google_drive();
    await hub.connect(caller, account.order, account.choices);
    await hub.event(caller, 'sync.completed');
    const { accessToken } = (await caller.refresh('google_drive'), await caller.token('google_drive')).body;
    for (const app of old) await hub.upgrade(app);
    expect((await caller.token('google_drive')).body.accessToken).toBe(accessToken);
    expect((await caller.refresh('google_drive')).status).toBe(200);
  });
});

withPrevious('an answer that waits on the disk', () => {
  /** Runs a function of the release before over a text. @returns what it makes of it, as JSON */
  function there(act: 'parseAnswer' | 'format', text: string): string {
    const file = path.join(root, 'dist/apps/refresh-worker/src/spool/spooled-answer.js');
    const script = `const { parseAnswer, formatAnswer } = require(${JSON.stringify(file)});
      const answer = parseAnswer(require('node:fs').readFileSync(0, 'utf8'));
      process.stdout.write(${act === 'format' ? 'formatAnswer(answer)' : 'JSON.stringify(answer) ?? "unreadable"'});`;
    const ran = spawnSync(process.execPath, ['-e', script], { input: text, cwd: root, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(ran.stderr);
    return ran.stdout;
  }

  it.each([
    ['says nothing of its rights', {}],
    ['has other rights than the one before', { scope: 'read_products,write_products' }],
  ])('is read by the release before and by this one where its grant %s', (_what, rights) => {
    const answer = { ...anAnswer(), doubt: { retry: 'none', lost: 'timeout' } } as const;
    const written = formatAnswer({ ...answer, grant: { ...answer.grant, ...rights } });
    expect(there('parseAnswer', written)).toBe(JSON.stringify(parseAnswer(written)));
    expect(parseAnswer(there('format', written))).toEqual(parseAnswer(written));
  });
});
