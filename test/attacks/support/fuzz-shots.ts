import fc from 'fast-check';

/** A part of a JSON schema, as the gateway's document writes them. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** An operation of the document. */
export interface FuzzedOperation {
  readonly method: string;
  readonly path: string;
  readonly needsBearer: boolean;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body: Schema | undefined;
  /** Whether any body of any type is passed on. */
  readonly isRelayed: boolean;
}

/** One request of the fuzzer. */
export interface Shot {
  readonly method: string;
  /** Path and query, escaped as it is sent. */
  readonly path: string;
  /** Whether every part of the path can be read as the document's template has it. */
  readonly isPlain: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly bearer: Bearer;
  /** Whether it asks for the org that is only read, if it changes nothing. */
  readonly isOfKept: boolean;
  readonly body: string | Buffer | undefined;
  /** Sent in chunks, without its length. */
  readonly isChunked: boolean;
}

/** Who asks: somebody with all rights, with one of them, with a strange name, or nobody. */
export type Bearer =
  | { readonly kind: 'good' | 'few rights' }
  | { readonly kind: 'strange name'; readonly sub: string }
  | { readonly kind: 'none' | 'garbage'; readonly header: string };

/** Values that are good, by the name of the path parameter, the member of a body or the parameter of a query that takes them. */
export type Known = Readonly<Record<string, readonly string[]>>;

const JUNK_SEGMENTS = [
  '..', '%2e%2e', '%2e%2e%2f', '%00', '%', '%zz', '%E0%A4%A', '%ff', '%F0%9F%98%80', '.', '-1', '*', 'null', '__proto__',
  'constructor', 'toString', '%22', "'", '%0d%0aset-cookie:a=b', 'a'.repeat(127), 'a'.repeat(200), '%41'.repeat(60), ';', '%5c',
]; // prettier-ignore

const STRANGE_TEXTS = [
  '', ' ', '\u0000', 'a\u0000b', '\ud800', '\uffff', '\u202e', '💥', '__proto__', 'constructor', 'null', 'undefined', '0',
  '-0', '1e308', 'NaN', '{}', '[]', '../../etc/passwd', '<script>alert(1)</script>', "' or ''='", '${7*7}', '%00', '%s%s%n',
  '\r\nset-cookie: a=b', 'a'.repeat(65), 'a'.repeat(256), 'a'.repeat(2_049), 'ä'.repeat(2_048),
  'https://evil.example', '//evil.example', 'javascript:alert(1)', 'http://[::1', 'https://app.example/integrations',
  'https://hooks.zapier.com/hooks/catch/1/a', `${'a'.repeat(60)}.myshopify.com`, '2026-13-45T99:99:99Z',
]; // prettier-ignore

/** Texts that something may stumble over. */
export const strangeText = fc.oneof(fc.constantFrom(...STRANGE_TEXTS), fc.string({ unit: 'binary', maxLength: 80 }));

/**
 * Values that a schema takes, and now and then some that it does not.
 *
 * @param name of the member or parameter; where good values of it are known, it is mostly one of those
 */
function valueOf(schema: Schema, known: Known, name = ''): fc.Arbitrary<unknown> {
  const good = { weight: 5, arbitrary: goodValueOf(schema, known) };
  const wrong = { weight: 1, arbitrary: wrongValue };
  const there = Object.hasOwn(known, name) ? (known[name] ?? []) : [];
  return there.length === 0
    ? fc.oneof(good, wrong)
    : fc.oneof({ weight: 18, arbitrary: fc.constantFrom<unknown>(...there) }, good, wrong);
}

/** Anything that JSON can say. */
export const wrongValue: fc.Arbitrary<unknown> = fc.oneof(
  strangeText,
  fc.constantFrom(null, true, 0, -1, 1e308, 2 ** 53, 0.1, [], {}, [[]], [null]),
  fc.jsonValue({ maxDepth: 3 }),
);

function goodValueOf(schema: Schema, known: Known): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum && schema.enum.length > 0) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices && choices.length > 0) return fc.oneof(...choices.map((choice) => goodValueOf(choice, known)));
  const type = Array.isArray(schema.type) ? (schema.type as string[])[0] : (schema.type as string | undefined);
  const { minimum = -1_000, maximum = 100_000 } = schema;
  switch (type) {
    case 'string':
      return schema.format === 'uuid' ? fc.uuid() : fc.oneof(fc.string({ maxLength: 64 }), strangeText);
    case 'integer':
      return fc.oneof(
        fc.integer({ min: Math.max(minimum, -(2 ** 31)), max: Math.min(maximum, 2 ** 31) }),
        fc.constantFrom(minimum - 1, maximum + 1),
      );
    case 'number':
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, known), { maxLength: 4 });
    case 'object':
      return objectOf(schema, known);
    case undefined:
    default:
      return wrongValue;
  }
}

