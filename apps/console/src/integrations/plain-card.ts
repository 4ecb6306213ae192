import type { ProviderCard } from '../wire/wire';
import { inWords } from './facts';

/** How a provider is shown that the catalog does not tell of, as during a rollout of the hub. */
export function plainCard(provider: string): ProviderCard {
  return {
    provider,
    label: inWords(provider),
    docsUrl: '/docs',
    mark: null,
    inputs: [],
    hasToken: true,
    takesEvents: false,
    givenBackBy: 'none',
  };
}
