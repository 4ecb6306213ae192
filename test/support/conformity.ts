import { z } from 'zod';

type Json = { readonly [key: string]: unknown };

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema?: Json }>> }>>;
}

/** An OpenAPI document, as far as answers are held against it. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

/** An answer as it came. */
export interface HeldAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Holds answers against the OpenAPI document that the gateway itself serves. */
export class Conformity {
  private readonly known = new Map<string, z.ZodType>();
  /** Every operation and status that was met, such as `get /openapi.json 200`. */
  readonly met = new Set<string>();

  constructor(readonly document: OpenApiDocument) {}

  /** What about an answer the document does not say; `undefined` if all is well, or if the document has no such route. */
  complaint(method: string, path: string, answer: HeldAnswer): string | undefined {
    const route = this.routeOf(method, path);
    if (!route) return undefined;
    const place = `${method.toLowerCase()} ${route.path} ${answer.status}`;
    const response = route.operation.responses[String(answer.status)] ?? route.operation.responses['default'];
    if (!response) return `${place} is not documented: ${answer.text.slice(0, 300)}`;
    this.met.add(place);
    const media = answer.type.split(';')[0] ?? '';
    const isAny = response.content?.['*/*'] !== undefined;
    if (response.content && !response.content[media] && !isAny)
      return `${place} is documented, but not as ${media || 'nothing'}`;
    const schema = response.content?.[media]?.schema;
    if (!schema || method.toUpperCase() === 'HEAD') return undefined;
    const result = this.schemaOf(place, schema).safeParse(JSON.parse(answer.text));
    return result.success ? undefined : `${place} is not as documented: ${z.prettifyError(result.error)}`;
  }

  private routeOf(method: string, path: string): { path: string; operation: Operation } | undefined {
    const paths = Object.keys(this.document.paths);
    const documented = paths.includes(path) ? path : paths.find((template) => pattern(template).test(path));
    const operation = documented && this.document.paths[documented]?.[method.toLowerCase()];
    return documented && operation ? { path: documented, operation } : undefined;
  }

  /** A schema of the document with all that it refers to, as a document of its own. */
  alone(schema: object): Parameters<typeof z.fromJSONSchema>[0] {
    const { schemas } = this.document.components;
    const text = JSON.stringify({ ...schema, $defs: schemas }).replaceAll('"#/components/schemas/', '"#/$defs/');
    return JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0];
  }

  private schemaOf(place: string, schema: Json): z.ZodType {
    const known = this.known.get(place);
    if (known) return known;
    const made = z.fromJSONSchema(this.alone(schema));
    this.known.set(place, made);
    return made;
  }
}

function pattern(template: string): RegExp {
  return new RegExp(
    `^${template
      .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
      .replace(/\{path\}$/, '.*')
      .replace(/\{\w+\}/g, '[^/]+')}$`,
  );
}
