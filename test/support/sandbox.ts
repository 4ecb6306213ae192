import type { AddressInfo } from 'node:net';
import type { HistoryEntry } from '../../apps/sandbox/src/history/history';
import { createSandbox } from '../../apps/sandbox/src/server';
import { SandboxAdmin } from './sandbox-admin';

/** A grant that a provider of the sandbox gave, as the hub would have got it by a connect. */
export interface SeededGrant {
  readonly account: string;
  readonly accountId: string;
  readonly scopes: readonly string[];
  readonly accessToken: string;
  readonly accessSeconds: number | null;
  readonly refreshToken: string | null;
  readonly refreshSeconds: number | null;
}

export type RefreshEntry = Extract<HistoryEntry, { kind: 'refresh' }>;
export type RevokeEntry = Extract<HistoryEntry, { kind: 'revoke' }>;

/** The providers' stand-in as a test holds it; the hub itself speaks to it over HTTP. */
export interface OwnSandbox {
  readonly admin: SandboxAdmin;
  /** Content of PROVIDER_ENDPOINTS_FILE. */
  readonly endpoints: Record<string, object>;
  /** `<PREFIX>_CLIENT_ID` and `<PREFIX>_CLIENT_SECRET` of every provider. */
  readonly credentials: Record<string, string>;
  /** Grants as if a person had consented. */
  grant(provider: string, account: string): Promise<SeededGrant>;
  /** Ends all faults of a provider. */
  heal(provider: string): Promise<void>;
  /** What its token endpoint was asked for an account, and what it did, in order. */
  refreshes(account: string): Promise<RefreshEntry[]>;
  revocations(account: string): Promise<RevokeEntry[]>;
  /** Calls at a provider's API, of one account. */
  apiCalls(account: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the sandbox in this process, on a free port. */
export async function startSandbox(): Promise<OwnSandbox> {
  const { app, world } = await createSandbox();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const admin = new SandboxAdmin(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
  const entriesOf = <Kind extends HistoryEntry['kind']>(kind: Kind, account: string) => {
    const { entries } = world.history.read({ after: 0, account, kind, limit: 1000, calls: true });
    return Promise.resolve(entries as Extract<HistoryEntry, { kind: Kind }>[]);
  };
  return {
    admin,
    endpoints: world.endpoints(),
    credentials: world.credentials(),
    async grant(provider, account) {
      const { grants } = await admin.call<{ grants: [SeededGrant] }>('POST', `/grants/${provider}`, {
        accounts: [account],
      });
      return grants[0];
    },
    heal: (provider) => admin.call('DELETE', `/faults/${provider}`),
    refreshes: (account) => entriesOf('refresh', account),
    revocations: (account) => entriesOf('revoke', account),
    apiCalls: async (account) => (await entriesOf('call', account)).filter(({ endpoint }) => endpoint === 'api').length,
    stop: () => app.close(),
  };
}
