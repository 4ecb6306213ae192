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

/**
 * A key provider that cannot be asked now: an outage, which passes by itself or once an operator has mended what
 * `options.mend` names. What waits for it is tried again.
 */
export class KeyUnavailable extends Error {
  /** Which setting or right an operator mends, where that is known. */
  readonly mend: string | undefined;
  /** The provider has answered, about one of its keys: others may well be had from it. */
  readonly isOfOneKey: boolean;

  /** @param options `cause` says why, without a secret */
  constructor(
    readonly provider: string,
    options: { readonly cause?: unknown; readonly mend?: string | undefined; readonly isOfOneKey?: boolean } = {},
  ) {
    super(`the key provider ${provider} cannot be reached`, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'KeyUnavailable';
    this.mend = options.mend;
    this.isOfOneKey = options.isOfOneKey ?? false;
  }

  /** Why, in words without a secret, as the cause says it. */
  get reason(): string | undefined {
    const words = this.cause instanceof Error ? this.cause.message : '';
    return words === '' ? undefined : words; // that a name's every address refuses is an error without a message of its own
  }

  /** Who is away, why, and what mends it, for a log record. */
  get facts(): Readonly<Record<'key_provider' | 'reason' | 'fix', string | undefined>> {
    return { key_provider: this.provider, reason: this.reason, fix: this.mend };
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
