import { DeadLetterRepository } from '@hub/database';
import { ADA } from '../../factories/change';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
let worker: RefreshWorkerInTest;

beforeAll(async () => {
  stand = await WorkerStand.set();
  await stand.database.longUp();
});
afterAll(() => stand.clear());
// a worker of its own for each test: one that saw the failures of the test before would open a breaker
beforeEach(async () => {
  await stand.closeBreakers();
  worker = await refreshWorker(stand.settings.workerConfig());
});
afterEach(() => worker.stop());

const refresh = async ({ stored }: Connected) => worker.refreshes.refresh(await stored.work());
/** The API refuses the access token, so that a reactive provider is asked for a fresh one. */
const expired = async (connected: Connected) => {
  await stand.sandbox.admin.expire('notion', connected.account);
  return connected;
};
const losing = (account: string, times: number) => ({ on: 'refresh', kind: 'lost_response', account, times }) as const;

describe('a lost answer', () => {
  it.each(['shopify', 'google_drive'])('of %s is asked for again at once, with the same token', async (provider) => {
    const due = await stand.due(provider);
    await stand.sandbox.admin.fault(provider, losing(due.account, 1));
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', failed_refreshes: 0 });
    expect(await stand.sandbox.refreshes(due.account)).toMatchObject([
      { accepted: true, answer: 'lost' },
      { accepted: true, answer: 'sent' },
    ]);
    expect(await due.stored.events()).toEqual(['refresh.in_doubt', 'refresh.succeeded']);
  });

  it.each(['shopify', 'google_drive'])('twice in a row leaves %s to the ladder, in doubt', async (provider) => {
    const due = await stand.due(provider);
    await stand.sandbox.admin.fault(provider, losing(due.account, 2));
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      refresh_failure_code: 'token_refresh_failed',
      failed_refreshes: 1,
    });
    await stand.makeDue(due);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', refresh_failure_code: null });
  });

  it.each(['shopify', 'google_drive'])(
    'on every try of the ladder makes the refresh of %s a dead letter, in doubt, which an answered replay clears',
    async (provider) => {
      const due = await stand.due(provider);
      const { orgId, id } = due.stored;
      const letters = new DeadLetterRepository(await stand.database.as('gateway'));
      const page = async () => (await letters.page(orgId, { limit: 10 })).deadLetters;
      const { account } = due;
      const heal = await stand.sandbox.admin.fault(provider, { on: 'refresh', kind: 'lost_response', account });
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        expect(await page()).toEqual([]);
        await stand.closeBreakers();
        await stand.makeDue(due);
        await refresh(due);
        expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing', failed_refreshes: attempt });
      }
      const letter = { id: `refresh-${id}`, kind: 'refresh', provider, reason: 'token_refresh_failed', attempts: 5 };
      expect(await page()).toEqual([expect.objectContaining(letter)]);
      expect((await due.stored.eventsNamed('refresh.failed')).at(-1)).toMatchObject({ deadLetter: true });
      expect(await due.stored.eventsNamed('refresh.in_doubt')).toHaveLength(5);

      await heal();
      await stand.closeBreakers();
      expect(await letters.replayOne(orgId, `refresh-${id}`, ADA)).toMatchObject({ kind: 'refresh', id });
      await refresh(due);
      expect(await due.stored.row()).toMatchObject({ status: 'connected', failed_refreshes: 0, in_doubt_since: null });
      expect(await page()).toEqual([]);
    },
  );

  it('of a provider that takes a token once costs the connection only by its own word, and tells why', async () => {
    const due = await expired(await stand.due('notion'));
    await stand.sandbox.admin.fault('notion', losing(due.account, 1));
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'token_refresh_failed',
    });
    expect(await stand.sandbox.refreshes(due.account)).toMatchObject([{ accepted: true }, { accepted: false }]);
    expect(await due.stored.eventsNamed('refresh.in_doubt')).toEqual([
      { retry: 'none', lost: 'connection_lost', outcome: 'invalid_grant' },
    ]);
    expect(await due.stored.events()).toEqual(['refresh.in_doubt', 'refresh.failed', 'integration.reauth_required']);
  });

  it('that was never done costs nothing, whatever the manner', async () => {
    const due = await expired(await stand.due('notion'));
    await stand.sandbox.admin.fault('notion', { on: 'refresh', kind: 'drop_before', account: due.account, times: 1 });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
  });

  it('and then an outage decide nothing', async () => {
    const due = await expired(await stand.due('notion'));
    const { account } = due;
    await stand.sandbox.admin.fault('notion', losing(account, 1));
    await stand.sandbox.admin.fault('notion', { on: 'refresh', kind: 'status', status: 503, account, times: 1 });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing' });
  });
});

