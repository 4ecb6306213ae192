import { IntegrationRepository } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { eventually } from '../../support/eventually';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { storeIntegration } from '../../support/stored-integration';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
let worker: RefreshWorkerInTest;
let gateway: IntegrationRepository;

beforeAll(async () => {
  stand = await WorkerStand.set();
  worker = await refreshWorker(stand.settings.workerConfig());
  gateway = new IntegrationRepository(await stand.database.as('gateway'));
});
afterAll(async () => {
  await worker.stop();
  await stand.clear();
});

interface Outgoing {
  id: string;
  org_id: OrgId;
  failed_attempts: number;
  next_attempt_at: Date | null;
  failure_code: string | null;
}

const outbox = ({ stored }: Connected) =>
  stand.database.sql<Outgoing>('select * from public.revocations where integration_id = $1', [stored.id]);

async function disconnect({ stored }: Connected, reason: 'disconnect' | 'uninstall' = 'disconnect'): Promise<void> {
  const actor = { type: 'user', id: 'ada' } as const;
  await gateway.disconnect(stored.orgId, stored.provider, { revoke: true, reason, actor, detail: {} });
}

/** Takes up the outbox's row of an integration, as its job would. */
async function revoke(connected: Connected) {
  const [row] = await outbox(connected);
  if (!row) throw new Error('nothing is on its way back');
  const work = { id: row.id, orgId: row.org_id, provider: connected.stored.provider, epoch: 0 };
  return worker.revocations.revoke(work);
}

const makeDue = ({ stored }: Connected) =>
  stand.database.sql('update public.revocations set next_attempt_at = now() where integration_id = $1', [stored.id]);

it.each(['google_drive', 'notion'])('a grant of %s goes back to its provider', async (provider) => {
  const connected = await stand.connected(provider);
  await disconnect(connected);
  expect(await revoke(connected)).toBe('done');
  expect(await outbox(connected)).toEqual([]);
  expect(await stand.sandbox.admin.grants(provider, connected.account)).toEqual([]);
  expect(await connected.stored.events()).toEqual(['integration.disconnected', 'revocation.succeeded']);
});

it('a grant that is dead already counts as given back', async () => {
  const connected = await stand.connected('google_drive');
  await stand.sandbox.admin.revoke('google_drive', connected.account);
  await disconnect(connected);
  expect(await revoke(connected)).toBe('done');
  expect(await connected.stored.eventsNamed('revocation.succeeded')).toEqual([
    expect.objectContaining({ outcome: 'nothing_left' }),
  ]);
});

it('a grant that another org stands on is left alone, and the trail says so', async () => {
  const connected = await stand.connected('google_drive');
  const grant = await stand.sandbox.grant('google_drive', connected.account);
  await storeIntegration(stand.database, stand.settings.vault, { provider: 'google_drive', grant });
  await disconnect(connected);
  expect(await revoke(connected)).toBe('done');
  expect(await stand.sandbox.admin.grants('google_drive', connected.account)).toHaveLength(2);
  expect(await connected.stored.eventsNamed('revocation.skipped')).toEqual([
    { reason: 'others_stand_on_it', why: 'disconnect' },
  ]);
});

it('a grant that would end a whole account is left alone while the account is not known', async () => {
  const connected = await stand.connected('google_drive');
  await stand.database.sql('update public.integrations set account_id = null where id = $1', [connected.stored.id]);
  await disconnect(connected);
  await revoke(connected);
  expect(await stand.sandbox.admin.grants('google_drive', connected.account)).toHaveLength(1);
  expect(await connected.stored.eventsNamed('revocation.skipped')).toEqual([
    { reason: 'account_unknown', why: 'disconnect' },
  ]);
});

describe('an app that can only be uninstalled', () => {
  it('stays installed unless that was asked for', async () => {
    const connected = await stand.connected('shopify');
    await disconnect(connected);
    await revoke(connected);
    expect(await outbox(connected)).toEqual([]);
    expect(await stand.sandbox.admin.grants('shopify', connected.account)).toHaveLength(1);
    expect(await connected.stored.events()).toEqual(['integration.disconnected']);
  });

  it('is uninstalled where it was', async () => {
    const connected = await stand.connected('shopify');
    await disconnect(connected, 'uninstall');
    expect(await revoke(connected)).toBe('done');
    expect(await stand.sandbox.admin.grants('shopify', connected.account)).toEqual([]);
    expect(await connected.stored.events()).toContain('revocation.succeeded');
  });

  it('is uninstalled with a fresh token once the one in hand is dead', async () => {
    const connected = await stand.connected('shopify');
    await stand.sandbox.admin.expire('shopify', connected.account);
    await disconnect(connected, 'uninstall');
    expect(await revoke(connected)).toBe('done');
    expect(await stand.sandbox.admin.grants('shopify', connected.account)).toEqual([]);
  });
});

it('a provider that is down is asked again on the ladder, then the grant is a dead letter', async () => {
  const connected = await stand.connected('notion');
  const { account } = connected;
  const heal = await stand.sandbox.admin.fault('notion', { on: 'revoke', kind: 'status', status: 503, account });
  await disconnect(connected);
  const delays: (number | null)[] = [];
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    expect(await revoke(connected)).toBe(attempt < 5 ? 'try_again' : 'give_up');
    const [row] = await outbox(connected);
    delays.push(row!.next_attempt_at && Math.round((row!.next_attempt_at.getTime() - Date.now()) / 60_000));
    expect(row!.failed_attempts).toBe(attempt);
    if (attempt < 5) await makeDue(connected);
  }
  expect(delays).toEqual([1, 2, 4, 8, null]);
  const told = await connected.stored.eventsNamed('revocation.failed');
  expect(told.map(({ deadLetter }) => deadLetter)).toEqual([false, false, false, false, true]);
  expect(await revoke(connected)).toBe('done'); // a dead letter waits for an operator
  expect(await outbox(connected)).toHaveLength(1);
  await heal();
});

it('an answer that leads elsewhere is not followed, and told beside the failure', async () => {
  const connected = await stand.connected('notion');
  const { account } = connected;
  const heal = await stand.sandbox.admin.fault('notion', { on: 'revoke', kind: 'status', status: 302, account });
  await disconnect(connected);
  expect(await revoke(connected)).toBe('try_again');
  expect(await connected.stored.eventsNamed('egress.blocked')).toEqual([{ reason: 'redirect', answer: 'http_302' }]);
  expect(await connected.stored.eventsNamed('revocation.failed')).toHaveLength(1);
  await heal();
});

it('nobody needs to ring: the watch finds what is on its way back', async () => {
  const connected = await stand.connected('notion');
  await disconnect(connected);
  const own = await refreshWorker(stand.settings.workerConfig());
  await own.start();
  await eventually('an empty outbox', async () => (await outbox(connected)).length === 0);
  const next = await stand.connected('google_drive');
  await disconnect(next);
  await eventually('an empty outbox again', async () => (await outbox(next)).length === 0);
  await own.stop();
});
