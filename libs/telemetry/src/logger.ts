import type { LoggerService } from '@nestjs/common';
import { recordDestination } from './record-export';
import { traceIdsNow } from './spans';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

/** Facts of one log record. Ids and codes only: no token, no body, no free text of a provider. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Names that can only hold secrets; should one slip into a record all the same, its value is cut out. */
const SECRET_NAMES = [
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'code',
  'code_verifier',
  'state',
  'password',
  'authorization',
  'cookie',
  'accessToken',
  'refreshToken',
  'clientSecret',
];
const REDACTED = '[redacted]';

/**
 * Structured records, one JSON line each, with `event.name` as their handle: on standard output, or by OTLP. Nest's own
 * messages come through the same door.
 */
export class HubLogger implements LoggerService {
  private constructor(private readonly pino: PinoLogger) {}

  /**
   * @param app   name of the process, in every record
   * @param level `fatal` … `trace`, or `silent`
   * @param to    where they go by the settings, unless a test reads along
   */
  static forApp(app: string, level: string, to?: DestinationStream): HubLogger {
    const paths = SECRET_NAMES.flatMap((name) => [name, `*.${name}`]);
    const options = {
      level,
      base: { app, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: traceIdsNow,
      redact: { paths, censor: REDACTED },
    };
    const destination = to ?? recordDestination();
    return new HubLogger(destination ? pino(options, destination) : pino(options));
  }

  /** Something happened that an operator may want to find again. */
  info(event: string, fields: LogFields = {}): void {
    this.pino.info({ 'event.name': event, ...fields });
  }

  /** Something is not as it should be, and the hub carries on. */
  warning(event: string, fields: LogFields = {}): void {
    this.pino.warn({ 'event.name': event, ...fields });
  }

  /** A bug or a fault of the platform. Its stack is kept, its message is the developer's own words. */
  failure(event: string, error: unknown, fields: LogFields = {}): void {
    this.pino.error({ 'event.name': event, ...fields, ...describe(error) });
  }

  log(message: unknown, context?: string): void {
    this.pino.debug({ context }, String(message));
  }

  error(message: unknown, ...more: unknown[]): void {
    const [stack, context] = more;
    this.pino.error({ context, stack: typeof stack === 'string' ? stack : undefined }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.pino.warn({ context }, String(message));
  }

  debug(message: unknown, context?: string): void {
    this.pino.debug({ context }, String(message));
  }

  verbose(message: unknown, context?: string): void {
    this.pino.trace({ context }, String(message));
  }

  fatal(message: unknown, context?: string): void {
    this.pino.fatal({ context }, String(message));
  }
}

/** What may be told of an error: its kind, code and stack. A database error's `detail` and `parameters` may hold data and stay out. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : undefined;
  return {
    'error.type': error.name,
    'error.code': typeof code === 'string' ? code : undefined,
    'error.message': error.message,
    'error.stack': error.stack,
    'error.cause': cause,
  };
}
