import type { Actor, AuditEntry, OrgId } from '@hub/domain';
import type { DataKeyName, DataKeyStore, StoredDataKey, WrappedDataKey } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

const VAULT: Actor = { type: 'system', id: 'token-vault' };

/** A row as `hub.read_data_key` gives it. */
interface DataKeyRow {
  id: string;
  key_provider: string;
  wrapping_key_id: string;
  wrapped_key: string;
  status: StoredDataKey['status'];
}

/** What a key seals: tokens and the like, or what the audit trail tells of people. */
export type KeyPurpose = 'tokens' | 'audit';

/** Data keys of the orgs for one purpose, wrapped. */
export class DataKeyRepository implements DataKeyStore {
  constructor(
    private readonly database: HubDatabase,
    private readonly purpose: KeyPurpose = 'tokens',
  ) {}

  active(orgId: OrgId): Promise<StoredDataKey | undefined> {
    return this.read(orgId, null);
  }

  find({ orgId, id }: DataKeyName): Promise<StoredDataKey | undefined> {
    return this.read(orgId, id);
  }

  /** Of several processes that make an org's first key at once, one stores it; the others wait for its commit and take that one. */
  async add(key: WrappedDataKey): Promise<StoredDataKey> {
    const isStored = await this.database.withOrg(key.orgId, async (manager) => {
      const rows: unknown[] = await manager.query(
        `insert into public.data_keys (id, org_id, purpose, key_provider, wrapping_key_id, wrapped_key)
         values ($1, $2, $3, $4, $5, $6) on conflict (org_id, purpose) where status = 'active' do nothing returning id`,
        [key.id, key.orgId, this.purpose, key.keyProvider, key.wrappingKeyId, key.wrapped],
      );
      if (rows.length === 0) return false;
      const { id, keyProvider, wrappingKeyId } = key;
      const detail = { key: id, purpose: this.purpose, keyProvider, wrappingKey: wrappingKeyId };
      await appendEvents(manager, [{ name: 'key.created', provider: null, integrationId: null, actor: VAULT, detail }]);
      return true;
    });
    if (isStored) return { ...key, status: 'active' };
    const first = await this.active(key.orgId);
    if (!first) throw new Error('the data key that was stored first is gone');
    return first;
  }

  private async read(orgId: OrgId, id: string | null): Promise<StoredDataKey | undefined> {
    const [row]: DataKeyRow[] = await this.database.asSystem('hub.read_data_key sets the org itself', (manager) =>
      manager.query('select * from hub.read_data_key($1, $2, $3)', [orgId, id, this.purpose]),
    );
    return (
      row && {
        orgId,
        id: row.id,
        keyProvider: row.key_provider,
        wrappingKeyId: row.wrapping_key_id,
        wrapped: row.wrapped_key,
        status: row.status,
      }
    );
  }
}

/**
 * Puts back the key of an answer that comes late, in the running transaction: the database may have been set back to before
 * it was made, or have retired it meanwhile. It opens what it has sealed, and seals nothing more.
 *
 * @returns what is to be told at the end of the transaction; nothing where the key is there
 */
export async function putBackDataKey(manager: EntityManager, key: WrappedDataKey, actor: Actor): Promise<AuditEntry[]> {
  const { orgId, id, keyProvider, wrappingKeyId, wrapped } = key;
  const { was } = await selectOne<{ was: 'gone' | 'retired' | null }>(
    manager,
    'select hub.put_back_data_key($1, $2, $3, $4, $5) as was',
    [orgId, id, keyProvider, wrappingKeyId, wrapped],
  );
  if (was === null) return [];
  const detail = { key: id, purpose: 'tokens', was, keyProvider, wrappingKey: wrappingKeyId };
  return [{ name: 'key.restored', provider: null, integrationId: null, actor, detail }];
}
