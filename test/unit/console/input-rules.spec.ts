import { providerCatalog, type InputDefinition } from '@hub/providers';
import fc from 'fast-check';
import { readInput } from '../../../apps/console/src/connect/input-rules';

/** The console checks while somebody types, the hub decides: both must say the same. */
const inputs: readonly InputDefinition[] = providerCatalog.flatMap(({ inputs }): readonly InputDefinition[] => inputs);

const kept = (name: string, text: string): string | undefined => {
  const reading = readInput(name, text);
  return reading.ok ? reading.kept : undefined;
};

/** Good texts of every shape that a rule takes; what is tried is never far from one of them. */
const GOOD: Readonly<Record<InputDefinition['name'], readonly string[]>> = {
  shop: [
    'a-shop',
    'A-Shop.myshopify.com',
    'a-shop.myshopify.com/admin',
    'https://a-shop.myshopify.com/products',
    'http://a-shop.myshopify.com',
    'admin.shopify.com/store/a-shop',
    'https://admin.shopify.com/store/a-shop/settings',
    'x'.repeat(63),
    `${'x'.repeat(63)}.myshopify.com`,
    `https://a-shop.myshopify.com/${'x'.repeat(500 - 29)}`,
  ],
  webhookUrl: [
    'https://hooks.zapier.com/hooks/catch/123456/abcdef/',
    'https://hooks.zapier.com/hooks/catch/123456/abcdef',
    'https://hooks.zapier.com/hooks/catch/123456/abcdef/silent/',
    'https://hooks.zapier.com/hooks/catch/abcdef/',
    'https://hooks.zapier.com/hooks/standard/123456/0123456789abcdef/',
    `https://hooks.zapier.com/hooks/catch/1/${'x'.repeat(512 - 39)}`,
  ],
};

const JUNK = [
  ...[
    '',
    'x',
    '1',
    'A',
    '-',
    '_',
    '.',
    '/',
    '//',
    '\\',
    '?',
    '?x=1',
    '#',
    '@',
    'a@',
    ':443',
    ':8443',
    ':',
    ' ',
    '\n',
    '\t',
  ],
  ...[
    '%61',
    '..',
    '/../',
    'é',
    '\u0130',
    '\u3002',
    '.evil.example',
    'www.',
    'http://',
    'https://',
    'HTTPS://',
    'silent/',
  ],
];

/** A good text with up to two places changed: something taken away, something put there. */
function nearly(good: readonly string[]): fc.Arbitrary<string> {
  const edit = fc.record({ at: fc.nat(600), cut: fc.nat(3), put: fc.constantFrom(...JUNK) });
  return fc.tuple(fc.constantFrom(...good), fc.array(edit, { maxLength: 2 })).map(([text, edits]) =>
    edits.reduce((before, { at, cut, put }) => {
      const place = at % (before.length + 1);
      return before.slice(0, place) + put + before.slice(place + cut);
    }, text),
  );
}

describe.each(inputs.map((input) => [input.name, input] as const))('the rule for %s', (name, input) => {
  it('takes what the hub takes, in the same spelling', () => {
    for (const text of [...GOOD[name], input.example]) {
      expect([text, input.normalise(text)]).toEqual([text, expect.any(String)]);
      expect([text, kept(name, text)]).toEqual([text, input.normalise(text)]);
    }
  });

  it('says what the hub says, whatever is typed', () => {
    fc.assert(
      fc.property(
        fc.oneof({ weight: 8, arbitrary: nearly(GOOD[name]) }, { weight: 1, arbitrary: fc.string() }),
        (text) => kept(name, text) === input.normalise(text),
      ),
      { numRuns: 20_000 },
    );
  });

  // one change after another, at the places where a rule is easily a little too lax
  it.each([
    ...['https://hooks.zapier.com:443/hooks/catch/1/a/', 'https://a@hooks.zapier.com/hooks/catch/1/a/'],
    ...['HTTPS://hooks.zapier.com/hooks/catch/1/a/', 'https://hooks.zapier.com/hooks/catch/1/../1/a/'],
    ...['https://hooks.zapier.com/hooks/catch/1/a/#', 'https://hooks.zapier.com/hooks/catch/1/a/?'],
    ...[
      `https://hooks.zapier.com/hooks/catch/1/${'x'.repeat(512 - 38)}`,
      'https:\\\\hooks.zapier.com\\hooks\\catch\\1\\a\\',
    ],
    ...['https://a-shop.myshopify.com:8443/', 'https://a:b@a-shop.myshopify.com/', 'https://a@a-shop.myshopify.com/'],
    ...['https://:b@a-shop.myshopify.com/', 'a-shop.myshopify.com.evil.example', 'https://admin.shopify.com/store/'],
    ...[
      'https://admin.shopify.com/stores/a-shop',
      'x'.repeat(64),
      `https://a-shop.myshopify.com/${'x'.repeat(500 - 28)}`,
    ],
    ...['\u212aa-shop', 'www.brand.example', '-a-shop', 'ftp://a-shop.myshopify.com/'],
  ])('says of %j what the hub says', (text) => {
    expect(kept(name, text)).toBe(input.normalise(text));
  });
});
