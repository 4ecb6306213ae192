import { lengthPrefixed } from './cell';
import { KeyRefused, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
import { openBytes, sealBytes, type VaultKey } from './message-seal';
import { parseSealed } from './sealed-format';

/** Wraps data keys with the keyring of `TOKEN_KEYS`. */
export class LocalKeyProvider implements KeyProvider {
  readonly name = 'local';
  private readonly wrapping: VaultKey;
  private readonly byId: ReadonlyMap<string, VaultKey>;

  /** @param keys the first wraps, all unwrap */
  constructor(keys: readonly VaultKey[]) {
    const [first] = keys;
    if (!first) throw new Error('the local key provider needs at least one key');
    this.wrapping = first;
    this.byId = new Map(keys.map((key) => [key.id, key]));
  }

  wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey> {
    const wrapped = sealBytes(this.wrapping, this.contextOf(of, this.wrapping.id), plainKey);
    return Promise.resolve({ wrappingKeyId: this.wrapping.id, wrapped });
  }

  async unwrap(of: DataKeyName, wrapped: WrappedKey): Promise<Buffer> {
    return Promise.resolve(this.unwrapNow(of, wrapped));
  }

  async rewrap(of: DataKeyName, wrapped: WrappedKey): Promise<WrappedKey> {
    const plainKey = await this.unwrap(of, wrapped);
    try {
      return await this.wrap(of, plainKey);
    } finally {
      plainKey.fill(0);
    }
  }

  health(): Promise<void> {
    return Promise.resolve();
  }

  private unwrapNow(of: DataKeyName, { wrappingKeyId, wrapped }: WrappedKey): Buffer {
    const parts = parseSealed(wrapped);
    if (parts?.keyId !== wrappingKeyId) throw new KeyRefused(this.name, 'not_authentic');
    const key = this.byId.get(wrappingKeyId);
    if (!key) throw new KeyRefused(this.name, 'unknown_key');
    const plainKey = openBytes(key, this.contextOf(of, wrappingKeyId), parts);
    if (!plainKey) throw new KeyRefused(this.name, 'not_authentic');
    return plainKey;
  }

  private contextOf({ orgId, id }: DataKeyName, wrappingKeyId: string): Buffer {
    return lengthPrefixed(['hub/1 data key', 'aes-256-gcm+hkdf', wrappingKeyId, orgId, id, this.name]);
  }
}
