import type {
  CloseReason,
  CodeOrder,
  CodeProof,
  CommonSettings,
  Delivery,
  GrantOrder,
  IssuedTokens,
  LivingGrant,
  RedeemedCode,
  RefreshManner,
  RefreshOutcome,
  SandboxDesk,
} from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { fingerprint } from '../grants/tokens';
import type { AnswerFate, HistoryEntry, NewEntry, TokenNames } from '../history/history';
import type { ProviderState } from '../provider-state';

/** One call's desk (or an admin's): does what the provider's handler asks and writes every grant and refusal into the history. */
export class CallDesk<S extends CommonSettings> implements SandboxDesk<S> {
  /** Entries of this call whose answer is still under way. */
  private readonly pending: HistoryEntry[] = [];
  /** The code that this call has redeemed, until its grant is made. */
  private redeemedCode: string | undefined;

  constructor(
    private readonly state: ProviderState<S>,
    /** Number of the HTTP call; null for what an admin does. */
    readonly call: number | null,
    /** True when another refresh with the same token is under way. */
    private readonly overlapping: () => boolean = () => false,
  ) {}

  now(): number {
    return this.state.now();
  }

  settings(account?: string): S {
    return this.state.settings.for(account);
  }

  changeSettings(account: string | undefined, patch: Partial<S>): void {
    this.state.settings.change(account, patch);
  }

  openCode(order: CodeOrder): string {
    return this.state.codes.open(order, this.settings(order.account).codeSeconds);
  }

  redeemCode(code: string | undefined, proof: CodeProof): RedeemedCode {
    const redeemed = this.state.codes.redeem(code, proof);
    if (redeemed.ok) this.redeemedCode = code;
    else this.refuse('exchange', code === undefined ? 'missing' : redeemed.reason, code);
    if (!redeemed.ok && redeemed.reason === 'used') this.punishReuse(code ?? '');
    return redeemed;
  }

  private punishReuse(code: string): void {
    const grantId = this.state.codes.grantOf(code);
    const reused = grantId !== undefined && this.settings(this.state.codes.accountOf(code)).codeReuseEndsGrant;
    if (reused) this.close({ grantId }, 'reuse');
  }

  grant(order: GrantOrder): IssuedTokens {
    const { issued, grant, reused } = this.state.grants.open(order);
    if (this.redeemedCode !== undefined) this.state.codes.tie(this.redeemedCode, grant.id);
    this.state.statistics.exchanges.accepted += 1;
    this.record({
      ...this.about(order.account),
      kind: 'exchange',
      accepted: true,
      reason: null,
      grant: grant.id,
      reused,
      handedOut: this.names(issued, grant.generation),
      answer: 'pending',
    });
    return issued;
  }

  refresh(token: string | undefined, manner: RefreshManner): RefreshOutcome {
    const outcome = this.state.grants.refresh(token, manner, (account) => this.settings(account));
    const { refreshes } = this.state.statistics;
    const overlapping = this.overlapping();
    if (overlapping) refreshes.overlapping += 1;
    const seen = outcome.token;
    const entry = {
      ...this.about(seen?.grant.account ?? manner.account),
      kind: 'refresh' as const,
      grant: seen?.grant.id ?? null,
      presented: seen?.print ?? (token === undefined ? null : fingerprint(token)),
      generation: seen?.generation ?? null,
      overlapping,
      answer: 'pending' as const,
    };
    if (!outcome.ok) {
      refreshes.refused += 1;
      if (outcome.reason === 'spent') {
        refreshes.refusedSpent += 1;
        refreshes.doubleSpends += 1;
      }
      this.record({ ...entry, accepted: false, reason: outcome.reason, again: false, handedOut: null });
      return { ok: false, reason: outcome.reason };
    }
    refreshes.accepted += 1;
    if (outcome.again) {
      refreshes.acceptedAgain += 1;
      refreshes.doubleSpends += 1;
    }
    this.record({
      ...entry,
      accepted: true,
      reason: null,
      again: outcome.again,
      handedOut: this.names(outcome.issued, outcome.access.generation),
    });
    return { ok: true, issued: outcome.issued };
  }

