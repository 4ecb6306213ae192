import fs from 'node:fs';
import path from 'node:path';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface Environment {
  readDotEnv(file: string): Record<string, string>;
  setting(environment: Record<string, string>, name: string): string | undefined;
  isGiven(environment: Record<string, string>, name: string): boolean;
  plainEnvironment(): Record<string, string>;
}

const folder = temporaryFolder();
let environment: Environment;
beforeAll(async () => {
  environment = await launcher('environment');
});

describe('.env', () => {
  const read = (text: string) => {
    const file = path.join(folder(), '.env');
    fs.writeFileSync(file, text);
    return environment.readDotEnv(file);
  };

  it.each([
    ['A=1', { A: '1' }],
    ['A = spaced out  ', { A: 'spaced out' }],
    ['export A=1', { A: '1' }],
    ['A="two words" # said why', { A: 'two words' }],
    ["A='$literal #1'", { A: '$literal #1' }],
    ['A="line\\nbreak \\"quoted\\""', { A: 'line\nbreak "quoted"' }],
    ['A=value # a comment', { A: 'value' }],
    ['A=https://a.example/#part', { A: 'https://a.example/#part' }],
    ['A=k1:aGVsbG8=,k2:d29ybGQ=', { A: 'k1:aGVsbG8=,k2:d29ybGQ=' }],
    ['A=', { A: '' }],
    ['# A=1\n\nB=2\r\nC=3', { B: '2', C: '3' }],
  ])('reads %j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('is empty where there is none', () => {
    expect(environment.readDotEnv(path.join(folder(), 'absent'))).toEqual({});
  });
});

describe('a setting', () => {
  it('is the content of the file that NAME_FILE names, unless there is a value', () => {
    const file = path.join(folder(), 'secret');
    fs.writeFileSync(file, 'from-file\n');
    expect(environment.setting({ TOKEN_FILE: file }, 'TOKEN')).toBe('from-file');
    expect(environment.setting({ TOKEN_FILE: file, TOKEN: 'value' }, 'TOKEN')).toBe('value');
    expect(environment.setting({}, 'TOKEN')).toBeUndefined();
    expect(environment.isGiven({ TOKEN_FILE: file }, 'TOKEN')).toBe(true);
  });

  it('refuses a file that cannot be read, by name', () => {
    expect(() => environment.setting({ TOKEN_FILE: '/nowhere/at/all' }, 'TOKEN')).toThrow(
      'TOKEN_FILE names /nowhere/at/all, which cannot be read (ENOENT)',
    );
  });
});

it('gives tests what programs need and no setting of the hub', () => {
  const before = { ...process.env };
  Object.assign(process.env, { DATABASE_URL: 'postgres://x/y', HUB_DATA_DIR: '/x', PORT: '1', npm_config_cache: '/c' });
  try {
    const plain = environment.plainEnvironment();
    expect(plain).toMatchObject({ PATH: process.env.PATH, npm_config_cache: '/c' });
    for (const name of ['DATABASE_URL', 'HUB_DATA_DIR', 'PORT']) expect(plain).not.toHaveProperty(name);
  } finally {
    process.env = before;
  }
});
