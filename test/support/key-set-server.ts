import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type GenerateKeyPairResult, type JWK } from 'jose';

/** Publishes keys as an issuer of bearer tokens does, or whatever else a test wants it to answer. */
export class KeySetServer {
  /** What it publishes now. */
  keys: JWK[] = [];
  /** How often it was asked. */
  asked = 0;
  /** Answers in place of the keys. */
  instead: RequestListener | undefined;

  private constructor(private readonly server: Server) {}

  static async open(): Promise<KeySetServer> {
    const server = createServer((request, response) => {
      set.asked += 1;
      if (set.instead) set.instead(request, response);
      else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: set.keys }));
    });
    const set = new KeySetServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return set;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks.json`;
  }

  /** Makes a key and publishes its public half. */
  async publish(alg: string, kid: string): Promise<GenerateKeyPairResult> {
    const pair = await generateKeyPair(alg, { extractable: true });
    this.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' });
    return pair;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
