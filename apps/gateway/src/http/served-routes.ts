import { methodsOfRoute, type RouteSpec } from './route';

/** What the server has really been given to serve. */
export interface ServedRoute {
  readonly method: string;
  readonly path: string;
}

/** Every route that only one side knows, in words: the catalog of routes (and so the OpenAPI document) must be what is served. */
export function routeDrift(
  catalog: readonly Pick<RouteSpec, 'method' | 'path' | 'head'>[],
  served: readonly ServedRoute[],
): string[] {
  const declared = new Set(catalog.flatMap((spec) => methodsOfRoute(spec).map((method) => `${method} ${spec.path}`)));
  const real = new Set(served.map(({ method, path }) => `${method} ${path}`));
  return [
    ...[...declared].filter((route) => !real.has(route)).map((route) => `${route} is declared and not served`),
    ...[...real].filter((route) => !declared.has(route)).map((route) => `${route} is served and not declared`),
  ];
}
