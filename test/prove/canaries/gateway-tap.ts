import { formOn } from '../../support/page-form';
import type { Canaries } from './canaries';
import { HttpTap, type TapAnswer, type TapRequest } from './http-tap';

/** An answer as it is searched: without what OAuth demands to stand in just that place. */
export interface HeardAnswer {
  /** Method, path and status. */
  readonly what: string;
  readonly status: number;
  readonly text: string;
}

const ALLOWED = '(allowed here)';
const API = '/functions/v1';
const SESSION = `${API}/integrations-session`;
const LONGEST_WHAT = 80;
/** A secret in a path is not printed. */
const SECRET_PART = /[A-Za-z0-9_-]{32,}/g;

/** The line between callers and the gateway: remembers every secret that passes, and keeps every answer to be searched. */
export class GatewayTap {
  readonly answers: HeardAnswer[] = [];
  private tap!: HttpTap;

  private constructor(
    private readonly canaries: Canaries,
    /** Where a browser is sent with the state: the providers' own addresses. */
    private readonly providersBase: string,
  ) {}

  static async start(target: string, providersBase: string, canaries: Canaries): Promise<GatewayTap> {
    const own = new GatewayTap(canaries, providersBase);
    own.tap = await HttpTap.start({ target, hear: (request, answer) => own.hear(request, answer) });
    return own;
  }

  get base(): string {
    return this.tap.base;
  }

  stop(): Promise<void> {
    return this.tap.stop();
  }

  private hear(request: TapRequest, answer: TapAnswer): void {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    this.canaries.keepJwt('bearer JWT', bearer);
    const [path = ''] = request.url.split('?');
    const allowed = this.secretsAllowedIn(request.method, path, answer);
    for (const [kind, secret] of allowed) {
      this.canaries.keep(kind, secret);
      // its bytes are what is signed with
      if (kind === 'signing secret') this.canaries.keep(kind, Buffer.from(secret ?? '', 'base64').toString('hex'));
    }
    const headers = Array.from({ length: answer.rawHeaders.length / 2 }, (_, place) =>
      answer.rawHeaders.slice(place * 2, place * 2 + 2).join(': '),
    );
    const whole = [`HTTP ${answer.status}`, ...headers, '', answer.body].join('\n');
    const told = allowed.reduce((left, [, secret]) => (secret ? left.replaceAll(secret, ALLOWED) : left), whole);
    const text = told.replace(/<form method="post" action="([^"]*)">/, (form, action: string) =>
      action.endsWith(path) ? ALLOWED : form,
    );
    this.answers.push({
      what: `${request.method} ${path.replace(SECRET_PART, '…').slice(0, LONGEST_WHAT)} → ${answer.status}`,
      status: answer.status,
      text,
    });
  }

  /**
   * The few places where a secret must stand, each with its kind:
   *
   * - an access token in the field of that name of a token read
   * - the state in the provider's own address, in `authUrl` or in `Location`
   * - the address of an input page in `authUrl`, of a confirm page in the callback's `Location`
   * - the handle of a deferred flow in the `Location` that leads to the product's backend
   * - the values of the cookies of flow and session in `Set-Cookie`
   * - a console's link in the answer of the call that makes it, the proof of a session in what its own page reads
   * - the signing secret of deliveries in the answer of the route that tells it
   * - the proof of a confirm page in its own form; its address, and that of an input page, as the target of that form
   */
  private secretsAllowedIn(
    method: string,
    path: string,
    { status, rawHeaders, body }: TapAnswer,
  ): [string, string | undefined][] {
    const allowed: [string, string | undefined][] = [];
    rawHeaders.forEach((name, place) => {
      const value = rawHeaders[place + 1] ?? '';
      if (place % 2 === 1) return;
      if (/^location$/i.test(name)) allowed.push(...this.secretsOf(value));
      const [, kind, secret] = /^(?:__Host-)?hub_(flow|confirm|session)(?:_[^=]*)?=([^;]*)/.exec(value) ?? [];
      if (/^set-cookie$/i.test(name)) allowed.push([`${kind} cookie`, secret]);
    });
    if (status !== 200) return allowed;
    if (method === 'GET' && /\/integrations\/[^/]+\/token$/.test(path))
      allowed.push(['access token', (JSON.parse(body) as { accessToken?: string }).accessToken]);
    if (method === 'POST' && path === `${API}/integrations-connect`)
      allowed.push(...this.secretsOf((JSON.parse(body) as { authUrl: string }).authUrl));
    if (method === 'POST' && path === SESSION)
      allowed.push(['link of the console', (JSON.parse(body) as { url: string }).url.split('/').at(-1)]);
    if (method === 'GET' && path === SESSION)
      allowed.push(['proof of a session', (JSON.parse(body) as { csrfToken: string }).csrfToken]);
    if (method === 'POST' && /\/integrations\/[^/]+\/delivery-secret$/.test(path)) allowed.push(signingSecret(body));
    if (method === 'GET' && path.startsWith(`${API}/integrations-confirm/`))
      allowed.push(['CSRF proof', formOn(body)?.fields.find(([name]) => name === 'csrf')?.[1]]);
    return allowed;
  }

  private secretsOf(address: string): [string, string | undefined][] {
    if (!URL.canParse(address)) return [];
    const { pathname, searchParams, href } = new URL(address);
    if (href.startsWith(this.providersBase)) return [['state', searchParams.get('state') ?? undefined]];
    if (searchParams.has('handle')) return [['handle', searchParams.get('handle') ?? undefined]];
    const [, page, secret] = /\/integrations-(connect|confirm)\/([^/]+)$/.exec(pathname) ?? [];
    if (page === undefined) return [];
    return [[page === 'confirm' ? 'address of a confirm page' : 'address of an input page', secret]];
  }
}

/** Without the prefix that every signing secret has. */
function signingSecret(body: string): [string, string] {
  return ['signing secret', (JSON.parse(body) as { secret: string }).secret.replace(/^whsec_/, '')];
}
