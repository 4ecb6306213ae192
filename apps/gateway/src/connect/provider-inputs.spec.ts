import { HubError } from '@hub/domain';
import { providerCatalog, type ProviderDefinition } from '@hub/providers';
import { normalised, readInputs } from './provider-inputs';

function definitionOf(id: string): ProviderDefinition {
  const definition = providerCatalog.find((one) => one.id === id);
  if (!definition) throw new Error(`there is no ${id}`);
  return definition;
}
const shopify = definitionOf('shopify');
const zapier = definitionOf('zapier');

function refusal(act: () => unknown): HubError {
  try {
    act();
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('inputs', () => {
  it('are kept in their one spelling', () => {
    expect(readInputs(shopify, { shop: 'https://Acme.myshopify.com/admin' })).toEqual({
      inputs: { shop: 'acme.myshopify.com' },
      missing: [],
    });
  });

  it('that are absent are to be asked for', () => {
    const { inputs, missing } = readInputs(shopify, {});
    expect(inputs).toEqual({});
    expect(missing.map(({ name }) => name)).toEqual(['shop']);
  });

  it('are none at all where the provider needs none', () => {
    expect(readInputs(definitionOf('notion'), {})).toEqual({ inputs: {}, missing: [] });
  });

  it('that the provider does not take are refused by name', () => {
    const error = refusal(() => readInputs(definitionOf('notion'), { shop: 'acme' }));
    expect([error.code, error.status]).toEqual(['invalid_request', 422]);
    expect(error.message).toContain('shop');
  });

  it('that cannot be such a thing are refused with the problem of that input, and never repeated', () => {
    const shop = refusal(() => readInputs(shopify, { shop: 'evil.example' }));
    expect([shop.code, shop.status]).toEqual(['invalid_request', 422]);
    const hook = refusal(() => readInputs(zapier, { webhookUrl: 'https://evil.example/x' }));
    expect([hook.code, hook.status]).toEqual(['webhook_host_not_allowed', 422]);
    for (const { message } of [shop, hook]) expect(message).not.toContain('evil.example');
  });

  it('say what a good value looks like', () => {
    const [input] = zapier.inputs;
    expect(refusal(() => normalised(input!, 'x')).message).toContain(input!.example);
    expect(normalised(input!, input!.example)).toBe(input!.example);
  });
});
