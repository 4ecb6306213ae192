/** A value of type `T` that only its own parser or maker may produce, so that two kinds of id cannot be mixed. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** The tenant, a UUID in lower case. */
export type OrgId = Brand<string, 'OrgId'>;
/** One org's link to one provider, a UUID in lower case. */
export type IntegrationId = Brand<string, 'IntegrationId'>;
/** A provider's name in the catalog, such as the `id` of its definition. */
export type ProviderId = Brand<string, 'ProviderId'>;
/** One connect from its start to its callback, a UUID in lower case. */
export type FlowId = Brand<string, 'FlowId'>;

/** Text that only the token vault can open. */
export type Sealed = Brand<string, 'Sealed'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The org that owns events which belong to no tenant, such as a callback with an unknown state. No caller can be it. */
export const SYSTEM_ORG = '00000000-0000-0000-0000-000000000000' as OrgId;

/** True if `text` is a UUID in the usual notation, whatever its version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** An org's id from text, lower-cased; `undefined` if it is no UUID or the system's own. */
export function parseOrgId(text: unknown): OrgId | undefined {
  if (typeof text !== 'string' || !isUuid(text)) return undefined;
  const id = text.toLowerCase();
  return id === SYSTEM_ORG ? undefined : (id as OrgId);
}
