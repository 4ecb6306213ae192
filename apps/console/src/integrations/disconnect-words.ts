import type { ProviderCard } from '../wire/wire';

/** What a disconnect does, sentence by sentence. */
export function disconnectWords({ label, givenBackBy, hasToken }: ProviderCard): string[] {
  const forgets = hasToken
    ? `The hub stops using ${label} at once and forgets its tokens. Whatever your product does with ${label} stops working.`
    : `The hub forgets the webhook URL and sends nothing to it any more.`;
  return [
    forgets,
    GIVEN_BACK[hasToken ? givenBackBy : 'none'](label, hasToken),
    'The history stays. You can connect again at any time.',
  ];
}

const GIVEN_BACK: Readonly<Record<ProviderCard['givenBackBy'], (label: string, hasToken: boolean) => string>> = {
  token: (label) => `The access is given back to ${label} in the background.`,
  grant: (label) =>
    `The access is given back to ${label} in the background, unless another connection stands on the same account.`,
  uninstall: (label) => `The app stays installed at ${label}, unless you choose to uninstall it too.`,
  none: (label, hasToken) =>
    hasToken
      ? `${label} lists the access until you remove it there.`
      : `What listens at ${label} stays as it is; turn it off there.`,
};
