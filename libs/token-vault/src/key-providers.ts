import type { HubConfig, KeyProviderName } from '@hub/config';
import { AwsKmsKeyProvider } from './aws-kms-key-provider';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
import { LocalKeyProvider } from './local-key-provider';
import { VaultTransitKeyProvider } from './vault-transit-key-provider';

/** What of the configuration decides about keys. */
export type KeySettings = Pick<HubConfig, 'tokenKeys' | 'keyProvider'> &
  Partial<Pick<HubConfig, 'vaultTransit' | 'awsKms' | 'outbound'>>;

/** A key provider that was away is left alone for so long: whoever needs it meanwhile hears at once that it is away. */
const REST_MS = 2_000;

/** How each provider is made, which imports the client that it alone needs; `undefined` without its settings. */
const MAKERS: Readonly<Record<KeyProviderName, (settings: KeySettings) => Promise<KeyProvider> | undefined>> = {
  local: ({ tokenKeys }) => Promise.resolve(new LocalKeyProvider(tokenKeys)),
  'vault-transit': ({ vaultTransit, outbound }) =>
    vaultTransit ? VaultTransitKeyProvider.of(vaultTransit, outbound) : undefined,
  'aws-kms': ({ awsKms, outbound }) => (awsKms ? AwsKmsKeyProvider.of(awsKms, outbound) : undefined),
};

/** What an operator looks at where a key provider's own answer does not tell. */
const MENDED_BY: Readonly<Record<KeyProviderName, string>> = {
  local: 'check TOKEN_KEYS',
  'vault-transit': 'check that Vault is unsealed, the VAULT_ settings, and that the token may encrypt and decrypt',
  'aws-kms': 'check the AWS_ settings, the credentials, and that they may encrypt and decrypt with the key',
};

/** Why a key provider does not wrap and unwrap, in words without a secret. */
export interface Illness {
  readonly why: string;
  /** What an operator does about it. */
  readonly mend: string;
}

/** The key providers that have settings and are asked over the network. The keyring needs no asking. */
export function keyProvidersElsewhere({ vaultTransit, awsKms }: KeySettings): KeyProviderName[] {
  return [...(vaultTransit ? (['vault-transit'] as const) : []), ...(awsKms ? (['aws-kms'] as const) : [])];
}

/** All key providers: the configured one wraps, and each unwraps what it has wrapped once. */
export class KeyProviders {
  private readonly made = new Map<string, Promise<KeyProvider>>();
  /** Who was away, and until when nobody asks again, by `nowMs`. */
  private readonly resting = new Map<string, { untilMs: number; error: KeyUnavailable }>();

  /**
   * @param wrapping name of the provider that wraps new data keys
   * @param make     makes the provider of a name; `undefined` if there is none
   */
  constructor(
    readonly wrapping: string,
    private readonly make: (name: string) => Promise<KeyProvider> | undefined,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  static of(settings: KeySettings): KeyProviders {
    return new KeyProviders(settings.keyProvider, (name) =>
      Object.hasOwn(MAKERS, name) ? MAKERS[name as KeyProviderName](settings) : undefined,
    );
  }

  wrap(of: DataKeyName, plainKey: Buffer): Promise<WrappedKey> {
    return this.ask(this.wrapping, (provider) => provider.wrap(of, plainKey));
  }

  /** @param by name of the provider that wrapped it */
  unwrap(by: string, of: DataKeyName, wrapped: WrappedKey): Promise<Buffer> {
    return this.ask(by, (provider) => provider.unwrap(of, wrapped));
  }

  /**
   * A data key wrapped anew: by the newest key of the configured provider, whoever wrapped it before.
   *
   * @param by name of the provider that wrapped it
   */
  async rewrap(by: string, of: DataKeyName, wrapped: WrappedKey): Promise<WrappedKey> {
    if (by === this.wrapping) return this.ask(by, (provider) => provider.rewrap(of, wrapped));
    const plainKey = await this.unwrap(by, of, wrapped);
    try {
      return await this.wrap(of, plainKey);
    } finally {
      plainKey.fill(0);
    }
  }

  /** True if a provider of this name could unwrap now. */
  async isWell(name: string): Promise<boolean> {
    return (await this.whyIll(name)) === undefined;
  }

  /** Why a provider of this name cannot wrap and unwrap now; `undefined` if it can. */
  async whyIll(name: string): Promise<Illness | undefined> {
    try {
      await this.ask(name, (provider) => provider.health());
      return undefined;
    } catch (error) {
      return { why: wordsOf(error), mend: mendOf(name, error) };
    }
  }

  private async ask<T>(name: string, question: (provider: KeyProvider) => Promise<T>): Promise<T> {
    const rest = this.resting.get(name);
    if (rest && this.nowMs() < rest.untilMs) throw rest.error;
    try {
      return await question(await this.named(name));
    } catch (error) {
      if (error instanceof KeyUnavailable && !error.isOfOneKey)
        this.resting.set(name, { untilMs: this.nowMs() + REST_MS, error });
      throw error;
    }
  }

  private named(name: string): Promise<KeyProvider> {
    const known = this.made.get(name);
    if (known) return known;
    const made = this.make(name);
    if (!made) throw new KeyRefused(name, 'unknown_provider');
    this.made.set(name, made);
    made.catch(() => this.made.delete(name)); // what could not be made is made anew
    return made;
  }
}

/** An outage has its reason in its cause, which key providers keep free of secrets; of anything else the name is enough. */
function wordsOf(error: unknown): string {
  if (error instanceof KeyUnavailable) return error.reason ?? error.message;
  return error instanceof KeyRefused ? error.message : 'unknown reason';
}

function mendOf(name: string, error: unknown): string {
  const told = error instanceof KeyUnavailable ? error.mend : undefined;
  return told ?? (Object.hasOwn(MENDED_BY, name) ? MENDED_BY[name as KeyProviderName] : 'check KEY_PROVIDER');
}
