const LEVELS = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const UNTOLD = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'name',
  'service',
  'app',
  'msg',
  'message',
  'event',
  'v',
  'trace_id',
  'span_id',
  'trace_flags',
]);
const FIELDS = 8;
const LENGTH = 120;

/**
 * One line of an app's log as a person likes to read it: what is not JSON comes back as it is.
 * @param {string} line
 * @returns {string}
 */
export function readable(line) {
  const entry = parse(line);
  if (!entry) return line;
  const { level, msg, message, event, err } = entry;
  const parts = [
    timeOf(entry.time),
    LEVELS[level] ?? level,
    nameOf(event ?? entry['event.name']),
    msg ?? message,
    ...fieldsOf(entry),
    errorOf(err),
  ];
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

function parse(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line);
    return 'level' in entry ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Local time of day: who watches a console knows the date. */
function timeOf(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toTimeString().slice(0, 8);
}

const nameOf = (event) => (typeof event === 'object' ? event?.name : event);

/** The entry's own fields, and those one level below (`http.status=200`), as far as they are short. */
function fieldsOf(entry) {
  return Object.entries(entry)
    .filter(([name]) => !UNTOLD.has(name) && name !== 'err' && name !== 'event.name')
    .flatMap(([name, value]) =>
      isGroup(value) ? Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner]) : [[name, value]],
    )
    .filter(([, value]) => value !== null && typeof value !== 'object')
    .slice(0, FIELDS)
    .map(([name, value]) => `${name}=${shorten(String(value))}`);
}

const isGroup = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function errorOf(error) {
  if (!isGroup(error)) return undefined;
  return `${error.type ?? error.name ?? 'Error'}: ${shorten(String(error.message ?? ''), 400)}`;
}

const shorten = (text, length = LENGTH) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
