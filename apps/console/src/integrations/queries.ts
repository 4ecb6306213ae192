import { useQuery, type QueryClient, type UseQueryResult } from '@tanstack/react-query';
import { read } from '../wire/hub-api.client';
import type { Catalog, Integration } from '../wire/wire';

export const INTEGRATIONS_KEY = ['integrations'] as const;

/** How often the list is asked for while live status is away, and, as a net below it, while it is there. */
const WITHOUT_LIVE_MS = 15_000;
const WITH_LIVE_MS = 120_000;

/** How to show the providers: asked for once. */
export function useCatalog(): UseQueryResult<Catalog> {
  return useQuery({
    queryKey: ['catalog'],
    queryFn: ({ signal }) => read<Catalog>('/integrations-catalog', signal),
    staleTime: Infinity,
    refetchInterval: ({ state }) => (state.status === 'error' ? WITHOUT_LIVE_MS : false),
  });
}

/** The org's integrations. @param isLive whether live status tells of changes by itself */
export function useIntegrations(isLive: boolean): UseQueryResult<readonly Integration[]> {
  return useQuery({
    queryKey: INTEGRATIONS_KEY,
    queryFn: async ({ signal }) =>
      (await read<{ integrations: readonly Integration[] }>('/integrations', signal)).integrations,
    refetchInterval: isLive ? WITH_LIVE_MS : WITHOUT_LIVE_MS,
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
