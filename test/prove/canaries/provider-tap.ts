import type { Canaries } from './canaries';
import { echoing } from './echoes';
import { HttpTap, type TapAnswer, type TapRequest } from './http-tap';

/** What the hub asks an OAuth provider for. */
export const POSITIONS = ['exchange', 'refresh', 'api', 'revoke'] as const;
/** Where an event is delivered. */
export const HOOK = 'hook';
export type Position = (typeof POSITIONS)[number] | typeof HOOK;

/** The line between the hub and its providers: remembers every secret that passes, and answers by repeating it where told. */
export class ProviderTap {
  /** How often each manner has struck at each position, by `provider position manner`. */
  readonly struck = new Map<string, number>();
  private readonly spoiled = new Map<string, string>();
  private tap!: HttpTap;

  private constructor(private readonly canaries: Canaries) {}

  /** @param target the sandbox */
  static async start(target: string, canaries: Canaries): Promise<ProviderTap> {
    const own = new ProviderTap(canaries);
    own.tap = await HttpTap.start({
      target,
      meet: (request) => own.meet(request),
      hear: (request, answer) => own.hear(request, answer),
    });
    return own;
  }

  get base(): string {
    return this.tap.base;
  }

  stop(): Promise<void> {
    return this.tap.stop();
  }

  /** Has a provider answer by repeating while something is done. */
  async while<T>(provider: string, position: Position, manner: string, act: () => Promise<T>): Promise<T> {
    this.spoiled.set(`${provider} ${position}`, manner);
    try {
      return await act();
    } finally {
      this.spoiled.delete(`${provider} ${position}`);
    }
  }

  private meet(request: TapRequest): ReturnType<typeof echoing> | undefined {
    const provider = request.url.split('/')[1] ?? '';
    const position = positionOf(request);
    this.keepSent(request);
    const manner = position && this.spoiled.get(`${provider} ${position}`);
    if (manner === undefined) return undefined;
    const place = `${provider} ${position} ${manner}`;
    this.struck.set(place, (this.struck.get(place) ?? 0) + 1);
    return echoing(manner, request);
  }

  private keepSent({ headers, body }: TapRequest): void {
    const fields = fieldsOf(body);
    this.canaries.keep('authorization code', fields['code']);
    this.canaries.keep('PKCE verifier', fields['code_verifier']);
    this.canaries.keep('refresh token', fields['refresh_token']);
    this.canaries.keep('client secret', fields['client_secret']);
    const [scheme = '', credentials = ''] = (headers.authorization ?? '').split(' ');
    if (/^bearer$/i.test(scheme)) this.canaries.keep('access token', credentials);
    if (/^basic$/i.test(scheme))
      this.canaries.keep('client secret', Buffer.from(credentials, 'base64').toString().split(':')[1]);
    const shopify = headers['x-shopify-access-token'];
    if (typeof shopify === 'string') this.canaries.keep('access token', shopify);
  }

  private hear(request: TapRequest, { body }: TapAnswer): void {
    const position = positionOf(request);
    if (position !== 'exchange' && position !== 'refresh') return;
    const { access_token: access, refresh_token: refresh } = fieldsOf(body);
    this.canaries.keep('access token', access);
    this.canaries.keep('refresh token', refresh);
  }
}

function positionOf({ method, url, headers, body }: TapRequest): Position | undefined {
  if (/^\/[^/]+\/hooks\//.test(url)) return HOOK;
  const fields = fieldsOf(body);
  if (fields['grant_type'] === 'refresh_token') return 'refresh';
  if (method === 'POST' && (fields['grant_type'] === 'authorization_code' || /\/access_token$/.test(url)))
    return 'exchange';
  if (/revoke/.test(url) || (method === 'DELETE' && /\/api_permissions\//.test(url))) return 'revoke';
  return headers.authorization !== undefined || headers['x-shopify-access-token'] !== undefined ? 'api' : undefined;
}

/** Text fields of a form or of a JSON object; none for anything else. */
function fieldsOf(body: string): Readonly<Record<string, string | undefined>> {
  if (!body.startsWith('{')) return Object.fromEntries(new URLSearchParams(body));
  try {
    const parsed = JSON.parse(body) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {};
  }
}
