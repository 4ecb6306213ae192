import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AdminMistake } from './admin-mistake';

/** The JSON body of an admin request; an empty one counts as `{}`. */
export function adminJson(request: FastifyRequest): unknown {
  const text = typeof request.body === 'string' ? request.body.trim() : '';
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown);
  } catch {
    throw new AdminMistake(400, 'The body is not JSON.');
  }
}

export function adminBody<T>(request: FastifyRequest, shape: z.ZodType<T>): T {
  return shape.parse(adminJson(request));
}

export function adminQuery<T>(request: FastifyRequest, shape: z.ZodType<T>): T {
  return shape.parse(request.query);
}
