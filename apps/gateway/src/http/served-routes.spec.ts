import { routeDrift } from './served-routes';

const ROUTES = [
  { method: 'GET', path: '/things' },
  { method: 'POST', path: '/things' },
] as const;

describe('the drift between declared and served routes', () => {
  it('is none where both are the same, whatever their order', () => {
    expect(routeDrift(ROUTES, [...ROUTES].reverse())).toEqual([]);
  });

  it('names what is declared and not served', () => {
    expect(routeDrift(ROUTES, [ROUTES[0]])).toEqual(['POST /things is declared and not served']);
  });

  it('names what is served and not declared', () => {
    expect(routeDrift([ROUTES[0]], [...ROUTES, { method: 'HEAD', path: '/things' }])).toEqual([
      'POST /things is served and not declared',
      'HEAD /things is served and not declared',
    ]);
  });
});
