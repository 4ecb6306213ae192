import { CALLER_SCOPES, isCallerScope } from './caller-scopes';
import { formatScopes, missingScopes, parseScopes } from './scopes';

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
