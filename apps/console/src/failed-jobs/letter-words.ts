import { sendWords } from '../deliveries/delivery-words';
import { problemWords, sentence } from '../outcome/problem-words';
import type { DeadLetter } from '../wire/wire';

const WORDS: Readonly<Record<DeadLetter['kind'], string>> = {
  refresh: 'Refresh of {it}',
  sync: 'Sync of {it}',
  revocation: 'Giving the access back to {it}',
  delivery: 'Delivery to {it}',
};

/** What the job was to do. @param label of its provider */
export function letterWords({ kind, event }: Pick<DeadLetter, 'kind' | 'event'>, label: string): string {
  if (event) return `Delivery of ${event.type} (no. ${event.seq}) to ${label}`;
  return (Object.hasOwn(WORDS, kind) ? WORDS[kind] : `${kind as string} of {it}`).replace('{it}', label);
}

/** Why it failed last, as a sentence. */
export function reasonWords({ kind, reason }: Pick<DeadLetter, 'kind' | 'reason'>): string {
  return sentence(kind === 'delivery' ? sendWords(reason) : problemWords(reason).what);
}
