import type { OrgId } from '@hub/domain';

/** Whose key is wrapped: part of what it is bound to, so that one data key cannot be passed off as another. */
export interface DataKeyName {
  readonly orgId: OrgId;
  /** The data key's own id. */
  readonly id: string;
}

/** A data key as it may lie in the database. */
export interface WrappedKey {
  /** Which of the provider's keys wraps it. */
  readonly wrappingKeyId: string;
  readonly wrapped: string;
}

/**
 * Keeps the keys that wrap data keys, and never gives one away. Called outside of any database transaction.
 *
 * Every method throws `KeyUnavailable` if the provider cannot be asked now, and `KeyRefused` if its answer is no.
 */
export interface KeyProvider {
  /** As rows of `data_keys` name it. */
  readonly name: string;
  wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey>;
  unwrap(of: DataKeyName, wrapped: WrappedKey): Promise<Buffer>;
  /** The same data key, wrapped by the provider's newest key. */
  rewrap(of: DataKeyName, wrapped: WrappedKey): Promise<WrappedKey>;
  /** Comes back if the provider could wrap and unwrap now. */
  health(): Promise<void>;
}

/** A key provider that cannot be asked now: an outage, which passes by itself. What waits for it is tried again. */
export class KeyUnavailable extends Error {
  constructor(
    readonly provider: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(`the key provider ${provider} cannot be reached`, options);
    this.name = 'KeyUnavailable';
  }
}

/** A key provider's definite no: the wrapping key is gone, the wrapped key is forged, or the hub has no right to it. */
export class KeyRefused extends Error {
  constructor(
    readonly provider: string,
    readonly reason: 'unknown_provider' | 'unknown_key' | 'not_authentic' | 'forbidden',
    options: { readonly cause?: unknown } = {},
  ) {
    super(`the key provider ${provider} refuses a key: ${reason}`, options);
    this.name = 'KeyRefused';
  }
}
