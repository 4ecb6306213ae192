import type { LogRecord } from '@opentelemetry/api-logs';
import { pino, type DestinationStream } from 'pino';

/** Sends one record, as its line stands. */
type Send = (line: string) => void;

/** What a record's line holds for certain; its fields stand beside. */
interface Line {
  readonly level: number;
  readonly time: string;
  readonly msg?: string;
  readonly 'event.name'?: string;
  readonly [field: string]: string | number | boolean | null | undefined;
}

const ERROR_LEVEL = 50;
/** What telemetry says of itself: a collector that is away cannot be told so. */
const OF_TELEMETRY = 'hub.telemetry.';
/** The record itself has these. */
const IN_RECORD: readonly string[] = ['level', 'time', 'msg', 'event.name', 'trace_id', 'span_id'];

let send: Send | undefined;

/** Has records sent by OTLP from now on; `undefined`: they stand on standard output again. */
export function sendRecordsBy(next: Send | undefined): void {
  send = next;
}

/**
 * Where records go if they are sent; `undefined`: to standard output, as pino writes them by itself. Failures stand there
 * all the same, since a process that dies over one sends nothing any more, and so does what telemetry says of itself.
 *
 * @param out standard output, unless a test reads along
 */
export function recordDestination(out?: DestinationStream): DestinationStream | undefined {
  if (!send) return undefined;
  const standard = out ?? pino.destination(1);
  return {
    write(line) {
      send?.(line);
      if (!send || mustStand(JSON.parse(line) as Line)) standard.write(line);
    },
  };
}

function mustStand({ level, 'event.name': event }: Line): boolean {
  return level >= ERROR_LEVEL || event?.startsWith(OF_TELEMETRY) === true;
}

/** A line as OpenTelemetry's data model has it. It is sent where it is written, so that the trace is the one that runs then. */
export function recordOf(line: string): LogRecord {
  const record = JSON.parse(line) as Line;
  const { level, time, msg, 'event.name': eventName } = record;
  const fields = Object.entries(record).filter(([name, value]) => !IN_RECORD.includes(name) && value !== null);
  return {
    timestamp: new Date(time),
    severityNumber: severityOf(level),
    severityText: pino.levels.labels[level] ?? String(level),
    body: msg ?? eventName ?? '',
    attributes: Object.fromEntries(fields),
    ...(eventName !== undefined && { eventName }),
  };
}

/** pino counts by tens from 10, OpenTelemetry by fours from 1: trace, debug, info, warn, error, fatal. */
function severityOf(level: number): number {
  return Math.floor(level / 10) * 4 - 3;
}
