/** A line of the sandbox's history, as far as tests read it; apps/sandbox/README.md tells the fields of each kind. */
export interface SandboxEntry {
  readonly seq: number;
  readonly at: string;
  readonly provider: string;
  readonly account: string | null;
  readonly accountId: string | null;
  readonly kind: 'authorize' | 'exchange' | 'refresh' | 'revoke' | 'fault' | 'admin' | 'call';
  readonly accepted?: boolean;
  readonly reason?: string | null;
  readonly grant?: string | null;
  readonly presented?: string | null;
  readonly generation?: number | null;
  readonly handedOut?: {
    readonly access: string;
    readonly accessExpiresAt: number | null;
    readonly refresh: string | null;
    readonly generation: number;
  } | null;
  readonly answer?: 'pending' | 'sent' | 'lost' | 'spoiled';
  readonly route?: string;
  readonly status?: number | null;
}

/** A mishap that the sandbox shall play; see its README. */
export interface Fault {
  readonly on?: 'authorize' | 'exchange' | 'refresh' | 'token' | 'revoke' | 'api' | 'any';
  readonly kind: string;
  readonly account?: string;
  readonly times?: number;
  readonly [field: string]: unknown;
}

/** A request that a webhook door took in. */
export interface SandboxDelivery {
  readonly seq: number;
  readonly at: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
}

/** The sandbox's admin API. */
export class SandboxAdmin {
  /** @param base the sandbox's own address */
  constructor(readonly base: string) {}

  /** Turns knobs, of one account or of all. */
  async set(provider: string, knobs: Readonly<Record<string, unknown>>, account?: string): Promise<void> {
    await this.call('PATCH', `/settings/${provider}${query({ account })}`, knobs);
  }

  /** Adds a fault. @returns what takes it away again */
  async fault(provider: string, fault: Fault): Promise<() => Promise<void>> {
    const { id } = await this.call<{ id: string }>('POST', `/faults/${provider}`, fault);
    return async () => {
      await this.call('DELETE', `/faults/${provider}/${id}`);
    };
  }

  /** What happened, in order. @param calls also the API calls */
  async log(filter: {
    provider: string;
    account?: string;
    kind?: SandboxEntry['kind'];
    calls?: boolean;
  }): Promise<SandboxEntry[]> {
    const { calls, ...rest } = filter;
    const { entries } = await this.call<{ entries: SandboxEntry[] }>(
      'GET',
      `/log${query({ ...rest, ...(calls && { calls: 'yes' }) })}`,
    );
    return entries;
  }

  /** Ends grants at the provider, as a person does who removes the app there. */
  async revoke(provider: string, account: string): Promise<void> {
    await this.call('POST', `/grants/${provider}/revoke`, { account });
  }

  /** Tokens of an account expire now. */
  async expire(provider: string, account: string, kind: 'access' | 'refresh' | 'both' = 'access'): Promise<void> {
    await this.call('POST', `/expire/${provider}`, { account, kind });
  }

  /** What the provider knows of a token. */
  async inspect(provider: string, token: string): Promise<{ known: boolean; works?: boolean; account?: string }> {
    return this.call('POST', `/inspect/${provider}`, { token });
  }

  /** The living grants of an account. */
  async grants(provider: string, account: string): Promise<{ id: string; scopes: string[] }[]> {
    const { grants } = await this.call<{ grants: { id: string; scopes: string[] }[] }>(
      'GET',
      `/grants/${provider}${query({ account })}`,
    );
    return grants;
  }

  /** What webhook doors took in, in its order. */
  async deliveries(account: string): Promise<SandboxDelivery[]> {
    const path = `/deliveries${query({ account, limit: '10000' })}`;
    return (await this.call<{ deliveries: SandboxDelivery[] }>('GET', path)).deliveries;
  }

  /** Settings for the hub: client ids and secrets. */
  credentials(): Promise<Record<string, string>> {
    return this.call('GET', '/credentials');
  }

  /** The content of PROVIDER_ENDPOINTS_FILE. */
  endpoints(): Promise<Record<string, Record<string, string>>> {
    return this.call('GET', '/endpoints');
  }

  /** @throws Error with the sandbox's own words if it refuses */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.base}/admin${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The sandbox refuses ${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
