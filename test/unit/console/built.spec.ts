import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** The console as `npm run build` leaves it in dist/, which every test run has made current. */
const folder = path.join(__dirname, '../../../dist/console');
const read = (file: string): Buffer => readFileSync(path.join(folder, file));
const names = readdirSync(path.join(folder, 'assets'));
const assets = names.filter((name) => !/\.(br|gz)$/.test(name));
const page = read('index.html').toString('utf8');

/** A first load may weigh this much script on the wire, in the encoding that every browser takes. */
const MOST_SCRIPT_BYTES = 150_000;

it('is quick to load the first time', () => {
  const scripts = assets.filter((name) => name.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(0);
  const bytes = scripts.map((name) => read(`assets/${name}.gz`).length).reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeGreaterThan(20_000); // it is the whole page that was weighed
  expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES);
});

it('says the same in every encoding', () => {
  for (const file of ['index.html', ...assets.map((name) => `assets/${name}`)]) {
    const plain = read(file);
    expect([file, brotliDecompressSync(read(`${file}.br`)).equals(plain)]).toEqual([file, true]);
    expect([file, gunzipSync(read(`${file}.gz`)).equals(plain)]).toEqual([file, true]);
  }
});

it('changes the name of a file with its content', () => {
  expect(assets.length).toBeGreaterThanOrEqual(3);
  for (const name of assets) expect(name).toMatch(/-[\w-]{8}\.(js|css|svg)$/);
});

it('names in its page its own files alone, and holds nothing that a strict policy would refuse', () => {
  const named = [...page.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
  expect(named.length).toBeGreaterThanOrEqual(3);
  for (const url of named) expect(assets.map((name) => `/integrations/assets/${name}`)).toContain(url);
  expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)/i);
});

it('makes no code of text, and brings no map of its sources along', () => {
  expect(names.filter((name) => name.endsWith('.map'))).toEqual([]);
  for (const name of assets.filter((file) => file.endsWith('.js')))
    expect(read(`assets/${name}`).toString('utf8')).not.toMatch(/\beval\(|new Function\(|sourceMappingURL/);
});
