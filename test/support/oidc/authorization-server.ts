import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../free-port';

/** One request at the token endpoint, as the server remembers it. */
export interface Conversation {
  readonly grantType: string | null;
  /** The refresh token that was presented. */
  readonly presented: string | null;
  /** The refresh token that was handed out. */
  readonly handedOut: string | null;
  readonly error: string | null;
}

/** An answer of one of its endpoints. */
export interface EndpointAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The package `oidc-provider`, certified by the OpenID Foundation, as a running server with one client: the hub. */
export class AuthorizationServer {
  readonly clientId = 'integrations-hub';
  readonly clientSecret = randomBytes(24).toString('hex');
  private child: ChildProcessWithoutNullStreams | undefined;

  private constructor(readonly issuer: string) {}

  /** @param redirectUri the hub's callback for it. @throws Error if it does not start */
  static async start(redirectUri: string): Promise<AuthorizationServer> {
    const port = await freePort();
    const server = new AuthorizationServer(`http://127.0.0.1:${port}`);
    const root = process.cwd();
    const args = [String(port), server.clientId, server.clientSecret, redirectUri];
    const child = spawn(
      process.execPath,
      [
        '--require',
        path.join(root, 'test/support/leash.cjs'),
        path.join(root, 'test/support/oidc/server.mjs'),
        ...args,
      ],
      { cwd: root, env: { PATH: process.env['PATH'] ?? '' } },
    );
    server.child = child;
    child.stdin.on('error', () => undefined); // it ended
    let words = '';
    child.stderr.on('data', (data: Buffer) => (words += data.toString()));
    const ready = new Promise<boolean>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => line === 'ready' && resolve(true));
      child.once('close', () => resolve(false));
    });
    if (!(await ready)) throw new Error(`the authorization server did not start: ${words}`);
    return server;
  }

  /** What the hub is told of it: client, addresses by PROVIDER_ENDPOINTS_FILE. */
  get endpoints(): Readonly<Record<string, string>> {
    const { issuer } = this;
    return {
      authorizeUrl: `${issuer}/auth`,
      tokenUrl: `${issuer}/token`,
      revokeUrl: `${issuer}/token/revocation`,
      apiBaseUrl: issuer,
    };
  }

  /** All requests at the token endpoint, in order. */
  async conversations(): Promise<Conversation[]> {
    return (await fetch(`${this.issuer}/test/conversations`)).json() as Promise<Conversation[]>;
  }

  /** How long access tokens live from now on. */
  async letTokensLive(seconds: number): Promise<void> {
    await fetch(`${this.issuer}/test/settings?accessSeconds=${seconds}`);
  }

  /** Asks an endpoint as its client. */
  async ask(endpoint: string, form: Readonly<Record<string, string>>): Promise<EndpointAnswer> {
    const pair = Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64');
    const answer = await fetch(this.issuer + endpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${pair}` },
      body: new URLSearchParams(form),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as EndpointAnswer['body'] };
  }

  /** Whether a token is good for anything (RFC 7662). */
  async isActive(token: string): Promise<boolean> {
    return (await this.ask('/token/introspection', { token })).body['active'] === true;
  }

  /** Whose token it is, as the API sees it. @returns the HTTP status as well */
  async userinfo(accessToken: string): Promise<EndpointAnswer> {
    const answer = await fetch(`${this.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
    return { status: answer.status, body: (await answer.json()) as EndpointAnswer['body'] };
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}
