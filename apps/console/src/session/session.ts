import {
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from '@tanstack/react-query';
import { ASK_AGAIN_MS, change, keepCsrfToken, lastUseMs, read } from '../wire/hub-api.client';
import { isSignedOut } from '../wire/problem';
import { endOf, type SessionEnd } from './session-end';

/** Who is signed in, as the page needs it. No token is among it: the session's cookie is out of any script's reach. */
export interface Session {
  readonly orgId: string;
  readonly sub: string;
  readonly userLabel: string | null;
  readonly scopes: readonly string[];
  readonly csrfToken: string;
  readonly expiresAt: string;
}

export const SESSION_KEY = ['session'] as const;
const END_KEY = ['session-end'] as const;

/** The session; `null`: nobody is signed in, and nothing is asked any more. */
export function useSession(): UseQueryResult<Session | null> {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: async ({ client, signal }) => {
      const session = await readSession(signal);
      keepEnd(client, session);
      forgetAnother(client, session);
      return session;
    },
    staleTime: Infinity, // whatever is refused asks for it again
    refetchOnWindowFocus: 'always', // another tab may have signed somebody else in
    refetchInterval: ({ state }) => (state.status === 'error' ? ASK_AGAIN_MS : false),
  });
}

async function readSession(signal: AbortSignal): Promise<Session | null> {
  try {
    const session = await read<Session>('/integrations-session', signal);
    keepCsrfToken(session.csrfToken);
    return session;
  } catch (error) {
    if (!isSignedOut(error)) throw error;
    keepCsrfToken(null);
    return null;
  }
}

/** Why the session ended that this page had; `undefined`: it had none, or ended it itself. */
export function useSessionEnd(): SessionEnd | undefined {
  return useQuery<SessionEnd | null>({ queryKey: END_KEY, enabled: false }).data ?? undefined; // only what is kept
}

/** Keeps why a session has ended: known in this moment alone, for as long as nobody signs in. */
function keepEnd(client: QueryClient, session: Session | null): void {
  const before = client.getQueryData<Session | null>(SESSION_KEY);
  if (session) client.setQueryData<SessionEnd | null>(END_KEY, null);
  else if (before) client.setQueryData<SessionEnd | null>(END_KEY, endOf(before.expiresAt, lastUseMs(), Date.now()));
}

/** What was read belongs to whoever was there before: nobody else sees it, not for a moment. */
function forgetAnother(client: QueryClient, session: Session | null): void {
  const before = client.getQueryData<Session | null>(SESSION_KEY);
  if (!before || isSame(before, session)) return;
  client.removeQueries({ predicate: ({ queryKey }) => !OF_NOBODY.has(String(queryKey[0])) });
}

/** The keys of what is no org's. */
const OF_NOBODY: ReadonlySet<string> = new Set([SESSION_KEY[0], END_KEY[0], 'catalog']);

function isSame(one: Session, other: Session | null): boolean {
  return one.orgId === other?.orgId && one.sub === other.sub;
}

/** Ends the session in this browser. */
export function useSignOut(): UseMutationResult<unknown, unknown, void> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => change('DELETE', '/integrations-session'),
    onSuccess: () => {
      forgetAnother(client, null);
      keepCsrfToken(null);
      client.setQueryData(SESSION_KEY, null);
    },
  });
}
