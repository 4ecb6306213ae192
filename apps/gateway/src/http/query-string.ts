/** A query's parameters, each with all its values in their order. */
export type QueryParameters = ReadonlyMap<string, readonly string[]>;

/** Reads a query decoded once, doubles kept apart, so that a doubled parameter is seen instead of guessed. @param url path and query */
export function parseQuery(url: string): QueryParameters {
  const start = url.indexOf('?');
  const parameters = new Map<string, string[]>();
  if (start < 0) return parameters;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    const values = parameters.get(name);
    if (values) values.push(value);
    else parameters.set(name, [value]);
  }
  return parameters;
}

/** Names that come more than once. */
export function doubledNames(parameters: QueryParameters): string[] {
  return [...parameters].filter(([, values]) => values.length > 1).map(([name]) => name);
}

/** The parameters as a plain object, the first value of each; made without a prototype, so that no name is special. */
export function singleValues(parameters: QueryParameters): Record<string, string> {
  const single: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, values] of parameters) single[name] = values[0] ?? '';
  return single;
}
