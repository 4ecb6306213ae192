import { CALLER_SCOPES } from './caller-scopes';
import { consoleScopes, isForeignTo } from './console-session';
import type { OrgId } from './ids';

describe('a session of the console', () => {
  it('may do what its caller may, in whatever order, but never read tokens', () => {
    expect(consoleScopes(new Set(CALLER_SCOPES))).toEqual(CALLER_SCOPES.filter((scope) => scope !== 'tokens:read'));
    expect(consoleScopes(new Set(['tokens:read', 'integrations:write']))).toEqual(['integrations:write']);
    expect(consoleScopes(new Set(['tokens:read']))).toEqual([]);
  });

  const org = 'b0c1' as OrgId;
  const ada = { signIn: 'link', orgId: org, sub: 'ada' } as const;

  it.each([
    [{ orgId: org, startedBy: 'ada' }, false],
    [{ orgId: org, startedBy: 'bob' }, true],
    [{ orgId: 'a0' as OrgId, startedBy: 'ada' }, true],
    [{ orgId: 'a0' as OrgId, startedBy: 'bob' }, true],
  ])('is foreign to %j: %s', (flow, isForeign) => {
    expect(isForeignTo(ada, flow)).toBe(isForeign);
    // nobody has said who sits there
    expect(isForeignTo({ ...ada, signIn: 'local' }, flow)).toBe(false);
  });
});
