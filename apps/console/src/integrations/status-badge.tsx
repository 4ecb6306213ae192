import { SIGNS } from '../look/note';
import { useNow } from '../look/use-now';
import type { Integration, ProviderCard } from '../wire/wire';
import { statusWords } from './status-words';

/** A status in words, sign and colour. */
export function StatusBadge({ integration, card }: { readonly integration: Integration; readonly card: ProviderCard }) {
  const { tone, words } = statusWords(integration, useNow(), card);
  return (
    <p className={`badge ${tone}`}>
      <span className="sign" aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <span>
        <span className="hidden">Status: </span>
        {words}
      </span>
    </p>
  );
}
