import { createHash, randomBytes } from 'node:crypto';

/** What the wire brings and takes, and the small readings that more than one provider's stand-in needs. */

export interface WireRequest {
  method: string;
  /** Path as it came, without query. */
  path: string;
  /** Decoded path parameters. */
  params: Readonly<Record<string, string | undefined>>;
  query: URLSearchParams;
  /** Names in lower case; repeated headers joined by a comma. */
  headers: Readonly<Record<string, string | undefined>>;
  body: string;
}

export interface WireAnswer {
  status: number;
  headers?: Readonly<Record<string, string>>;
  /** An object goes out as JSON, a string as it is with the content type of `headers` or as HTML. */
  body?: string | object;
}

export function json(status: number, body: object, headers: Record<string, string> = {}): WireAnswer {
  return { status, body, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } };
}

/** A plain page as edges and load balancers send them, with nothing a parser could use. */
export function htmlPage(status: number, title: string, text = title): WireAnswer {
  const page = `<!DOCTYPE html>\n<html><head><title>${escapeHtml(title)}</title></head><body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p></body></html>\n`;
  return { status, body: page, headers: { 'content-type': 'text/html; charset=utf-8' } };
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

export const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * What arrived, sent back: no provider has such a door, but a proxy in between needs one to be looked at. `?bytes=N`
 * adds N characters of padding to the answer.
 */
export function echoOf(request: WireRequest): WireAnswer {
  const { method, path, query, headers, body } = request;
  const bytes = Math.min(Number(query.get('bytes') ?? 0) || 0, 64 * 1024 * 1024);
  return json(200, { method, path, query: query.toString(), headers, body, padding: 'x'.repeat(bytes) });
}

export type BodyFields = Readonly<Record<string, string>>;

/** The media type without its parameters, in lower case; empty when there is none. */
export function mediaType(request: WireRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/** Top-level fields of a JSON object; numbers and booleans become their text. Undefined when it is no JSON object. */
export function jsonFields(request: WireRequest): BodyFields | undefined {
  let value: unknown;
  try {
    value = JSON.parse(request.body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const plain = Object.entries(value).filter(([, field]) => ['string', 'number', 'boolean'].includes(typeof field));
  return Object.fromEntries(plain.map(([name, field]) => [name, String(field)]));
}

export function formFields(request: WireRequest): BodyFields {
  return Object.fromEntries(new URLSearchParams(request.body));
}

/** Reads the body as what its content type says: JSON, else a form. A broken JSON body has no fields. */
export function bodyFields(request: WireRequest): BodyFields {
  return mediaType(request) === 'application/json' ? (jsonFields(request) ?? {}) : formFields(request);
}

/** HTTP Basic (RFC 7617). User and password are also percent-decoded as RFC 6749 section 2.3.1 has them encoded. */
export function basicCredentials(request: WireRequest): { id: string; secret: string } | undefined {
  const match = /^basic\s+([a-z0-9+/=_-]+)$/i.exec(request.headers.authorization ?? '');
  if (!match) return undefined;
  const pair = Buffer.from(match[1]!, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) return undefined;
  return { id: formDecode(pair.slice(0, colon)), secret: formDecode(pair.slice(colon + 1)) };
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(request: WireRequest): string | undefined {
  return /^bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** True for a redirect URI the client may use: one of its registered ones, or any http(s) URL when none are. */
export function isAllowedRedirect(redirectUri: string, registered: readonly string[] | null): boolean {
  if (registered) return registered.includes(redirectUri);
  const url = URL.canParse(redirectUri) ? new URL(redirectUri) : undefined;
  return url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:') && url.hash === '';
}

/** Appends parameters to a URL that may have a query already; undefined ones are left out. */
export function withParams(url: string, params: Readonly<Record<string, string | null | undefined>>): string {
  const target = new URL(url);
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined) target.searchParams.append(name, value);
  }
  return target.toString();
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A UUID (version 8, RFC 9562) that is always the same for the same text: ids that survive a restart. */
export function uuidOf(text: string): string {
  const bytes = sha256(text).subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Decimal digits, always the same for the same text. */
export function digitsOf(text: string, length: number): string {
  const number = BigInt(`0x${sha256(text).toString('hex')}`).toString();
  return `1${number.slice(-(length - 1))}`;
}

export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

export function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

/** `Some Shop` for `some-shop`. */
export function titled(handle: string): string {
  const words = handle.split(/[-_.\s]+/).filter((word) => word !== '');
  return words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join(' ');
}
