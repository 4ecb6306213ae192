import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { AuditRepository } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { cloneDatabase, type OwnDatabase } from '../../../../test/support/database';
import { DenialsService } from './denials.service';

let database: OwnDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

/** A writer of denials of its own, and what it logs. */
async function aWriter() {
  const lines: string[] = [];
  const to = new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) });
  const audit = new AuditRepository(await database.as('gateway'));
  return { denials: new DenialsService(audit, HubLogger.forApp('test', 'info', to)), lines };
}

const denial = (orgId: OrgId, sub: string) =>
  ({ name: 'auth.forbidden', orgId, sub, address: '192.0.2.1', detail: { route: '/x' } }) as const;

const trailOf = (orgId: OrgId) =>
  database.sql<{ name: string; detail: Record<string, unknown> }>(
    'select name, detail from public.audit_events where org_id = $1 order by seq',
    [orgId],
  );

it('writes all that was denied, each org in its order, before it has ended', async () => {
  const { denials, lines } = await aWriter();
  const orgs = Array.from({ length: 5 }, () => randomUUID() as OrgId);
  for (let turn = 0; turn < 60; turn += 1)
    for (const org of orgs) denials.record({ ...denial(org, 'ada'), detail: { turn } });
  await denials.onApplicationShutdown();
  for (const org of orgs) {
    const told = (await trailOf(org)).filter(({ name }) => name === 'auth.forbidden');
    expect(told.map(({ detail }) => detail['turn'])).toEqual(Array.from({ length: 60 }, (_, turn) => turn));
  }
  expect(lines.join('')).not.toContain('write_failed');
});

it('loses the one that PostgreSQL does not take, tells so, and no other', async () => {
  const { denials, lines } = await aWriter();
  const org = randomUUID() as OrgId;
  for (const sub of ['ada', 'a\u0000b', 'bob']) denials.record(denial(org, sub));
  await denials.onApplicationShutdown();
  expect((await trailOf(org)).filter(({ name }) => name === 'auth.forbidden')).toHaveLength(2);
  expect(lines.filter((line) => line.includes('hub.audit.write_failed'))).toHaveLength(1);
});

it('tells at its end what was too much to be written one by one', async () => {
  const { denials } = await aWriter();
  const org = randomUUID() as OrgId;
  for (let made = 0; made < 230; made += 1) denials.record(denial(org, 'ada'));
  await denials.onApplicationShutdown();
  const told = await trailOf(org);
  expect(told.filter(({ name }) => name === 'auth.forbidden')).toHaveLength(200);
  expect(told.find(({ name }) => name === 'denials.suppressed')?.detail).toMatchObject({ count: 30, sources: 1 });
});
