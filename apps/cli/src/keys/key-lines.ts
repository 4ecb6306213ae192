import type { DataKeyCount, RotationProgress } from '@hub/database';
import { table } from '../table';

/** What is known of the keys; never a key. */
export interface KeyFacts {
  readonly dataKeys: readonly DataKeyCount[];
  readonly progress: RotationProgress;
  /** Ids of `TOKEN_KEYS`, in their order. */
  readonly tokenKeys: readonly string[];
  /** How many values each of them opens by itself, as an earlier release has sealed them. */
  readonly cellsUnder: ReadonlyMap<string, number>;
}

/** What still stands on a key of `TOKEN_KEYS`. */
interface Need {
  readonly id: string;
  readonly dataKeys: number;
  readonly values: number;
  /** The first one wraps what is to come, whatever stands on it now. */
  readonly isNeeded: boolean;
}

function needs({ dataKeys, tokenKeys, cellsUnder }: KeyFacts): Need[] {
  return tokenKeys.map((id, place) => {
    const wraps = dataKeys.filter(
      (count) => count.keyProvider === 'local' && count.wrappingKeyId === id && count.status !== 'shredded',
    );
    const wrapped = wraps.reduce((sum, { keys }) => sum + keys, 0);
    const values = cellsUnder.get(id) ?? 0;
    return { id, dataKeys: wrapped, values, isNeeded: place === 0 || wrapped + values > 0 };
  });
}

/** The keys for a person. */
export function keyLines(facts: KeyFacts): string[] {
  const { orgs, waiting, resealing, retiring, resealedCells, unopenedCells } = facts.progress;
  const dataKeys = facts.dataKeys.map(({ keyProvider, wrappingKeyId, status, keys }) => [
    keyProvider,
    wrappingKeyId,
    status,
    String(keys),
  ]);
  const ring = needs(facts).map((need) => [
    need.id,
    String(need.dataKeys),
    String(need.values),
    need.isNeeded ? 'needed' : 'nothing needs it: it may go once SPOOL_KEEP and your backups have passed',
  ]);
  return [
    ...table(['PROVIDER', 'WRAPPED BY', 'STATUS', 'DATA KEYS'], dataKeys),
    '',
    ...table(['TOKEN_KEYS', 'WRAPS', 'SEALS ITSELF', ''], ring),
    '',
    orgs === 0
      ? 'No rotation was asked for yet.'
      : `Rotation: ${waiting} of ${orgs} orgs wait, ${resealing} are being sealed anew, ${retiring} wait for their old key to retire; ${resealedCells} values sealed anew, ${unopenedCells} did not open.`,
  ];
}

/** The same for programs. */
export function keysJson(facts: KeyFacts): string {
  return JSON.stringify({ dataKeys: facts.dataKeys, tokenKeys: needs(facts), rotation: facts.progress }, null, 2);
}
