import type { Answer, Caller } from './caller';
import type { Person } from './person';
import type { Stack } from './stack';

/** A session of the console as its page reads it. */
export interface SessionBody {
  readonly orgId: string;
  readonly sub: string;
  readonly userLabel: string | null;
  readonly scopes: readonly string[];
  readonly csrfToken: string;
  readonly expiresAt: string;
}

const SESSION = '/functions/v1/integrations-session';

/** The console in somebody's browser. Every answer must be as the OpenAPI document says. */
export class ConsolePage {
  constructor(
    private readonly hub: Stack,
    readonly person: Person,
  ) {}

  /** Opens a link of this caller's in a browser, and is sent on to the console. @param person without one, a browser that knows nothing yet */
  static async signedIn(hub: Stack, caller: Caller, person: Person = hub.person()): Promise<ConsolePage> {
    const { body } = await caller.consoleLink();
    const { status } = await person.get(body.url);
    if (status !== 303) throw new Error(`The link was not taken: ${status}`);
    return new ConsolePage(hub, person);
  }

  /** What the page reads first. */
  session(headers: Readonly<Record<string, string>> = {}): Promise<Answer<SessionBody>> {
    return this.call('GET', SESSION, { headers });
  }

  /** The proof of its session. */
  async csrf(): Promise<string> {
    return (await this.session()).body.csrfToken;
  }

  /** Changes something, with all that a page of the hub's own sends along. */
  async act<Body = unknown>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    return this.call(method, path, { headers: { 'x-csrf-token': await this.csrf() }, body });
  }

  /** The cookie of its session, as it is sent. */
  get cookie(): string {
    const port = new URL(this.hub.publicUrl).port;
    return this.person.cookies.get('localhost')?.get(`hub_session_${port}`) ?? '';
  }

  /** One request by cookie. */
  async call<Body = unknown>(
    method: string,
    path: string,
    { headers = {}, body }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown } = {},
  ): Promise<Answer<Body>> {
    const answer = await this.person.asks(method, this.hub.publicUrl + path, headers, body);
    const text = await answer.text();
    const type = answer.headers.get('content-type') ?? '';
    const held = { status: answer.status, type, text };
    const complaint = this.hub.conformity.complaint(method, path.split('?')[0] ?? '', held);
    if (complaint !== undefined) throw new Error(complaint);
    const parsed = (type.includes('json') && text !== '' ? JSON.parse(text) : undefined) as Body;
    return { status: answer.status, headers: answer.headers, text, body: parsed };
  }
}
