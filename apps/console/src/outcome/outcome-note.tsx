import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useConnect } from '../connect/use-connect';
import { INTEGRATIONS_KEY } from '../integrations/queries';
import { Note } from '../look/note';
import { ProblemNote } from '../look/problem-note';
import type { Integration, ProviderCard } from '../wire/wire';
import { isOver, outcomeMessage, readOutcome, withoutOutcome } from './outcome';

/** What came of the connect that led here, said once: the address forgets it at once. */
export function OutcomeNote(props: {
  /** `undefined`: not known yet. */
  readonly cards: readonly ProviderCard[] | undefined;
  /** Whether the reader can start a connect here. */
  readonly mayWrite: boolean;
}) {
  const { cards, mayWrite } = props;
  const [outcome, setOutcome] = useState(() => readOutcome(location.search));
  const connect = useConnect();
  const { data: integrations } = useQuery<readonly Integration[]>({ queryKey: INTEGRATIONS_KEY, enabled: false }); // only what others ask for
  useEffect(() => {
    if (outcome) history.replaceState(history.state, '', withoutOutcome(location.href));
  }, [outcome]);

  const message =
    outcome && cards && outcomeMessage(outcome, new Map(cards.map(({ provider, label }) => [provider, label])));
  if (!message || isOver(outcome, integrations)) return null;
  const { again } = message;
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
          <button type="button" onClick={() => setOutcome(undefined)}>
            Close<span className="hidden"> this message</span>
          </button>
        </div>
      </Note>
      {connect.isError && <ProblemNote error={connect.error} />}
    </div>
  );
}
