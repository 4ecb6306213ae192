import type { IntegrationId, OrgId, ProviderId, SealedGrant } from '@hub/domain';
import type { Cell } from './cell';
import { PlainToken } from './plain-token';
import type { Sealer } from './token-vault';

/** The integration whose cells a grant is sealed for. */
export interface GrantOwner {
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  readonly id: IntegrationId;
}

/** A grant in the clear, as a token endpoint answered it. */
export interface PlainGrant {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresInSeconds: number | null;
  readonly refreshExpiresInSeconds: number | null;
  readonly scopes: readonly string[] | undefined;
}

/** The cell of one of an integration's tokens. */
export function tokenCell(owner: GrantOwner, column: 'access_token' | 'refresh_token'): Cell {
  return { table: 'integrations', column, orgId: owner.orgId, provider: owner.provider, rowId: owner.id };
}

/**
 * Seals a grant for its integration's row. It takes a sealer: a grant may not come twice, so the key is at hand before
 * the provider is asked.
 *
 * @param askedAt when the provider was asked, by the database's clock: ends are counted from here
 */
export function sealGrant(sealer: Sealer, owner: GrantOwner, grant: PlainGrant, askedAt: Date): SealedGrant {
  const { accessToken, refreshToken } = grant;
  return {
    accessToken: sealer.seal(tokenCell(owner, 'access_token'), new PlainToken(accessToken)),
    refreshToken:
      refreshToken === undefined
        ? undefined
        : sealer.seal(tokenCell(owner, 'refresh_token'), new PlainToken(refreshToken)),
    issuedAt: askedAt,
    expiresAt: after(askedAt, grant.expiresInSeconds),
    refreshExpiresAt: after(askedAt, grant.refreshExpiresInSeconds),
    scope: grant.scopes?.join(' '),
  };
}

function after(start: Date, seconds: number | null): Date | null {
  return seconds === null ? null : new Date(start.getTime() + seconds * 1000);
}
