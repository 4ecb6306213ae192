import { randomBytes } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { sealGrant, tokenCell, type PlainGrant } from './grant-seal';
import { OpenFailed, TokenVault } from './token-vault';

const vault = new TokenVault([{ id: 'k1', key: randomBytes(32) }]);
const owner = {
  orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId,
  provider: 'google_drive' as ProviderId,
  id: '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9' as IntegrationId,
};
const askedAt = new Date('2026-11-22T12:00:00.000Z');
const grant: PlainGrant = {
  accessToken: 'access',
  refreshToken: 'refresh',
  expiresInSeconds: 3_600,
  refreshExpiresInSeconds: 86_400,
  scopes: ['a', 'b'],
};

describe('a grant', () => {
  it('is sealed for the cells of its integration, each token for its own', () => {
    const sealed = sealGrant(vault, owner, grant, askedAt);
    expect(vault.open(tokenCell(owner, 'access_token'), sealed.accessToken).reveal()).toBe('access');
    expect(vault.open(tokenCell(owner, 'refresh_token'), sealed.refreshToken ?? '').reveal()).toBe('refresh');
    expect(() => vault.open(tokenCell(owner, 'access_token'), sealed.refreshToken ?? '')).toThrow(OpenFailed);
  });

  it('ends as long after it was asked for as the provider says', () => {
    expect(sealGrant(vault, owner, grant, askedAt)).toMatchObject({
      issuedAt: askedAt,
      expiresAt: new Date('2026-11-22T13:00:00.000Z'),
      refreshExpiresAt: new Date('2026-11-23T12:00:00.000Z'),
      scope: 'a b',
    });
  });

  it('keeps apart what the provider did not say from what it said is nothing', () => {
    const silent = { ...grant, refreshToken: undefined, expiresInSeconds: null, refreshExpiresInSeconds: null };
    expect(sealGrant(vault, owner, { ...silent, scopes: undefined }, askedAt)).toMatchObject({
      refreshToken: undefined,
      expiresAt: null,
      refreshExpiresAt: null,
      scope: undefined,
    });
    expect(sealGrant(vault, owner, { ...silent, scopes: [] }, askedAt).scope).toBe('');
  });
});