  refuse(endpoint: 'exchange' | 'refresh' | 'revoke', reason: string, token?: string): void {
    const account = this.accountOf(token);
    const grant = this.state.grants.grantOf(token)?.id ?? null;
    const common = { ...this.about(account), accepted: false, reason, answer: 'pending' as const };
    if (endpoint === 'revoke') {
      this.record({ ...common, kind: 'revoke', grants: [] });
    } else if (endpoint === 'exchange') {
      this.state.statistics.exchanges.refused += 1;
      this.record({ ...common, kind: 'exchange', grant, reused: false, handedOut: null });
    } else {
      this.state.statistics.refreshes.refused += 1;
      this.record({
        ...common,
        kind: 'refresh',
        grant,
        presented: token === undefined ? null : fingerprint(token),
        generation: null,
        again: false,
        overlapping: this.overlapping(),
        handedOut: null,
      });
    }
  }

  accountOf(token: string | undefined): string | undefined {
    if (token === undefined) return undefined;
    return this.state.grants.grantOf(token)?.account ?? this.state.codes.accountOf(token);
  }

  findAccess(token: string | undefined): LivingGrant | undefined {
    return this.state.grants.findAccess(token);
  }

  findGrant(token: string | undefined): { grantId: string; account: string } | undefined {
    const grant = this.state.grants.grantOf(token);
    return grant && grant.closed === null ? { grantId: grant.id, account: grant.account } : undefined;
  }

  hasLivingGrant(account: string): boolean {
    return this.state.grants.living(account).length > 0;
  }

  grantedScopes(account: string): readonly string[] {
    return [...new Set(this.state.grants.living(account).flatMap((grant) => grant.scopes))];
  }

  close(what: { grantId: string } | { account: string }, reason: CloseReason): number {
    const ended = this.state.grants.close(what, reason);
    this.state.statistics.revocations += ended.length;
    const account = 'account' in what ? what.account : ended[0]?.account;
    const grants = ended.map((grant) => grant.id);
    this.record({ ...this.about(account), kind: 'revoke', accepted: true, reason, grants, answer: 'pending' });
    return ended.length;
  }

  keepDelivery(delivery: Delivery): void {
    this.state.deliveries.keep(delivery);
  }

  recordAuthorize(
    decision: 'asked' | 'approved' | 'denied' | 'refused',
    account: string | undefined,
    scopes: readonly string[] = [],
  ): void {
    this.record({ ...this.about(account), kind: 'authorize', decision, scopes });
  }

  recordFault(on: string, fault: string, rule: string, account: string | undefined): void {
    this.record({ ...this.about(account), kind: 'fault', on, fault, rule });
  }

  recordCall(route: string, endpoint: string, account: string | undefined): void {
    this.record({ ...this.about(account), kind: 'call', route, endpoint, status: null, answer: 'pending' });
  }

  /** Tells all entries of this call what became of its answer. */
  settle(answer: AnswerFate, status: number | null): void {
    for (const entry of this.pending.splice(0)) {
      if (!('answer' in entry)) continue;
      entry.answer = answer;
      if (entry.kind === 'call') entry.status = status;
      if (entry.kind === 'refresh' && entry.accepted && answer !== 'sent') {
        this.state.statistics.refreshes.answersLost += 1;
      }
    }
  }

  private record(entry: NewEntry): void {
    this.pending.push(this.state.history.add(entry));
  }

  private about(account: string | undefined): {
    provider: string;
    call: number | null;
    account: string | null;
    accountId: string | null;
  } {
    const accountId = account === undefined ? null : this.state.accountId(account);
    return { provider: this.state.provider.id, call: this.call, account: account ?? null, accountId };
  }

  private names(issued: IssuedTokens, generation: number): TokenNames {
    const access = this.state.grants.inspect(issued.accessToken);
    const refresh = issued.refreshToken === null ? undefined : this.state.grants.inspect(issued.refreshToken);
    return {
      access: access?.print ?? fingerprint(issued.accessToken),
      accessExpiresAt: access?.expiresAt ?? null,
      refresh: refresh?.print ?? null,
      generation,
    };
  }
}
