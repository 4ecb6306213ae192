import type { ProviderCard } from '../wire/wire';
import { Choice } from './choice';

/** One provider or, with an empty value, all of them: a list below is narrowed by it. */
export function ProviderChoice(props: {
  readonly label: string;
  readonly value: string;
  readonly cards: readonly ProviderCard[];
  readonly onChoose: (value: string) => void;
}) {
  const { cards, ...choice } = props;
  const options = [['', 'all providers'], ...cards.map(({ provider, label }) => [provider, label] as const)] as const;
  return <Choice {...choice} options={options} />;
}
