import pino from 'pino';
import { z } from 'zod';
import { createSandbox } from './server';

const environment = z.object({
  SANDBOX_PORT: z.coerce.number().int().min(0).max(65_535),
  HOST: z.string().min(1).default('127.0.0.1'),
  /** Where others reach the sandbox; by default http://localhost:{SANDBOX_PORT}. */
  SANDBOX_PUBLIC_URL: z.url().optional(),
  /** Entries the history keeps. */
  SANDBOX_HISTORY: z.coerce.number().int().min(100).max(5_000_000).optional(),
  /** Grants, codes apart, that each provider remembers. */
  SANDBOX_GRANTS: z.coerce.number().int().min(100).max(1_000_000).optional(),
  LOG_LEVEL: z.string().default('info'),
});

async function main(): Promise<void> {
  const read = environment.safeParse(process.env);
  if (!read.success) {
    process.stderr.write(`The sandbox cannot start:\n${z.prettifyError(read.error)}\n`);
    process.exit(1);
  }
  const { SANDBOX_PORT, HOST, SANDBOX_PUBLIC_URL, SANDBOX_HISTORY, SANDBOX_GRANTS, LOG_LEVEL } = read.data;
  const log = pino({ name: 'sandbox', level: LOG_LEVEL });
  const { app, world } = await createSandbox({
    ...(SANDBOX_PUBLIC_URL === undefined ? {} : { publicUrl: SANDBOX_PUBLIC_URL.replace(/\/+$/, '') }),
    onBug: (error) => log.error({ err: error }, 'sandbox bug'),
    limits: {
      ...(SANDBOX_HISTORY !== undefined && { historySize: SANDBOX_HISTORY }),
      ...(SANDBOX_GRANTS !== undefined && { maxGrants: SANDBOX_GRANTS }),
    },
  });

  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal, calls: world.callCount() }, 'sandbox stops');
    void app.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  await app.listen({ port: SANDBOX_PORT, host: HOST });
  log.info(
    { address: app.server.address(), providers: world.all().map(({ provider }) => provider.id) },
    'sandbox ready',
  );
}

main().catch((error: unknown) => {
  process.stderr.write(
    `The sandbox failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
});
