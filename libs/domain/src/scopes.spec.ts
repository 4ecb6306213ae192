import { CALLER_SCOPES, isCallerScope } from './caller-scopes';
import { formatScopes, missingScopes, parseScopes, scopeChange } from './scopes';

describe('scopes as text', () => {
  it.each([
    ['a b', ['a', 'b']],
    ['a,b', ['a', 'b']],
    ['a, b ,c', ['a', 'b', 'c']],
    ['  a\n b\t', ['a', 'b']],
    ['a a,a', ['a']],
    ['', []],
    [' , ', []],
    [null, []],
    [undefined, []],
    [
      ['a ', '', 'b', 'a'],
      ['a', 'b'],
    ],
  ])('%j are %j', (text, scopes) => {
    expect(parseScopes(text)).toEqual(scopes);
  });

  it('are shown separated by spaces', () => {
    expect(formatScopes(['a', 'b'])).toBe('a b');
    expect(formatScopes([])).toBe('');
  });
});

describe('missing scopes', () => {
  it.each([
    { required: ['a', 'b'], granted: ['b', 'a', 'c'], missing: [] },
    { required: ['a', 'b'], granted: ['b'], missing: ['a'] },
    { required: ['a'], granted: [], missing: ['a'] },
    { required: ['a'], granted: ['A'], missing: ['a'] },
    { required: [], granted: [], missing: [] },
  ])('of $required with $granted granted are $missing', ({ required, granted, missing }) => {
    expect(missingScopes(required, granted)).toEqual(missing);
  });
});

describe('scopes of a newer grant', () => {
  it.each<[string, string | null, string | null | undefined, object | undefined]>([
    ['are as before', 'a b', 'a b', undefined],
    ['are as before in another order', 'a b', 'b a', undefined],
    ['are not told', 'a b', undefined, undefined],
    ['are nothing where there are none', null, null, undefined],
    ['are nothing where there were none', null, 'a', undefined],
    ['are nothing where there are none any more', 'a', null, undefined],
    ['are more', 'a', 'b a c', { added: 'b c' }],
    ['are fewer', 'a b c', 'b', { missing: 'a c' }],
    ['are none', 'a b', '', { missing: 'a b' }],
    ['are others', 'a b', 'b c', { added: 'c', missing: 'a' }],
  ])('%s', (_what, before, after, change) => {
    expect(scopeChange(before, after)).toEqual(change);
  });
});

describe('scopes of callers', () => {
  it('are those of the contract', () => {
    expect(CALLER_SCOPES).toEqual([
      'integrations:read',
      'integrations:write',
      'tokens:read',
      'audit:read',
      'operations',
    ]);
  });

  it.each(['integrations:Read', 'integrations', 'toString', ''])('%j is none', (scope) => {
    expect(isCallerScope(scope)).toBe(false);
  });
});
