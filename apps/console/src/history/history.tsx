import { useInfiniteQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { ListSkeleton } from '../look/list-skeleton';
import { Moment } from '../look/moment';
import { SIGNS } from '../look/note';
import { ProblemNote } from '../look/problem-note';
import { ProviderChoice } from '../look/provider-choice';
import { ASK_AGAIN_MS, read } from '../wire/hub-api.client';
import type { ProviderCard, TrailEvent, TrailPage } from '../wire/wire';
import { actorWords, detailFacts, eventTone, eventWords, isForPeople } from './event-words';

const PAGE = 15;

/** What happened, from the audit trail, newest first. */
export function History(props: {
  readonly cards: readonly ProviderCard[];
  readonly you: string;
  /** Whether live status tells of news by itself. */
  readonly isLive: boolean;
}) {
  const { cards, you, isLive } = props;
  const [provider, setProvider] = useState('');
  const trail = useInfiniteQuery({
    queryKey: ['history', provider],
    queryFn: ({ pageParam, signal }) => read<TrailPage>(`/integrations/audit?${queryOf(provider, pageParam)}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: ({ state }) => (isLive && state.status !== 'error' ? false : ASK_AGAIN_MS),
  });
  const events = trail.data?.pages.flatMap((page) => page.events).filter(isForPeople);
  return (
    <section aria-labelledby="history" aria-busy={trail.isPending}>
      <div className="section-head">
        <h2 id="history">History</h2>
        <ProviderChoice label="Show" value={provider} cards={cards} onChoose={setProvider} />
      </div>
      {trail.isError && events === undefined && <ProblemNote error={trail.error} />}
      {trail.isPending && <ListSkeleton />}
      {events?.length === 0 && !trail.hasNextPage && <p className="blank">Nothing has happened yet.</p>}
      {events !== undefined && events.length > 0 && (
        <ol className="trail">
          {events.map((event) => (
            <TrailLine key={event.id} event={event} cards={cards} you={you} />
          ))}
        </ol>
      )}
      {trail.hasNextPage && (
        <button
          type="button"
          aria-disabled={trail.isFetchingNextPage}
          onClick={() => trail.isFetchingNextPage || void trail.fetchNextPage()}
        >
          {trail.isFetchingNextPage ? 'Loading…' : 'Show more'}
          <span className="hidden"> of the history</span>
        </button>
      )}
    </section>
  );
}

function queryOf(provider: string, cursor: string | null): string {
  return new URLSearchParams({
    limit: String(PAGE),
    ...(provider !== '' && { provider }),
    ...(cursor !== null && { cursor }),
  }).toString();
}

function TrailLine({ event, cards, you }: { event: TrailEvent; cards: readonly ProviderCard[]; you: string }) {
  const label = cards.find(({ provider }) => provider === event.provider)?.label ?? event.provider ?? undefined;
  const tone = eventTone(event);
  return (
    <li>
      <span className={`sign ${tone}`} aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <details>
        <summary>
          <span>{eventWords(event, label)}</span>
          <span className="soft">
            <Moment at={event.at} />
          </span>
        </summary>
        <dl className="facts">
          <Fact name="By">{actorWords(event.actor, you)}</Fact>
          <Fact name="Event">
            <code>{event.name}</code>
          </Fact>
          {detailFacts(event.detail).map(([name, value]) => (
            <Fact key={name} name={name}>
              {value}
            </Fact>
          ))}
        </dl>
      </details>
    </li>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
