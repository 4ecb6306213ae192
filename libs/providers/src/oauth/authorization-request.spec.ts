import { createHash } from 'node:crypto';
import { ProviderRegistry } from '../provider-registry';
import type { RegisteredProvider } from '../registered-provider';
import { buildAuthorizationRequest } from './authorization-request';

const credentials = { clientId: 'the client', clientSecrets: ['never shown'] } as const;
const settings = { credentials, scopes: null, endpoints: {} };
const registry = new ProviderRegistry({ shopify: settings, notion: settings, google_drive: settings });

const redirectUri = 'https://hub.example/functions/v1/integrations-callback/x?a=1&b=2';
const state = 'S'.repeat(43);

function find(id: string): RegisteredProvider {
  const provider = registry.find(id);
  if (!provider) throw new Error(`no ${id}`);
  return provider;
}

async function build(id: string, inputs: Record<string, string> = {}, provider = find(id)) {
  const request = await buildAuthorizationRequest({
    provider,
    endpoints: provider.endpointsFor(inputs),
    redirectUri,
    state,
  });
  const url = new URL(request.url);
  return { ...request, address: url.origin + url.pathname, params: Object.fromEntries(url.searchParams) };
}

describe('the authorize URL', () => {
  it('of Google asks for offline access and consent, with PKCE', async () => {
    const { address, params, verifier } = await build('google_drive');
    expect(address).toBe('https://accounts.google.com/o/oauth2/v2/auth');
    expect(params).toEqual({
      response_type: 'code',
      client_id: 'the client',
      redirect_uri: redirectUri,
      scope: 'https://www.googleapis.com/auth/drive.file',
      state,
      access_type: 'offline',
      prompt: 'consent',
      code_challenge: createHash('sha256').update(verifier!).digest('base64url'),
      code_challenge_method: 'S256',
    });
    expect(verifier).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('of Shopify is at the shop, with scopes by commas and no PKCE', async () => {
    const { address, params, verifier } = await build('shopify', { shop: 'a-shop.myshopify.com' });
    expect(address).toBe('https://a-shop.myshopify.com/admin/oauth/authorize');
    expect(params).toEqual({
      response_type: 'code',
      client_id: 'the client',
      redirect_uri: redirectUri,
      scope: 'read_products,write_products,read_orders',
      state,
    });
    expect(verifier).toBeUndefined();
  });

  it('of Notion names the owner and no scope', async () => {
    const { address, params, verifier } = await build('notion');
    expect(address).toBe('https://api.notion.com/v1/oauth/authorize');
    expect(params).toEqual({
      response_type: 'code',
      client_id: 'the client',
      redirect_uri: redirectUri,
      state,
      owner: 'user',
    });
    expect(verifier).toBeUndefined();
  });

  it('has a new PKCE verifier each time', async () => {
    const verifiers = await Promise.all(Array.from({ length: 20 }, async () => (await build('google_drive')).verifier));
    expect(new Set(verifiers).size).toBe(20);
  });

  it('keeps a query that the endpoint has, but not against the request', async () => {
    const endpoints = { authorizeUrl: 'https://proxy.example/auth?tenant=7&state=theirs&client_id=theirs' };
    const replaced = new ProviderRegistry({ google_drive: { ...settings, endpoints } }).find('google_drive')!;
    const { params } = await build('google_drive', {}, replaced);
    expect(params).toMatchObject({ tenant: '7', state, client_id: 'the client' });
  });

  it('never shows the client secret', async () => {
    expect((await build('google_drive')).url).not.toContain('never');
  });

  it('is not built for a provider without OAuth or without credentials', () => {
    const order = { endpoints: find('notion').endpointsFor({}), redirectUri, state };
    expect(() => buildAuthorizationRequest({ ...order, provider: find('zapier') })).toThrow('does not speak OAuth');
    const bare = new ProviderRegistry({}).find('notion')!;
    expect(() => buildAuthorizationRequest({ ...order, provider: bare })).toThrow('no credentials');
  });
});
