import { useQuery, type QueryClient, type UseQueryResult } from '@tanstack/react-query';
import { ASK_AGAIN_MS, read } from '../wire/hub-api.client';
import type { Catalog, Integration } from '../wire/wire';

export const INTEGRATIONS_KEY = ['integrations'] as const;

/** How often the list is asked for, as a net below live status, while that is there. */
const WITH_LIVE_MS = 120_000;

/** How to show the providers: asked for once. */
export function useCatalog(): UseQueryResult<Catalog> {
  return useQuery({
    queryKey: ['catalog'],
    queryFn: ({ signal }) => read<Catalog>('/integrations-catalog', signal),
    staleTime: Infinity,
    refetchInterval: ({ state }) => (state.status === 'error' ? ASK_AGAIN_MS : false),
  });
}

/** The org's integrations. @param isLive whether live status tells of changes by itself */
export function useIntegrations(isLive: boolean): UseQueryResult<readonly Integration[]> {
  return useQuery({
    queryKey: INTEGRATIONS_KEY,
    queryFn: async ({ signal }) =>
      (await read<{ integrations: readonly Integration[] }>('/integrations', signal)).integrations,
    refetchInterval: ({ state }) => (isLive && state.status !== 'error' ? WITH_LIVE_MS : ASK_AGAIN_MS),
    refetchIntervalInBackground: false,
  });
}

/** Changes the list in hand. What is on its way meanwhile is older than that, and is asked for again. */
export function changeIntegrations(
  client: QueryClient,
  changed: (list: readonly Integration[]) => readonly Integration[],
): void {
  const isAsking = client.isFetching({ queryKey: INTEGRATIONS_KEY }) > 0;
  client.setQueryData<readonly Integration[]>(INTEGRATIONS_KEY, (list) => list && changed(list));
  if (isAsking) void client.invalidateQueries({ queryKey: INTEGRATIONS_KEY });
}
