import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { counted } from '../look/amounts';
import { Choice } from '../look/choice';
import { ListSkeleton } from '../look/list-skeleton';
import { Moment } from '../look/moment';
import { ProblemNote } from '../look/problem-note';
import { ProviderChoice } from '../look/provider-choice';
import { ASK_AGAIN_MS, change, read } from '../wire/hub-api.client';
import type { DeadLetter, DeadLetterPage, ProviderCard } from '../wire/wire';
import { letterWords, reasonWords } from './letter-words';

const KEY = ['dead-letters'] as const;

/** Which letters are tried again: one by its id, or all that are shown. */
type Replay = { readonly id: string } | 'shown';

const KINDS = [
  ['', 'all jobs'],
  ['refresh', 'refreshes'],
  ['sync', 'syncs'],
  ['delivery', 'deliveries'],
  ['revocation', 'access given back'],
] as const;

/** Jobs that ran out of tries, and how to start them again. */
export function FailedJobs({ cards }: { readonly cards: readonly ProviderCard[] }) {
  const client = useQueryClient();
  const heading = useRef<HTMLHeadingElement>(null);
  const [kind, setKind] = useState('');
  const [provider, setProvider] = useState('');
  const filter = { ...(kind !== '' && { kind }), ...(provider !== '' && { provider }) };
  const isFiltered = Object.keys(filter).length > 0;
  const list = useInfiniteQuery({
    queryKey: [...KEY, kind, provider],
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams({ limit: '50', ...filter, ...(pageParam !== null && { cursor: pageParam }) });
      return read<DeadLetterPage>(`/integrations/dead-letters?${query.toString()}`, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: ({ state }) => (state.status === 'error' ? ASK_AGAIN_MS : 60_000),
  });
  const replay = useMutation({
    mutationFn: (what: Replay) =>
      what === 'shown'
        ? change<{ replayed: number }>('POST', '/integrations/dead-letters/replay', filter)
        : change<{ replayed: number }>('POST', `/integrations/dead-letters/${what.id}/replay`),
    onSettled: () => {
      heading.current?.focus(); // the line with its button may go
      return client.invalidateQueries({ queryKey: KEY });
    },
  });
  const letters = list.data?.pages.flatMap((page) => page.deadLetters);
  const isOf = (letter: DeadLetter): boolean => {
    const asked = replay.isPending ? replay.variables : undefined;
    return asked === 'shown' || (asked !== undefined && asked.id === letter.id);
  };
  return (
    <section aria-labelledby="failed-jobs" aria-busy={list.isPending}>
      <div className="section-head">
        <h2 id="failed-jobs" ref={heading} tabIndex={-1}>
          Failed jobs
          {letters !== undefined && letters.length > 0 && ` (${letters.length}${list.hasNextPage ? '+' : ''})`}
        </h2>
        <Choice label="Show" value={kind} options={KINDS} onChoose={setKind} />
        <ProviderChoice label="Provider" value={provider} cards={cards} onChoose={setProvider} />
        {letters !== undefined && letters.length > 1 && (
          <button
            type="button"
            aria-disabled={replay.isPending}
            onClick={() => replay.isPending || replay.mutate('shown')}
          >
            {isFiltered ? 'Try these again' : 'Try all again'}
          </button>
        )}
      </div>
      <p className="said" role="status">
        {replay.isSuccess &&
          `${counted(replay.data.body.replayed, 'job is', 'jobs are')} tried again now. What succeeds leaves this list.`}
      </p>
      {replay.isError && <ProblemNote error={replay.error} />}
      {list.isError && letters === undefined && <ProblemNote error={list.error} />}
      {list.isPending && <ListSkeleton />}
      {letters?.length === 0 && (
        <p className="blank">{isFiltered ? 'There is none of these.' : 'Nothing has run out of tries.'}</p>
      )}
      {letters !== undefined && letters.length > 0 && (
        <ul className="letters">
          {letters.map((letter) => (
            <LetterLine key={letter.id} letter={letter} cards={cards} isBusy={isOf(letter)} onReplay={replay.mutate} />
          ))}
        </ul>
      )}
      {list.hasNextPage && (
        <button type="button" onClick={() => list.isFetchingNextPage || void list.fetchNextPage()}>
          Show more<span className="hidden"> failed jobs</span>
        </button>
      )}
    </section>
  );
}

function LetterLine(props: {
  readonly letter: DeadLetter;
  readonly cards: readonly ProviderCard[];
  readonly isBusy: boolean;
  readonly onReplay: (what: Replay) => void;
}) {
  const { letter, cards, isBusy, onReplay } = props;
  const label = cards.find(({ provider }) => provider === letter.provider)?.label ?? letter.provider;
  const words = letterWords(letter, label);
  return (
    <li>
      <div>
        <p>
          <strong>{words}</strong>: {counted(letter.attempts, 'try', 'tries')}. {reasonWords(letter)}
        </p>
        {letter.event && (
          <p className="soft">
            Event <code>{letter.event.id}</code> of <Moment at={letter.event.at} />
          </p>
        )}
        <p className="soft">
          {letter.firstFailedAt === letter.lastFailedAt ? 'Failed' : 'First failed'}{' '}
          <Moment at={letter.firstFailedAt} />
          {letter.firstFailedAt !== letter.lastFailedAt && (
            <>
              , last <Moment at={letter.lastFailedAt} />
            </>
          )}
        </p>
      </div>
      <button type="button" aria-disabled={isBusy} onClick={() => isBusy || onReplay({ id: letter.id })}>
        {isBusy ? 'Starting…' : 'Try again'}
        <span className="hidden">: {words}</span>
      </button>
    </li>
  );
}
