import type { IntegrationId, OrgId, ProviderId, SealedGrant } from '@hub/domain';
import { dataKeysInMemory, vaultSettings } from '../../../test/support/data-keys';
import { sealGrant, tokenCell, type PlainGrant } from './grant-seal';
import { OpenFailed, TokenVault } from './token-vault';

const vault = TokenVault.over(vaultSettings(), dataKeysInMemory());
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

const sealed = (plain: PlainGrant): Promise<SealedGrant> =>
  vault.withSealer(owner.orgId, (sealer) => sealGrant(sealer, owner, plain, askedAt));

describe('a grant', () => {
  it('is sealed for the cells of its integration, each token for its own', async () => {
    const { accessToken, refreshToken = '' } = await sealed(grant);
    const open = async (column: 'access_token' | 'refresh_token', text: string): Promise<string> =>
      (await vault.open(tokenCell(owner, column), text)).reveal();
    expect(await open('access_token', accessToken)).toBe('access');
    expect(await open('refresh_token', refreshToken)).toBe('refresh');
    await expect(open('access_token', refreshToken)).rejects.toThrow(OpenFailed);
  });

  it('ends as long after it was asked for as the provider says', async () => {
    expect(await sealed(grant)).toMatchObject({
      issuedAt: askedAt,
      expiresAt: new Date('2026-11-22T13:00:00.000Z'),
      refreshExpiresAt: new Date('2026-11-23T12:00:00.000Z'),
      scope: 'a b',
    });
  });

  it('keeps apart what the provider did not say from what it said is nothing', async () => {
    const silent = { ...grant, refreshToken: undefined, expiresInSeconds: null, refreshExpiresInSeconds: null };
    expect(await sealed({ ...silent, scopes: undefined })).toMatchObject({
      refreshToken: undefined,
      expiresAt: null,
      refreshExpiresAt: null,
      scope: undefined,
    });
    expect((await sealed({ ...silent, scopes: [] })).scope).toBe('');
  });
});
