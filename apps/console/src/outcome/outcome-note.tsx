import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useConnect } from '../connect/use-connect';
import { INTEGRATIONS_KEY } from '../integrations/queries';
import { Note } from '../look/note';
import { ProblemNote } from '../look/problem-note';
import type { Integration, ProviderCard } from '../wire/wire';
import { isOver, outcomeMessage, readOutcome, withoutOutcome, type Outcome, type Reader } from './outcome';

/** What came of the connect that led here; the address forgets it at once. @returns it until it was read, and how to forget it */
export function useOutcome(): [outcome: Outcome | undefined, forget: () => void] {
  const [outcome, setOutcome] = useState(() => readOutcome(location.search));
  useEffect(() => {
    if (outcome) history.replaceState(history.state, '', withoutOutcome(location.href));
  }, [outcome]);
  return [outcome, () => setOutcome(undefined)];
}

/** What came of the connect that led here, said once. */
export function OutcomeNote(props: {
  readonly outcome: Outcome;
  readonly cards: readonly ProviderCard[];
  readonly reader: Reader;
  /** Whether the reader can start a connect here. */
  readonly mayWrite: boolean;
  readonly onClose: () => void;
}) {
  const { outcome, cards, reader, mayWrite, onClose } = props;
  const connect = useConnect();
  const { data: integrations } = useQuery<readonly Integration[]>({ queryKey: INTEGRATIONS_KEY, enabled: false }); // only what others ask for
  const labels = new Map(cards.map(({ provider, label }) => [provider, label]));
  const message = outcomeMessage(outcome, labels, reader, integrations);
  if (!message || isOver(outcome, integrations)) return null;
  const { again } = message;
  const isLastWord = outcome.kind === 'success' && reader === 'of_nothing'; // there is nothing behind it
  return (
    <div className="outcome">
      <Note tone={message.tone} role={message.tone === 'bad' ? 'alert' : 'status'}>
        <p>
          <strong>{message.title}</strong> {message.text}
        </p>
        <div className="actions">
          {again !== null && mayWrite && (
            <button
              type="button"
              className="primary"
              onClick={() => connect.isPending || connect.mutate({ provider: again })}
            >
              {connect.isPending ? 'Opening…' : 'Connect again'}
            </button>
          )}
          {again !== null && mayWrite && message.mayChangeAccount && (
            <button
              type="button"
              onClick={() => connect.isPending || connect.mutate({ provider: again, allowAccountChange: true })}
            >
              Allow another account
            </button>
          )}
          {!isLastWord && (
            <button type="button" onClick={onClose}>
              Close<span className="hidden"> this message</span>
            </button>
          )}
        </div>
      </Note>
      {connect.isError && <ProblemNote error={connect.error} />}
    </div>
  );
}
