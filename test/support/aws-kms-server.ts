import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { isSignedBy, type AwsIdentity } from './aws-signature';
import { answerJson, HttpStandIn, type Asked } from './http-stand-in';

const JSON_1_1 = 'application/x-amz-json-1.1';

interface Body {
  readonly KeyId?: string;
  readonly Plaintext?: string;
  readonly CiphertextBlob?: string;
  readonly EncryptionContext?: Readonly<Record<string, string>>;
  readonly SourceKeyId?: string;
  readonly SourceEncryptionContext?: Readonly<Record<string, string>>;
  readonly DestinationKeyId?: string;
  readonly DestinationEncryptionContext?: Readonly<Record<string, string>>;
}

/** An error as KMS names it. */
class KmsError extends Error {
  constructor(
    readonly type: string,
    readonly status = 400,
  ) {
    super(`${type} it is`);
  }
}

/** Encrypt, Decrypt and ReEncrypt of AWS KMS by JSON 1.1, each request's Signature Version 4 verified. */
export class AwsKmsServer {
  readonly identity: AwsIdentity;
  /** What every request is answered instead, by its name. */
  ill: { readonly type: string; readonly status?: number } | 'silent' | undefined;
  readonly asked: Asked[] = [];
  private readonly keys = new Map<string, Buffer>();
  private readonly aliases = new Map<string, string>();
  private readonly web = new HttpStandIn((asked, response) => this.answer(asked, response));

  /** @param region whose keys it holds; an owner of keys in several has the same credentials in each */
  constructor(region = 'eu-central-1', secretAccessKey = randomBytes(30).toString('base64')) {
    this.identity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey, region, service: 'kms' };
  }

  get url(): string {
    return this.web.url;
  }

  start(): Promise<void> {
    return this.web.start();
  }

  stop(): Promise<void> {
    return this.web.stop();
  }

  /** A new key, which the alias means from now on. @returns its ARN */
  key(alias: string): string {
    const arn = `arn:aws:kms:${this.identity.region}:111122223333:key/${randomBytes(8).toString('hex')}`;
    this.keys.set(arn, randomBytes(32));
    this.aliases.set(alias, arn);
    return arn;
  }

  forget(arn: string): void {
    this.keys.delete(arn);
  }

  private answer(asked: Asked, response: ServerResponse): void {
    this.asked.push(asked);
    if (this.ill === 'silent') return;
    try {
      if (this.ill) throw new KmsError(this.ill.type, this.ill.status);
      answerJson(response, 200, this.act(asked), JSON_1_1);
    } catch (error) {
      if (!(error instanceof KmsError)) throw error;
      const { type, status, message } = error;
      answerJson(response, status, { __type: type, message }, JSON_1_1);
    }
  }

  private act(asked: Asked): object {
    if (asked.method !== 'POST' || asked.path !== '/' || asked.headers['content-type'] !== JSON_1_1)
      throw new KmsError('UnknownOperationException', 404);
    if (!isSignedBy(this.identity, asked)) throw new KmsError('InvalidSignatureException');
    const body = JSON.parse(asked.body) as Body;
    switch (String(asked.headers['x-amz-target'])) {
      case 'TrentService.Encrypt': {
        const plain = Buffer.from(body.Plaintext ?? '', 'base64');
        return this.sealed(body.KeyId, body.EncryptionContext, plain);
      }
      case 'TrentService.Decrypt': {
        const { arn, plain } = this.opened(body.KeyId, body.EncryptionContext, body.CiphertextBlob);
        return { KeyId: arn, Plaintext: plain.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
      }
      case 'TrentService.ReEncrypt': {
        const { arn, plain } = this.opened(body.SourceKeyId, body.SourceEncryptionContext, body.CiphertextBlob);
        const again = this.sealed(body.DestinationKeyId, body.DestinationEncryptionContext, plain);
        return { ...again, SourceKeyId: arn };
      }
      default:
        throw new KmsError('UnknownOperationException', 404);
    }
  }

  private found(keyId = ''): { arn: string; key: Buffer } {
    const arn = this.aliases.get(keyId) ?? keyId;
    const key = this.keys.get(arn);
    if (!key) throw new KmsError('NotFoundException');
    return { arn, key };
  }

  private sealed(keyId: string | undefined, context: Body['EncryptionContext'], plain: Buffer): object {
    const { arn, key } = this.found(keyId);
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
    cipher.setAAD(boundTo(context));
    const bytes = [Buffer.from([arn.length]), Buffer.from(arn), iv, cipher.update(plain), cipher.final()];
    const blob = Buffer.concat([...bytes, cipher.getAuthTag()]);
    return { KeyId: arn, CiphertextBlob: blob.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
  }

  /** The blob itself says which key it is of, as KMS's own does. */
  private opened(
    keyId: string | undefined,
    context: Body['EncryptionContext'],
    blob = '',
  ): { arn: string; plain: Buffer } {
    const bytes = Buffer.from(blob, 'base64');
    const length = bytes[0] ?? 0;
    const { arn, key } = this.found(keyId);
    if (!this.keys.has(bytes.subarray(1, 1 + length).toString())) throw new KmsError('InvalidCiphertextException');
    if (bytes.subarray(1, 1 + length).toString() !== arn) throw new KmsError('IncorrectKeyException');
    const sealed = bytes.subarray(1 + length);
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(boundTo(context));
    decipher.setAuthTag(sealed.subarray(-16));
    try {
      return { arn, plain: Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]) };
    } catch {
      throw new KmsError('InvalidCiphertextException');
    }
  }
}

const CREDENTIALS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'] as const;

/** Gives this process an identity's credentials, where AWS's client looks for them. @returns what puts back those of before */
export function wearCredentials({ accessKeyId, secretAccessKey }: AwsIdentity): () => void {
  const before = CREDENTIALS.map((name) => [name, process.env[name]] as const);
  for (const name of CREDENTIALS) delete process.env[name];
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
  return () => {
    for (const [name, value] of before) {
      delete process.env[name];
      if (value !== undefined) process.env[name] = value;
    }
  };
}

/** Pairs in any order are the same context. */
function boundTo(context: Body['EncryptionContext'] = {}): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}
