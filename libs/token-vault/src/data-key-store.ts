import type { OrgId } from '@hub/domain';
import type { DataKeyName, WrappedKey } from './key-provider';

/** A data key as it may lie anywhere: wrapped, with the name of the key provider that opens it. */
export interface WrappedDataKey extends DataKeyName, WrappedKey {
  readonly keyProvider: string;
}

/** A data key as it is stored. */
export interface StoredDataKey extends WrappedDataKey {
  /** Empty once it is shredded: what it has sealed is noise. */
  readonly wrapped: string;
  /** `active`: the one that seals for its org. */
  readonly status: 'active' | 'retiring' | 'retired' | 'shredded';
}

/** Where data keys are kept. The vault asks nothing else of the database. */
export interface DataKeyStore {
  /** The key that seals for an org; `undefined` if it has none yet. */
  active(orgId: OrgId): Promise<StoredDataKey | undefined>;
  /** A key of an org by its id, whatever its status. */
  find(name: DataKeyName): Promise<StoredDataKey | undefined>;
  /** Stores an org's first key, unless another process was faster. @returns the key that seals from now on */
  add(key: WrappedDataKey): Promise<StoredDataKey>;
}

/** Names the store for whoever injects it. */
export const DATA_KEY_STORE = Symbol('where data keys are kept');

/** The same for the keys that seal for the audit trail and nothing else. */
export const AUDIT_KEY_STORE = Symbol('where the audit trail’s data keys are kept');
