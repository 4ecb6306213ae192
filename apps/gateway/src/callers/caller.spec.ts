import { actorOf, callerOfClaims } from './caller';

const ORG = '9f1c2a34-0000-4000-8000-00000000000a';

function callerOf(claims: Record<string, unknown>, path: readonly string[] = ['org_id']) {
  return callerOfClaims({ sub: 'ada', org_id: ORG, scope: 'tokens:read', ...claims }, path);
}

describe('the caller behind verified claims', () => {
  it('is org, subject and known scopes', () => {
    const caller = callerOf({ scope: 'tokens:read audit:read root  integrations:write' });
    expect(caller).toMatchObject({ orgId: ORG, sub: 'ada' });
    expect([...(caller?.scopes ?? [])].sort()).toEqual(['audit:read', 'integrations:write', 'tokens:read']);
  });

  it.each(['żółw@例.example', 'auth0|5f7c8', '👩🏽‍🚀', 'Ada Lovelace'])('may be called %s', (sub) => {
    expect(callerOf({ sub })?.sub).toBe(sub);
  });

  it('has an org in lower case', () => {
    expect(callerOf({ org_id: ORG.toUpperCase() })?.orgId).toBe(ORG);
  });

  it.each([
    ['no org', { org_id: undefined }],
    ['an org that is no UUID', { org_id: 'acme' }],
    ['an org that is no text', { org_id: [ORG] }],
    ["the system's org", { org_id: '00000000-0000-0000-0000-000000000000' }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that is no text', { sub: 7 }],
    ['an endless subject', { sub: 'x'.repeat(256) }],
    ['a NUL in its subject', { sub: 'a\0b' }],
    ['a line break in its subject', { sub: 'a\nb' }],
    ['a separator of lines in its subject', { sub: 'a\u2028b' }],
    ['a control character of the second kind in its subject', { sub: 'a\u0085b' }],
    ['half of a character in its subject', { sub: 'a\ud800b' }],
    ['a subject that turns its direction', { sub: 'a\u202eb' }],
  ])('is nobody with %s', (_what, claims) => {
    expect(callerOf(claims)).toBeUndefined();
  });

  it.each([
    ['no scope', { scope: undefined }],
    ['a list of scopes', { scope: ['tokens:read'] }],
    ['part of a scope', { scope: 'tokens' }],
    ['scopes divided by commas', { scope: 'tokens:read,audit:read' }],
  ])('may do nothing with %s', (_what, claims) => {
    expect(callerOf(claims)?.scopes.size).toBe(0);
  });

  it('may have the org in another place', () => {
    const claims = { org_id: undefined, app_metadata: { org_id: ORG } };
    expect(callerOf(claims, ['app_metadata', 'org_id'])?.orgId).toBe(ORG);
    expect(callerOf(claims)).toBeUndefined();
    expect(callerOf({ app_metadata: null }, ['app_metadata', 'org_id'])).toBeUndefined();
    expect(callerOf({ app_metadata: ORG }, ['app_metadata', 'org_id'])).toBeUndefined();
  });

  it.each([
    ['what its token says', 1_800_000_000, new Date('2027-01-15T08:00:00.000Z')],
    ['nothing, for a token that says none', undefined, null],
    ['nothing, for an end that no date can be', 1e300, null],
    ['nothing, for an end that is no number', '1800000000', null],
  ])('ends with %s', (_what, exp, expiresAt) => {
    expect(callerOf({ exp })?.expiresAt).toEqual(expiresAt);
  });

  it('is never found in what every object inherits', () => {
    expect(callerOf({}, ['constructor', 'name'])).toBeUndefined();
  });

  it('is a user in the trail', () => {
    expect(actorOf({ sub: 'ada' })).toEqual({ type: 'user', id: 'ada' });
  });
});
