import { methodsOfRoute, type RouteSpec } from './route';

/**
 * The methods that a path takes, whatever method it was asked with; none if no route has the path. A route that spells the
 * path out goes before those that have a parameter in its place, whose methods it does not take.
 *
 * @param path without query
 */
export function allowedMethods(routes: readonly Pick<RouteSpec, 'method' | 'path' | 'head'>[], path: string): string[] {
  const spelled = routes.filter((route) => route.path === path);
  const taken = spelled.length > 0 ? spelled : routes.filter((route) => pathPattern(route.path).test(path));
  return [...new Set(taken.flatMap(methodsOfRoute))].sort();
}

/** What the path of a route matches. */
export function pathPattern(path: string): RegExp {
  const segments = path.split('/').map((segment) => {
    if (segment === '*') return '.*';
    return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}$`);
}
