import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import './look/console.css';
import { applyTheme, keptTheme } from './look/theme';
import { SESSION_KEY } from './session/session';
import { noticePerson } from './wire/hub-api.client';
import { HubProblem, isUnreachable } from './wire/problem';

const MOST_RETRIES = 1;

/** What is refused for want of a session, or of its proof, asks who is there: it may be another session by now. */
function lookAtSession(error: unknown): void {
  if (error instanceof HubProblem && (error.status === 401 || error.status === 403))
    void client.invalidateQueries({ queryKey: SESSION_KEY });
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: lookAtSession }),
  mutationCache: new MutationCache({ onError: lookAtSession }),
  defaultOptions: {
    queries: {
      networkMode: 'always', // a page that waits for a network says so instead of nothing
      staleTime: 5_000,
      retry: (failures, error) => isUnreachable(error) && failures < MOST_RETRIES,
    },
    mutations: { networkMode: 'always' },
  },
});

applyTheme(keptTheme());
noticePerson();
createRoot(document.getElementById('console') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
