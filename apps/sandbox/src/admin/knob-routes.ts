import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { FaultRule } from '../faults/fault-rule';
import type { World } from '../world';
import { AdminMistake } from './admin-mistake';
import { adminBody, adminJson, adminQuery } from './admin-request';

type ProviderParams = { Params: { provider: string } };

const oneAccount = z.strictObject({ account: z.string().min(1).optional() });

/** A rule as the admin API shows it: what was set, and how often it matched and fired. */
function shown(rule: FaultRule): object {
  const { id, spec, matched, fired } = rule;
  return { id, ...spec, matched, fired };
}

/** Who is there, where to find it, and what can be turned: settings and faults. */
export function knobRoutes(app: FastifyInstance, world: World): void {
  app.get('/ready', () => ({ ready: true }));
  app.get('/providers', () =>
    world.all().map(({ provider }) => ({
      id: provider.id,
      label: provider.label,
      prefix: provider.credentials?.prefix ?? null,
    })),
  );
  app.get('/credentials', () => world.credentials());
  app.get('/endpoints', () => world.endpoints());

  app.get('/settings', () => ({ historySize: world.history.capacity }));
  app.patch('/settings', (request) => {
    const { historySize } = adminBody(
      request,
      z.strictObject({ historySize: z.number().int().min(100).max(5_000_000) }),
    );
    world.history.resize(historySize);
    return { historySize };
  });
  app.get<ProviderParams>('/settings/:provider', (request) => {
    const { account } = adminQuery(request, oneAccount);
    return world.named(request.params.provider).settings.for(account);
  });
  app.patch<ProviderParams>('/settings/:provider', (request) => {
    const state = world.named(request.params.provider);
    const { account } = adminQuery(request, oneAccount);
    const patch = adminBody(request, z.record(z.string(), z.unknown()));
    const changed = state.settings.change(account, patch);
    world.noteAdmin(state, 'settings', account, { changed: Object.keys(patch) });
    return changed;
  });
  app.delete<ProviderParams>('/settings/:provider', (request) => {
    const { account } = adminQuery(request, oneAccount);
    const { settings } = world.named(request.params.provider);
    settings.reset(account);
    return settings.for(account);
  });

  app.get<ProviderParams>('/faults/:provider', (request) =>
    world.named(request.params.provider).faults.list().map(shown),
  );
  app.put<ProviderParams>('/faults/:provider', (request) => {
    const state = world.named(request.params.provider);
    const rules = state.faults.replace(adminJson(request)).map(shown);
    world.noteAdmin(state, 'faults', undefined, { rules: rules.length });
    return rules;
  });
  app.post<ProviderParams>('/faults/:provider', (request, reply) => {
    const state = world.named(request.params.provider);
    const rule = state.faults.add(adminJson(request));
    world.noteAdmin(state, 'fault', rule.spec.account, { rule: rule.id });
    return reply.code(201).send(shown(rule));
  });
  app.delete<ProviderParams>('/faults/:provider', (request, reply) => {
    world.named(request.params.provider).faults.clear();
    return reply.code(204).send();
  });
  app.delete<{ Params: { provider: string; id: string } }>('/faults/:provider/:id', (request, reply) => {
    const { provider, id } = request.params;
    if (!world.named(provider).faults.remove(id)) throw new AdminMistake(404, `There is no fault ${id}.`);
    return reply.code(204).send();
  });
}
