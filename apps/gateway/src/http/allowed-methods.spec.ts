import { allowedMethods } from './allowed-methods';

const ROUTES = [
  { method: 'GET', path: '/things' },
  { method: 'GET', path: '/things/:id' },
  { method: 'DELETE', path: '/things/:id' },
  { method: 'POST', path: '/things/:id/refresh' },
  { method: 'GET', path: '/things/all' },
  { method: 'GET', path: '/open.json', head: true },
] as const;

describe('the methods that a path takes', () => {
  it.each([
    ['/things', ['GET']],
    ['/things/1', ['DELETE', 'GET']],
    ['/things/all', ['GET']],
    ['/things/1/refresh', ['POST']],
    ['/things/1/refresh/2', []],
    ['/things/', []],
    ['/thing', []],
    ['/open.json', ['GET', 'HEAD']],
    ['/openxjson', []],
    ['', []],
  ])('%s', (path, methods) => {
    expect(allowedMethods(ROUTES, path)).toEqual(methods);
  });
});
