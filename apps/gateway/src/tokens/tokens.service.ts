import { IntegrationRepository, type TokenRow } from '@hub/database';
import { HubError, type OrgId, type ProviderId } from '@hub/domain';
import { ProviderRegistry, providerId } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { tokenCell, TokenVault } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { secondsUntil } from '../http/seconds-until';
import { DemandService, type DemandOutcome } from '../integrations/demand.service';
import { judge, judgeAfterRefresh } from './token-read';
import { ReadShare } from './read-share';
import { TokenReadsService } from './token-reads.service';

/** A token as product services receive it. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresAt: string | null;
  readonly scope: string | null;
  readonly provider: string;
  readonly account: { id: string; label: string } | null;
}

/** A token as the proxy puts it into a call. */
export interface LentToken extends Pick<TokenRow, 'id' | 'issuedAt' | 'account'> {
  readonly accessToken: string;
}

/** When to ask again for a token whose provider is away, if the schedule does not tell. */
const ASK_AGAIN_SECONDS = 5;
/** Of the pool's ten connections: the others are for connects, callbacks and what is written. */
const READS_AT_ONCE = 6;
/** Below the five seconds after which the pool itself gives up. */
const READ_PATIENCE_MS = 3_000;

/** Hands out valid access tokens. */
@Injectable()
export class TokensService {
  private readonly share = new ReadShare(READS_AT_ONCE, READ_PATIENCE_MS);

  constructor(
    private readonly providers: ProviderRegistry,
    private readonly integrations: IntegrationRepository,
    private readonly vault: TokenVault,
    private readonly demands: DemandService,
    private readonly reads: TokenReadsService,
    private readonly logger: HubLogger,
  ) {}

  /**
   * @param minTtlSeconds if less is left, the token is refreshed first
   * @param arrivedMs     when the request arrived, by `performance.now()`
   * @param onRefresh     called before a refresh is waited for
   */
  async read(
    caller: Caller,
    providerName: string,
    minTtlSeconds: number,
    arrivedMs: number,
    onRefresh?: () => void,
  ): Promise<TokenAnswer> {
    const provider = this.oauthProvider(providerName);
    const token = await this.valid(caller, provider, minTtlSeconds, arrivedMs, onRefresh);
    const accessToken = await this.open(caller, provider, token);
    this.reads.record({ orgId: caller.orgId, integrationId: token.id, provider, sub: caller.sub });
    return {
      accessToken,
      tokenType: 'Bearer',
      expiresAt: token.expiresAt?.toISOString() ?? null,
      scope: token.scope,
      provider,
      account: token.account,
    };
  }

  /**
   * The same token for a call of the hub's own in the caller's name. Nothing is recorded until the call is made:
   * {@link recordLent}.
   */
  async lend(caller: Caller, providerName: string, minTtlSeconds: number, arrivedMs: number): Promise<LentToken> {
    const provider = this.oauthProvider(providerName);
    const token = await this.valid(caller, provider, minTtlSeconds, arrivedMs);
    const { id, issuedAt, account } = token;
    return { id, issuedAt, account, accessToken: await this.open(caller, provider, token) };
  }

  /** Tells the trail that a token was put into a call. */
  recordLent({ orgId, sub }: Caller, provider: string, { id }: LentToken): void {
    this.reads.record({ orgId, integrationId: id, provider, sub, via: 'proxy' });
  }

  private async valid(
    caller: Caller,
    provider: ProviderId,
    minTtlSeconds: number,
    arrivedMs: number,
    onRefresh?: () => void,
  ): Promise<TokenRow> {
    const token = await this.find(caller.orgId, provider);
    switch (judge(token, minTtlSeconds)) {
      case 'serve':
        return token;
      case 'refresh_first':
        onRefresh?.();
        return this.refreshFirst(caller, provider, token, arrivedMs);
      case 'reauth_required':
        throw reauthRequired(token);
    }
  }

  private oauthProvider(name: string): ProviderId {
    const provider = this.providers.find(name);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    if (provider.definition.authMode === 'webhook_url')
      throw new HubError(
        'invalid_request',
        `${provider.definition.label} has no token: its credential is a webhook URL.`,
      );
    return providerId(provider.definition);
  }

  private async find(orgId: OrgId, provider: ProviderId): Promise<TokenRow> {
    const token = await this.share.take(() => this.integrations.readToken(orgId, provider));
    if (!token) throw new HubError('not_connected', 'This org has not connected this provider.');
    return token;
  }

  /** What goes wrong on the way to a fresher token costs nobody the one that is still valid. */
  private async refreshFirst(
    caller: Caller,
    provider: ProviderId,
    token: TokenRow,
    arrivedMs: number,
  ): Promise<TokenRow> {
    let demand: DemandOutcome;
    let after: TokenRow;
    try {
      demand = await this.demands.refresh(caller.orgId, provider, arrivedMs);
      after = await this.find(caller.orgId, provider);
    } catch (error) {
      if (error instanceof HubError || !isLiveStill(token, performance.now() - arrivedMs)) throw error;
      this.logger.failure('hub.token.served_unrefreshed', error, { org: caller.orgId, provider });
      return token;
    }
    return validAfter(demand, after);
  }

  private async open({ orgId }: Caller, provider: ProviderId, { id, accessToken }: TokenRow): Promise<string> {
    const cell = tokenCell({ orgId, provider, id }, 'access_token');
    return (await this.vault.open(cell, accessToken)).reveal();
  }
}

function validAfter(demand: DemandOutcome, token: TokenRow): TokenRow {
  switch (judgeAfterRefresh(token)) {
    case 'serve':
      return token;
    case 'reauth_required':
      throw reauthRequired(token);
    case 'dead':
      throw new HubError(
        'provider_unavailable',
        'The token has expired and the provider gives no new one at the moment.',
        { retryAfterSeconds: askAgainIn(demand, token) },
      );
  }
}

/** @param agoMs since when the token was read at the latest */
function isLiveStill(token: TokenRow, agoMs: number): boolean {
  if (judgeAfterRefresh(token) !== 'serve') return false;
  return token.expiresAt === null || token.expiresAt.getTime() - token.readAt.getTime() > agoMs;
}

function reauthRequired(token: TokenRow): HubError {
  return new HubError('reauth_required', 'The provider has refused this grant: the user must sign in there again.', {
    extensions: { failure: { code: token.failureCode } },
  });
}

/** When the next probe goes through, or the next try is due; if neither is known, soon. */
function askAgainIn(demand: DemandOutcome, { nextRefreshAt, readAt }: TokenRow): number {
  if (demand.kind === 'put_off') return Math.max(1, Math.ceil(demand.retryInMs / 1000));
  return nextRefreshAt ? secondsUntil(nextRefreshAt, readAt) : ASK_AGAIN_SECONDS;
}
