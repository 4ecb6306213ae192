import type { VaultTransitConfig } from '@hub/config';
import type { ProxyRules } from '@hub/outbound';
import { lengthPrefixed } from './cell';
import { probe } from './key-probe';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
import { VaultTransitClient, type VaultAnswer } from './vault-transit.client';

/** `<name of the key>:v<version>`, as rows of `data_keys` name it. */
const WRAPPING_KEY_ID = /^(\w(?:[\w.-]*\w)?):v(\d+)$/;
const CIPHERTEXT = /^vault:v(\d+):[A-Za-z0-9+/]+=*$/;

/** Wraps data keys by a key of Transit, in HashiCorp Vault or OpenBao, that never leaves it. */
export class VaultTransitKeyProvider implements KeyProvider {
  readonly name = 'vault-transit';

  private constructor(
    private readonly key: string,
    private readonly client: VaultTransitClient,
  ) {}

  /**
   * @param proxy      by which Vault is reached
   * @param deadlineMs from a question to the last byte of its answer; five seconds if it is not said
   */
  static async of(
    config: VaultTransitConfig,
    proxy?: ProxyRules,
    deadlineMs?: number,
  ): Promise<VaultTransitKeyProvider> {
    return new VaultTransitKeyProvider(config.key, await VaultTransitClient.of(config, proxy, deadlineMs));
  }

  async wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey> {
    const answer = await this.ask('encrypt', this.key, of, { plaintext: plainKey.toString('base64') });
    const { ciphertext } = answer.data;
    const version = typeof ciphertext === 'string' ? CIPHERTEXT.exec(ciphertext)?.[1] : undefined;
    if (answer.status !== 200 || version === undefined) throw this.unavailable(answer);
    return { wrappingKeyId: `${this.key}:v${version}`, wrapped: ciphertext as string };
  }

  async unwrap(of: DataKeyName, { wrappingKeyId, wrapped }: WrappedKey): Promise<Buffer> {
    const [, key, version] = WRAPPING_KEY_ID.exec(wrappingKeyId) ?? [];
    if (key === undefined || CIPHERTEXT.exec(wrapped)?.[1] !== version)
      throw new KeyRefused(this.name, 'not_authentic');
    const answer = await this.ask('decrypt', key, of, { ciphertext: wrapped });
    const refusal = answer.status === 400 ? refusalOf(answer.errors) : undefined;
    if (refusal !== undefined) throw new KeyRefused(this.name, refusal);
    const { plaintext } = answer.data;
    if (answer.status !== 200 || typeof plaintext !== 'string') throw this.unavailable(answer);
    return Buffer.from(plaintext, 'base64');
  }

  /** Not by Transit's `rewrap`: OpenBao's (path_rewrap.go) knows no associated data, and so opens nothing that is bound to its org. */
  async rewrap(of: DataKeyName, wrapped: WrappedKey): Promise<WrappedKey> {
    const plainKey = await this.unwrap(of, wrapped);
    try {
      return await this.wrap(of, plainKey);
    } finally {
      plainKey.fill(0);
    }
  }

  health(): Promise<void> {
    return probe(this);
  }

  private async ask(
    act: 'encrypt' | 'decrypt',
    key: string,
    of: DataKeyName,
    body: Readonly<Record<string, string>>,
  ): Promise<VaultAnswer> {
    try {
      return await this.client.ask(act, key, { ...body, associated_data: this.boundTo(of) });
    } catch (cause) {
      throw new KeyUnavailable(this.name, { cause });
    }
  }

  private boundTo({ orgId, id }: DataKeyName): string {
    return lengthPrefixed(['hub/1 data key', orgId, id, this.name]).toString('base64');
  }

  /** Sealed, throttled, a token that has ended, an engine that is not mounted yet: an operator mends it, and it passes. */
  private unavailable({ status, errors }: VaultAnswer): KeyUnavailable {
    const mendable = MENDABLE.find(([words]) => errors.some((error) => words.test(error)));
    const why = mendable === undefined ? '' : `: ${mendable[1]}`;
    return new KeyUnavailable(this.name, {
      cause: new Error(`Vault answers ${status}${why}`),
      isOfOneKey: mendable !== undefined,
    });
  }
}

/** Vault's words for what is wrong with its key (policy.go, path_decrypt.go), and ours; an operator can undo each. */
const MENDABLE: readonly (readonly [RegExp, string])[] = [
  [/disallowed by policy/, 'min_decryption_version forbids the version'],
  [/soft-deleted key/, 'the key is soft-deleted'],
  [/non-AEAD/, 'the key’s type knows no associated data'],
  [/'context' for key derivation/, 'the key is a derived one'],
];

/** Vault's no to this very ciphertext; other answers with 400 are about its key or the token, and a proxy's has no such words. */
function refusalOf(errors: readonly string[]): KeyRefused['reason'] | undefined {
  if (errors.some((error) => error.includes('encryption key not found'))) return 'unknown_key';
  return errors.some((error) => error.includes('invalid ciphertext')) ? 'not_authentic' : undefined;
}
