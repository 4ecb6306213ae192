/** What a caller of the hub may be allowed to do (contract §2); its bearer token names them in `scope`. */
export const CALLER_SCOPES = [
  'integrations:read',
  'integrations:write',
  'tokens:read',
  'audit:read',
  'operations',
] as const;

export type CallerScope = (typeof CALLER_SCOPES)[number];

/** True for a scope that the hub knows. */
export function isCallerScope(scope: string): scope is CallerScope {
  return (CALLER_SCOPES as readonly string[]).includes(scope);
}
