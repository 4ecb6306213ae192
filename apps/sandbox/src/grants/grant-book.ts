import type {
  CloseReason,
  CommonSettings,
  GrantOrder,
  IssuedTokens,
  LivingGrant,
  RefreshManner,
  RefreshRefusal,
} from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { judge, type RotationRules } from './rotation';
import { type AccessToken, fingerprint, type Grant, isAlive, type RefreshToken, secondsLeft } from './tokens';

/** How much is remembered. Beyond it the oldest is forgotten, which the wire cannot tell from "never existed". */
const SPENT_KEPT = 8;
const ACCESS_KEPT = 16;
const CLOSED_KEPT = 5_000;

export interface GrantBookParts {
  /** The provider's clock in milliseconds. */
  now(): number;
  mint: { accessToken(): string; refreshToken(): string };
  /** Most grants kept, living and closed. */
  maxGrants: number;
}

/** The rules of a refresh as they stand for the account at that moment. */
export type RefreshRules = RotationRules &
  Pick<
    CommonSettings,
    | 'graceRetry'
    | 'reuseClosesGrant'
    | 'oldAccessToken'
    | 'refuseRefreshes'
    | 'accessTokenSeconds'
    | 'refreshTokenSeconds'
  >;

export type BookOutcome =
  | {
      ok: true;
      issued: IssuedTokens;
      token: RefreshToken;
      again: boolean;
      access: AccessToken;
      successor: RefreshToken | null;
    }
  | { ok: false; reason: RefreshRefusal; token: RefreshToken | undefined };

/** All grants of one provider: makes, rotates, expires and ends them. Knows no HTTP and no provider. */
export class GrantBook {
  private readonly grants = new Map<string, Grant>();
  private readonly byAccount = new Map<string, Set<Grant>>();
  private readonly accessTokens = new Map<string, AccessToken>();
  private readonly refreshTokens = new Map<string, RefreshToken>();
  private readonly closedOrder: Grant[] = [];
  private lastId = 0;

  constructor(private readonly parts: GrantBookParts) {}

  /** Makes a grant (or hands back the living one, when the order says so) and answers what the token endpoint sends. */
  open(order: GrantOrder): { issued: IssuedTokens; grant: Grant; reused: boolean } {
    const living = this.living(order.account).filter((grant) => grant.clientId === order.clientId);
    const kept = order.reuse ? living.find((grant) => this.currentAccess(grant) !== undefined) : undefined;
    if (kept) return { issued: this.issued(kept, this.currentAccess(kept)!, kept.refresh), grant: kept, reused: true };
    if (order.replacesRefreshTokens) this.replaceRefreshTokens(living);
    const grant: Grant = {
      id: `g${++this.lastId}`,
      account: order.account,
      clientId: order.clientId,
      details: order.details,
      openedAt: this.parts.now(),
      scopes: order.scopes,
      generation: 0,
      refresh: null,
      spent: [],
      access: [],
      closed: null,
    };
    this.remember(grant);
    if (order.refresh) grant.refresh = this.addRefresh(grant, order.refresh.seconds);
    const access = this.addAccess(grant, order.accessSeconds);
    if (order.keepsRefreshTokens !== undefined) this.evictRefreshTokens(order, order.keepsRefreshTokens);
    return { issued: this.issued(grant, access, grant.refresh), grant, reused: false };
  }

  /** Presents a refresh token: rotates, hands out a further access token, or says why not. */
  refresh(value: string | undefined, manner: RefreshManner, rulesOf: (account: string) => RefreshRules): BookOutcome {
    const token = value === undefined ? undefined : this.refreshTokens.get(value);
    if (!token) return { ok: false, reason: value === undefined ? 'missing' : 'unknown', token: undefined };
    const { grant } = token;
    const foreign = grant.clientId !== manner.clientId || (manner.account ?? grant.account) !== grant.account;
    if (foreign) return { ok: false, reason: 'foreign', token };
    const rules = rulesOf(grant.account);
    if (rules.refuseRefreshes) return { ok: false, reason: 'setting', token };
    const now = this.parts.now();
    const presentation = judge(token, rules, manner, now);
    if (presentation.kind === 'refused') {
      if (presentation.reason === 'spent' && rules.reuseClosesGrant) this.end(grant, 'reuse');
      return { ok: false, reason: presentation.reason, token };
    }
    return this.accept(token, presentation.kind === 'again', manner, rules, now);
  }