function objectOf({ properties = {}, required = [] }: Schema, good: Known): fc.Arbitrary<unknown> {
  const model = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, valueOf(one, good, name)]));
  const known = fc.record(model, { requiredKeys: Object.keys(model).filter((name) => required.includes(name)) });
  const unknown = fc.dictionary(
    fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('__proto__', 'orgId')),
    wrongValue,
    {
      maxKeys: 2,
    },
  );
  return fc.oneof(
    { weight: 5, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, unknown).map(([some, others]) => ({ ...some, ...others })) },
    { weight: 1, arbitrary: fc.constant({}) },
  );
}

const BROKEN_BODIES = [
  '', ' ', '{', '}', 'null', 'true', '0', '""', '[]', '[{}]', '{"a":1}{"b":2}', '{"provider":"notion",}', '\ufeff{}', '{"a":1e999}',
  '{"__proto__":{"isAdmin":true}}', '{"constructor":{"prototype":{"x":1}}}', '{"provider":"notion","provider":"shopify"}',
  '{"provider":"\\ud800"}', '{"provider":"\\u0000"}', '{"provider":"notion","redirectUri":"\\u0000"}',
  `${'['.repeat(10_000)}${']'.repeat(10_000)}`, `${'{"a":'.repeat(50)}1${'}'.repeat(50)}`, `{"provider":"${'a'.repeat(70_000)}"}`,
]; // prettier-ignore

const BROKEN_FORMS = [
  '', 'csrf', 'csrf=', 'csrf=x&csrf=y', 'csrf[]=x', 'csrf[a][b]=x', '__proto__=x', 'csrf=%00', 'csrf=%E0%A4%A', '&&&=', 'shop=%00',
  'shop=a.myshopify.com&shop=b.myshopify.com', 'shop=a.myshopify.com%00', `shop=${'a'.repeat(3_000)}`, `csrf=${'a'.repeat(70_000)}`,
  'webhookUrl=https://hooks.zapier.com/hooks/catch/1/%00', 'webhookUrl=javascript:alert(1)',
]; // prettier-ignore

const JSON_TYPES = ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON'];
const FORM_TYPES = ['application/x-www-form-urlencoded'];
const OTHER_TYPES = [
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'x',
  '/',
];

interface Payload {
  readonly type: string | undefined;
  readonly body: string | Buffer | undefined;
  readonly isChunked: boolean;
}

/** Around 256 KiB, above which no body is kept, and around what one read of a socket brings. */
const LENGTHS = [65_535, 65_537, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 300 * 1024];

/** Any bytes of any type, in either framing. */
function relayedPayload(): fc.Arbitrary<Payload> {
  const long = fc
    .tuple(fc.constantFrom(...LENGTHS), fc.integer({ min: 0, max: 255 }))
    .map(([length, first]) => Buffer.from(Uint8Array.from({ length }, (_, at) => (first + at * 31) % 256)));
  const short = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
  const type = fc.constantFrom(...JSON_TYPES, ...FORM_TYPES, ...OTHER_TYPES, 'application/octet-stream', undefined);
  return fc.record({
    type,
    body: fc.oneof(
      { weight: 3, arbitrary: short },
      { weight: 1, arbitrary: long },
      { weight: 1, arbitrary: fc.constantFrom<string | Buffer>(...BROKEN_BODIES, ...BROKEN_FORMS) },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
    isChunked: fc.boolean(),
  });
}

function payloadOf(operation: FuzzedOperation, known: Known): fc.Arbitrary<Payload> {
  const { method, path, body, needsBearer, isRelayed } = operation;
  if (method === 'get') return fc.constant({ type: undefined, body: undefined, isChunked: false });
  if (isRelayed) return relayedPayload();
  const isForm = !needsBearer && path.startsWith('/functions/');
  const usualTypes = isForm ? FORM_TYPES : JSON_TYPES;
  const made = body ? valueOf(body, known).map((value) => JSON.stringify(value) ?? 'null') : fc.constantFrom('', '{}');
  const form = fc.oneof(
    fc.constantFrom(...BROKEN_FORMS),
    fc
      .tuple(fc.constantFrom('csrf', 'shop', 'webhookUrl'), strangeText)
      .map(([name, value]) => `${name}=${escaped(value)}`),
  );
  const text = isForm
    ? form
    : fc.oneof({ weight: 3, arbitrary: made }, { weight: 1, arbitrary: fc.constantFrom(...BROKEN_BODIES) });
  const type = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<string | undefined>(...usualTypes) },
    { weight: 1, arbitrary: fc.constantFrom<string | undefined>(...OTHER_TYPES, undefined) },
  );
  return fc.record({ type, body: text, isChunked: fc.constant(false) });
}

