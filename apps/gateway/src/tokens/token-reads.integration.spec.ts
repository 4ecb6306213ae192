import { randomUUID } from 'node:crypto';
import { AuditRepository } from '@hub/database';
import type { IntegrationId, OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { cloneDatabase, type OwnDatabase } from '../../../../test/support/database';
import { eventually } from '../../../../test/support/eventually';
import { TokenReadsService } from './token-reads.service';

describe('token reads', () => {
  let database: OwnDatabase;
  let trail: AuditRepository;
  let reads: TokenReadsService;

  beforeAll(async () => {
    database = await cloneDatabase();
    trail = new AuditRepository(await database.as('gateway'));
    reads = new TokenReadsService(trail, HubLogger.forApp('test', 'silent'));
  });
  afterAll(() => database.drop());

  const anOrg = (): OrgId => randomUUID() as OrgId;
  const integrationId = randomUUID() as IntegrationId;
  const read = (orgId: OrgId, sub: string): void => reads.record({ orgId, integrationId, provider: 'notion', sub });

  /** Who read how often, as the trail has it. */
  const readers = async (orgId: OrgId): Promise<string[]> => {
    const rows = await database.sql<{ reader: string }>(
      `select actor_id || ' ' || (detail->>'count') as reader from public.audit_events
        where org_id = $1 and name = 'token.read' order by 1`,
      [orgId],
    );
    return rows.map(({ reader }) => reader);
  };

  it('of a name that PostgreSQL does not take hold up no other, then or later', async () => {
    const orgId = anOrg();
    for (const sub of ['ada', 'a\0b', 'bob']) read(orgId, sub);
    await eventually('the good ones to be told', async () => (await readers(orgId)).length === 2 || undefined);
    read(orgId, 'eve');
    await eventually('one after them to be told', async () => (await readers(orgId)).length === 3 || undefined);
    expect(await readers(orgId)).toEqual(['ada 1', 'bob 1', 'eve 1']);
  });

  it('are told once PostgreSQL is back', async () => {
    const orgId = anOrg();
    await database.setAway(true);
    const written = jest.spyOn(trail, 'append');
    read(orgId, 'ada');
    read(orgId, 'ada');
    read(orgId, 'bob');
    await eventually('a try in vain', () => Promise.resolve(written.mock.calls.length > 0));
    await expect(written.mock.results[0]?.value).rejects.toThrow();
    await database.setAway(false);
    read(orgId, 'eve');
    await eventually('all of them to be told', async () => (await readers(orgId)).length === 3 || undefined);
    expect(await readers(orgId)).toEqual(['ada 2', 'bob 1', 'eve 1']);
  });
});
