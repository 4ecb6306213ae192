import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { plainEnvironment } from './environment.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { run } from './run.mjs';

/** The page people see: its folder, relative to the root. */
export const CONSOLE = path.join('apps', 'console');

const KEPT = '.cache/console-build';
const FINGERPRINT = 'fingerprint';

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);

/**
 * Puts the built console into a folder: its page and assets, each also as `.br` and `.gz`, as the gateway sends them. What
 * was built from the same sources before is taken as it is, so that work on the hub never waits for Vite.
 * @param {{ into: string, fingerprint: string, say: (line: string) => void }} options fingerprint: of all that it is made of
 */
export async function buildConsole({ into, fingerprint, say }) {
  if (!isKept(fingerprint)) {
    say('Building the console.');
    fs.rmSync(inRoot(KEPT), { recursive: true, force: true });
    await runVite(inRoot(KEPT, 'files'));
    await compressAll(inRoot(KEPT, 'files'));
    fs.writeFileSync(inRoot(KEPT, FINGERPRINT), fingerprint); // last: a build that broke off is none
  }
  fs.cpSync(inRoot(KEPT, 'files'), into, { recursive: true });
}

function isKept(fingerprint) {
  const file = inRoot(KEPT, FINGERPRINT);
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === fingerprint;
}

async function runVite(outDir) {
  const vite = inRoot('node_modules/vite/bin/vite.js');
  const args = [vite, 'build', inRoot(CONSOLE), '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'];
  const answer = await run(process.execPath, args, { env: { ...plainEnvironment(), NODE_ENV: 'production' } });
  if (!answer.ok) throw new Refusal(`${answer.stdout}${answer.stderr}\nThe build failed: mend what Vite names above.`);
}

/** As small as it gets, since it is done once and sent often. */
async function compressAll(folder) {
  const files = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  await Promise.all(
    files.map(async (file) => {
      const content = fs.readFileSync(file);
      fs.writeFileSync(`${file}.br`, await brotli(content));
      fs.writeFileSync(`${file}.gz`, await gzip(content, { level: 9 }));
    }),
  );
}
