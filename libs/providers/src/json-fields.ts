/** A JSON object of unknown content. Read it by `field`, which sees own members only: `__proto__` and its kin find nothing. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value as a JSON object; `undefined` for arrays, `null` and everything else. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** The value as a list; an empty one where it is none. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The member at a path of names, `undefined` as soon as one step is missing. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    const object = asObject(current);
    if (object === undefined || !Object.hasOwn(object, name)) return undefined;
    current = object[name];
  }
  return current;
}

/** The text at a path of names; `undefined` where there is none or it is empty. */
export function textField(value: unknown, ...path: readonly string[]): string | undefined {
  const text = field(value, ...path);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

const LONGEST_LABEL = 256;

/** Text for people: as `textField`, cut to a length that fits a page and a row. */
export function labelField(value: unknown, ...path: readonly string[]): string | undefined {
  return textField(value, ...path)?.slice(0, LONGEST_LABEL);
}

/** An account's id as providers make them: short visible ASCII; `undefined` for anything else. */
export function idField(value: unknown, ...path: readonly string[]): string | undefined {
  const text = textField(value, ...path);
  return text !== undefined && /^[\x21-\x7e]{1,256}$/.test(text) ? text : undefined;
}

/** The finite number at a path of names, digits in a string included (Google writes int64 so). */
export function numberField(value: unknown, ...path: readonly string[]): number | undefined {
  const found = field(value, ...path);
  if (typeof found === 'string' && /^\d{1,19}$/.test(found)) return Number(found);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}
