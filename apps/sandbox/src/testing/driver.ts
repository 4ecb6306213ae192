import { createHash } from 'node:crypto';
import type { InjectOptions, LightMyRequestResponse as Response } from 'fastify';
import type { SandboxEndpoints } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { createSandbox, type Sandbox } from '../server';

export const CALLBACK = 'http://localhost:3000/functions/v1/integrations-callback/x';

/** Drives a sandbox in this process as a hub, a person and a tester would. Specs only. */
export class Driver {
  private constructor(readonly sandbox: Sandbox) {}

  static async start(limits: { historySize?: number } = {}): Promise<Driver> {
    return new Driver(await createSandbox({ publicUrl: 'http://sandbox', limits }));
  }

  async stop(): Promise<void> {
    await this.sandbox.app.close();
  }

  endpoints(provider: string): Required<SandboxEndpoints> {
    return this.sandbox.world.endpoints()[provider] as Required<SandboxEndpoints>;
  }

  send(options: InjectOptions): Promise<Response> {
    return this.sandbox.app.inject(options);
  }

  get(url: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.send({ method: 'GET', url, headers });
  }

  postForm(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const payload = new URLSearchParams(fields).toString();
    return this.send({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      payload,
    });
  }

  postJson(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
    const payload = JSON.stringify(body);
    return this.send({ method: 'POST', url, headers: { 'content-type': 'application/json', ...headers }, payload });
  }

  async admin<T = unknown>(
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<T> {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    const answer = await this.send({ method, url: `/admin${path}`, ...payload });
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${answer.body}`);
    return (answer.body === '' ? undefined : answer.json()) as T;
  }

  /** Approves (or denies) an authorization request as a direct POST; answers where the browser is sent. */
  async decide(
    authorizeUrl: string,
    params: Record<string, string>,
    decision: 'approve' | 'deny' = 'approve',
  ): Promise<URL> {
    const answer = await this.postForm(authorizeUrl, { ...params, decision });
    if (answer.statusCode !== 302) throw new Error(`authorize: ${answer.statusCode} ${answer.body}`);
    return new URL(answer.headers.location as string);
  }
}

/** PKCE S256 (RFC 7636 section 4.2). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

export function basic(id: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}
