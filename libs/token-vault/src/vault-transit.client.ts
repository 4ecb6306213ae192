import { readFile } from 'node:fs/promises';
import type { VaultTransitConfig } from '@hub/config';
import type { OutboundClient, ProxyRules } from '@hub/outbound';

const DEADLINE_MS = 5_000;
const LONGEST_ANSWER_BYTES = 64 * 1024;

/** What Vault said. */
export interface VaultAnswer {
  readonly status: number;
  /** Of a good answer. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Vault's own words for why not; empty if somebody else answered in its place. */
  readonly errors: readonly string[];
}

/** Asks the Transit secrets engine. Only answers of Vault come back; whatever else happens is thrown, without a secret. */
export class VaultTransitClient {
  private constructor(
    private readonly config: VaultTransitConfig,
    private readonly outbound: OutboundClient,
    private readonly deadlineMs: number,
  ) {}

  /**
   * The way out is loaded here, by those who use Vault.
   *
   * @param proxy by which Vault is reached
   */
  static async of(
    config: VaultTransitConfig,
    proxy: ProxyRules = {},
    deadlineMs = DEADLINE_MS,
  ): Promise<VaultTransitClient> {
    const { OutboundClient, vouchedFor } = await import('@hub/outbound');
    const rules = { ...vouchedFor(proxy, config.address), ...(config.caCert !== null && { ca: config.caCert }) };
    return new VaultTransitClient(config, new OutboundClient(rules), deadlineMs);
  }

  /** @param act such as `encrypt` */
  async ask(act: 'encrypt' | 'decrypt', key: string, body: Readonly<Record<string, string>>): Promise<VaultAnswer> {
    const { address, mount, namespace } = this.config;
    const outcome = await this.outbound.send({
      method: 'POST',
      url: `${address}/v1/${mount}/${act}/${key}`,
      headers: {
        'content-type': 'application/json',
        'x-vault-request': 'true',
        'x-vault-token': await this.token(),
        ...(namespace !== null && { 'x-vault-namespace': namespace }),
      },
      body: JSON.stringify(body),
      deadlineMs: this.deadlineMs,
      maxBytes: LONGEST_ANSWER_BYTES,
    });
    if (outcome.kind !== 'answer') throw new Error(`Vault gives no answer: ${outcome.reason}`);
    const { status, json } = outcome.answer;
    return { status, ...contentOf(json) };
  }

  private async token(): Promise<string> {
    const { token, tokenFile } = this.config;
    if (token !== null) return token;
    const inFile = (await readFile(tokenFile ?? '', 'utf8')).trim();
    if (inFile === '') throw new Error('VAULT_TOKEN_FILE is empty');
    return inFile;
  }
}

/** Anything else than an object is a proxy's page. */
function contentOf(json: unknown): Pick<VaultAnswer, 'data' | 'errors'> {
  const { data, errors } = (json ?? {}) as { data?: unknown; errors?: unknown };
  return {
    data: typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {},
    errors: Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [],
  };
}