function queryOf({ parameters }: FuzzedOperation, known: Known): fc.Arbitrary<string> {
  const own = parameters
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, schema }) => valueOf(schema, known, name).map((value) => `${name}=${escaped(textOf(value))}`));
  const strange = fc.oneof(
    fc.tuple(strangeText, strangeText).map(([name, value]) => `${escaped(name)}=${escaped(value)}`),
    fc.constantFrom('%', '%00', 'a[]=1', '__proto__[x]=1', '&&', '=', 'cursor=AAAA', `x=${'a'.repeat(13_000)}`),
    fc.constantFrom('code', 'state', 'error', 'hmac', 'shop', 'iss').map((name) => `${name}=%00`),
  );
  const pieces = [...own.map((arbitrary) => ({ weight: 3, arbitrary })), { weight: 1, arbitrary: strange }];
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.constant<string[]>([]) },
      { weight: 5, arbitrary: fc.array(fc.oneof(...pieces), { maxLength: 4 }) },
    )
    .map((all) => all.join('&'));
}

function pathOf({ path }: FuzzedOperation, known: Known): fc.Arbitrary<{ path: string; isPlain: boolean }> {
  const segments = path.split('/').map((segment) => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) return fc.constant({ text: segment, isPlain: true });
    const good = known[name] ?? [];
    return fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...good).map((text) => ({ text, isPlain: true })) },
      { weight: 1, arbitrary: fc.uuid().map((text) => ({ text, isPlain: true })) },
      { weight: 1, arbitrary: fc.constantFrom(...JUNK_SEGMENTS).map((text) => ({ text, isPlain: false })) },
      { weight: 1, arbitrary: strangeText.map((text) => ({ text: escaped(text), isPlain: false })) },
    );
  });
  return fc.tuple(...segments).map((parts) => ({
    path: parts.map(({ text }) => text).join('/'),
    isPlain: parts.every(({ isPlain }) => isPlain),
  }));
}

/** @param canary stands in every header that is no bearer: no answer may repeat it */
function bearerOf(canary: string): fc.Arbitrary<Bearer> {
  const garbage = ['Bearer', 'Bearer ', 'bearer x', `Bearer ${canary}`, `Bearer ${canary}.${canary}.${canary}`, `Basic ${canary}`,
    `Bearer ${canary.repeat(300)}`, 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer null', `Bearer  ${canary}`]; // prettier-ignore
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant<Bearer>({ kind: 'good' }) },
    { weight: 1, arbitrary: fc.constant<Bearer>({ kind: 'few rights' }) },
    { weight: 1, arbitrary: strangeText.map((sub): Bearer => ({ kind: 'strange name', sub })) },
    { weight: 1, arbitrary: fc.constant<Bearer>({ kind: 'none', header: '' }) },
    { weight: 1, arbitrary: fc.constantFrom(...garbage).map((header): Bearer => ({ kind: 'garbage', header })) },
  );
}

const HEADERS: readonly Readonly<Record<string, string>>[] = [
  {},
  {},
  {},
  { cookie: 'hub_flow_x=y; =; ;; a=%00; __proto__=x' },
  { cookie: `hub_flow_x=${'a'.repeat(4_000)}` },
  { origin: 'https://evil.example' },
  { origin: 'https://app.example' },
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher' },
  { 'x-forwarded-for': 'unknown, ::1, %00' },
  { accept: 'image/png', 'accept-encoding': 'identity' },
  { 'x-request-id': 'a'.repeat(500) },
];

/** Proofs that stand in headers, which no provider may see, or its echo would repeat them. */
function proofs(canary: string): readonly Readonly<Record<string, string>>[] {
  return [
    { cookie: `hub_session=${canary}`, 'x-auth-request-access-token': canary, 'x-forwarded-user': canary },
    { 'proxy-authorization': `Basic ${canary}`, 'x-goog-iap-jwt-assertion': canary, 'x-ms-token-aad-id-token': canary },
    {
      forwarded: `for=${canary}`,
      te: 'trailers',
      referer: `https://app.example/?${canary}`,
      'x-original-url': `/${canary}`,
    },
    { 'x-http-method-override': 'DELETE', 'hub-answer': canary, 'x-accel-redirect': '/', range: 'bytes=0-,-1' },
  ];
}

/** Requests of an operation, good ones, bad ones and strange ones. */
export function shotsOf(operation: FuzzedOperation, known: Known, canary: string): fc.Arbitrary<Shot> {
  return fc
    .record({
      place: pathOf(operation, known),
      query: queryOf(operation, known),
      payload: payloadOf(operation, known),
      bearer: operation.needsBearer ? bearerOf(canary) : fc.constant<Bearer>({ kind: 'none', header: '' }),
      headers: fc.constantFrom(...HEADERS, ...proofs(canary)),
      isOfKept: fc.boolean(),
    })
    .map(({ place, query, payload, bearer, headers, isOfKept }) => ({
      method: operation.method.toUpperCase(),
      path: place.path + (query === '' ? '' : `?${query}`),
      isPlain: place.isPlain,
      headers: { ...headers, ...(payload.type !== undefined && { 'content-type': payload.type }) },
      bearer,
      isOfKept,
      body: payload.body,
      isChunked: payload.isChunked,
    }));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** Escaped for a URL, which has no lone surrogates. */
export function escaped(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
}