describe('a doubt', () => {
  const failing = (account: string, fault: Record<string, unknown>) =>
    stand.sandbox.admin.fault('notion', { on: 'refresh', account, times: 1, kind: 'status', ...fault });

  it('is not forgotten by the outage after it', async () => {
    const due = await expired(await stand.due('notion'));
    await stand.sandbox.admin.fault('notion', losing(due.account, 1));
    await failing(due.account, { status: 503 });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      refresh_failure_code: 'provider_unavailable',
    });
    await failing(due.account, { kind: 'rate_limit', retryAfter: 1 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await stand.makeDue(due);
      await refresh(due);
    }
    expect(await due.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'token_refresh_failed',
    });
    expect(await due.stored.eventsNamed('refresh.in_doubt')).toEqual([
      { retry: 'none', lost: 'connection_lost', outcome: 'provider_unavailable' },
      { retry: 'none', lost: 'attempt_before', outcome: 'rate_limited' },
      { retry: 'none', lost: 'attempt_before', outcome: 'invalid_grant' },
    ]);
  });

  it('is not forgotten while the API cannot be asked', async () => {
    const due = await expired(await stand.due('notion'));
    await stand.sandbox.admin.fault('notion', losing(due.account, 2));
    await refresh(due);
    await stand.makeDue(due);
    const endFault = await stand.sandbox.admin.fault('notion', {
      on: 'api',
      kind: 'status',
      status: 503,
      account: due.account,
    });
    await refresh(due);
    await endFault();
    await stand.makeDue(due);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'token_refresh_failed',
    });
  });

  it('does not come of a page that spent nothing', async () => {
    const due = await expired(await stand.due('notion'));
    await failing(due.account, { kind: 'html', status: 403 });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      refresh_failure_code: 'token_refresh_failed',
    });
    await stand.sandbox.admin.revoke('notion', due.account);
    await stand.makeDue(due);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'reauth_required', refresh_failure_code: 'invalid_grant' });
    expect(await due.stored.eventsNamed('refresh.in_doubt')).toEqual([]);
  });
});

describe('an attempt that was sent and never came to an end', () => {
  it.each(['shopify', 'google_drive'])('is made again for %s, and named in doubt', async (provider) => {
    const due = await stand.due(provider, { phase: 'sending' });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
    expect(await due.stored.eventsNamed('refresh.in_doubt')).toEqual([
      expect.objectContaining({ lost: 'never_recorded', outcome: 'granted' }),
    ]);
  });

  it('is presented once more where a token is taken once, and no third time at once', async () => {
    const due = await expired(await stand.due('notion', { phase: 'sending' }));
    await stand.sandbox.admin.fault('notion', losing(due.account, 1));
    await refresh(due);
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      refresh_failure_code: 'token_refresh_failed',
    });
  });

  it('is over for a token that was spent by it', async () => {
    const due = await expired(await stand.due('notion', { phase: 'sending' }));
    const { refreshToken } = await due.stored.tokens();
    const body = JSON.stringify({ grant_type: 'refresh_token', refresh_token: refreshToken });
    const { NOTION_CLIENT_ID: id, NOTION_CLIENT_SECRET: secret } = stand.sandbox.credentials;
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const headers = { authorization, 'notion-version': '2026-03-11', 'content-type': 'application/json' };
    await fetch(`${stand.sandbox.admin.base}/notion/v1/oauth/token`, { method: 'POST', headers, body });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'token_refresh_failed',
    });
  });
});
