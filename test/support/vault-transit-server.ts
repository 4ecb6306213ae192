import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { answerJson, HttpStandIn, type Asked } from './http-stand-in';

/** How Vault is: well, or as it is when something is wrong with it. */
export type VaultState =
  'well' | 'sealed' | 'throttled' | 'broken' | 'silent' | 'stalling' | 'redirecting' | 'endless' | 'garbled';

const PATH = /^\/v1\/(.+)\/(encrypt|decrypt)\/([^/]+)$/;

/**
 * Transit of HashiCorp Vault and OpenBao as the wire shows it (path_encrypt.go, path_decrypt.go): `vault:vN:` over nonce,
 * ciphertext and tag of AES-256-GCM, associated data, versions, tokens, a namespace, a seal.
 */
export class VaultTransitServer {
  state: VaultState | { readonly refuses: string } = 'well';
  /** What is accepted; a token that ends goes from here. */
  readonly tokens = new Set(['s.root']);
  namespace: string | undefined;
  mount = 'transit';
  readonly asked: Asked[] = [];
  private readonly keys = new Map<string, Buffer[]>();
  private readonly web = new HttpStandIn((asked, response) => this.answer(asked, response));

  get url(): string {
    return this.web.url;
  }

  start(): Promise<void> {
    return this.web.start();
  }

  stop(): Promise<void> {
    return this.web.stop();
  }

  /** A new version of a key; the older ones still decrypt. */
  rotate(key: string): void {
    this.versionsOf(key).push(randomBytes(32));
  }

  /** The key is deleted. */
  forget(key: string): void {
    this.keys.delete(key);
  }

  private versionsOf(key: string): Buffer[] {
    const known = this.keys.get(key) ?? [randomBytes(32)];
    this.keys.set(key, known);
    return known;
  }

  private answer(asked: Asked, response: ServerResponse): void {
    this.asked.push(asked);
    if (typeof this.state === 'object') return errors(response, 400, this.state.refuses);
    const ill = ILL[this.state];
    if (ill) return ill(response);
    const [, mount, act, key = ''] = PATH.exec(asked.path) ?? [];
    if (this.namespace !== undefined && asked.headers['x-vault-namespace'] !== this.namespace)
      return errors(response, 403, 'permission denied');
    if (!this.tokens.has(String(asked.headers['x-vault-token'])))
      return errors(response, 403, 'permission denied', 'invalid token');
    if (mount !== this.mount) return errors(response, 404, `no handler for route "${asked.path.slice(4)}".`);
    const body = JSON.parse(asked.body) as Record<string, string>;
    const data = act === 'encrypt' ? this.encrypt(key, body) : this.decrypt(key, body);
    if (typeof data === 'string') return errors(response, 400, data);
    answerJson(response, 200, { request_id: randomBytes(8).toString('hex'), lease_id: '', renewable: false, data });
  }

  private encrypt(key: string, { plaintext = '', associated_data = '' }: Record<string, string>): object {
    const versions = this.versionsOf(key); // made by the first encryption, as Vault does
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? '', nonce, { authTagLength: 16 });
    cipher.setAAD(Buffer.from(associated_data, 'base64'));
    const sealed = [nonce, cipher.update(Buffer.from(plaintext, 'base64')), cipher.final(), cipher.getAuthTag()];
    const ciphertext = `vault:v${versions.length}:${Buffer.concat(sealed).toString('base64')}`;
    return { ciphertext, key_version: versions.length };
  }

  private decrypt(key: string, { ciphertext = '', associated_data = '' }: Record<string, string>): object | string {
    const versions = this.keys.get(key);
    if (!versions) return 'encryption key not found';
    const [, number, encoded = ''] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? [];
    const version = versions[Number(number) - 1];
    if (!version) return 'invalid ciphertext: version is too new';
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.length < 28) return 'invalid ciphertext: unable to decrypt';
    const decipher = createDecipheriv('aes-256-gcm', version, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(associated_data, 'base64'));
    decipher.setAuthTag(bytes.subarray(-16));
    try {
      const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      return { plaintext: plain.toString('base64') };
    } catch {
      return 'invalid ciphertext: unable to decrypt';
    }
  }
}

function errors(response: ServerResponse, status: number, ...words: string[]): void {
  answerJson(response, status, { errors: words });
}

const ILL: Readonly<Record<VaultState, ((response: ServerResponse) => void) | undefined>> = {
  well: undefined,
  sealed: (response) => errors(response, 503, 'Vault is sealed'),
  throttled: (response) => errors(response, 429, 'request path "transit": rate limit quota exceeded'),
  broken: (response) => errors(response, 500, 'internal error'),
  silent: () => undefined,
  stalling: (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":'),
  redirecting: (response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
  endless: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ data: { plaintext: 'A'.repeat(80_000), ciphertext: `vault:v1:${'A'.repeat(80_000)}` } }),
    );
  },
  garbled: (response) => void response.writeHead(400, { 'content-type': 'text/html' }).end('<h1>Bad Request</h1>'),
};
