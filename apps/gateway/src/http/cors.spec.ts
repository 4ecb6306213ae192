import { corsOf, exposing } from './cors';

const CONFIG = { publicUrl: 'https://hub.example', redirectAllowList: ['https://app.example/integrations'] };
const ROUTES = [
  { method: 'GET', path: '/things/:id' },
  { method: 'GET', path: '/things/:id/proxy/*', relays: true },
  { method: 'PATCH', path: '/things/:id/proxy/*', relays: true },
] as const;

describe('CORS', () => {
  function optionsOf(url: string) {
    let options: unknown;
    corsOf(CONFIG, ROUTES)({ url } as never, (_error, found) => (options = found));
    return options;
  }

  it('admits the same origins everywhere', () => {
    for (const url of ['/things/1', '/things/1/proxy/x', '/nothing'])
      expect(optionsOf(url)).toMatchObject({
        origin: ['https://hub.example', 'https://app.example'],
        credentials: true,
      });
  });

  it.each(['/things/1', '/things/1/proxy', '/elsewhere/proxy/x', '/things/1?x=/proxy/x'])(
    'lets a page send the hub’s own headers to %s',
    (url) => {
      expect(optionsOf(url)).toMatchObject({ allowedHeaders: ['authorization', 'content-type'] });
    },
  );

  it.each(['/things/1/proxy/', '/things/1/proxy/a/b?c=d'])('lets it send any to %s, by the methods of that', (url) => {
    expect(optionsOf(url)).toMatchObject({ methods: ['GET', 'PATCH'] });
    expect(optionsOf(url)).not.toHaveProperty('allowedHeaders');
  });

  it('tells a page which headers of an answer it may read', () => {
    expect(exposing(['etag', 'retry-after'])).toBe('retry-after, x-request-id, etag');
  });
});
