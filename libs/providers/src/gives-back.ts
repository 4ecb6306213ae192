import type { ProviderDefinition } from './provider-definition';

/** Whether the end of an integration has something to give back: an app is removed at its provider only on explicit wish. */
export function givesBack(definition: ProviderDefinition, uninstall: boolean): boolean {
  if (definition.authMode === 'webhook_url') return false;
  const { manner } = definition.revoke;
  return manner === 'uninstall' ? uninstall : manner !== 'none';
}
