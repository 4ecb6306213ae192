import { ProviderRegistry, type ProviderDefinition } from '@hub/providers';
import { graceMsOf, mannerOf, type RefreshManner } from './refresh-manner';

const END = new Date('2026-11-22T13:00:00Z');
const endless = { expiresAt: null, refreshExpiresAt: null };

/** A definition of this refresh mode, whoever's it is. */
function definitionOf(mode: ProviderDefinition['refresh']['mode']): ProviderDefinition {
  const found = new ProviderRegistry({}).all().find(({ definition }) => definition.refresh.mode === mode);
  if (!found) throw new Error(`no provider is ${mode}`);
  return found.definition;
}

it.each<[string, ProviderDefinition['refresh']['mode'], object, boolean, RefreshManner]>([
  ['a token with an end is renewed', 'proactive', { expiresAt: END, refreshExpiresAt: null }, true, 'ask'],
  ['a token with an end and nothing to renew it by is probed', 'proactive', { expiresAt: END }, false, 'probe'],
  ['a token without an end is probed', 'reactive', endless, true, 'probe'],
  ['a token without an end and without a refresh token is probed', 'reactive', endless, false, 'probe'],
  ['an end that is announced all the same is kept', 'reactive', { ...endless, expiresAt: END }, true, 'ask'],
  ['a refresh token that dies unused is used', 'reactive', { ...endless, refreshExpiresAt: END }, true, 'ask'],
  ['a credential that is no token is rechecked', 'recheck', endless, false, 'recheck'],
])('%s', (_sentence, mode, ends, hasRefreshToken, manner) => {
  expect(mannerOf(definitionOf(mode), { ...endless, ...ends }, hasRefreshToken)).toBe(manner);
});

it.each([
  ['grace:30', 30_000],
  ['grace:0', 0],
  ['none', null],
  ['probe', null],
  ['idempotent', null],
  ['nonRotating', null],
] as const)('a provider of the manner %s takes a spent token for %j ms', (retry, ms) => {
  expect(graceMsOf(retry)).toBe(ms);
});
