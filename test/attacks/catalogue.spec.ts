import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Holds the catalogue itself: that each of its attacks is tried by a file of this folder, or says why not. */

/** The attacks by their number; what each one is, and what is asked of the hub, is told where it is tried. */
const ATTACKS: Readonly<Record<number, string>> = {
  1: 'guessed states',
  2: 'malformed states',
  3: 'a used state again',
  4: 'parallel callbacks of one state',
  5: 'a state that is too old',
  6: 'a state in a browser with the console of somebody else',
  7: 'login CSRF',
  8: 'a stolen code with a state of one’s own',
  9: 'a victim who consents on the attacker’s link',
  10: 'completion with no handle, a guessed one, another flow’s',
  11: 'completion by another user',
  12: 'links that are opened twice, or by a prefetcher',
  13: 'completion in parallel, or again',
  14: 'a state of one provider at the callback of another',
  15: 'a state that a hostile provider hands on',
  16: 'issuers that are wrong, doubled, or missing',
  17: 'an error with a bad state',
  18: 'errors that carry script, or kilobytes',
  19: 'an error and a code',
  20: 'tokens in the query, answers by form',
  21: 'return URLs that look like allowed ones',
  22: 'a return URL that was taken off the list',
  23: 'bodies that name scopes, OAuth parameters, orgs, tokens',
  24: 'fewer or more scopes than asked',
  25: 'hostile answers of token endpoints',
  26: 'a provider that revokes on the reuse of a code',
  27: 'poisoned hosts',
  28: 'cookies tossed from a sibling domain',
  29: 'two tabs',
  30: 'framed pages',
  31: 'another account at a reconnect',
  32: 'a disconnect between start and callback',
  33: 'things of another org',
  34: 'forged bearer tokens',
  35: 'webhook URLs of other hosts',
  36: 'forms of private addresses',
  37: 'DNS rebinding',
  38: 'redirects inward',
  39: 'endpoints on a private net',
  40: 'secrets in logs, queues and errors',
  41: 'bodies and texts that keep busy',
  42: 'a crowd that asks for one refresh',
  43: 'sealed values that were moved',
  44: 'the confirm button, pressed from elsewhere',
  45: 'paths of the proxy',
  46: 'headers of the proxy',
  47: 'the live channel from a foreign origin, calls by cookie without a proof',
};

/** Why no file of this folder tries it, or where it is tried instead. */
const REASONS: Readonly<Record<number, string>> = {
  40: 'tried in test/e2e/logs.spec.ts and by the proof `canaries`',
};

const here = path.resolve('test/attacks');

/** The numbers that a file's own comment names: `Attacks 1 to 5, 17 and 20 (the part) of the catalogue`. */
function numbersIn(text: string): number[] {
  const named = [...text.matchAll(/\battacks? (\d[^.:*]*?) of the catalogue/gi)].map(([, list]) => list ?? '');
  return named.flatMap((list) => {
    const bare = list.replaceAll(/\([^)]*\)/g, '');
    return [...bare.matchAll(/(\d+)(?: to (\d+))?/g)].flatMap(([, first, last]) =>
      Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, place) => Number(first) + place),
    );
  });
}

const filesByNumber = new Map<number, string[]>();
for (const file of readdirSync(here)
  .filter((name) => name.endsWith('.spec.ts') && name !== 'catalogue.spec.ts')
  .sort())
  for (const number of numbersIn(readFileSync(path.join(here, file), 'utf8')))
    filesByNumber.set(number, [...(filesByNumber.get(number) ?? []), file]);

const LISTED = Object.entries(ATTACKS).map(([number, attack]) => {
  const files = filesByNumber.get(Number(number)) ?? [];
  const held = files.length > 0 ? files.join(', ') : (REASONS[Number(number)] ?? 'nobody');
  return { number: Number(number), attack, held };
});

it.each(LISTED)('$number, $attack: $held', ({ held }) => {
  expect(held).not.toBe('nobody');
});

it('names only files that are there', () => {
  const named = Object.values(REASONS).flatMap((reason) => reason.match(/[\w./-]+\.ts\b/g) ?? []);
  expect(named.filter((file) => !existsSync(path.resolve(file)))).toEqual([]);
});

it('has no reason for a number that a file tries', () => {
  expect(Object.keys(REASONS).filter((number) => filesByNumber.has(Number(number)))).toEqual([]);
});

it('has no number that the catalogue does not have', () => {
  expect([...filesByNumber.keys()].filter((number) => ATTACKS[number] === undefined)).toEqual([]);
  expect(Object.keys(ATTACKS)).toEqual(Array.from({ length: 47 }, (_, place) => String(place + 1)));
});

it('reads the numbers of a comment', () => {
  expect(numbersIn('/** Attacks 1 to 3, 17 and 20 of the catalogue: states. */')).toEqual([1, 2, 3, 17, 20]);
  expect(numbersIn('/** Attacks 12 (as far as it goes) and 30 of the catalogue. */')).toEqual([12, 30]);
  expect(numbersIn('/** How much is taken: attack 1 of the catalogue, and floods. */')).toEqual([1]);
  expect(numbersIn('attack 1 and more')).toEqual([]);
});
