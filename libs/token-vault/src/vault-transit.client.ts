import { readFile } from 'node:fs/promises';
import type { VaultTransitConfig } from '@hub/config';
import type { Agent, Dispatcher } from 'undici';

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
    private readonly request: (url: string, options: RequestOptions) => Promise<Dispatcher.ResponseData>,
    private readonly agent: Agent,
    private readonly deadlineMs: number,
  ) {}

  /** The client is loaded here, by those who use Vault. */
  static async of(config: VaultTransitConfig, deadlineMs = DEADLINE_MS): Promise<VaultTransitClient> {
    const { Agent, request } = await import('undici');
    const agent = new Agent({
      connect: { timeout: deadlineMs, ...(config.caCert !== null && { ca: config.caCert }) },
    });
    return new VaultTransitClient(config, request, agent, deadlineMs);
  }

  /** @param act such as `encrypt` */
  async ask(act: 'encrypt' | 'decrypt', key: string, body: Readonly<Record<string, string>>): Promise<VaultAnswer> {
    const { address, mount, namespace } = this.config;
    const { statusCode, body: answer } = await this.request(`${address}/v1/${mount}/${act}/${key}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-vault-request': 'true',
        'x-vault-token': await this.token(),
        ...(namespace !== null && { 'x-vault-namespace': namespace }),
      },
      body: JSON.stringify(body),
      dispatcher: this.agent,
      signal: AbortSignal.timeout(this.deadlineMs), // undici follows no redirect unless it is told to
    });
    return { status: statusCode, ...contentOf(await textOf(answer)) };
  }

  private async token(): Promise<string> {
    const { token, tokenFile } = this.config;
    if (token !== null) return token;
    const inFile = (await readFile(tokenFile ?? '', 'utf8')).trim();
    if (inFile === '') throw new Error('VAULT_TOKEN_FILE is empty');
    return inFile;
  }
}

type RequestOptions = Omit<Dispatcher.RequestOptions, 'origin' | 'path'> & { readonly dispatcher: Dispatcher };

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LONGEST_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function contentOf(text: string): Pick<VaultAnswer, 'data' | 'errors'> {
  const { data, errors } = parsed(text);
  return {
    data: typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {},
    errors: Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [],
  };
}

function parsed(text: string): { data?: unknown; errors?: unknown } {
  try {
    return (JSON.parse(text) as { data?: unknown; errors?: unknown } | null) ?? {};
  } catch {
    return {}; // a proxy's page
  }
}
