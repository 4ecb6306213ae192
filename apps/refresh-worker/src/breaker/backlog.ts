/** The part of due work that tells how much it hurries. */
export interface Waiting {
  /** Milliseconds that the access token still lives; `null` where no end is known. */
  readonly lifeLeftMs: number | null;
}

/**
 * Those who waited behind a breaker, in the order in which they are served: whose token still lives first, by the nearest
 * end; then whose token is over, since each moment counts for them but nothing can be saved; last where no end is known.
 */
export function inOrderOfNeed<T extends Waiting>(waiting: readonly T[]): T[] {
  return [...waiting].sort((one, other) => need(one) - need(other) || lifeOf(one) - lifeOf(other));
}

function need({ lifeLeftMs }: Waiting): number {
  if (lifeLeftMs === null) return 2;
  return lifeLeftMs > 0 ? 0 : 1;
}

function lifeOf({ lifeLeftMs }: Waiting): number {
  return lifeLeftMs ?? 0;
}
