import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Stack } from '../support/stack';

/** The page people see, over HTTP; what it does in a browser is another test's. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
});
afterAll(() => hub.stop());

interface Raw {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What is really sent: fetch would unpack it. */
function get(path: string, headers: Record<string, string> = {}): Promise<Raw> {
  return new Promise((resolve, reject) => {
    request(`${hub.base}${path}`, { headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }),
      );
      answer.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

async function assetsOfPage(): Promise<string[]> {
  const { body } = await get('/integrations');
  return [...body.toString('utf8').matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
}

describe('the console', () => {
  it('is one page, whatever the address says of a connect', async () => {
    const plain = await get('/integrations');
    expect([plain.status, plain.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const evil = encodeURIComponent('<script>alert(1)</script>');
    for (const query of [
      '?success=notion',
      '?error=access_denied&provider=notion',
      `?success=${evil}&error=${evil}`,
      '?a=1&a=2',
    ])
      expect((await get(`/integrations${query}`)).body.equals(plain.body)).toBe(true);
  });

  it('may run its own files alone, and speak to its own gateway alone', async () => {
    const { headers } = await get('/integrations');
    const policy = new Map(
      String(headers['content-security-policy'])
        .split('; ')
        .map((rule) => [rule.split(' ')[0] ?? '', rule.split(' ').slice(1).join(' ')]),
    );
    expect(Object.fromEntries(policy)).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': "'self'",
      'connect-src': `'self' ${hub.publicUrl.replace(/^http/, 'ws')}`,
      'require-trusted-types-for': "'script'",
      'trusted-types': "'none'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    });
    expect(headers['cache-control']).toBe('no-cache');
  });

  it('keeps files for ever whose names change with their content', async () => {
    const assets = await assetsOfPage();
    expect(assets.map((url) => url.split('.').at(-1)).sort()).toEqual(['css', 'js', 'svg']);
    for (const url of assets) {
      const { status, headers } = await get(url);
      expect([url, status, headers['cache-control']]).toEqual([url, 200, 'public, max-age=31536000, immutable']);
      expect([url, headers['x-content-type-options'], headers['vary']]).toEqual([url, 'nosniff', 'accept-encoding']);
    }
  });

  it('sends the smallest encoding that is taken', async () => {
    for (const url of ['/integrations', ...(await assetsOfPage())]) {
      const plain = await get(url);
      const [br, gzip] = [
        await get(url, { 'accept-encoding': 'gzip, br' }),
        await get(url, { 'accept-encoding': 'gzip' }),
      ];
      expect([plain, br, gzip].map(({ headers }) => headers['content-encoding'])).toEqual([undefined, 'br', 'gzip']);
      expect(brotliDecompressSync(br.body).equals(plain.body)).toBe(true);
      expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
    }
  });

  it.each([
    '/integrations/assets/',
    '/integrations/assets/none.js',
    '/integrations/assets/index.html',
    '/integrations/assets/..%2findex.html',
    '/integrations/assets/..%2f..%2f..%2fpackage.json',
    '/integrations/assets/constructor',
    '/integrations/index.html',
  ])('has no %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it('is led to from the root', async () => {
    const { status, headers } = await get('/');
    expect([status, headers['location']]).toEqual([302, '/integrations']);
  });
});

describe('the catalog of providers', () => {
  it('tells everybody how to show them, and nobody anything of an org', async () => {
    const { status, body } = await get('/functions/v1/integrations-catalog');
    const { providers, returnUrl } = JSON.parse(body.toString('utf8')) as {
      providers: { provider: string; label: string; inputs: { name: string }[] }[];
      returnUrl: string | null;
    };
    expect(status).toBe(200);
    const { body: listed } = await hub.as().list();
    expect(providers.map(({ provider }) => provider).sort()).toEqual(
      listed.integrations.map(({ provider }: { provider: string }) => provider).sort(),
    );
    expect(providers.find(({ provider }) => provider === 'shopify')).toMatchObject({
      label: 'Shopify',
      inputs: [{ name: 'shop' }],
      givenBackBy: 'uninstall',
      hasToken: true,
    });
    expect(providers.find(({ provider }) => provider === 'zapier')).toMatchObject({
      hasToken: false,
      takesEvents: true,
    });
    expect(returnUrl).toBeNull(); // the SITE_URL of the tests is another site
  });
});
