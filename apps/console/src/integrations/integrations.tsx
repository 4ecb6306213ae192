import { ProblemNote } from '../look/problem-note';
import type { Integration, ProviderCard } from '../wire/wire';
import { IntegrationCard } from './integration-card';
import { plainCard } from './plain-card';

/** All providers, a card each. */
export function Integrations(props: {
  /** `undefined`: they are not known yet. */
  readonly integrations: readonly Integration[] | undefined;
  readonly cards: readonly ProviderCard[];
  readonly error: unknown;
  readonly mayWrite: boolean;
}) {
  const { integrations, cards, error, mayWrite } = props;
  return (
    <section aria-labelledby="integrations" aria-busy={integrations === undefined && error === null}>
      <h2 id="integrations">Your integrations</h2>
      {integrations === undefined && error !== null && <ProblemNote error={error} />}
      {integrations === undefined && error === null && <Skeletons />}
      {integrations?.length === 0 && <p className="blank">This hub knows no providers.</p>}
      {integrations?.every(({ status }) => status === 'not_connected') && integrations.length > 0 && (
        <p className="soft">Nothing is connected yet. Choose what you want to connect first.</p>
      )}
      <ul className="cards">
        {integrations?.map((integration) => (
          <li key={integration.provider}>
            <IntegrationCard
              integration={integration}
              card={cards.find(({ provider }) => provider === integration.provider) ?? plainCard(integration.provider)}
              mayWrite={mayWrite}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What stands there while the cards are on their way. */
export function Skeletons() {
  return (
    <>
      <p className="hidden" role="status">
        Loading…
      </p>
      <div className="cards" aria-hidden="true">
        {[1, 2, 3, 4].map((place) => (
          <div key={place} className="card skeleton">
            <span className="bone mark" />
            <span className="bone" />
            <span className="bone short" />
            <span className="bone" />
          </div>
        ))}
      </div>
    </>
  );
}
