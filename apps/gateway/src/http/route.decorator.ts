import {
  applyDecorators,
  createParamDecorator,
  HttpCode,
  RequestMapping,
  RequestMethod,
  type ExecutionContext,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { RouteSpec } from './route';
import type { HubRequest } from './hub-request';

const METHODS = {
  GET: RequestMethod.GET,
  HEAD: RequestMethod.HEAD,
  POST: RequestMethod.POST,
  PUT: RequestMethod.PUT,
  PATCH: RequestMethod.PATCH,
  DELETE: RequestMethod.DELETE,
} as const;

/** Serves a route: method, path, checks and usual status all come from its spec. */
export function Route(spec: RouteSpec): MethodDecorator {
  const usual =
    Object.keys(spec.answers)
      .map(Number)
      .sort((a, b) => a - b)[0] ?? 200;
  return applyDecorators(
    RequestMapping({ path: spec.path, method: METHODS[spec.method] }),
    HttpCode(usual),
    RouteConfig({ spec }),
  );
}

/** The validated input of the request, a {@link RouteInput} of its spec. */
export const Input = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<HubRequest>().input,
);

/** When the request arrived, by `performance.now()`. */
export const ArrivedMs = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<HubRequest>().arrivedMs,
);

/** The verified caller of the request. */
export const CurrentCaller = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<HubRequest>().caller,
);
