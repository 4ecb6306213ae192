import { z } from 'zod';
import { defineRoute } from '../http/route';

const status = z.strictObject({ status: z.string() });

export const live = defineRoute({
  method: 'GET',
  path: '/health/live',
  summary: 'The event loop turns; nobody else is asked',
  scope: null,
  kind: 'api',
  limit: 'off',
  head: true,
  anyQuery: true,
  answers: { 200: { description: 'Alive.', schema: status } },
});

export const ready = defineRoute({
  method: 'GET',
  path: '/health/ready',
  summary: 'The database is usable; a missing Redis does not matter',
  scope: null,
  kind: 'api',
  limit: 'off',
  head: true,
  anyQuery: true,
  answers: { 200: { description: 'Ready.', schema: status }, 503: { description: 'Not ready.', schema: status } },
});
