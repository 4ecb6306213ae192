import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { KeyUnavailable, OpenFailed, PlainToken, tokenCell, TokenVault, type Cell } from '@hub/token-vault';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { vaultSettings } from '../../../test/support/data-keys';
import { sealedBefore } from '../../../test/support/sealed-before';
import { DataKeyRepository } from './data-key.repository';
import type { HubDatabase } from './hub-database';

const settings = vaultSettings();
const TOKEN_KEYS = `k1:${settings.tokenKeys[0]?.key.toString('base64')}`;

let database: OwnDatabase;
let doors: Record<'gateway' | 'refreshWorker', HubDatabase>;

beforeAll(async () => {
  database = await cloneDatabase();
  doors = { gateway: await database.as('gateway'), refreshWorker: await database.as('refreshWorker') };
});
afterAll(() => database.drop());

/** A process of its own, with no key in its memory. */
const aVault = (role: 'gateway' | 'refreshWorker' = 'refreshWorker'): TokenVault =>
  TokenVault.over(settings, new DataKeyRepository(doors[role]));

const anOrg = (): OrgId => randomUUID() as OrgId;

function aCell(different: Partial<Cell> = {}): Cell {
  const owner = { orgId: anOrg(), provider: 'shopify' as ProviderId, id: randomUUID() as IntegrationId };
  return { ...tokenCell(owner, 'access_token'), ...different };
}

const keysOf = (orgId: OrgId) =>
  database.sql<{ id: string; status: string; wrapping_key_id: string }>(
    'select id, status, wrapping_key_id from public.data_keys where org_id = $1',
    [orgId],
  );

describe('an org’s first key', () => {
  it('is one, however many processes seal for the first time at once', async () => {
    const cell = aCell();
    const vaults = Array.from({ length: 8 }, (_, place) => aVault(place % 2 === 0 ? 'gateway' : 'refreshWorker'));
    const sealed = await Promise.all(vaults.map((vault) => vault.seal(cell, new PlainToken('token'))));
    const [key, ...more] = await keysOf(cell.orgId);
    expect(more).toEqual([]);
    expect(key).toMatchObject({ status: 'active', wrapping_key_id: 'k1' });
    expect(new Set(sealed.map((text) => text.split('.')[1]))).toEqual(new Set([key?.id]));
    for (const text of sealed) expect((await aVault().open(cell, text)).reveal()).toBe('token');
  });

  it('is told in the org’s trail, once', async () => {
    const cell = aCell();
    await Promise.all([aVault(), aVault()].map((vault) => vault.seal(cell, new PlainToken('token'))));
    const [key] = await keysOf(cell.orgId);
    const events = await database.sql(
      'select name, actor_id, detail from public.audit_events where org_id = $1 order by seq',
      [cell.orgId],
    );
    expect(events).toEqual([
      {
        name: 'key.created',
        actor_id: 'token-vault',
        detail: { key: key?.id, purpose: 'tokens', keyProvider: 'local', wrappingKey: 'k1' },
      },
    ]);
  });

  it('is not made anew once it is retiring: it still opens, the next one seals', async () => {
    const cell = aCell();
    const before = await aVault().seal(cell, new PlainToken('before'));
    await database.sql("update public.data_keys set status = 'retiring' where org_id = $1", [cell.orgId]);
    const vault = aVault();
    const after = await vault.seal(cell, new PlainToken('after'));
    expect(after.split('.')[1]).not.toBe(before.split('.')[1]);
    expect((await vault.open(cell, before)).reveal()).toBe('before');
    expect((await keysOf(cell.orgId)).map(({ status }) => status).sort()).toEqual(['active', 'retiring']);
  });
});

it('what the gateway seals the worker opens, and the other way round', async () => {
  const cell = aCell();
  const byGateway = await aVault('gateway').seal(cell, new PlainToken('one'));
  const byWorker = await aVault('refreshWorker').seal(cell, new PlainToken('two'));
  expect((await aVault('refreshWorker').open(cell, byGateway)).reveal()).toBe('one');
  expect((await aVault('gateway').open(cell, byWorker)).reveal()).toBe('two');
});

it('what an earlier release has sealed opens, without any data key', async () => {
  const cell = aCell();
  expect((await aVault('gateway').open(cell, sealedBefore(TOKEN_KEYS, cell, 'old'))).reveal()).toBe('old');
  expect(await keysOf(cell.orgId)).toEqual([]);
});

describe('a sealed value', () => {
  it('does not open in another row, column, table, provider or org, whether or not that has a key of its own', async () => {
    const cell = aCell();
    const vault = aVault();
    const sealed = await vault.seal(cell, new PlainToken('token'));
    const theirs = aCell();
    await vault.seal(theirs, new PlainToken('theirs'));
    for (const other of [
      { rowId: randomUUID() },
      { column: 'refresh_token' },
      { table: 'flows' },
      { provider: 'notion' },
      { orgId: theirs.orgId },
      { orgId: anOrg() },
    ] as Partial<Cell>[])
      for (const opener of [vault, aVault()])
        await expect(opener.open({ ...cell, ...other }, sealed)).rejects.toThrow(OpenFailed);
  });

  it('does not open by a key whose row was swapped with another’s', async () => {
    const [ours, theirs] = [aCell(), aCell()];
    const sealed = await aVault().seal(ours, new PlainToken('token'));
    await aVault().seal(theirs, new PlainToken('theirs'));
    await database.sql(
      `update public.data_keys set wrapped_key = (select wrapped_key from public.data_keys where org_id = $2) where org_id = $1`,
      [ours.orgId, theirs.orgId],
    );
    await expect(aVault().open(ours, sealed)).rejects.toMatchObject({ name: 'OpenFailed', reason: 'key_refused' });
  });

  it('does not open once the org’s key is gone', async () => {
    const cell = aCell();
    const sealed = await aVault().seal(cell, new PlainToken('token'));
    await database.sql('delete from public.data_keys where org_id = $1', [cell.orgId]);
    await expect(aVault().open(cell, sealed)).rejects.toMatchObject({ reason: 'unknown_key' });
  });
});

it('an opened key serves without the database', async () => {
  const cell = aCell();
  const vault = aVault();
  const sealed = await vault.seal(cell, new PlainToken('token'));
  await database.setAway(true);
  try {
    expect((await vault.open(cell, sealed)).reveal()).toBe('token');
    await vault.seal(cell, new PlainToken('another'));
    const failed: unknown = await aVault()
      .open(cell, sealed)
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(failed).not.toBeInstanceOf(OpenFailed);
    expect(failed).not.toBeInstanceOf(KeyUnavailable);
  } finally {
    await database.setAway(false);
  }
});
