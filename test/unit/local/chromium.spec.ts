import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '../../support/temporary-folder';

const folder = temporaryFolder();

/** A program that says a version as browsers do. */
function aBrowser(name: string, version: string): string {
  const file = path.join(folder(), name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\necho "Chromium ${version} built on Test"\n`, { mode: 0o755 });
  return file;
}

/** What deploy/local/find-chromium.mjs answers where PATH and CHROMIUM_PATH are these. */
function find(environment: { PATH: string; CHROMIUM_PATH?: string }): Promise<Record<string, unknown>> {
  const script = path.join(process.cwd(), 'deploy/local/find-chromium.mjs');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script], { env: environment }, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr, { cause: error }));
      else resolve(JSON.parse(stdout) as Record<string, unknown>);
    });
  });
}

describe('the browser for tests', () => {
  it('is one that PATH leads to', async () => {
    const command = aBrowser('on-path/chromium', '150.1.2.3');
    expect(await find({ PATH: path.dirname(command) })).toEqual({ command, version: '150.1.2.3', libraries: '' });
  });

  it('is the one that CHROMIUM_PATH names, before any on PATH', async () => {
    const PATH = path.dirname(aBrowser('on-path/chromium', '150.1.2.3'));
    const named = aBrowser('named/my-browser', '151.0.0.1');
    expect(await find({ PATH, CHROMIUM_PATH: named })).toMatchObject({ command: named, version: '151.0.0.1' });
  });

  it.each([
    ['nothing', () => path.join(folder(), 'nowhere'), 'ENOENT'],
    ['what is no browser', () => '/bin/ls', 'does not run as a browser'],
  ])('is refused, and no other taken, where CHROMIUM_PATH names %s', async (_what, named, words) => {
    const PATH = path.dirname(aBrowser('on-path/chromium', '150.1.2.3'));
    const { reason } = await find({ PATH, CHROMIUM_PATH: named() });
    expect(reason).toMatch(/^CHROMIUM_PATH names /);
    expect(reason).toContain(words);
  });
});
