import { jwtVerify } from 'jose';
import { hub } from '../../../../test/support/command-line';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const ORG = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';
const environment = { AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: 'https://issuer.example', AUTH_AUDIENCE: 'hub' };
const args = ['token', '--org', ORG, '--sub', 'ada', '--scope', 'integrations:read operations'];

const verified = (token: string) =>
  jwtVerify(token.trim(), new TextEncoder().encode(SECRET), {
    issuer: 'https://issuer.example',
    audience: 'hub',
    algorithms: ['HS256'],
  });

describe('hub token', () => {
  it('prints a token that the gateway accepts, and nothing else', async () => {
    const { exitCode, out, err } = await hub([...args, '--ttl', '12h'], environment);
    expect([exitCode, err]).toEqual([0, '']);
    expect(out.trim().split('\n')).toHaveLength(1);
    const { payload } = await verified(out);
    expect(payload).toMatchObject({ sub: 'ada', org_id: ORG, scope: 'integrations:read operations' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(12 * 3600);
    expect(Math.abs((payload.iat ?? 0) - Date.now() / 1000)).toBeLessThan(5);
  });

  it('is valid for an hour unless told otherwise', async () => {
    const { payload } = await verified((await hub(args, environment)).out);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  it.each([
    ['app_metadata.org_id', { app_metadata: { org_id: ORG } }],
    ['https://example', { 'https://example': ORG }],
    ['a.b.c', { a: { b: { c: ORG } } }],
  ])('names the org where AUTH_ORG_CLAIM=%s says', async (AUTH_ORG_CLAIM, claims) => {
    const { payload } = await verified((await hub(args, { ...environment, AUTH_ORG_CLAIM })).out);
    expect(payload).toMatchObject(claims);
    expect(payload).not.toHaveProperty('org_id');
  });

  it('takes the org in capitals, and keeps it in the one spelling', async () => {
    const capitals = args.map((argument) => (argument === ORG ? ORG.toUpperCase() : argument));
    const { payload } = await verified((await hub(capitals, environment)).out);
    expect(payload.org_id).toBe(ORG);
  });

  it.each([
    ['no option at all', ['token'], /--org/],
    ['no user', ['token', '--org', ORG, '--scope', 'operations'], /--sub/],
    ['an org that is none', [...args, '--org', 'acme'], /An org is a UUID/],
    ['the system’s own org', [...args, '--org', '00000000-0000-0000-0000-000000000000'], /An org is a UUID/],
    ['an empty user', [...args, '--sub', ' '], /empty/],
    [
      'an unknown scope',
      [...args, '--scope', 'operations tokens:write'],
      /Unknown: tokens:write\. The scopes are integrations:read,/,
    ],
    ['no scope', [...args, '--scope', ''], /There is no scope/],
    ['a time that is none', [...args, '--ttl', 'soon'], /A duration is such as 30s/],
    ['no time at all', [...args, '--ttl', '0s'], /A duration is such as 30s/],
    ['a time too short for a token', [...args, '--ttl', '999ms'], /A duration is such as 30s/],
    ['an option that is not known', [...args, '--role', 'admin'], /unknown option '--role'/],
    ['an argument too many', [...args, 'now'], /too many arguments/],
  ])('refuses %s as wrong usage, on stderr', async (_what, wrong, words) => {
    const { exitCode, out, err } = await hub(wrong, environment);
    expect([exitCode, out]).toEqual([2, '']);
    expect(err).toMatch(words);
  });

  it('tells every mistake of the settings at once, without the secret', async () => {
    const { exitCode, out, err } = await hub(args, { AUTH_JWT_SECRET: 'canary' });
    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toMatch(/AUTH_JWT_SECRET is too short/);
    expect(err).toMatch(/AUTH_ISSUER is missing/);
    expect(err).toMatch(/AUTH_AUDIENCE is missing/);
    expect(err).not.toContain('canary');
  });

  it('says that it cannot sign where only foreign keys verify', async () => {
    const { exitCode, err } = await hub(args, {
      ...environment,
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: 'https://keys.example',
    });
    expect(exitCode).toBe(1);
    expect(err).toMatch(/AUTH_JWT_SECRET is missing/);
  });
});

describe('the command line', () => {
  it('shows its help when asked, as an answer', async () => {
    const { exitCode, out } = await hub(['--help'], {});
    expect(exitCode).toBe(0);
    for (const command of ['token', 'integrations', 'refresh', 'dead-letters', 'doctor'])
      expect(out).toContain(command);
  });

  it.each([
    [['help']],
    [['help', 'token']],
    [['token', '--help']],
    [['integrations', '--help']],
    [['dead-letters', '--help']],
  ])('shows help for %j', async (wanted) => expect((await hub(wanted, {})).exitCode).toBe(0));

  it.each([[[]], [['tokn']], [['integrations']], [['integrations', 'lst']], [['dead-letters']], [['--verbose']]])(
    'takes %j for wrong usage',
    async (wrong) => {
      const { exitCode, out, err } = await hub(wrong, {});
      expect([exitCode, out]).toEqual([2, '']);
      expect(err).not.toBe('');
    },
  );
});