  findAccess(value: string | undefined): LivingGrant | undefined {
    const token = value === undefined ? undefined : this.accessTokens.get(value);
    if (!token || token.dead || token.grant.closed !== null || !isAlive(token, this.parts.now())) return undefined;
    const { id, account, clientId, scopes, details } = token.grant;
    return { grantId: id, account, clientId, scopes, details, issuedAt: token.issuedAt, expiresAt: token.expiresAt };
  }

  /** The grant of a token of either kind, whether or not the token still works. */
  grantOf(value: string | undefined): Grant | undefined {
    if (value === undefined) return undefined;
    return (this.accessTokens.get(value) ?? this.refreshTokens.get(value))?.grant;
  }

  /** What is known about a token, for the admin API. */
  inspect(value: string): AccessToken | RefreshToken | undefined {
    return this.accessTokens.get(value) ?? this.refreshTokens.get(value);
  }

  living(account?: string): Grant[] {
    const candidates = account === undefined ? this.grants.values() : (this.byAccount.get(account) ?? []);
    return [...candidates].filter((grant) => grant.closed === null);
  }

  all(account?: string): Grant[] {
    return account === undefined ? [...this.grants.values()] : [...(this.byAccount.get(account) ?? [])];
  }

  /** Ends one grant, all of an account, or all; answers those that were alive. */
  close(what: { grantId: string } | { account: string | undefined }, reason: CloseReason): Grant[] {
    const named = 'grantId' in what ? [this.grants.get(what.grantId)] : this.living(what.account);
    const ended = named.filter((grant) => grant !== undefined && grant.closed === null) as Grant[];
    for (const grant of ended) this.end(grant, reason);
    return ended;
  }

  /** Lets tokens of living grants expire now; answers how many did. */
  expire(kind: 'access' | 'refresh' | 'both', account?: string): number {
    const now = this.parts.now();
    const tokens = this.living(account).flatMap((grant) => [
      ...(kind === 'refresh' ? [] : grant.access),
      ...(kind === 'access' ? [] : [...grant.spent, ...(grant.refresh ? [grant.refresh] : [])]),
    ]);
    const alive = tokens.filter((token) => isAlive(token, now));
    for (const token of alive) token.expiresAt = now;
    return alive.length;
  }

  /** Changes what living grants allow, without a word to the client. */
  rescope(scopes: readonly string[], account?: string): number {
    const grants = this.living(account);
    for (const grant of grants) grant.scopes = scopes;
    return grants.length;
  }

  sizes(): { living: number; closed: number; accessTokens: number; refreshTokens: number } {
    const living = this.living().length;
    return {
      living,
      closed: this.grants.size - living,
      accessTokens: this.accessTokens.size,
      refreshTokens: this.refreshTokens.size,
    };
  }

  private accept(
    token: RefreshToken,
    again: boolean,
    manner: RefreshManner,
    rules: RefreshRules,
    now: number,
  ): BookOutcome {
    const { grant } = token;
    token.firstUsedAt ??= now;
    token.lastUsedAt = now;
    token.timesAccepted += 1;
    if (again && rules.graceRetry === 'same_pair' && token.successor) {
      const { access, refresh } = token.successor;
      // The same pair once more; an access token that died meanwhile gets its life back, else the way back leads nowhere.
      if (!isAlive(access, now)) access.expiresAt = lifeEnd(rules.accessTokenSeconds, now);
      return { ok: true, issued: this.issued(grant, access, refresh), token, again, access, successor: refresh };
    }
    grant.generation += 1;
    if (rules.oldAccessToken === 'dies') for (const old of grant.access) old.dead = true;
    const access = this.addAccess(grant, rules.accessTokenSeconds);
    if (!manner.rotates)
      return { ok: true, issued: this.issued(grant, access, null), token, again, access, successor: null };
    const replaced = grant.refresh;
    const successor = this.addRefresh(grant, rules.refreshTokenSeconds);
    if (replaced && replaced !== token) replaced.dead = 'replaced'; // the lost answer's successor: only the newest counts
    token.successor = { access, refresh: successor };
    grant.refresh = successor;
    if (replaced) this.retire(grant, replaced);
    return { ok: true, issued: this.issued(grant, access, successor), token, again, access, successor };
  }

