import { SIGNS } from '../look/note';
import { useNow } from '../look/use-now';
import type { Integration } from '../wire/wire';
import { statusWords } from './status-words';

/** A status in words, sign and colour. */
export function StatusBadge({ integration }: { readonly integration: Integration }) {
  const { tone, words } = statusWords(integration, useNow());
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
