import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { change } from '../wire/hub-api.client';
import { isUnreachable } from '../wire/problem';
import type { Integration } from '../wire/wire';
import { changeIntegrations, INTEGRATIONS_KEY } from './queries';
import { hasMoved } from './status-words';

/** What can be asked for now. */
export type Demand = 'refresh' | 'sync';

/** What came of a demand, for the card to say. */
export type DemandState =
  | { readonly kind: 'none' }
  | { readonly kind: 'asking' | 'under_way' | 'done'; readonly demand: Demand }
  | { readonly kind: 'failed'; readonly error: unknown };

/** How often, and how long, an answer that is still under way is asked after where live status does not tell. */
const ASK_AGAIN_MS = 2_000;
const GIVE_UP_MS = 120_000;

/** Asks for a refresh or a sync of one integration, and follows it to its end. */
export function useDemand(integration: Integration): { state: DemandState; demand: (demand: Demand) => void } {
  const client = useQueryClient();
  const [before, setBefore] = useState<Integration | null>(null);
  const asked = useMutation({
    mutationFn: (demand: Demand) => change<Integration>('POST', `/integrations/${integration.provider}/${demand}`),
    onMutate: () => setBefore(null),
    onSuccess: ({ status, body }) => {
      changeIntegrations(client, (list) => list.map((one) => (one.provider === body.provider ? body : one)));
      if (status === 202) setBefore(body);
    },
    onError: (error) => {
      // a refusal often changed the integration too: a grant that died is seen here first
      if (!isUnreachable(error)) void client.invalidateQueries({ queryKey: INTEGRATIONS_KEY });
    },
  });

  const isUnderWay = before !== null && !hasMoved(before, integration);
  useEffect(() => {
    if (!isUnderWay) return undefined;
    const asking = setInterval(() => void client.invalidateQueries({ queryKey: INTEGRATIONS_KEY }), ASK_AGAIN_MS);
    const end = setTimeout(() => clearInterval(asking), GIVE_UP_MS);
    return () => {
      clearInterval(asking);
      clearTimeout(end);
    };
  }, [isUnderWay, client]);

  return {
    state: stateOf(asked, isUnderWay, before !== null && integration.failure !== null),
    demand: (demand) => asked.mutate(demand),
  };
}

function stateOf(
  asked: { status: string; variables: Demand | undefined; error: unknown },
  isUnderWay: boolean,
  hasFailed: boolean,
): DemandState {
  const demand = asked.variables;
  if (asked.status === 'error') return { kind: 'failed', error: asked.error };
  if (demand === undefined || asked.status === 'idle') return { kind: 'none' };
  if (asked.status === 'pending') return { kind: 'asking', demand };
  if (isUnderWay) return { kind: 'under_way', demand };
  return hasFailed ? { kind: 'none' } : { kind: 'done', demand }; // the card tells of the failure itself
}
