import type { ProviderCard } from '../wire/wire';

/** The mark of a provider: its own drawing, or the first letter of its name. Its name always stands beside it. */
export function Mark({ card }: { readonly card: Pick<ProviderCard, 'mark' | 'label'> }) {
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <rect width="24" height="24" rx="6" fill={card.mark?.colour ?? '#59616d'} />
      {card.mark ? (
        <path transform="translate(2.4 2.4) scale(0.8)" d={card.mark.path} fill="#fff" fillRule="evenodd" />
      ) : (
        <text x="12" y="17" textAnchor="middle" fontSize="14" fontWeight="700" fill="#fff">
          {card.label.charAt(0).toUpperCase()}
        </text>
      )}
    </svg>
  );
}
