import { Moment } from '../look/moment';
import type { Fact } from './facts';

/** The facts of a card. */
export function FactList({ facts }: { readonly facts: readonly Fact[] }) {
  if (facts.length === 0) return null;
  return (
    <dl className="facts">
      {facts.map((fact) => (
        <div key={fact.label}>
          <dt>{fact.label}</dt>
          <dd>
            <FactValue fact={fact} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function FactValue({ fact }: { readonly fact: Fact }) {
  if (fact.kind === 'time') return <Moment at={fact.at} isDue={fact.isDue} />;
  if (fact.kind === 'text') return fact.text;
  return (
    <>
      <meter
        aria-label={fact.label}
        aria-valuetext={fact.text}
        min={0}
        max={fact.max}
        high={fact.max * 0.9}
        optimum={0}
        value={fact.value}
      />
      <span className="meter-text">{fact.text}</span>
    </>
  );
}
