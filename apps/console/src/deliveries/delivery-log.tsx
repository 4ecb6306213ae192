import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Choice } from '../look/choice';
import { ListSkeleton } from '../look/list-skeleton';
import { Moment } from '../look/moment';
import { SIGNS } from '../look/note';
import { ProblemNote } from '../look/problem-note';
import { howFar } from '../look/times';
import { useNow } from '../look/use-now';
import { read } from '../wire/hub-api.client';
import type { Delivery, DeliveryPage, ProviderCard } from '../wire/wire';
import { deliveryWords } from './delivery-words';

const PAGE = 10;
const STATES = [
  ['', 'all'],
  ['pending', 'waiting'],
  ['delivered', 'delivered'],
  ['dead', 'failed'],
  ['cancelled', 'cancelled'],
] as const;

/** What became of each delivery; never what was in it. */
export function DeliveryLog({ card }: { readonly card: ProviderCard }) {
  const [state, setState] = useState('');
  const log = useInfiniteQuery({
    queryKey: ['deliveries', 'log', card.provider, state],
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams({
        limit: String(PAGE),
        ...(state !== '' && { state }),
        ...(pageParam !== null && { cursor: pageParam }),
      });
      return read<DeliveryPage>(`/integrations/${card.provider}/deliveries?${query.toString()}`, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: 30_000,
  });
  const deliveries = log.data?.pages.flatMap((page) => page.deliveries);
  return (
    <>
      <div className="section-head">
        <h3>Delivery log</h3>
        <Choice label="Show" value={state} options={STATES} onChoose={setState} />
      </div>
      {log.isError && deliveries === undefined && <ProblemNote error={log.error} />}
      {log.isPending && <ListSkeleton />}
      {deliveries?.length === 0 && (
        <p className="blank">{state === '' ? 'Nothing has been delivered yet.' : 'There is none of these.'}</p>
      )}
      {deliveries !== undefined && deliveries.length > 0 && (
        <ol className="trail">
          {deliveries.map((delivery) => (
            <DeliveryLine key={delivery.id} delivery={delivery} />
          ))}
        </ol>
      )}
      {log.hasNextPage && (
        <button type="button" onClick={() => log.isFetchingNextPage || void log.fetchNextPage()}>
          Show more<span className="hidden"> deliveries</span>
        </button>
      )}
    </>
  );
}

function DeliveryLine({ delivery }: { readonly delivery: Delivery }) {
  const now = useNow();
  const next = delivery.nextAttemptAt === null ? null : howFar(delivery.nextAttemptAt, now);
  const { tone, words } = deliveryWords(delivery, next);
  return (
    <li>
      <span className={`sign ${tone}`} aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <div>
        <p>
          <code>{delivery.type}</code> <span className="soft">no. {delivery.seq}</span>
        </p>
        <p>{words}</p>
        <p className="soft">
          <Moment at={delivery.deliveredAt ?? delivery.at} />,{' '}
          {delivery.source === 'hub' ? 'an event of the hub' : 'from your product'}
        </p>
      </div>
    </li>
  );
}
