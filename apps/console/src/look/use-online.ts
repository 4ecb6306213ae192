import { useSyncExternalStore } from 'react';

function subscribe(reader: () => void): () => void {
  addEventListener('online', reader);
  addEventListener('offline', reader);
  return () => {
    removeEventListener('online', reader);
    removeEventListener('offline', reader);
  };
}

/** False while the browser knows that it has no network; true says little. */
export function useOnline(): boolean {
  return useSyncExternalStore(subscribe, () => navigator.onLine);
}
