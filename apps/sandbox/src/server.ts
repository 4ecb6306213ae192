import fastify, { type FastifyInstance } from 'fastify';
import { adminRoutes } from './admin/admin-routes';
import { loadCatalog } from './catalog';
import type { WorldLimits } from './provider-state';
import { providerRoutes } from './wire/provider-routes';
import { DEFAULT_LIMITS, World } from './world';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

export interface SandboxOptions {
  /** Where others reach the sandbox, without a slash at the end; by default `http://localhost:{port it listens on}`. */
  publicUrl?: string;
  limits?: Partial<WorldLimits>;
  /** Told of what no handler expected: a bug of the sandbox. */
  onBug?: (error: unknown) => void;
}

export interface Sandbox {
  app: FastifyInstance;
  world: World;
}

/** Builds the sandbox with all providers of the catalog; the caller listens and closes. */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    exposeHeadRoutes: false,
  });
  const publicUrl = (): string => options.publicUrl ?? `http://localhost:${listeningPort(app)}`;
  const world = new World(await loadCatalog(), publicUrl, { ...DEFAULT_LIMITS, ...options.limits });

  // Bodies stay text: which content types a provider takes is its own affair.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  app.setErrorHandler((error: { statusCode?: number; message?: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) options.onBug?.(error);
    return reply.code(status).send({ error: `Sandbox: ${error.message ?? 'unexpected'}` });
  });

  await app.register(adminPlugin(world), { prefix: '/admin' });
  for (const state of world.all()) {
    await app.register(plugin(providerRoutes(state, () => world.nextCall())), { prefix: `/${state.provider.id}` });
  }
  await app.ready();
  return { app, world };
}

function adminPlugin(world: World) {
  return plugin(adminRoutes(world));
}

/** Fastify tells a plugin that is done by its promise. */
function plugin(mount: (app: FastifyInstance) => void) {
  return (app: FastifyInstance): Promise<void> => {
    mount(app);
    return Promise.resolve();
  };
}

function listeningPort(app: FastifyInstance): number {
  const address = app.server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
