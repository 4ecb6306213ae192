import type { RefusedKey, RotationProgress } from '@hub/database';
import { table, time } from '../table';
import { total, type KeyTally, type Places } from './key-tally';

/** What is known of the keys; never a key. */
export interface KeyFacts {
  readonly tally: KeyTally;
  /** Data keys that did not unwrap when a rotation tried. */
  readonly refused: readonly RefusedKey[];
  readonly progress: RotationProgress;
  /** Ids of `TOKEN_KEYS`, in their order. */
  readonly tokenKeys: readonly string[];
}

/** What still stands on a key of `TOKEN_KEYS`. */
interface Need {
  readonly id: string;
  readonly dataKeys: number;
  /** How many values it opens by itself, as an earlier release has sealed them, and where. */
  readonly values: number;
  readonly places: Places;
  /** The first one wraps what is to come, whatever stands on it now. */
  readonly isNeeded: boolean;
}

/** Lines of single keys for a person; all of them are in the JSON. */
const MOST_SHOWN = 20;

function needs({ tally, tokenKeys }: KeyFacts): Need[] {
  return tokenKeys.map((id, order) => {
    const dataKeys = tally
      .groups()
      .filter((group) => group.keyProvider === 'local' && group.wrappingKeyId === id && group.status !== 'shredded')
      .reduce((sum, { keys }) => sum + keys, 0);
    const places = tally.withoutDataKey().get(id) ?? new Map<string, number>();
    const values = total(places);
    return { id, dataKeys, values, places, isNeeded: order === 0 || dataKeys + values > 0 };
  });
}

/** Keys that values name and nobody has: these values open no more. */
function missing({ tally, tokenKeys }: KeyFacts): [string, Places][] {
  return [...tally.withoutDataKey()].filter(([id]) => !tokenKeys.includes(id));
}

/** The keys for a person. */
export function keyLines(facts: KeyFacts): string[] {
  const groups = facts.tally
    .groups()
    .map(({ keyProvider, wrappingKeyId, purpose, status, keys, opens }) => [
      keyProvider,
      wrappingKeyId,
      purpose,
      status,
      String(keys),
      String(total(opens)),
      placesText(opens),
    ]);
  const ring = needs(facts).map((need) => [
    need.id,
    String(need.dataKeys),
    String(need.values),
    need.isNeeded ? 'needed' : 'nothing needs it: it may go once SPOOL_KEEP and your backups have passed',
    placesText(need.places),
  ]);
  return [
    ...table(['PROVIDER', 'WRAPPED BY', 'FOR', 'STATUS', 'DATA KEYS', 'OPEN', 'IN'], groups),
    '',
    ...table(['TOKEN_KEYS', 'WRAPS', 'SEALS ITSELF', '', 'IN'], ring),
    '',
    ...singleKeyLines(facts),
    ...missingLines(facts),
    ...refusedLines(facts),
    progressLine(facts.progress),
  ];
}

function singleKeyLines({ tally }: KeyFacts): string[] {
  const shown = tally.shown();
  if (shown.length === 0) return [];
  const rows = shown
    .slice(0, MOST_SHOWN)
    .map(({ orgId, id, purpose, status, opens }) => [
      orgId,
      id,
      purpose,
      status,
      String(total(opens)),
      placesText(opens),
    ]);
  const more = shown.length - rows.length;
  return [
    ...table(['ORG', 'DATA KEY', 'FOR', 'STATUS', 'OPENS', 'IN'], rows),
    ...(more > 0 ? [`and ${more} more: --json has all of them`] : []),
    '',
  ];
}

function missingLines(facts: KeyFacts): string[] {
  const all = missing(facts);
  const lines = all.slice(0, MOST_SHOWN).map(([id, places]) => {
    const what = id === '' ? 'Values are not sealed' : `Values name the key ${id}, which is not here`;
    return `✗ ${what}: ${placesText(places)}`;
  });
  return all.length > MOST_SHOWN ? [...lines, `and ${all.length - MOST_SHOWN} more: --json has all of them`] : lines;
}

function refusedLines({ refused, progress }: KeyFacts): string[] {
  const lines = refused
    .slice(0, MOST_SHOWN)
    .map(
      ({ orgId, id, purpose, status, keyProvider, wrappingKeyId, refusedAt }) =>
        `✗ ${keyProvider} has refused to unwrap ${orgId} ${id} (${purpose}, ${status}) with ${wrappingKeyId} since ${time(refusedAt)}`,
    );
  return progress.refusedKeys > lines.length
    ? [...lines, `and ${progress.refusedKeys - lines.length} more: --json has them`]
    : lines;
}

function progressLine({
  orgs,
  waiting,
  resealing,
  retiring,
  rewrappedKeys,
  resealedCells,
  unopenedCells,
  refusedKeys,
}: RotationProgress): string {
  if (orgs === 0) return 'No rotation was asked for yet.';
  return `Rotation: ${waiting} of ${orgs} orgs wait, ${resealing} are being sealed anew, ${retiring} wait for their old key to retire; ${rewrappedKeys} data keys wrapped anew, ${resealedCells} values sealed anew, ${unopenedCells} did not open, ${refusedKeys} data keys did not unwrap.`;
}

/** Where values lie, for a person: `integrations.access_token 3, integrations.refresh_token 2`. */
export function placesText(places: Places): string {
  return [...places]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([place, cells]) => `${place} ${cells}`)
    .join(', ');
}

/** The same for programs. */
export function keysJson(facts: KeyFacts): string {
  const plain = Object.fromEntries<number>;
  return JSON.stringify(
    {
      dataKeys: facts.tally.groups().map((group) => ({ ...group, opens: plain(group.opens) })),
      singleKeys: facts.tally.shown().map((key) => ({ ...key, opens: plain(key.opens) })),
      tokenKeys: needs(facts).map((need) => ({ ...need, places: plain(need.places) })),
      missingKeys: missing(facts).map(([id, places]) => ({ id, places: plain(places) })),
      refusedKeys: facts.refused,
      rotation: facts.progress,
    },
    null,
    2,
  );
}
