import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { Note } from '../look/note';
import { clockTime, isPast } from '../look/times';
import { useNow } from '../look/use-now';
import { read } from '../wire/hub-api.client';
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
  });
  if (!settings.data) return null; // a hub without deliveries, or not known yet: nothing is missed
  const { events, pausedUntil } = settings.data;
  return (
    <section aria-labelledby={id} className="deliveries">
      <h2 id={id}>Deliveries to {card.label}</h2>
      {pausedUntil !== null && !isPast(pausedUntil, now) && (
        <Note tone="warn" title={`Nothing is sent until ${clockTime(pausedUntil, now)}.`}>
          The webhook failed several times in a row. Nothing is lost: what waits is sent then.
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
