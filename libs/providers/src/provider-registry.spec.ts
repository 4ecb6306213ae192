import { configurableProviders, ProviderRegistry } from './provider-registry';
import { speaksOAuth } from './registered-provider';

const credentials = { clientId: 'id', clientSecrets: ['secret'] } as const;
const none = { credentials: null, scopes: null, endpoints: {} };

describe('the registry', () => {
  it('knows every provider, in the order of their ids', () => {
    const ids = new ProviderRegistry({}).all().map(({ definition }) => definition.id);
    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual(expect.arrayContaining(['google_drive', 'notion', 'shopify', 'zapier']));
    expect(configurableProviders.map(({ id }) => id)).toEqual(ids);
  });

  it.each(['nobody', '', '__proto__', 'constructor', 'Shopify'])('does not know %j', (id) => {
    expect(new ProviderRegistry({}).find(id)).toBeUndefined();
  });

  it('shows a provider without credentials as not configured, except one that needs none', () => {
    const registry = new ProviderRegistry({ notion: { ...none, credentials } });
    expect(registry.find('notion')?.configured).toBe(true);
    expect(registry.find('shopify')?.configured).toBe(false);
    expect(registry.find('zapier')?.configured).toBe(true);
  });

  it('asks for the usual scopes', () => {
    const registry = new ProviderRegistry({});
    expect(registry.find('shopify')?.requestedScopes).toEqual(['read_products', 'write_products', 'read_orders']);
    expect(registry.find('google_drive')?.requestedScopes).toEqual(['https://www.googleapis.com/auth/drive.file']);
    expect(registry.find('notion')?.requestedScopes).toEqual([]);
    expect(registry.find('zapier')?.requestedScopes).toEqual([]);
  });

  it("asks for the operator's scopes instead, and requires them under their one name", () => {
    const scopes = ['email', 'openid'];
    const registry = new ProviderRegistry({
      google_drive: { ...none, scopes },
      shopify: { ...none, scopes: ['write_orders'] },
      notion: { ...none, scopes: ['anything'] },
    });
    expect(registry.find('google_drive')).toMatchObject({
      requestedScopes: scopes,
      requiredScopes: ['https://www.googleapis.com/auth/userinfo.email', 'openid'],
    });
    expect(registry.find('shopify')).toMatchObject({
      requestedScopes: ['write_orders'],
      requiredScopes: ['read_orders', 'write_orders'],
    });
    expect(registry.find('notion')?.requestedScopes).toEqual([]);
  });

  it('leaves a person some time with every code whose life is known', () => {
    for (const { definition } of new ProviderRegistry({}).all())
      if (definition.authMode === 'oauth2') expect(definition.codeLifeSeconds ?? 30).toBeGreaterThanOrEqual(30);
  });

  it('tells providers with OAuth from those without', () => {
    const [speaking, silent] = ['notion', 'zapier'].map((id) => new ProviderRegistry({}).find(id)!);
    expect(speaksOAuth(speaking!)).toBe(true);
    expect(speaksOAuth(silent!)).toBe(false);
  });
});

describe('the endpoints of a provider', () => {
  const shop = 'a-shop.myshopify.com';

  it('have the inputs filled in', () => {
    expect(new ProviderRegistry({}).find('shopify')?.endpointsFor({ shop })).toEqual({
      authorizeUrl: 'https://a-shop.myshopify.com/admin/oauth/authorize',
      tokenUrl: 'https://a-shop.myshopify.com/admin/oauth/access_token',
      revokeUrl: null,
      apiBaseUrl: 'https://a-shop.myshopify.com',
    });
  });

  it("are the operator's where he names them, and the provider's own otherwise", () => {
    const endpoints = { tokenUrl: 'http://localhost:9/{shop}/token', apiBaseUrl: 'http://localhost:9/shopify/{shop}/' };
    const registry = new ProviderRegistry({ shopify: { ...none, endpoints } });
    expect(registry.find('shopify')?.endpointsFor({ shop })).toEqual({
      authorizeUrl: 'https://a-shop.myshopify.com/admin/oauth/authorize',
      tokenUrl: 'http://localhost:9/a-shop.myshopify.com/token',
      revokeUrl: null,
      apiBaseUrl: 'http://localhost:9/shopify/a-shop.myshopify.com',
    });
  });

  it.each([
    ['no shop', {}],
    ['a shop in another spelling', { shop: 'A-Shop.myshopify.com' }],
    ['a host that is no shop', { shop: 'evil.example' }],
    ['a shop with a path', { shop: 'a-shop.myshopify.com/x' }],
    ['a shop with another behind it', { shop: 'a-shop.myshopify.com.evil.example' }],
  ])('are not filled with %s', (_what, inputs) => {
    expect(() => new ProviderRegistry({}).find('shopify')?.endpointsFor(inputs)).toThrow('normalised');
  });

  it('tell the token endpoints of tenants apart, and are one for all elsewhere', () => {
    const endpoints = { tokenUrl: 'http://localhost:9/{shop}/token' };
    const hostOf = (id: string, inputs: Record<string, string>, settings = {}) =>
      new ProviderRegistry({ [id]: { ...none, ...settings } }).find(id)?.tenantHost(inputs);
    expect(hostOf('shopify', { shop })).toBe('https://a-shop.myshopify.com/admin/oauth/access_token');
    expect(hostOf('shopify', { shop }, { endpoints })).toBe('http://localhost:9/a-shop.myshopify.com/token');
    expect(hostOf('shopify', { shop }, { endpoints: { tokenUrl: 'https://proxy.example/token' } })).toBeNull();
    expect(hostOf('google_drive', {})).toBeNull();
    expect(hostOf('zapier', {})).toBeNull();
  });

  it('of a webhook provider are only where hooks are sent', () => {
    expect(new ProviderRegistry({}).find('zapier')?.endpointsFor({})).toEqual({
      authorizeUrl: '',
      tokenUrl: '',
      revokeUrl: null,
      apiBaseUrl: 'https://hooks.zapier.com',
    });
  });
});
