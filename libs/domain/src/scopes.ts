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
