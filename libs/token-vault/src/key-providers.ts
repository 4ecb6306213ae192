import type { HubConfig, KeyProviderName } from '@hub/config';
import { AwsKmsKeyProvider } from './aws-kms-key-provider';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
import { LocalKeyProvider } from './local-key-provider';
import { VaultTransitKeyProvider } from './vault-transit-key-provider';

/** What of the configuration decides about keys. */
export type KeySettings = Pick<HubConfig, 'tokenKeys' | 'keyProvider'> &
  Partial<Pick<HubConfig, 'vaultTransit' | 'awsKms'>>;

/** A key provider that was away is left alone for so long: whoever needs it meanwhile hears at once that it is away. */
const REST_MS = 2_000;

/** How each provider is made, which imports the client that it alone needs; `undefined` without its settings. */
const MAKERS: Readonly<Record<KeyProviderName, (settings: KeySettings) => Promise<KeyProvider> | undefined>> = {
  local: ({ tokenKeys }) => Promise.resolve(new LocalKeyProvider(tokenKeys)),
  'vault-transit': ({ vaultTransit }) => (vaultTransit ? VaultTransitKeyProvider.of(vaultTransit) : undefined),
  'aws-kms': ({ awsKms }) => (awsKms ? AwsKmsKeyProvider.of(awsKms) : undefined),
};

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

  /** Why a provider of this name cannot wrap and unwrap now, in words without a secret; `undefined` if it can. */
  async whyIll(name: string): Promise<string | undefined> {
    try {
      await this.ask(name, (provider) => provider.health());
      return undefined;
    } catch (error) {
      return wordsOf(error);
    }
  }

  private async ask<T>(name: string, question: (provider: KeyProvider) => Promise<T>): Promise<T> {
    const rest = this.resting.get(name);
    if (rest && this.nowMs() < rest.untilMs) throw rest.error;
    try {
      return await question(await this.named(name));
    } catch (error) {
      if (error instanceof KeyUnavailable) this.resting.set(name, { untilMs: this.nowMs() + REST_MS, error });
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
  // that a name's every address refuses is an error without a message of its own
  if (error instanceof KeyUnavailable && error.cause instanceof Error && error.cause.message !== '')
    return error.cause.message;
  return error instanceof KeyUnavailable || error instanceof KeyRefused ? error.message : 'unknown reason';
}
