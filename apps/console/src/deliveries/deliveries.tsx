import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { Note } from '../look/note';
import { ProblemNote } from '../look/problem-note';
import { clockTime, isPast } from '../look/times';
import { useNow } from '../look/use-now';
import { ASK_AGAIN_MS, read } from '../wire/hub-api.client';
import { HubProblem, isSignedOut, isUnreachable } from '../wire/problem';
import type { DeliverySettings, ProviderCard } from '../wire/wire';
import { DeliveryLog } from './delivery-log';
import { EventChoice } from './event-choice';
import { SigningSecret } from './signing-secret';

/** What is delivered to a webhook: which of the hub's own events, signed by what, and what became of them. */
export function Deliveries({ card, mayWrite }: { readonly card: ProviderCard; readonly mayWrite: boolean }) {
  const id = useId();
  const now = useNow();
  const settings = useQuery({
    queryKey: ['deliveries', 'settings', card.provider],
    queryFn: ({ signal }) => read<DeliverySettings>(`/integrations/${card.provider}/delivery-settings`, signal),
    refetchInterval: ({ state }) => (state.status === 'error' ? ASK_AGAIN_MS : false),
  });
  if (!settings.data) return isTold(settings.error) ? <ProblemNote error={settings.error} /> : null;
  const { events, pausedUntil, eventsWaitSince } = settings.data;
  return (
    <section aria-labelledby={id} className="deliveries">
      <h2 id={id}>Deliveries to {card.label}</h2>
      {pausedUntil !== null && !isPast(pausedUntil, now) && (
        <Note tone="warn" title={`Nothing is sent until ${clockTime(pausedUntil, now)}.`}>
          The webhook failed several times in a row. Nothing is lost: what waits is sent then.
        </Note>
      )}
      {eventsWaitSince && (
        <Note tone="warn" title={`News of the hub wait since ${clockTime(eventsWaitSince, now)}.`}>
          As many as there may be are waiting already, or have failed. Nothing is lost: try the failed ones again, or
          give a new URL.
        </Note>
      )}
      {mayWrite && (
        <div className="columns">
          <EventChoice key={events.join()} card={card} chosen={events} />
          <SigningSecret card={card} />
        </div>
      )}
      <DeliveryLog card={card} />
    </section>
  );
}

/** What the rest of the page does not tell: not that nobody is there or signed in, nor that there is no hook (any more). */
function isTold(error: unknown): boolean {
  if (isUnreachable(error) || isSignedOut(error)) return false;
  return error instanceof HubProblem && error.status !== 404;
}
