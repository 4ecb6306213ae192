import { Deliveries } from './deliveries/deliveries';
import { FailedJobs } from './failed-jobs/failed-jobs';
import { History } from './history/history';
import { Integrations, Skeletons } from './integrations/integrations';
import { useCatalog, useIntegrations } from './integrations/queries';
import { ConnectionHint } from './live/connection-hint';
import { useLive } from './live/use-live';
import { Note } from './look/note';
import { ProblemNote } from './look/problem-note';
import { ThemeSwitch } from './look/theme-switch';
import { useOnline } from './look/use-online';
import type { Outcome, Reader } from './outcome/outcome';
import { OutcomeNote, useOutcome } from './outcome/outcome-note';
import { useSession, type Session } from './session/session';
import { SignedOut } from './session/signed-out';
import { Who } from './session/who';
import { isUnreachable } from './wire/problem';
import type { Integration, ProviderCard } from './wire/wire';

const NO_CARDS: readonly ProviderCard[] = [];

/** The whole page. */
export function App() {
  const session = useSession();
  const catalog = useCatalog();
  const [outcome, forgetOutcome] = useOutcome();
  const signedIn = session.data ?? undefined;
  const cards = catalog.data?.providers ?? (catalog.isError ? NO_CARDS : undefined);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <h1>Integrations</h1>
        <ThemeSwitch />
        {signedIn && <Who session={signedIn} />}
      </header>
      <main id="main" tabIndex={-1}>
        {outcome && cards && (
          <OutcomeNote
            outcome={outcome}
            cards={cards}
            reader={readerOf(session.data)}
            mayWrite={signedIn?.scopes.includes('integrations:write') ?? false}
            onClose={forgetOutcome}
          />
        )}
        {session.data === undefined && <BeforeSession error={session.error} />}
        {session.data === null && !isDone(outcome, cards) && <SignedOut />}
        {signedIn && !signedIn.scopes.includes('integrations:read') && (
          <Note tone="warn" title="You may not see the integrations.">
            Ask whoever runs your product for the right to do it.
          </Note>
        )}
        {signedIn?.scopes.includes('integrations:read') === true && (
          <Home
            key={`${signedIn.orgId} ${signedIn.sub}`}
            session={signedIn}
            cards={catalog.data?.providers ?? NO_CARDS}
          />
        )}
      </main>
    </>
  );
}

function readerOf(session: Session | null | undefined): Reader {
  if (session === undefined) return 'unknown';
  return session?.scopes.includes('integrations:read') === true ? 'of_cards' : 'of_nothing';
}

/** Whether all is said by a success: whoever came to connect, and has, need not sign in. @param cards `undefined`: not known yet */
function isDone(outcome: Outcome | undefined, cards: readonly ProviderCard[] | undefined): boolean {
  if (outcome?.kind !== 'success') return false;
  return cards?.some(({ provider }) => provider === outcome.provider) ?? true;
}

/** While it is not known who is there. */
function BeforeSession({ error }: { readonly error: unknown }) {
  if (error === null) return <Skeletons />;
  if (isUnreachable(error))
    return (
      <Note tone="warn" role="alert" title="The hub cannot be reached.">
        Check your network. The page tries again by itself.
      </Note>
    );
  return <ProblemNote error={error} />;
}

/** What somebody who is signed in sees. */
function Home({ session, cards }: { readonly session: Session; readonly cards: readonly ProviderCard[] }) {
  const mayDo = (scope: string): boolean => session.scopes.includes(scope);
  const phase = useLive(session.csrfToken);
  const isOnline = useOnline();
  const integrations = useIntegrations(phase === 'live');
  return (
    <>
      <ConnectionHint
        phase={phase}
        isOffline={!isOnline || isUnreachable(integrations.error)}
        heardAtMs={integrations.dataUpdatedAt}
      />
      <Integrations
        integrations={integrations.data}
        cards={cards}
        error={integrations.error}
        mayWrite={mayDo('integrations:write')}
      />
      {cards
        .filter(({ provider, takesEvents }) => takesEvents && isConnected(integrations.data, provider))
        .map((card) => (
          <Deliveries key={card.provider} card={card} mayWrite={mayDo('integrations:write')} />
        ))}
      {mayDo('operations') && <FailedJobs cards={cards} />}
      {mayDo('audit:read') && <History cards={cards} you={session.sub} isLive={phase === 'live'} />}
    </>
  );
}

function isConnected(integrations: readonly Integration[] | undefined, wanted: string): boolean {
  return integrations?.some(({ provider, status }) => provider === wanted && status !== 'not_connected') ?? false;
}
