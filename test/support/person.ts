import { anAddress, type Answer, type Caller } from './caller';
import { formOn, type PageForm } from './page-form';

/** What the person in front of the browser does. */
export interface Choices {
  readonly decision?: 'approve' | 'deny';
  /** Whose account it is at the provider; without it the one that the page suggests. */
  readonly account?: string;
  /** The scopes that stay ticked; without it those that the page ticks. */
  readonly scopes?: readonly string[];
  /** What is typed into the hub's own page. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Whether the button of the confirm page is pressed. */
  readonly confirm?: boolean;
}

/** Where a browser has come to rest. */
export interface Ending {
  /** The address outside of hub and provider that the browser was sent to, not called. */
  readonly sentTo: string | undefined;
  /** The last page, where it was not sent away. */
  readonly status: number;
  readonly html: string;
  readonly headers: Headers;
  /** Every address that was opened, in order. */
  readonly visited: readonly string[];
}

/** How the hub is reached: people know it under its public URL. */
export interface HubAddress {
  readonly publicUrl: string;
  readonly base: string;
  readonly sandboxBase: string;
  /** Further places whose pages the person walks, such as another provider's. */
  readonly others?: readonly string[];
}

const MOST_STEPS = 12;

/** A person with a browser of their own: cookies, forms, redirects. */
export class Person {
  /** Cookies by host and name; browsers do not tell ports apart. */
  readonly cookies = new Map<string, Map<string, string>>();
  readonly address = anAddress();

  constructor(private readonly hub: HubAddress) {}

  /** Lets the page of the product start a connect: its answer's cookie stays in this browser. */
  async starts(caller: Caller, body: unknown): Promise<string> {
    const answer = await caller.begin(body);
    if (answer.status !== 200) throw new Error(`The connect was not started: ${answer.status} ${answer.text}`);
    this.keep(this.hub.publicUrl, answer.headers);
    return answer.body.authUrl;
  }

  /** Opens an address and goes on as the choices say, until the browser is sent away or a page offers nothing to do. */
  async opens(url: string, choices: Choices = {}): Promise<Ending> {
    return this.goOn(await this.get(url), choices, [url]);
  }

  /** Goes to the provider and decides there. @returns the callback's address, not yet opened */
  async consents(authUrl: string, choices: Choices = {}): Promise<string> {
    const ending = await this.goOn(await this.get(authUrl), choices, [authUrl], this.callbackPrefix);
    if (ending.sentTo === undefined) throw new Error(`No way back from the provider: ${ending.status} ${ending.html}`);
    return ending.sentTo;
  }

  /** The cookies of a host, as they are sent. */
  cookieHeader(url: string): string {
    const jar = this.cookies.get(new URL(url).hostname);
    return [...(jar ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** One GET, nothing followed. */
  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.send('GET', url, headers);
  }

  /** One HEAD, as prefetchers send it; nothing followed. */
  head(url: string): Promise<Response> {
    return this.send('HEAD', url);
  }

  /** One form, sent as browsers send it; nothing followed. */
  post(
    url: string,
    fields: readonly (readonly [string, string])[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const form = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value]));
    return this.send('POST', url, headers, form);
  }

  /** One request as a page's script sends it, with a body of JSON or none; nothing followed. */
  asks(method: string, url: string, headers: Readonly<Record<string, string>> = {}, body?: unknown): Promise<Response> {
    if (body === undefined) return this.send(method, url, { accept: '*/*', ...headers });
    const json = { accept: '*/*', 'content-type': 'application/json', ...headers };
    return this.send(method, url, json, JSON.stringify(body));
  }

  private get callbackPrefix(): string {
    return `${this.hub.publicUrl}/functions/v1/integrations-callback/`;
  }

  private async goOn(answer: Response, choices: Choices, visited: string[], stopAt?: string): Promise<Ending> {
    const here = visited.at(-1) ?? '';
    if (visited.length > MOST_STEPS) throw new Error(`The browser is led in circles: ${visited.join(' → ')}`);
    const next = answer.headers.get('location');
    if (next !== null) {
      const target = new URL(next, here).href;
      await answer.body?.cancel();
      if (!this.isKnown(target) || (stopAt !== undefined && target.startsWith(stopAt)))
        return { sentTo: target, status: answer.status, html: '', headers: answer.headers, visited };
      return this.goOn(await this.get(target), choices, [...visited, target], stopAt);
    }
    const html = await answer.text();
    const form = formOn(html);
    const filled = answer.status === 200 && form ? fill(form, choices) : undefined;
    if (!filled) return { sentTo: undefined, status: answer.status, html, headers: answer.headers, visited };
    const target = new URL(form?.action ?? here, here).href;
    return this.goOn(await this.post(target, filled), choices, [...visited, target], stopAt);
  }

  private isKnown(url: string): boolean {
    const { publicUrl, sandboxBase, others = [] } = this.hub;
    return [`${publicUrl}/functions/`, sandboxBase, ...others].some((known) => url.startsWith(known));
  }

  private async send(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>> = {},
    body?: URLSearchParams | string,
  ): Promise<Response> {
    const real = url.startsWith(this.hub.publicUrl) ? this.hub.base + url.slice(this.hub.publicUrl.length) : url;
    const cookie = this.cookieHeader(url);
    const answer = await fetch(real, {
      method,
      redirect: 'manual',
      headers: { accept: 'text/html', 'x-forwarded-for': this.address, ...(cookie !== '' && { cookie }), ...headers },
      ...(body !== undefined && { body }),
    });
    this.keep(url, answer.headers);
    return answer;
  }

  private keep(url: string, headers: Headers): void {
    const host = new URL(url).hostname;
    for (const cookie of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      const jar = this.cookies.get(host) ?? new Map<string, string>();
      this.cookies.set(host, jar);
      if (/;\s*max-age=0(;|$)/i.test(cookie)) jar.delete(name);
      else jar.set(name, value);
    }
  }
}

/** The form as the choices fill it; `undefined` if they say to leave the page alone. */
function fill(form: PageForm, choices: Choices): readonly (readonly [string, string])[] | undefined {
  if (form.names.has('csrf')) return choices.confirm === true ? form.fields : undefined;
  if (form.names.has('decision')) return decide(form, choices);
  const { inputs } = choices;
  if (inputs === undefined) return undefined;
  return form.fields.map(([name, value]) => [name, inputs[name] ?? value] as const);
}

function decide(form: PageForm, { decision = 'approve', account, scopes }: Choices): [string, string][] {
  const kept = form.fields
    .filter(([name]) => !(name === 'granted' && scopes !== undefined))
    .map(([name, value]): [string, string] => [name, name === 'account' && account !== undefined ? account : value]);
  return [...kept, ...(scopes ?? []).map((scope): [string, string] => ['granted', scope]), ['decision', decision]];
}

/** The parameters of an address. */
export function parametersOf(url: string): Record<string, string> {
  return Object.fromEntries(new URL(url).searchParams);
}

/** The `code` of a problem. */
export function codeOf(answer: Answer): unknown {
  return (answer.body as { code?: unknown } | undefined)?.code;
}
