import type { DataKeyFacts, KeyUse } from '@hub/database';
import type { OrgId } from '@hub/domain';

/** How many values, by table and column. */
export type Places = ReadonlyMap<string, number>;

/** Data keys of the same purpose and state that the same key wraps. */
export interface KeyGroup extends Omit<DataKeyFacts, 'id'> {
  readonly keys: number;
  /** What they open together. */
  readonly opens: Places;
}

/** One data key of an org. */
export interface OrgKey extends DataKeyFacts {
  readonly orgId: OrgId;
  readonly opens: Places;
}

/** Counts what the keys of many orgs open, page by page, and keeps no more of an org than is to be shown. */
export class KeyTally {
  private readonly byGroup = new Map<string, { group: KeyGroup; opens: Map<string, number>; keys: Set<string> }>();
  private readonly bySealer = new Map<string, Map<string, number>>();
  private readonly single = new Map<string, { key: OrgKey; opens: Map<string, number> }>();

  /** @param isShown whether a data key is shown by itself, by what it is and whether it opens anything */
  constructor(private readonly isShown: (key: DataKeyFacts, opensAnything: boolean) => boolean) {}

  add({ orgId, dataKey, sealedBy, place, cells }: KeyUse): void {
    if (dataKey === null) return count(at(this.bySealer, sealedBy ?? '', newPlaces), place, cells);
    const { id, ...alike } = dataKey;
    const group = at(this.byGroup, Object.values(alike).join(' '), () => {
      const opens = newPlaces();
      return { group: { ...alike, keys: 0, opens }, opens, keys: new Set<string>() };
    });
    group.keys.add(id);
    count(group.opens, place, cells);
    if (!this.isShown(dataKey, place !== null)) return;
    const { opens } = at(this.single, id, () => {
      const places = newPlaces();
      return { key: { ...dataKey, orgId, opens: places }, opens: places };
    });
    count(opens, place, cells);
  }

  /** Data keys by who wraps them, by purpose and state. */
  groups(): KeyGroup[] {
    return [...this.byGroup.entries()]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, { group, keys }]) => ({ ...group, keys: keys.size }));
  }

  /** Values that name no data key, by the key that they name: one of `TOKEN_KEYS`, or one that is not there. */
  withoutDataKey(): ReadonlyMap<string, Places> {
    return this.bySealer;
  }

  /** Data keys that are shown by themselves. */
  shown(): OrgKey[] {
    return [...this.single.values()].map(({ key }) => key);
  }
}

/** How many values there are in all places. */
export function total(places: Places): number {
  return [...places.values()].reduce((sum, cells) => sum + cells, 0);
}

const newPlaces = (): Map<string, number> => new Map<string, number>();

function count(places: Map<string, number>, place: string | null, cells: number): void {
  if (place !== null) places.set(place, (places.get(place) ?? 0) + cells);
}

function at<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
