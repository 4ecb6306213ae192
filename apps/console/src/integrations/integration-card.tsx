import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useRef, useState, type RefObject } from 'react';
import { ConnectDialog } from '../connect/connect-dialog';
import { useConnect } from '../connect/use-connect';
import { Note } from '../look/note';
import { ProblemNote } from '../look/problem-note';
import { change } from '../wire/hub-api.client';
import { HubProblem } from '../wire/problem';
import type { Integration, ProviderCard } from '../wire/wire';
import { DisconnectDialog } from './disconnect-dialog';
import { FactList } from './fact-list';
import { factsOf } from './facts';
import { Mark } from './mark';
import { INTEGRATIONS_KEY } from './queries';
import { StatusBadge } from './status-badge';
import { troubleOf } from './status-words';
import { useDemand, type Demand, type DemandState } from './use-demand';

/** One provider: how it stands, what is known of it, and what can be done. */
export function IntegrationCard(props: {
  readonly integration: Integration;
  readonly card: ProviderCard;
  /** Whether the reader may change anything. */
  readonly mayWrite: boolean;
}) {
  const { integration, card, mayWrite } = props;
  const id = useId();
  const [heading, expectEnd] = useFocusAfterEnd(integration.status !== 'not_connected');
  const { state, demand } = useDemand(integration);
  const trouble = troubleOf(integration, card);
  const isToldAlready =
    state.kind === 'failed' && asksForSignIn(state.error) && integration.status === 'reauth_required';
  return (
    <article className="card" aria-labelledby={id} data-provider={card.provider} data-status={integration.status}>
      <header>
        <Mark card={card} />
        <h3 id={id} ref={heading} tabIndex={-1}>
          {card.label}
        </h3>
        <StatusBadge integration={integration} card={card} />
      </header>
      {trouble && (
        <Note tone={trouble.tone} title={trouble.what} role={isToldAlready ? 'alert' : undefined}>
          {trouble.fix}
        </Note>
      )}
      <FactList facts={factsOf(integration, card)} />
      {mayWrite && (
        <Actions integration={integration} card={card} state={state} onDemand={demand} onDisconnected={expectEnd} />
      )}
      <p className="said" role="status">
        {saidOf(state)}
      </p>
      {state.kind === 'failed' && !isToldAlready && <ProblemNote error={state.error} />}
    </article>
  );
}

/** Whether a demand was refused since only a new sign-in helps: the card says that itself. */
function asksForSignIn(error: unknown): boolean {
  return error instanceof HubProblem && error.code === 'reauth_required';
}

/** The button that ended a connection goes away with it: the focus goes to the heading, so that nobody loses his place. */
function useFocusAfterEnd(isConnected: boolean): [ref: RefObject<HTMLHeadingElement | null>, expectEnd: () => void] {
  const ref = useRef<HTMLHeadingElement>(null);
  const isExpected = useRef(false);
  useEffect(() => {
    if (isConnected || !isExpected.current) return;
    isExpected.current = false;
    ref.current?.focus();
  }, [isConnected]);
  const expectEnd = (): void => {
    isExpected.current = true;
  };
  return [ref, expectEnd];
}

const DOING: Readonly<Record<Demand, string>> = { refresh: 'Refreshing…', sync: 'Syncing…' };
const DONE: Readonly<Record<Demand, string>> = { refresh: 'Refreshed.', sync: 'Synced.' };

function saidOf(state: DemandState): string {
  if (state.kind === 'asking') return DOING[state.demand];
  if (state.kind === 'under_way')
    return 'It takes a little longer and goes on by itself. This card changes when it is done.';
  return state.kind === 'done' ? DONE[state.demand] : '';
}

function Actions(props: {
  readonly integration: Integration;
  readonly card: ProviderCard;
  readonly state: DemandState;
  readonly onDemand: (demand: Demand) => void;
  readonly onDisconnected: () => void;
}) {
  const { integration, card, state, onDemand, onDisconnected } = props;
  const { status } = integration;
  const isConnected = status !== 'not_connected';
  if (!isConnected && !integration.configured) return null;
  const isBusy = state.kind === 'asking' || state.kind === 'under_way';
  const of = <span className="hidden"> {card.label}</span>;
  return (
    <div className="actions">
      {(!isConnected || status === 'reauth_required') && <ConnectButton card={card} isAgain={isConnected} isPrimary />}
      {isConnected && status !== 'reauth_required' && (
        <>
          {(['refresh', 'sync'] as const).map((demand) => (
            <button key={demand} type="button" aria-disabled={isBusy} onClick={() => isBusy || onDemand(demand)}>
              {demand === 'refresh' ? 'Refresh now' : 'Sync now'}
              {of}
            </button>
          ))}
          <ConnectButton card={card} isAgain isPrimary={false} />
        </>
      )}
      {isConnected && <DisconnectButton card={card} onDisconnected={onDisconnected} />}
    </div>
  );
}

function ConnectButton({ card, isAgain, isPrimary }: { card: ProviderCard; isAgain: boolean; isPrimary: boolean }) {
  const connect = useConnect();
  const [isAsking, setAsking] = useState(false);
  const begin = (): void => {
    if (card.inputs.length > 0) setAsking(true);
    else if (!connect.isPending) connect.mutate({ provider: card.provider });
  };
  return (
    <>
      <button type="button" className={isPrimary ? 'primary' : ''} aria-disabled={connect.isPending} onClick={begin}>
        {connect.isPending ? 'Opening…' : isAgain ? 'Reconnect' : 'Connect'}
        <span className="hidden"> {card.label}</span>
      </button>
      {isAsking && <ConnectDialog card={card} isAgain={isAgain} onClose={() => setAsking(false)} />}
      {connect.isError && <ProblemNote error={connect.error} />}
    </>
  );
}

function DisconnectButton({ card, onDisconnected }: { card: ProviderCard; onDisconnected: () => void }) {
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const disconnect = useMutation({
    mutationFn: (uninstall: boolean) =>
      change('DELETE', `/integrations/${card.provider}${uninstall ? '?uninstall=true' : ''}`),
    onSuccess: async () => {
      setAsking(false);
      onDisconnected();
      await client.invalidateQueries({ queryKey: INTEGRATIONS_KEY });
    },
  });
  const close = (): void => {
    setAsking(false);
    disconnect.reset();
  };
  return (
    <>
      <button type="button" className="danger" onClick={() => setAsking(true)}>
        Disconnect<span className="hidden"> {card.label}</span>
      </button>
      {isAsking && (
        <DisconnectDialog
          card={card}
          isPending={disconnect.isPending}
          error={disconnect.error}
          onDisconnect={disconnect.mutate}
          onClose={close}
        />
      )}
    </>
  );
}
