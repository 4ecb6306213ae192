import { useMutation, type UseMutationResult } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useCatalog } from '../integrations/queries';
import { change } from '../wire/hub-api.client';
import { HubProblem } from '../wire/problem';

/** What is to be connected. */
export interface ConnectOrder {
  readonly provider: string;
  /** As the catalog names them; what is left out is asked for on a page of the hub. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly allowAccountChange?: boolean;
}

/** Starts a connect and leaves for where it goes on. It stays pending while the browser is on its way. */
export function useConnect(): UseMutationResult<void, unknown, ConnectOrder> {
  const returnUrl = useCatalog().data?.returnUrl ?? null;
  const connect = useMutation({
    mutationFn: async ({ provider, inputs, allowAccountChange }: ConnectOrder) => {
      const { body } = await change<{ authUrl: string }>('POST', '/integrations-connect', {
        provider,
        ...inputs,
        ...(returnUrl !== null && { redirectUri: returnUrl }),
        ...(allowAccountChange === true && { allowAccountChange }),
      });
      leaveFor(body.authUrl);
      await new Promise(() => {}); // the page is about to go
    },
  });
  const { reset } = connect;
  useEffect(() => {
    // whoever comes back by the back button finds the page as it was left: waiting
    const comeBack = (event: PageTransitionEvent): void => {
      if (event.persisted) reset();
    };
    addEventListener('pageshow', comeBack);
    return () => removeEventListener('pageshow', comeBack);
  }, [reset]);
  return connect;
}

/** @throws HubProblem for an address that is none of the web's */
function leaveFor(url: string): void {
  const { protocol } = new URL(url, location.href);
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new HubProblem('internal', 0, 'The address cannot be opened.');
  location.assign(url);
}
