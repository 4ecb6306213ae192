import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { AuditVault, asSealedDetail, TokenVault, type Unopened } from '@hub/token-vault';
import { aConnect, ADA } from '../../../test/factories/change';
import { vaultSettings } from '../../../test/support/data-keys';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { AuditChainRepository } from './audit-chain.repository';
import { AuditVerificationService } from './audit-verification.service';
import { AuditRepository, type AuditLine } from './audit.repository';
import { DataKeyRepository } from './data-key.repository';
import type { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';

const PROVIDER = 'google_drive' as ProviderId;
const settings = vaultSettings();

/** What the trail tells of people, in the database that keeps it. */
let database: OwnDatabase;
let gateway: HubDatabase;
let worker: HubDatabase;
const vaults: AuditVault[] = [];

beforeAll(async () => {
  database = await cloneDatabase();
  gateway = await database.as('gateway');
  worker = await database.as('refreshWorker');
});
afterAll(async () => {
  for (const vault of vaults) vault.close();
  await database.drop();
});

/** A process of its own, with no key in its memory. */
function aVault(of = settings): AuditVault {
  const vault = AuditVault.over(of, new DataKeyRepository(gateway, 'audit'));
  vaults.push(vault);
  return vault;
}

const anOrg = (): OrgId => randomUUID() as OrgId;

async function connects(orgId: OrgId, label: string, vault = aVault()): Promise<IntegrationRepository> {
  const integrations = new IntegrationRepository(gateway, vault);
  const connected = aConnect();
  const change = {
    ...connected,
    patch: { ...connected.patch, account: { id: 'account-1', label } },
    events: [{ name: 'integration.connected', detail: { again: false }, personal: { account: label } }] as const,
  };
  const id = randomUUID() as IntegrationId;
  const stored = await integrations.storeConnect({ orgId, provider: PROVIDER, id, change, actor: ADA }, () =>
    Promise.resolve(true),
  );
  expect(stored.kind).toBe('stored');
  return integrations;
}

async function lineOf(orgId: OrgId, name: string): Promise<AuditLine> {
  const { events } = await new AuditRepository(gateway).page(orgId, { limit: 50 });
  const line = events.find((event) => event.name === name);
  if (!line) throw new Error(`no ${name}`);
  return line;
}

async function opened(orgId: OrgId, line: AuditLine, vault = aVault()): Promise<{ value: string } | Unopened> {
  const sealed = asSealedDetail(line.detail['account']);
  if (!sealed) throw new Error('the account is not sealed');
  return vault.open(orgId, line, 'account', sealed);
}

const findingsOf = async (orgId: OrgId) =>
  (await new AuditVerificationService(new AuditChainRepository(worker), undefined).verify(orgId)).findings;

const label = (): string => `canary-${randomUUID()}@example.com`;

it('an account is sealed in the events of its connect and its disconnect, and opens for its org', async () => {
  const [orgId, canary] = [anOrg(), label()];
  const integrations = await connects(orgId, canary);
  await integrations.disconnect(orgId, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });
  for (const name of ['integration.connected', 'integration.disconnected'])
    expect(await opened(orgId, await lineOf(orgId, name))).toEqual({ value: canary });
  for await (const { rows } of new AuditChainRepository(worker).pages([orgId]))
    for (const { name, detail } of rows) {
      expect(detail).not.toContain(canary);
      if (name.startsWith('integration.')) expect(detail).toContain('"account": {"sealed": "hub1.');
    }
  const tables = await database.sql<{ name: string }>(
    `select relnamespace::regnamespace || '.' || quote_ident(relname) as name from pg_class
     where relkind in ('r', 'p') and (relnamespace = 'audit'::regnamespace or relname like 'audit%')
       and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
  );
  expect(tables.length).toBeGreaterThan(3);
  for (const { name } of tables)
    expect(await database.sql(`select 1 from ${name} line where line::text like $1`, [`%${canary}%`])).toEqual([]);
});

it('the key is the org’s second, and its tokens are sealed by the first', async () => {
  const orgId = anOrg();
  await connects(orgId, label());
  const tokens = TokenVault.over(settings, new DataKeyRepository(gateway));
  await tokens.withSealer(orgId, () => undefined);
  tokens.close();
  const keys = await database.sql('select purpose, status from public.data_keys where org_id = $1 order by purpose', [
    orgId,
  ]);
  expect(keys).toEqual([
    { purpose: 'audit', status: 'active' },
    { purpose: 'tokens', status: 'active' },
  ]);
});

it('of many that need the first key at once one makes it', async () => {
  const orgId = anOrg();
  const sealed = await Promise.all(
    Array.from({ length: 6 }, () =>
      aVault().withSealer(orgId, (sealer) =>
        Promise.resolve(sealer.seal({ id: randomUUID(), provider: null }, 'a', 'b')),
      ),
    ),
  );
  expect(new Set(sealed.map((one) => 'sealed' in one && one.sealed.split('.')[1])).size).toBe(1);
});

it('a value does not open in another event, field, org or provider', async () => {
  const [orgId, other] = [anOrg(), anOrg()];
  await connects(orgId, label());
  const line = await lineOf(orgId, 'integration.connected');
  const sealed = asSealedDetail(line.detail['account']) ?? { withheld: true };
  const vault = aVault();
  expect(await vault.open(orgId, { ...line, id: randomUUID() }, 'account', sealed)).toBe('unreadable');
  expect(await vault.open(orgId, line, 'name', sealed)).toBe('unreadable');
  expect(await vault.open(orgId, { ...line, provider: 'notion' }, 'account', sealed)).toBe('unreadable');
  expect(await vault.open(other, line, 'account', sealed)).toBe('forgotten');
});

describe.each([
  [
    'wiped',
    "update public.data_keys set wrapped_key = '', status = 'shredded' where org_id = $1 and purpose = 'audit'",
  ],
  ['deleted', "delete from public.data_keys where org_id = $1 and purpose = 'audit'"],
])('once the key is %s', (_how, shred) => {
  it('nobody opens what it has sealed, and the chain still fits', async () => {
    const orgId = anOrg();
    await connects(orgId, label());
    expect(await findingsOf(orgId)).toEqual([]);
    await database.sql(shred, [orgId]);
    expect(await opened(orgId, await lineOf(orgId, 'integration.connected'))).toBe('forgotten');
    expect(await findingsOf(orgId)).toEqual([]);
  });
});

it('without a key the event is written and the account withheld', async () => {
  const [orgId, canary] = [anOrg(), label()];
  await connects(orgId, label());
  const strangers = aVault(vaultSettings('k2'));
  const integrations = new IntegrationRepository(gateway, strangers);
  await database.sql('update public.integrations set account_label = $2 where org_id = $1', [orgId, canary]);
  await integrations.disconnect(orgId, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });
  const line = await lineOf(orgId, 'integration.disconnected');
  expect(line.detail).toEqual({ account: { withheld: true } });
  expect(await opened(orgId, line)).toBe('withheld');
  expect(await findingsOf(orgId)).toEqual([]);
});

it('makes no key for an org that has nothing to disconnect', async () => {
  const orgId = anOrg();
  const integrations = new IntegrationRepository(gateway, aVault());
  await integrations.disconnect(orgId, PROVIDER, { revoke: false, reason: 'disconnect', actor: ADA, detail: {} });
  expect(await database.sql('select 1 from public.data_keys where org_id = $1', [orgId])).toEqual([]);
});
