import type { HubConfig } from '@hub/config';
import { KeyProviders, keyProvidersElsewhere } from '@hub/token-vault';
import { bad, good, type Finding } from './finding';

/** Whether each key provider that has settings wraps and unwraps now. The keyring needs no asking. */
export async function keyProviderFindings(config: HubConfig): Promise<Finding[]> {
  const providers = KeyProviders.of(config);
  return Promise.all(
    keyProvidersElsewhere(config).map(async (name) => {
      const illness = await providers.whyIll(name);
      return illness === undefined
        ? good(`The key provider ${name} wraps and unwraps`)
        : bad(`The key provider ${name} does not wrap and unwrap (${illness.why})`, illness.mend);
    }),
  );
}
