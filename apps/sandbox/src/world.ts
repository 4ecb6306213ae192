import type {
  IssuedTokens,
  ProviderSandbox,
  SandboxEndpoints,
} from '../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { AdminMistake } from './admin/admin-mistake';
import { History } from './history/history';
import { ProviderState, type WorldLimits } from './provider-state';
import { CallDesk } from './wire/desk';

export const DEFAULT_LIMITS: WorldLimits = { historySize: 100_000, maxGrants: 50_000, maxDeliveries: 5_000 };

/** All providers' stand-ins, and the one history they share. */
export class World {
  readonly history: History;
  private readonly states: ReadonlyMap<string, ProviderState>;
  private calls = 0;

  constructor(
    providers: readonly ProviderSandbox[],
    /** Where the sandbox is reached, without a slash at the end; known once it listens. */
    private readonly publicUrl: () => string,
    limits: WorldLimits = DEFAULT_LIMITS,
  ) {
    this.history = new History(limits.historySize);
    this.states = new Map(
      providers.map((provider) => [provider.id, new ProviderState(provider, this.history, limits)]),
    );
  }

  all(): ProviderState[] {
    return [...this.states.values()];
  }

  named(id: string): ProviderState {
    const state = this.states.get(id);
    if (!state) throw new AdminMistake(404, `There is no provider ${id}.`);
    return state;
  }

  /** Number of the next HTTP call at any provider. */
  nextCall(): number {
    return ++this.calls;
  }

  callCount(): number {
    return this.calls;
  }

  /** Environment settings under which the hub reads its credentials. */
  credentials(): Record<string, string> {
    const pairs = this.all().flatMap(({ provider: { credentials } }) =>
      credentials
        ? [
            [`${credentials.prefix}_CLIENT_ID`, credentials.clientId],
            [`${credentials.prefix}_CLIENT_SECRET`, credentials.clientSecret],
          ]
        : [],
    );
    return Object.fromEntries(pairs) as Record<string, string>;
  }

  /** The content of PROVIDER_ENDPOINTS_FILE. */
  endpoints(): Record<string, SandboxEndpoints> {
    return Object.fromEntries(
      this.all().map(({ provider }) => [provider.id, provider.endpoints(`${this.publicUrl()}/${provider.id}`)]),
    );
  }

  /** Makes a grant as if a person had consented and the hub had exchanged the code. */
  seed(state: ProviderState, account: string, scopes: readonly string[] | undefined): IssuedTokens {
    const { provider } = state;
    if (!provider.credentials) throw new AdminMistake(422, `${provider.id} makes no grants.`);
    const settings = state.settings.for(account);
    const desk = new CallDesk(state, null);
    const issued = desk.grant({
      account,
      clientId: settings.clientId,
      scopes: scopes ?? settings.grantScopes ?? provider.usualScopes,
      accessSeconds: settings.accessTokenSeconds,
      refresh: settings.issueRefreshToken ? { seconds: settings.refreshTokenSeconds } : null,
      details: provider.mint.details(),
    });
    desk.settle('sent', null);
    return issued;
  }

  /** Ends grants as the provider's user would, with no word to the hub; answers how many. */
  revoke(state: ProviderState, what: { grantId: string } | { account: string | undefined }): number {
    const { provider } = state;
    const account = 'account' in what ? what.account : undefined;
    const ended = state.grants.close(what, 'admin');
    if ('account' in what)
      provider.onRevoke?.(account, { changeSettings: (one, patch) => state.settings.change(one, patch) });
    state.statistics.revocations += ended.length;
    for (const grant of ended) {
      this.history.add({
        provider: provider.id,
        call: null,
        account: grant.account,
        accountId: state.accountId(grant.account),
        kind: 'revoke',
        accepted: true,
        reason: 'admin',
        grants: [grant.id],
        answer: 'sent',
      });
    }
    return ended.length;
  }

  /** Writes down what an admin changed, for one account or for all. */
  noteAdmin(state: ProviderState, act: string, account: string | undefined, detail: object): void {
    this.history.add({
      provider: state.provider.id,
      call: null,
      account: account ?? null,
      accountId: account === undefined ? null : state.accountId(account),
      kind: 'admin',
      act,
      detail,
    });
  }
}
