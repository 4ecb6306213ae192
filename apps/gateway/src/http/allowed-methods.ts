import type { RouteSpec } from './route';

/** The methods that a path takes, whatever method it was asked with; none if no route has the path. @param path without query */
export function allowedMethods(routes: readonly Pick<RouteSpec, 'method' | 'path'>[], path: string): string[] {
  return [...new Set(routes.filter((route) => pathPattern(route.path).test(path)).map((route) => route.method))].sort();
}

/** What the path of a route matches. */
export function pathPattern(path: string): RegExp {
  const segments = path.split('/').map((segment) => {
    if (segment === '*') return '.*';
    return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}$`);
}
