import type * as Kms from '@aws-sdk/client-kms';
import type { AwsKmsConfig } from '@hub/config';
import { probe } from './key-probe';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';

const DEADLINE_MS = 5_000;

/** Wraps data keys by a key of AWS KMS that never leaves it. */
export class AwsKmsKeyProvider implements KeyProvider {
  readonly name = 'aws-kms';

  private constructor(
    private readonly keyId: string,
    private readonly kms: typeof Kms,
    private readonly client: Kms.KMSClient,
    private readonly deadlineMs: number,
  ) {}

  /**
   * The client is loaded here, by those who use KMS.
   *
   * @param deadlineMs from a question to its answer, a second try included
   */
  static async of({ keyId, region, endpoint }: AwsKmsConfig, deadlineMs = DEADLINE_MS): Promise<AwsKmsKeyProvider> {
    const kms = await import('@aws-sdk/client-kms');
    const client = new kms.KMSClient({ region, maxAttempts: 2, ...(endpoint !== null && { endpoint }) });
    return new AwsKmsKeyProvider(keyId, kms, client, deadlineMs);
  }

  async wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey> {
    const { KeyId, CiphertextBlob } = await this.ask('wrap', (options) =>
      this.client.send(
        new this.kms.EncryptCommand({ KeyId: this.keyId, Plaintext: plainKey, EncryptionContext: boundTo(of) }),
        options,
      ),
    );
    return this.wrappedKey(KeyId, CiphertextBlob);
  }

  async unwrap(of: DataKeyName, { wrappingKeyId, wrapped }: WrappedKey): Promise<Buffer> {
    const { Plaintext } = await this.ask('unwrap', (options) =>
      this.client.send(
        new this.kms.DecryptCommand({
          KeyId: wrappingKeyId,
          CiphertextBlob: Buffer.from(wrapped, 'base64'),
          EncryptionContext: boundTo(of),
        }),
        options,
      ),
    );
    if (!Plaintext) throw new KeyUnavailable(this.name);
    const key = Buffer.from(Plaintext);
    Plaintext.fill(0);
    return key;
  }

  /** Within KMS: the data key is not seen here. */
  async rewrap(of: DataKeyName, { wrappingKeyId, wrapped }: WrappedKey): Promise<WrappedKey> {
    const { KeyId, CiphertextBlob } = await this.ask('unwrap', (options) =>
      this.client.send(
        new this.kms.ReEncryptCommand({
          CiphertextBlob: Buffer.from(wrapped, 'base64'),
          SourceKeyId: wrappingKeyId,
          SourceEncryptionContext: boundTo(of),
          DestinationKeyId: this.keyId,
          DestinationEncryptionContext: boundTo(of),
        }),
        options,
      ),
    );
    return this.wrappedKey(KeyId, CiphertextBlob);
  }

  health(): Promise<void> {
    return probe(this);
  }

  private wrappedKey(keyId: string | undefined, bytes: Uint8Array | undefined): WrappedKey {
    if (keyId === undefined || !bytes) throw new KeyUnavailable(this.name);
    return { wrappingKeyId: keyId, wrapped: Buffer.from(bytes).toString('base64') };
  }

  /** Everything but a no to the wrapped key itself passes: throttling, credentials that ended, a key that is disabled. */
  private async ask<T>(
    what: 'wrap' | 'unwrap',
    question: (options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await question({ abortSignal: AbortSignal.timeout(this.deadlineMs) });
    } catch (cause) {
      const reason = what === 'unwrap' ? REFUSALS[(cause as Error).name] : undefined;
      // KMS may repeat what it was given: only the name of its error goes on
      const named = new Error((cause as Error).name);
      throw reason === undefined
        ? new KeyUnavailable(this.name, { cause: named })
        : new KeyRefused(this.name, reason, { cause: named });
    }
  }
}

const REFUSALS: Readonly<Record<string, KeyRefused['reason'] | undefined>> = {
  InvalidCiphertextException: 'not_authentic',
  IncorrectKeyException: 'not_authentic',
  NotFoundException: 'unknown_key',
};

/** The encryption context: it opens with the same only, and CloudTrail shows it. */
function boundTo({ orgId, id }: DataKeyName): Record<string, string> {
  return { hub: 'hub/1 data key', org_id: orgId, data_key_id: id };
}
