import { randomInt } from 'node:crypto';
import { bearerOf, type Claims } from './bearer';
import type { Conformity } from './conformity';

/** An integration as callers read it. */
export interface IntegrationBody {
  readonly provider: string;
  readonly configured: boolean;
  readonly status: 'connected' | 'refresh_failing' | 'reauth_required' | 'not_connected';
  readonly scope: string | null;
  readonly account: { readonly id: string; readonly label: string } | null;
  readonly expiresAt: string | null;
  readonly nextRefreshAt: string | null;
  readonly lastSyncAt: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly failure: { readonly code: string; readonly at: string; readonly attempts: number } | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

/** A token as product services receive it. */
export interface TokenBody {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresAt: string | null;
  readonly scope: string | null;
  readonly provider: string;
  readonly account: { readonly id: string; readonly label: string } | null;
}

/** A line of the audit trail. */
export interface EventBody {
  readonly id: string;
  readonly seq: number;
  readonly at: string;
  readonly name: string;
  readonly provider: string | null;
  readonly integrationId: string | null;
  readonly actor: { readonly type: string; readonly id: string };
  readonly detail: Readonly<Record<string, unknown>>;
  readonly unopened?: Readonly<Record<string, string>>;
}

/** A job that ran out of tries. */
export interface DeadLetterBody {
  readonly id: string;
  readonly kind: 'sync' | 'refresh' | 'delivery' | 'revocation';
  readonly provider: string;
  readonly integrationId: string;
  readonly reason: string;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  readonly event?: { readonly id: string; readonly seq: number; readonly type: string; readonly at: string };
}

export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, where it is JSON. */
  readonly body: Body;
}

/** What is sent beyond method and path. */
export interface Sending {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of a body. */
  readonly raw?: string;
  /** Put over the usual ones; empty takes one away. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A service that calls the hub's API with a bearer token. Every answer must be as the OpenAPI document says. */
export class Caller {
  private bearer: Promise<string> | undefined;
  private readonly address = anAddress();

  constructor(
    private readonly base: string,
    readonly claims: Claims,
    private readonly conformity: Conformity,
  ) {}

  /** The same org, somebody else or with other rights. */
  with(different: Partial<Claims>): Caller {
    return new Caller(this.base, { ...this.claims, ...different }, this.conformity);
  }

  async request<Body = unknown>(
    method: string,
    path: string,
    { body, raw, headers = {} }: Sending = {},
  ): Promise<Answer<Body>> {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const usual = {
      authorization: await this.authorization(),
      'x-forwarded-for': this.address,
      ...(sent !== undefined && { 'content-type': 'application/json' }),
    };
    const kept = Object.entries({ ...usual, ...headers }).filter(([, value]) => value !== '');
    const answer = await fetch(this.base + path, {
      method,
      headers: Object.fromEntries(kept),
      redirect: 'manual',
      ...(sent !== undefined && { body: sent }),
    });
    const text = await answer.text();
    const type = answer.headers.get('content-type') ?? '';
    const complaint = this.conformity.complaint(method, path.split('?')[0] ?? '', {
      status: answer.status,
      type,
      text,
    });
    if (complaint !== undefined) throw new Error(complaint);
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: (type.includes('json') && text !== '' ? JSON.parse(text) : undefined) as Body,
    };
  }

  /** Its Authorization header, for a request that is made by other means. */
  async authorization(): Promise<string> {
    this.bearer ??= bearerOf(this.claims);
    return `Bearer ${await this.bearer}`;
  }

  get<Body = unknown>(path: string): Promise<Answer<Body>> {
    return this.request('GET', path);
  }

  /** Starts a connect. */
  begin(body: unknown): Promise<Answer<{ authUrl: string; provider: string }>> {
    return this.request('POST', '/functions/v1/integrations-connect', { body });
  }

  /** Completes a deferred connect. */
  complete(body: unknown): Promise<Answer<IntegrationBody>> {
    return this.request('POST', '/functions/v1/integrations-complete', { body });
  }

  /** A link that signs a browser in to the console as this caller. */
  consoleLink(body: unknown = {}): Promise<Answer<{ url: string }>> {
    return this.request('POST', '/functions/v1/integrations-session', { body });
  }

  read(provider: string): Promise<Answer<IntegrationBody>> {
    return this.get(`/functions/v1/integrations/${provider}`);
  }

  list(): Promise<Answer<{ integrations: IntegrationBody[] }>> {
    return this.get('/functions/v1/integrations');
  }

  refresh(provider: string): Promise<Answer<IntegrationBody>> {
    return this.request('POST', `/functions/v1/integrations/${provider}/refresh`);
  }

  sync(provider: string): Promise<Answer<IntegrationBody>> {
    return this.request('POST', `/functions/v1/integrations/${provider}/sync`);
  }

  disconnect(provider: string, query = ''): Promise<Answer> {
    return this.request('DELETE', `/functions/v1/integrations/${provider}${query}`);
  }

  token(provider: string, query = ''): Promise<Answer<TokenBody>> {
    return this.get(`/functions/v1/integrations/${provider}/token${query}`);
  }

  audit(query = ''): Promise<Answer<{ events: EventBody[]; nextCursor: string | null }>> {
    return this.get(`/functions/v1/integrations/audit${query}`);
  }

  deadLetters(query = ''): Promise<Answer<{ deadLetters: DeadLetterBody[]; nextCursor: string | null }>> {
    return this.get(`/functions/v1/integrations/dead-letters${query}`);
  }

  /** Has one dead letter tried again. */
  replay(id: string): Promise<Answer<{ replayed: number }>> {
    return this.request('POST', `/functions/v1/integrations/dead-letters/${id}/replay`);
  }

  /** Has all dead letters that match tried again. */
  replayAll(body: unknown = {}): Promise<Answer<{ replayed: number }>> {
    return this.request('POST', '/functions/v1/integrations/dead-letters/replay', { body });
  }
}

/** An address that hardly anybody else has: what is counted by address is then counted for one person alone. */
export function anAddress(): string {
  return `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`;
}
