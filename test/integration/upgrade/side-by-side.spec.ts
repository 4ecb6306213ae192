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
