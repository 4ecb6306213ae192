import { DatabaseBusy, HubDatabase, OrgForgotten } from '@hub/database';
import { failure, type Failure } from '@hub/domain';
import {
  OAuthClient,
  ProviderRegistry,
  speaksOAuth,
  type ApiAnswer,
  type ApiClient,
  type OAuthProvider,
  type RegisteredProvider,
} from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { KeyRefused, KeyUnavailable, OpenFailed, tokenCell, TokenVault, type PlainToken } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import type { HeldLease } from './held-lease';
import type { RefreshAnswer } from './refresh-answer';
import { graceMsOf, mannerOf } from './refresh-manner';
import { RefreshRecord } from './refresh-record';
import { TokenEndpointService, type Address } from './token-endpoint.service';

const UNAUTHORIZED = 401;

/** Finds out how a credential stands, and has it renewed where it ends: each provider in its own manner. */
@Injectable()
export class CredentialService {
  constructor(
    private readonly database: HubDatabase,
    private readonly providers: ProviderRegistry,
    private readonly oauth: OAuthClient,
    private readonly tokenEndpoint: TokenEndpointService,
    private readonly vault: TokenVault,
    private readonly logger: HubLogger,
  ) {}

  /** For how long a provider takes a spent refresh token again, in milliseconds; `null` where its definition names no time. */
  graceMs(provider: string): number | null {
    const definition = this.providers.find(provider)?.definition;
    return definition ? graceMsOf(definition.refresh.retry) : null;
  }

  /**
   * Asks in the provider's manner. What the hub itself fails at is an answer as well, so that the row tells of it.
   *
   * @throws what an outage of the database causes, or DatabaseBusy: the lease ends by itself, and the next claim begins anew
   * @throws OrgForgotten if the org is forgotten meanwhile
   */
  async ask(held: HeldLease): Promise<RefreshAnswer> {
    const { lease } = held;
    const { integration, lateGrant } = lease;
    if (lateGrant) return { kind: 'granted', grant: lateGrant, doubt: null, dataKey: null };
    const provider = this.providers.find(integration.provider);
    if (!provider?.configured) {
      const reason = provider ? 'no_credentials_here' : 'unknown_provider';
      return this.failedHere(held, failure('provider_misconfigured', reason));
    }
    const troublesBefore = this.database.troubles;
    try {
      const manner = mannerOf(provider.definition, integration, lease.refreshToken !== null);
      if (manner === 'recheck' || !speaksOAuth(provider)) return await this.recheck(held, provider);
      const address = { provider, endpoints: provider.endpointsFor(integration.inputs) };
      return await (manner === 'probe' ? this.probeFirst(held, address) : this.renew(held, address));
    } catch (error) {
      if (error instanceof OpenFailed) return this.unopened(held, error, `${error.cell.column}_${error.reason}`);
      if (error instanceof KeyRefused) return this.unopened(held, error, `sealing_key_${error.reason}`);
      if (error instanceof KeyUnavailable) return this.keyAway(held, error);
      if (this.database.wasAwaySince(troublesBefore)) throw error;
      if (error instanceof DatabaseBusy || error instanceof OrgForgotten) throw error;
      return this.broken(held, error);
    }
  }

  /** The stored credential is held against the rules of today; nobody is called. */
  private async recheck(held: HeldLease, { definition }: RegisteredProvider): Promise<RefreshAnswer> {
    const credential = (await this.open(held, 'access_token', held.lease.accessToken)).reveal();
    const record = new RefreshRecord(this.logger, held.lease, 'recheck');
    const input = definition.inputs.find((candidate) => candidate.secret);
    if (input === undefined || input.normalise(credential) === credential) {
      record.succeeded();
      return { kind: 'works' };
    }
    const refusal = failure('invalid_grant', 'not_allowed_any_more');
    record.failed(refusal);
    return { kind: 'refused', failure: refusal, doubt: null };
  }

  /** The API is asked; only its 401 is a reason to ask the token endpoint. */
  private async probeFirst(held: HeldLease, address: Address): Promise<RefreshAnswer> {
    const token = await this.open(held, 'access_token', held.lease.accessToken);
    const api = this.oauth.api(address.provider, address.endpoints, token.reveal());
    const record = new RefreshRecord(this.logger, held.lease, 'probe');
    const refusal = await record.hold(() => probe(address.provider.definition, api, held));
    // a token that may not do this is a token that works
    if (refusal === undefined || refusal.failure.code === 'insufficient_scope') {
      record.succeeded();
      return { kind: 'works' };
    }
    record.failed(refusal.failure);
    if (refusal.status === UNAUTHORIZED && held.lease.refreshToken !== null) return this.renew(held, address);
    return { kind: 'refused', failure: refusal.failure, doubt: null };
  }

  private async renew(held: HeldLease, address: Address): Promise<RefreshAnswer> {
    const { refreshToken } = held.lease;
    if (refreshToken === null) throw new Error('nothing is renewed without a refresh token');
    const token = await this.open(held, 'refresh_token', refreshToken);
    // the key that will seal the answer comes first: once the provider was asked, nothing may be needed that can be away
    return this.vault.withSealer(held.lease.orgId, (sealer) => this.tokenEndpoint.ask(held, address, token, sealer));
  }

  private open({ lease }: HeldLease, column: 'access_token' | 'refresh_token', sealed: string): Promise<PlainToken> {
    return this.vault.open(tokenCell(lease.integration, column), sealed);
  }

  private unopened(held: HeldLease, error: OpenFailed | KeyRefused, reason: string): RefreshAnswer {
    this.logger.failure('hub.crypto.open_failed', error, idsOf(held));
    return { kind: 'unopened', reason };
  }

  /** A bug, which may be about this row alone: without a word in the row it would be tried at each end of a lease, for ever. */
  private broken(held: HeldLease, error: unknown): RefreshAnswer {
    this.logger.failure('hub.refresh.broken', error, idsOf(held));
    return this.failedHere(held, failure('internal', 'unexpected_error'));
  }

  private failedHere({ lease }: HeldLease, cause: Failure): RefreshAnswer {
    const since = lease.inDoubtSince;
    const standing = since && { since, graceMs: this.graceMs(lease.integration.provider) };
    return { kind: 'failed_here', failure: cause, standing };
  }

  private keyAway(held: HeldLease, error: KeyUnavailable): RefreshAnswer {
    this.logger.warning('hub.keys.unavailable', { ...idsOf(held), ...error.facts });
    return { kind: 'key_away' };
  }
}

function idsOf({ lease }: HeldLease): { provider: string; org: string; integration: string } {
  return { provider: lease.integration.provider, org: lease.orgId, integration: lease.integrationId };
}

/** Asks whether the access token works, by the shortest question that the definition has. @returns how it was refused, if it was */
async function probe(
  definition: OAuthProvider,
  api: ApiClient,
  { lease: { integration } }: HeldLease,
): Promise<{ failure: Failure; status: number | null } | undefined> {
  const answer: Pick<ApiAnswer, 'ok'> & { failure?: Failure; status?: number | null } = definition.probe
    ? await definition.probe(api)
    : await definition.metadata({ api, inputs: integration.inputs, known: integration.metadata });
  return answer.ok || !answer.failure ? undefined : { failure: answer.failure, status: answer.status ?? null };
}
