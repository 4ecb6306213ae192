import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { World } from '../world';
import { AdminMistake } from './admin-mistake';
import { grantRoutes } from './grant-routes';
import { historyRoutes } from './history-routes';
import { knobRoutes } from './knob-routes';

/** The admin API, below `/admin`. It trusts whoever can reach it: the sandbox listens on this machine only. */
export function adminRoutes(world: World) {
  return (app: FastifyInstance): void => {
    app.setErrorHandler((error: unknown, _request, reply) => answerMistake(error, reply));
    app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'There is no such admin path.' }));
    knobRoutes(app, world);
    grantRoutes(app, world);
    historyRoutes(app, world);
  };
}

function answerMistake(error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof AdminMistake) return reply.code(error.status).send({ error: error.message });
  if (error instanceof z.ZodError) return reply.code(422).send({ error: z.prettifyError(error) });
  throw error;
}
