import { parseUrl, type SettingReader } from './environment';

/** Who can wrap the orgs' data keys; a key provider's client is in libs/token-vault. */
export const KEY_PROVIDERS = ['local', 'vault-transit', 'aws-kms'] as const;
export type KeyProviderName = (typeof KEY_PROVIDERS)[number];

/** Transit of HashiCorp Vault or OpenBao. */
export interface VaultTransitConfig {
  /** Without a slash at the end. */
  readonly address: string;
  /** `null`: it stands in `tokenFile`. */
  readonly token: string | null;
  /** Read on each use: an agent puts a new token there before the old one ends. */
  readonly tokenFile: string | null;
  readonly namespace: string | null;
  readonly mount: string;
  readonly key: string;
  /** The certificates to trust, as PEM; `null`: those of the system. */
  readonly caCert: string | null;
}

/** AWS KMS. Its credentials come as for every AWS client: environment, profile, or the machine's own role. */
export interface AwsKmsConfig {
  /** Id, ARN or alias of the key that wraps. */
  readonly keyId: string;
  readonly region: string;
  /** Another address than the region's own. */
  readonly endpoint: string | null;
}

export interface KeyProviderSettings {
  readonly keyProvider: KeyProviderName;
  /** There whenever its settings are: what it has wrapped opens although another wraps now. */
  readonly vaultTransit: VaultTransitConfig | null;
  readonly awsKms: AwsKmsConfig | null;
}

/** @param isLoopback true for the names of this machine itself: plain http is for those alone */
export function readKeyProviders(reader: SettingReader, isLoopback: (host: string) => boolean): KeyProviderSettings {
  const keyProvider = reader.oneOf('KEY_PROVIDER', KEY_PROVIDERS);
  const isWanted = (name: KeyProviderName, setting: string): boolean =>
    keyProvider === name || reader.raw(setting) !== undefined;
  return {
    keyProvider,
    vaultTransit: isWanted('vault-transit', 'VAULT_ADDR') ? readVaultTransit(reader, isLoopback) : null,
    awsKms: isWanted('aws-kms', 'AWS_KMS_KEY_ID') ? readAwsKms(reader, isLoopback) : null,
  };
}

function readVaultTransit(reader: SettingReader, isLoopback: (host: string) => boolean): VaultTransitConfig {
  const address = reader.required('VAULT_ADDR', 'where HashiCorp Vault or OpenBao is');
  const token = reader.direct('VAULT_TOKEN') ?? null;
  const tokenFile = reader.direct('VAULT_TOKEN_FILE') ?? null;
  if (reader.raw('VAULT_TOKEN') === undefined)
    reader.mistakes.add('VAULT_TOKEN is missing: set it, or VAULT_TOKEN_FILE to the file that holds it');
  const mount = (reader.text('VAULT_TRANSIT_MOUNT') ?? '').replace(/^\/+|\/+$/g, '');
  if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(mount) || /(?:^|\/)\.+(?:\/|$)/.test(mount))
    reader.mistakes.add('VAULT_TRANSIT_MOUNT must be the path of a secrets engine, such as transit');
  const key = reader.text('VAULT_TRANSIT_KEY') ?? '';
  if (!/^\w(?:[\w.-]*\w)?$/.test(key))
    reader.mistakes.add('VAULT_TRANSIT_KEY must be a name of letters, digits, _, - and .');
  return {
    address: keyServerUrl(reader, 'VAULT_ADDR', address, isLoopback),
    token,
    tokenFile: token === null ? tokenFile : null,
    namespace: reader.text('VAULT_NAMESPACE') ?? null,
    mount,
    key,
    caCert: reader.certificates('VAULT_CACERT'),
  };
}

function readAwsKms(reader: SettingReader, isLoopback: (host: string) => boolean): AwsKmsConfig {
  const endpoint = reader.text('AWS_KMS_ENDPOINT');
  const keyId = reader.required('AWS_KMS_KEY_ID', 'id, ARN or alias of the KMS key that wraps data keys');
  const region = reader.required('AWS_REGION', 'the region of that KMS key');
  // KMS would answer NotFoundException, as it does for a key that is deleted
  const home = /^arn:[\w-]+:kms:([\w-]+):/.exec(keyId)?.[1];
  if (home !== undefined && region !== '' && home !== region)
    reader.mistakes.add(`AWS_REGION must be ${home}, the region of the ARN in AWS_KMS_KEY_ID`);
  return {
    keyId,
    region,
    endpoint: endpoint === undefined ? null : keyServerUrl(reader, 'AWS_KMS_ENDPOINT', endpoint, isLoopback),
  };
}

/** Data keys in the clear go this way: plain http would show them to everybody beside it. */
function keyServerUrl(
  reader: SettingReader,
  name: 'VAULT_ADDR' | 'AWS_KMS_ENDPOINT',
  value: string,
  isLoopback: (host: string) => boolean,
): string {
  if (value === '') return '';
  const url = reader.webUrl(name, value, ['https:', 'http:']);
  if (url.startsWith('http:') && !isLoopback(parseUrl(url)?.hostname ?? ''))
    reader.mistakes.add(`${name} must be https: plain http is for this machine alone`);
  return url;
}
