import { randomBytes } from 'node:crypto';
import type { HubConfig } from '@hub/config';
import type { DataKeyStore, StoredDataKey } from '@hub/token-vault';

/** Runs SQL as the superuser, who sees the keys of every org. */
type Rows = <Row extends object>(sql: string, values: readonly unknown[]) => Promise<Row[]>;

const KEY = `select id, org_id as "orgId", key_provider as "keyProvider", wrapping_key_id as "wrappingKeyId",
  wrapped_key as wrapped, status from public.data_keys`;

/** The data keys of a hub's own database, for a test that opens what the hub has sealed, or seals what it will open. */
export function dataKeysIn(rows: Rows): DataKeyStore {
  const active: DataKeyStore['active'] = async (orgId) =>
    (await rows<StoredDataKey>(`${KEY} where org_id = $1 and purpose = 'tokens' and status = 'active'`, [orgId]))[0];
  return {
    active,
    find: async ({ orgId, id }) => (await rows<StoredDataKey>(`${KEY} where org_id = $1 and id = $2`, [orgId, id]))[0],
    add: async (key) => {
      await rows(
        `insert into public.data_keys (id, org_id, key_provider, wrapping_key_id, wrapped_key) values ($1, $2, $3, $4, $5)
         on conflict (org_id, purpose) where status = 'active' do nothing`,
        [key.id, key.orgId, key.keyProvider, key.wrappingKeyId, key.wrapped],
      );
      const stored = await active(key.orgId);
      if (!stored) throw new Error('the data key is not there');
      return stored;
    },
  };
}

/** Data keys that lie nowhere but here, for tests of what a vault does by itself. */
export function dataKeysInMemory(): DataKeyStore & { readonly keys: StoredDataKey[] } {
  const keys: StoredDataKey[] = [];
  const activeNow = (orgId: string): StoredDataKey | undefined =>
    keys.find((key) => key.orgId === orgId && key.status === 'active');
  return {
    keys,
    active: (orgId) => Promise.resolve(activeNow(orgId)),
    find: ({ orgId, id }) => Promise.resolve(keys.find((key) => key.orgId === orgId && key.id === id)),
    add: (key) => {
      if (!activeNow(key.orgId)) keys.push({ ...key, status: 'active' });
      return Promise.resolve(activeNow(key.orgId) ?? { ...key, status: 'active' });
    },
  };
}

/** Settings of a vault with keys of its own. */
export function vaultSettings(
  keyId = 'k1',
  key: Buffer = randomBytes(32),
): Pick<HubConfig, 'tokenKeys' | 'keyProvider'> {
  return { tokenKeys: [{ id: keyId, key }], keyProvider: 'local' };
}
