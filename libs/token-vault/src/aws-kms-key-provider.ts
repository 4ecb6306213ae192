import type * as Kms from '@aws-sdk/client-kms';
import type { AwsKmsConfig } from '@hub/config';
import type { ProxyRules } from '@hub/outbound';
import { probe } from './key-probe';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
import { KmsHttp } from './kms-http.client';

const DEADLINE_MS = 5_000;

/** Wraps data keys by a key of AWS KMS that never leaves it. */
export class AwsKmsKeyProvider implements KeyProvider {
  readonly name = 'aws-kms';

  private constructor(
    private readonly keyId: string,
    private readonly region: string,
    private readonly kms: typeof Kms,
    private readonly client: Kms.KMSClient,
    private readonly deadlineMs: number,
  ) {}

  /**
   * The client is loaded here, by those who use KMS.
   *
   * @param proxy      by which KMS is reached
   * @param deadlineMs from a question to its answer, a second try included
   */
  static async of(
    { keyId, region, endpoint }: AwsKmsConfig,
    proxy: ProxyRules = {},
    deadlineMs = DEADLINE_MS,
  ): Promise<AwsKmsKeyProvider> {
    const [kms, { OutboundClient, vouchedFor }] = await Promise.all([
      import('@aws-sdk/client-kms'),
      import('@hub/outbound'),
    ]);
    const requestHandler = new KmsHttp((url) => new OutboundClient(vouchedFor(proxy, url)), deadlineMs);
    const client = new kms.KMSClient({
      region,
      maxAttempts: 2,
      requestHandler,
      ...(endpoint !== null && { endpoint }),
    });
    return new AwsKmsKeyProvider(keyId, region, kms, client, deadlineMs);
  }

  async wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey> {
    const { KeyId, CiphertextBlob } = await this.ask(null, (options) =>
      this.client.send(
        new this.kms.EncryptCommand({ KeyId: this.keyId, Plaintext: plainKey, EncryptionContext: boundTo(of) }),
        options,
      ),
    );
    return this.wrappedKey(KeyId, CiphertextBlob);
  }

  async unwrap(of: DataKeyName, { wrappingKeyId, wrapped }: WrappedKey): Promise<Buffer> {
    const { Plaintext } = await this.ask(wrappingKeyId, (options) =>
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
    const { KeyId, CiphertextBlob } = await this.ask(wrappingKeyId, (options) =>
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

  /**
   * Everything but a no to the wrapped key itself passes: throttling, credentials that ended, a key that is disabled. So
   * does a key that is not found in a region which is not its own: that says nothing of the key.
   *
   * @param wrappingKeyId whose the wrapped key is; `null`: nothing is unwrapped
   */
  private async ask<T>(
    wrappingKeyId: string | null,
    question: (options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await question({ abortSignal: AbortSignal.timeout(this.deadlineMs) });
    } catch (error) {
      const answer = answerOf(error);
      const home = wrappingKeyId === null ? undefined : regionOf(wrappingKeyId);
      if (answer === NOT_FOUND && home !== undefined && home !== this.region) throw this.isElsewhere(home);
      const reason = wrappingKeyId === null ? undefined : REFUSALS[answer];
      if (reason !== undefined) throw new KeyRefused(this.name, reason, { cause: new Error(answer) });
      throw this.unavailable(answer);
    }
  }

  private isElsewhere(home: string): KeyUnavailable {
    const why = `${NOT_FOUND}: a data key is wrapped by a key of ${home}, and AWS_REGION is ${this.region}`;
    return new KeyUnavailable(this.name, {
      cause: new Error(why),
      mend: `set AWS_REGION to ${home}`,
      isOfOneKey: true,
    });
  }

  private unavailable(answer: string): KeyUnavailable {
    const [why, mend] = MENDABLE[answer]?.(this.region) ?? [];
    return new KeyUnavailable(this.name, {
      cause: new Error(why === undefined ? answer : `${answer}: ${why}`),
      mend,
      isOfOneKey: OF_ONE_KEY.has(answer),
    });
  }
}

const NOT_FOUND = 'NotFoundException';

const REFUSALS: Readonly<Record<string, KeyRefused['reason'] | undefined>> = {
  InvalidCiphertextException: 'not_authentic',
  IncorrectKeyException: 'not_authentic',
  [NOT_FOUND]: 'unknown_key',
};

type Mendable = (region: string) => readonly [why: string, mend: string];

const CREDENTIALS: Mendable = () => [
  'the credentials are missing, wrong or at their end',
  'give the apps AWS credentials that are valid now',
];
const NO_ADDRESS: Mendable = (region) => [
  `nobody answers for the region ${region}`,
  'check AWS_REGION and AWS_KMS_ENDPOINT, and the way there',
];

/** What an operator can mend, by the name of KMS's error (API reference, Encrypt and Decrypt, *Errors*) or the outbound client's word. */
const MENDABLE: Readonly<Record<string, Mendable | undefined>> = {
  [NOT_FOUND]: (region) => [
    `there is no key AWS_KMS_KEY_ID in the region ${region}`,
    'set AWS_REGION to the region of the key, or AWS_KMS_KEY_ID to a key that is there',
  ],
  DisabledException: () => ['the key is disabled', 'enable the key in AWS KMS, or set AWS_KMS_KEY_ID to another'],
  KMSInvalidStateException: () => [
    'the key’s deletion is scheduled, or its material is not there',
    'cancel the deletion in AWS KMS and enable the key: once it is deleted, what it has wrapped is lost',
  ],
  AccessDeniedException: () => [
    'the credentials may not use the key',
    'allow them kms:Encrypt, kms:Decrypt, kms:ReEncryptFrom and kms:ReEncryptTo on the key; check AWS_KMS_KEY_ID and AWS_REGION',
  ],
  InvalidKeyUsageException: () => [
    'the key does not encrypt and decrypt symmetrically',
    'set AWS_KMS_KEY_ID to a symmetric key for encryption',
  ],
  InvalidSignatureException: () => [
    'the signature does not fit',
    'check the secret of the AWS credentials, and that AWS_KMS_ENDPOINT is in AWS_REGION',
  ],
  UnrecognizedClientException: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  CredentialsProviderError: CREDENTIALS,
  dns: NO_ADDRESS,
  refused: NO_ADDRESS,
  proxy: () => ['the proxy does not lead there', 'check HTTPS_PROXY, or name the host in NO_PROXY'],
};

/** Answers about the key that was asked for; the rest are about KMS, the credentials or the network. */
const OF_ONE_KEY: ReadonlySet<string> = new Set([
  NOT_FOUND,
  'DisabledException',
  'KMSInvalidStateException',
  'AccessDeniedException',
  'InvalidKeyUsageException',
]);

/** The name of an error, which is KMS's or the outbound client's word: KMS may repeat in its sentences what it was given. */
function answerOf(error: unknown): string {
  return String((error as { name?: unknown }).name);
}

/** The region of an ARN, `arn:aws:kms:<region>:<account>:key/<id>`; `undefined` if it is none. */
function regionOf(wrappingKeyId: string): string | undefined {
  return /^arn:[\w-]+:kms:([\w-]+):/.exec(wrappingKeyId)?.[1];
}

/** The encryption context: it opens with the same only, and CloudTrail shows it. */
function boundTo({ orgId, id }: DataKeyName): Record<string, string> {
  return { hub: 'hub/1 data key', org_id: orgId, data_key_id: id };
}
