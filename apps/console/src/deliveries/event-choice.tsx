import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ProblemNote } from '../look/problem-note';
import { change } from '../wire/hub-api.client';
import type { DeliverySettings, ProviderCard } from '../wire/wire';
import { OFFERED_EVENTS } from './delivery-words';

/** Chooses which of the hub's own events are delivered. */
export function EventChoice({ card, chosen }: { readonly card: ProviderCard; readonly chosen: readonly string[] }) {
  const client = useQueryClient();
  const [events, setEvents] = useState<ReadonlySet<string>>(new Set(chosen));
  const save = useMutation({
    mutationFn: () =>
      change<DeliverySettings>('PUT', `/integrations/${card.provider}/delivery-settings`, { events: [...events] }),
    onSuccess: ({ body }) => client.setQueryData(['deliveries', 'settings', card.provider], body),
  });
  const toggle = (name: string): void => {
    const next = new Set(events);
    if (!next.delete(name)) next.add(name);
    setEvents(next);
  };
  const isChanged = events.size !== chosen.length || chosen.some((name) => !events.has(name));
  return (
    <form
      className="panel"
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged && !save.isPending) save.mutate();
      }}
    >
      <fieldset>
        <legend>Also tell {card.label} when …</legend>
        <p className="soft">
          Beside what your product sends. Each event starts the Zap, and {card.label} counts it as a task of yours.
        </p>
        {OFFERED_EVENTS.map(([name, words]) => (
          <label key={name} className="check">
            <input type="checkbox" checked={events.has(name)} onChange={() => toggle(name)} />
            <span>
              {words} <code className="soft">{name}</code>
            </span>
          </label>
        ))}
      </fieldset>
      {save.isError && <ProblemNote error={save.error} />}
      <div className="actions">
        <button type="submit" className={isChanged ? 'primary' : ''} aria-disabled={!isChanged || save.isPending}>
          {save.isPending ? 'Saving…' : 'Save'}
        </button>
        <span className="said" role="status">
          {!isChanged && 'Saved as shown.'}
        </span>
      </div>
    </form>
  );
}
