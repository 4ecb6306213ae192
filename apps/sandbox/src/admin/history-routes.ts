import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { World } from '../world';
import { adminBody, adminQuery } from './admin-request';

const LOG_LIMIT = 10_000;
/** A longer history is read in pages: one answer of 200 000 entries would be a hundred megabytes. */
const MAX_LOG_LIMIT = 50_000;
const DELIVERY_LIMIT = 500;

const paging = {
  after: z.coerce.number().int().nonnegative().default(0),
  account: z.string().optional(),
  limit: z.coerce.number().int().positive().max(MAX_LOG_LIMIT).optional(),
};

/** What happened: the history, the counts, the deliveries; and a fresh start. */
export function historyRoutes(app: FastifyInstance, world: World): void {
  app.get('/log', (request) => {
    const shape = z.strictObject({
      ...paging,
      provider: z.string().optional(),
      kind: z.string().optional(),
      calls: z.string().optional(),
    });
    const query = adminQuery(request, shape);
    return world.history.read({ ...query, limit: query.limit ?? LOG_LIMIT, calls: query.calls !== undefined });
  });
  app.get('/stats', () => ({
    uptimeSeconds: Math.round(process.uptime()),
    memoryBytes: process.memoryUsage().rss,
    calls: world.callCount(),
    providers: Object.fromEntries(
      world.all().map((state) => [
        state.provider.id,
        {
          ...(state.statistics.toJSON() as Record<string, unknown>),
          grants: state.grants.sizes(),
          deliveries: state.deliveries.total,
          accountsWithSettings: state.settings.accountsWithOverrides(),
        },
      ]),
    ),
  }));
  app.get('/deliveries', (request) => {
    const query = adminQuery(request, z.strictObject({ ...paging, provider: z.string().optional() }));
    const states = query.provider === undefined ? world.all() : [world.named(query.provider)];
    const limit = query.limit ?? DELIVERY_LIMIT;
    return {
      deliveries: states.flatMap((state) =>
        state.deliveries.read({ after: query.after, account: query.account, limit }),
      ),
    };
  });
  app.post('/reset', (request) => {
    const { provider } = adminBody(request, z.strictObject({ provider: z.string().optional() }));
    const states = provider === undefined ? world.all() : [world.named(provider)];
    for (const state of states) state.reset();
    return { reset: states.map((state) => state.provider.id) };
  });
}
