import { KEY_PROVIDERS, type HubConfig, type KeyProviderName } from '@hub/config';
import { KeyProviders } from '@hub/token-vault';
import { bad, good, type Finding } from './finding';

/** Which settings mend each that is asked over the network. */
const MENDED_BY: Readonly<Record<Exclude<KeyProviderName, 'local'>, string>> = {
  'vault-transit': 'check that Vault is unsealed, the VAULT_ settings, and that the token may encrypt and decrypt',
  'aws-kms': 'check the AWS_ settings, the credentials, and that they may encrypt and decrypt with the key',
};

/** Whether each key provider that has settings wraps and unwraps now. The keyring needs no asking. */
export async function keyProviderFindings(config: HubConfig): Promise<Finding[]> {
  const providers = KeyProviders.of(config);
  const hasSettings = {
    local: false,
    'vault-transit': config.vaultTransit !== null,
    'aws-kms': config.awsKms !== null,
  };
  return Promise.all(
    KEY_PROVIDERS.filter((name) => name !== 'local')
      .filter((name) => hasSettings[name])
      .map(async (name) => {
        const why = await providers.whyIll(name);
        return why === undefined
          ? good(`The key provider ${name} wraps and unwraps`)
          : bad(`The key provider ${name} does not wrap and unwrap (${why})`, MENDED_BY[name]);
      }),
  );
}
