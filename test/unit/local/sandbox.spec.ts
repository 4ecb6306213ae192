import fs from 'node:fs';
import path from 'node:path';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface Sandbox {
  sandboxSettings(
    given: Record<string, string>,
    sandbox: object,
    dataDir: string,
  ): { environment: Record<string, string>; real: string[] };
}

const SANDBOX = {
  endpoints: {
    alpha: { tokenUrl: 'http://localhost:4000/alpha/token' },
    beta_drive: { tokenUrl: 'http://localhost:4000/beta/token' },
    hooks: { apiBaseUrl: 'http://localhost:4000/hooks' },
  },
  credentials: { ALPHA_CLIENT_ID: 'a', ALPHA_CLIENT_SECRET: 'as', BETA_CLIENT_ID: 'b', BETA_CLIENT_SECRET: 'bs' },
  providers: [
    { id: 'alpha', prefix: 'ALPHA' },
    { id: 'beta_drive', prefix: 'BETA' },
    { id: 'hooks', prefix: null },
  ],
};
const folder = temporaryFolder();
let sandboxSettings: Sandbox['sandboxSettings'];
beforeAll(async () => {
  ({ sandboxSettings } = await launcher<Sandbox>('sandbox'));
});

const settle = (given: Record<string, string>) => {
  const { environment, real } = sandboxSettings(given, SANDBOX, folder());
  const file = environment.PROVIDER_ENDPOINTS_FILE;
  const endpoints = file ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>) : undefined;
  return { environment, real, pointedAtSandbox: endpoints && Object.keys(endpoints) };
};

it('plays every provider that nobody gave credentials for', () => {
  const { environment, real, pointedAtSandbox } = settle({});
  expect(pointedAtSandbox).toEqual(['alpha', 'beta_drive', 'hooks']);
  expect(environment).toMatchObject({ ...SANDBOX.credentials, OUTBOUND_ALLOW_PRIVATE: 'true' });
  expect(real).toEqual([]);
});

it.each(['BETA_CLIENT_ID', 'BETA_CLIENT_ID_FILE', 'BETA_CLIENT_SECRET'])(
  'leaves a provider alone whose credentials come from outside, here as %s',
  (name) => {
    const { environment, real, pointedAtSandbox } = settle({ [name]: 'real' });
    expect(pointedAtSandbox).toEqual(['alpha', 'hooks']);
    expect(real).toEqual(['beta_drive']);
    expect(environment).toMatchObject({ ALPHA_CLIENT_ID: 'a' });
    expect(environment).not.toHaveProperty('BETA_CLIENT_ID');
    expect(environment).not.toHaveProperty('BETA_CLIENT_SECRET');
  },
);

describe('with an endpoints file from outside', () => {
  const fileWith = (content: string) => {
    const file = path.join(folder(), 'given.json');
    fs.writeFileSync(file, content);
    return { PROVIDER_ENDPOINTS_FILE: file };
  };
  const givenFile = (tokenUrl: string) => fileWith(JSON.stringify({ alpha: { tokenUrl } }));

  it('writes none of its own, and lends credentials to those alone that the file names', () => {
    const { environment, real } = settle(givenFile('https://egress.example/token'));
    expect(environment).toEqual({ ALPHA_CLIENT_ID: 'a', ALPHA_CLIENT_SECRET: 'as' });
    expect(real).toEqual([]);
  });

  it('lends none to a provider that has its own', () => {
    const { environment, real } = settle({ ...givenFile('https://egress.example/token'), ALPHA_CLIENT_ID: 'own' });
    expect(environment).toEqual({});
    expect(real).toEqual(['alpha']);
  });

  it.each(['no JSON', 'null', '[]', '{}'])('lends none by a file that holds %s', (content) => {
    expect(settle(fileWith(content)).environment).toEqual({});
  });

  it('allows loopback when the file names it, unless that was decided', () => {
    const given = givenFile('http://127.0.0.1:9/token');
    expect(settle(given).environment.OUTBOUND_ALLOW_PRIVATE).toBe('true');
    expect(settle({ ...given, OUTBOUND_ALLOW_PRIVATE: 'false' }).environment).not.toHaveProperty(
      'OUTBOUND_ALLOW_PRIVATE',
    );
  });
});
