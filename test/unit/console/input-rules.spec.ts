import { providerCatalog, type InputDefinition } from '@hub/providers';
import fc from 'fast-check';
import { readInput } from '../../../apps/console/src/connect/input-rules';

/** The console checks while somebody types, the hub decides: both must say the same. */
const inputs: readonly InputDefinition[] = providerCatalog.flatMap(({ inputs }): readonly InputDefinition[] => inputs);

const kept = (name: string, text: string): string | undefined => {
  const reading = readInput(name, text);
  return reading.ok ? reading.kept : undefined;
};

/** Text near enough to the real thing to get past a rule that is a little too lax. */
const pieces = fc
  .array(
    fc.constantFrom(
      ...[
        'https://',
        'http://',
        'HTTPS://',
        'hooks.zapier.com',
        'admin.shopify.com',
        'a-shop',
        '.myshopify.com',
        '/store/',
      ],
      ...[
        '/hooks/',
        'catch/',
        'standard/',
        'silent/',
        '123/',
        'abc',
        '/',
        '?',
        '#',
        '.',
        ':443',
        '@',
        '\\',
        ' ',
        '\n',
        '%61',
        '..',
      ],
      ...['A', '_', 'é', '\u0130', '-', 'x'.repeat(70), 'evil.example'],
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

describe.each(inputs.map((input) => [input.name, input] as const))('the rule for %s', (name, input) => {
  it('says what the hub says, whatever is typed', () => {
    fc.assert(
      fc.property(fc.oneof(pieces, fc.string(), fc.webUrl()), (text) => kept(name, text) === input.normalise(text)),
      { numRuns: 3_000 },
    );
  });

  it('takes the example that people are shown', () => {
    expect(kept(name, input.example)).toBe(input.normalise(input.example));
    expect(kept(name, input.example)).toBeDefined();
  });

  it('is a rule of its own', () => {
    expect(kept(name, 'no such thing anywhere')).toBeUndefined();
  });
});
