/** A list of scopes from text, without empties and doubles; providers separate them by spaces, commas or both. */
export function parseScopes(text: string | readonly string[] | null | undefined): string[] {
  if (text === null || text === undefined) return [];
  const items = typeof text === 'string' ? text.split(/[\s,]/) : text.map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

/** Scopes as the contract shows them: space separated. */
export function formatScopes(scopes: readonly string[]): string {
  return scopes.join(' ');
}

/** The required scopes that were not granted, once both lists are normalised by the provider's own rules. */
export function missingScopes(required: readonly string[], granted: readonly string[]): string[] {
  const have = new Set(granted);
  return required.filter((scope) => !have.has(scope));
}

/** How a grant's scopes differ from those before it, space separated; a side without any is left out. */
export interface ScopeChange {
  readonly added?: string;
  readonly missing?: string;
}

/**
 * What a newer grant of the same credential has changed, both being normalised by the provider's own rules.
 *
 * @param before as stored; `null`: the provider has none
 * @param after  as granted anew; `undefined`: the answer does not say, so that all stays (RFC 6749 §6)
 * @returns `undefined` if nothing has changed; the order is no change
 */
export function scopeChange(before: string | null, after: string | null | undefined): ScopeChange | undefined {
  if (before === null || after === null || after === undefined) return undefined;
  const [had, have] = [parseScopes(before), parseScopes(after)];
  const added = missingScopes(have, had);
  const missing = missingScopes(had, have);
  if (added.length === 0 && missing.length === 0) return undefined;
  return {
    ...(added.length > 0 && { added: formatScopes(added) }),
    ...(missing.length > 0 && { missing: formatScopes(missing) }),
  };
}
