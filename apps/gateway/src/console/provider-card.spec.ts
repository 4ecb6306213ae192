import { providerCatalog } from '@hub/providers';
import { providerCard, providerCardSchema } from './provider-card';

describe.each(providerCatalog.map((definition) => [definition.id, definition] as const))(
  'the card of %s',
  (_id, definition) => {
    const card = providerCard(definition);

    it('is what the route promises', () => {
      expect(providerCardSchema.parse(card)).toEqual(card);
    });

    it('has a mark of its own', () => {
      expect(card.mark?.path).toMatch(/^M[\d\s.,a-zA-Z-]+$/);
      expect(card.mark?.colour).toMatch(/^#[0-9a-f]{6}$/);
    });

    it('asks for what a connect takes', () => {
      expect(card.inputs.map(({ name }) => name)).toEqual(definition.inputs.map(({ name }) => name));
    });
  },
);

it('no two providers look alike', () => {
  const marks = providerCatalog.map((definition) => JSON.stringify(providerCard(definition).mark));
  expect(new Set(marks).size).toBe(marks.length);
});
