import { randomUUID } from 'node:crypto';
import { OrgErasureRepository } from '@hub/database';
import type { Actor, OrgId } from '@hub/domain';
import { ANYONES } from '../support/accounts';
import { hub as commandLine } from '../support/command-line';
import { eventually } from '../support/eventually';
import { Stack } from '../support/stack';

/** An org is forgotten while one of its people connects. */
const OPERATOR: Actor = { type: 'system', id: 'test' };
/** Shorter than an exchange may take. */
const EXCHANGE_MS = 6_000;

let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway', 'refresh-worker'] });
});
afterAll(() => hub.stop());

/** A connect whose provider has granted, and has not answered yet. */
async function whileExchanging(orgId = randomUUID() as OrgId) {
  const caller = hub.as(orgId);
  const person = hub.person();
  const account = ANYONES.notion();
  const url = await person.consents(await person.starts(caller, account.order), account.choices);
  const slow = { kind: 'latency', ms: EXCHANGE_MS, afterWork: true, account: account.name, times: 1 };
  await hub.sandbox.fault('notion', { on: 'exchange', ...slow });
  const callback = person.get(url);
  const grants = () => hub.sandbox.grants('notion', account.name);
  await eventually('the grant', async () => (await grants()).length === 1);
  return { orgId, callback, grants };
}

const forget = (orgId: OrgId) =>
  commandLine(['org', 'forget', orgId, '--yes'], { DATABASE_ADMIN_URL: hub.database.adminUrl });

async function eventsOf(orgId: OrgId): Promise<{ name: string; detail: Record<string, unknown> }[]> {
  return hub.database.rows('select name, detail from public.audit_events where org_id = $1 order by seq', [orgId]);
}
const namesOf = async (orgId: OrgId): Promise<string[]> => (await eventsOf(orgId)).map(({ name }) => name);

it('the grant of a connect that is exchanging its code goes back as well', async () => {
  const { orgId, callback, grants } = await whileExchanging();
  expect(await forget(orgId)).toMatchObject({ exitCode: 0, out: expect.stringMatching(/is forgotten/) });
  expect((await callback).status).toBe(400);
  expect(await grants()).toEqual([]);
  const names = await namesOf(orgId);
  expect(names.slice(-3)).toEqual(['flow.cancelled', 'revocation.succeeded', 'org.forgotten']);
});

it('a connect that would be stored between the wish and the disconnects gives its grant back', async () => {
  const { orgId, callback, grants } = await whileExchanging();
  const erasure = await OrgErasureRepository.open(hub.database.adminUrl);
  await erasure.begin(orgId, OPERATOR);
  await erasure.close();
  expect((await callback).status).toBe(400);
  await eventually('the revocation', async () => (await namesOf(orgId)).includes('revocation.succeeded'));
  expect(await grants()).toEqual([]);
});

it('a connect that answers when the keys are gone tells that its grant is lost', async () => {
  const { orgId, callback, grants } = await whileExchanging();
  const erasure = await OrgErasureRepository.open(hub.database.adminUrl);
  await erasure.begin(orgId, OPERATOR);
  await erasure.disconnect(orgId, () => undefined, OPERATOR);
  expect((await erasure.waiting(orgId)).answersForMs).toBeGreaterThan(0);
  await erasure.shred(orgId, OPERATOR);
  await erasure.close();
  expect((await callback).status).toBe(400);
  const events = await eventsOf(orgId);
  expect(events.at(-1)).toMatchObject({
    name: 'revocation.failed',
    detail: { kept: 'nothing', why: 'org_forgotten' },
  });
  expect(await grants()).toHaveLength(1);
});