  private retire(grant: Grant, token: RefreshToken): void {
    grant.spent.push(token);
    if (grant.spent.length > SPENT_KEPT) this.refreshTokens.delete(grant.spent.shift()!.value);
  }

  private replaceRefreshTokens(grants: readonly Grant[]): void {
    for (const grant of grants) {
      for (const token of [...grant.spent, ...(grant.refresh ? [grant.refresh] : [])]) token.dead ??= 'replaced';
    }
  }

  private evictRefreshTokens(order: GrantOrder, keep: number): void {
    const holders = this.living(order.account).filter(
      (grant) => grant.clientId === order.clientId && grant.refresh !== null && grant.refresh.dead === null,
    );
    for (const grant of holders.slice(0, Math.max(0, holders.length - keep))) grant.refresh!.dead = 'evicted';
  }

  private currentAccess(grant: Grant): AccessToken | undefined {
    const now = this.parts.now();
    return grant.access.findLast((token) => !token.dead && isAlive(token, now));
  }

  private addAccess(grant: Grant, seconds: number | null): AccessToken {
    const now = this.parts.now();
    const value = this.parts.mint.accessToken();
    const token: AccessToken = {
      value,
      print: fingerprint(value),
      grant,
      generation: grant.generation,
      issuedAt: now,
      expiresAt: lifeEnd(seconds, now),
      dead: false,
    };
    this.accessTokens.set(value, token);
    grant.access.push(token);
    if (grant.access.length > ACCESS_KEPT) this.accessTokens.delete(grant.access.shift()!.value);
    return token;
  }

  private addRefresh(grant: Grant, seconds: number | null): RefreshToken {
    const now = this.parts.now();
    const value = this.parts.mint.refreshToken();
    const token: RefreshToken = {
      value,
      print: fingerprint(value),
      grant,
      generation: grant.generation,
      issuedAt: now,
      expiresAt: lifeEnd(seconds, now),
      lastUsedAt: null,
      firstUsedAt: null,
      timesAccepted: 0,
      successor: null,
      dead: null,
    };
    this.refreshTokens.set(value, token);
    return token;
  }

  private issued(grant: Grant, access: AccessToken, refresh: RefreshToken | null): IssuedTokens {
    const now = this.parts.now();
    return {
      grantId: grant.id,
      account: grant.account,
      scopes: grant.scopes,
      details: grant.details,
      accessToken: access.value,
      accessSeconds: secondsLeft(access.expiresAt, now),
      refreshToken: refresh?.value ?? null,
      refreshSeconds: refresh ? secondsLeft(refresh.expiresAt, now) : null,
    };
  }

  private remember(grant: Grant): void {
    if (this.grants.size >= this.parts.maxGrants) this.forgetOldest();
    this.grants.set(grant.id, grant);
    const siblings = this.byAccount.get(grant.account);
    if (siblings) siblings.add(grant);
    else this.byAccount.set(grant.account, new Set([grant]));
  }

  private end(grant: Grant, reason: CloseReason): void {
    grant.closed = reason;
    this.closedOrder.push(grant);
    if (this.closedOrder.length > CLOSED_KEPT) this.forget(this.closedOrder.shift()!);
  }

  private forgetOldest(): void {
    const oldest = this.closedOrder.shift() ?? this.grants.values().next().value;
    if (oldest) this.forget(oldest);
  }

  private forget(grant: Grant): void {
    this.grants.delete(grant.id);
    const siblings = this.byAccount.get(grant.account);
    siblings?.delete(grant);
    if (siblings?.size === 0) this.byAccount.delete(grant.account);
    for (const token of grant.access) this.accessTokens.delete(token.value);
    for (const token of grant.spent) this.refreshTokens.delete(token.value);
    if (grant.refresh) this.refreshTokens.delete(grant.refresh.value);
  }
}

function lifeEnd(seconds: number | null, now: number): number | null {
  return seconds === null ? null : now + seconds * 1000;
}
