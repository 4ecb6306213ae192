import { RevocationRepository, type Revocation } from '@hub/database';
import type { Sealed } from '@hub/domain';
import { OAuthClient, type OAuthProvider, type RegisteredProvider, type RevokeAnswer } from '@hub/providers';
import { sealGrant, tokenCell, TokenVault, type GrantOwner } from '@hub/token-vault';
import { ExchangeRecord, HubLogger, type LogFields } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import { REFRESH_RECORDS } from '../refresh/refresh-record';

const REVOCATION_RECORDS = {
  started: 'hub.revocation.started',
  succeeded: 'hub.token.revoked',
  failed: 'hub.revocation.failed',
} as const;

/** The conversation that gives a grant back. */
@Injectable()
export class GrantReturnService {
  constructor(
    private readonly oauth: OAuthClient,
    private readonly vault: TokenVault,
    private readonly revocations: RevocationRepository,
    private readonly logger: HubLogger,
  ) {}

  /** @throws OpenFailed if the sealed tokens do not open, KeyUnavailable or KeyRefused if a key is not to be had: nothing was refreshed then */
  async giveBack(revocation: Revocation, provider: RegisteredProvider<OAuthProvider>): Promise<RevokeAnswer> {
    const answer = await this.ask(revocation, provider);
    // only an uninstall needs a token that works
    if (answer.ok || answer.failure.code !== 'invalid_grant' || revocation.refreshToken === null) return answer;
    const fresh = await this.refresh(revocation, provider);
    return 'ok' in fresh ? fresh : this.ask(fresh, provider);
  }

  private async ask(revocation: Revocation, provider: RegisteredProvider<OAuthProvider>): Promise<RevokeAnswer> {
    const accessToken = await this.vault.open(tokenCell(ownerOf(revocation), 'access_token'), revocation.accessToken);
    const tokens = { accessToken: accessToken.reveal(), refreshToken: await this.refreshTokenOf(revocation) };
    const record = new ExchangeRecord(this.logger, REVOCATION_RECORDS, factsOf(revocation));
    const answer = await record.hold(async () =>
      readAbsence(provider, await this.oauth.revoke(provider, provider.endpointsFor(revocation.inputs), tokens)),
    );
    if (answer.ok) record.succeeded({ revoked: answer.outcome });
    else record.failed(answer.failure);
    return answer;
  }

  /** Fresh tokens for a grant that is to be given back; they are kept, since those before them may be spent now. */
  private async refresh(
    revocation: Revocation,
    provider: RegisteredProvider<OAuthProvider>,
  ): Promise<Revocation | Extract<RevokeAnswer, { ok: false }>> {
    const endpoints = provider.endpointsFor(revocation.inputs);
    const spent = (await this.refreshTokenOf(revocation)) ?? '';
    const sealed = await this.vault.withSealer(revocation.orgId, async (sealer) => {
      const record = new ExchangeRecord(this.logger, REFRESH_RECORDS, { ...factsOf(revocation), manner: 'ask' });
      const answer = await record.hold(() => this.oauth.refresh(provider, endpoints, spent));
      if (answer.ok) record.succeeded();
      else record.failed(answer.failure);
      return answer.ok ? sealGrant(sealer, ownerOf(revocation), answer.grant, new Date()) : answer;
    });
    if ('ok' in sealed) return sealed;
    const tokens: { accessToken: Sealed; refreshToken: string | null } = {
      accessToken: sealed.accessToken,
      refreshToken: sealed.refreshToken ?? revocation.refreshToken,
    };
    await this.revocations.keepTokens(revocation, tokens);
    return { ...revocation, ...tokens };
  }

  private async refreshTokenOf(revocation: Revocation): Promise<string | undefined> {
    if (revocation.refreshToken === null) return undefined;
    const token = await this.vault.open(tokenCell(ownerOf(revocation), 'refresh_token'), revocation.refreshToken);
    return token.reveal();
  }
}

/** What the provider does not know any more is given back. */
function readAbsence({ definition }: RegisteredProvider<OAuthProvider>, answer: RevokeAnswer): RevokeAnswer {
  const isGone = !answer.ok && answer.failure.code === 'invalid_grant' && definition.revoke.manner !== 'uninstall';
  return isGone ? { ok: true, outcome: 'nothing_left' } : answer;
}

function factsOf({ id, orgId, provider, integrationId, failedAttempts }: Revocation): LogFields {
  return { provider, org: orgId, integration: integrationId, revocation: id, attempt: failedAttempts + 1 };
}

/** The tokens are sealed for the cells of the integration that they come from. */
function ownerOf({ orgId, provider, integrationId }: Revocation): GrantOwner {
  return { orgId, provider, id: integrationId };
}
