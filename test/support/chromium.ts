import { execFile } from 'node:child_process';
import path from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const FETCH_WITHIN_MS = 180_000;
/** Long enough for a browser to be unpacked, and its libraries to be fetched, before the first test. */
export const BROWSER_WITHIN_MS = FETCH_WITHIN_MS + 60_000;

/** A browser that can be run here, as deploy/local/find-chromium.mjs tells of it. */
interface ChromiumProgram {
  readonly command: string;
  readonly version: string;
  /** Folders of its libraries; empty where the system has them. */
  readonly libraries: string;
  /** Fontconfig's file for it, where it brings fonts along. */
  readonly fonts?: string;
}

/**
 * Starts the browser that is found here, without a window. Root has no sandbox of Chromium's own, everybody else does.
 *
 * @throws {Error} naming what to do where there is none: pages that nobody looks at are not left out in silence
 */
export async function launchChromium(): Promise<Browser> {
  const { command, version, libraries, fonts } = await findChromium();
  const isRoot = process.getuid?.() === 0;
  try {
    return await chromium.launch({
      executablePath: command,
      chromiumSandbox: !isRoot,
      args: ['--disable-gpu', '--font-render-hinting=none'],
      env: {
        ...plain(),
        ...(libraries !== '' && { LD_LIBRARY_PATH: libraries }),
        ...(fonts !== undefined && { FONTCONFIG_FILE: fonts }),
      },
    });
  } catch (cause) {
    throw new Error(
      `The browser does not start: ${command}, version ${version}. ` +
        (/no usable sandbox/i.test(String(cause))
          ? 'Its sandbox needs namespaces that this system keeps from users: allow them ' +
            '(kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu), or name another browser by CHROMIUM_PATH.'
          : 'Name another one by CHROMIUM_PATH.'),
      { cause },
    );
  }
}

async function findChromium(): Promise<ChromiumProgram> {
  const script = path.join(process.cwd(), 'deploy/local/find-chromium.mjs');
  const found = await new Promise<ChromiumProgram | { reason: string }>((resolve) => {
    execFile(process.execPath, [script], { timeout: FETCH_WITHIN_MS }, (error, stdout, stderr) => {
      if (error) resolve({ reason: `the look for one failed: ${stderr || error.message}` });
      else resolve(JSON.parse(stdout) as ChromiumProgram | { reason: string });
    });
  });
  if ('reason' in found)
    throw new Error(
      `The pages cannot be tested without a browser: ${found.reason}. ` +
        'Install Chrome or Chromium (Debian: apt-get install chromium), or name one by CHROMIUM_PATH.',
    );
  return found;
}

/** What a browser needs of ours: no proxy, as everything that it opens is on this machine. */
function plain(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
