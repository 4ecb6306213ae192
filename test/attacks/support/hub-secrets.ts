import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { TokenVault, tokenCell } from '@hub/token-vault';
import { AUTH } from '../../support/bearer';
import { dataKeysIn } from '../../support/data-keys';
import type { Stack } from '../../support/stack';
import { testServers } from '../../support/test-servers';

/** A stored token that is shorter could stand in an answer by chance: some provider made it up on a fuzzer's behalf. */
const SHORTEST = 16;

/** Every secret of a hub's settings, of which no answer may hold one, by what it is. */
export function settingSecrets(hub: Stack): Map<string, string> {
  const { logins, adminUrl } = testServers();
  const { environment } = hub;
  const found = new Map<string, string>([
    [AUTH.secret, 'AUTH_JWT_SECRET'],
    [(environment['TOKEN_KEYS'] ?? '').split(':')[1] ?? '', 'a key of TOKEN_KEYS'],
    [decodeURIComponent(new URL(adminUrl).password), 'the password of the database'],
    ...Object.values(logins).map(({ password }): [string, string] => [password, 'the password of a login']),
    ...Object.entries(environment)
      .filter(([name]) => name.endsWith('_CLIENT_SECRET'))
      .map(([name, value]): [string, string] => [value, name]),
  ]);
  found.delete('');
  const short = [...found].filter(([secret]) => secret.length < 8).map(([, what]) => what);
  if (short.length > 0) throw new Error(`too short to be told from chance: ${short.join(', ')}`);
  return found;
}

/** All tokens that are stored, opened with the hub's keys, by what they are. */
export async function storedTokens(hub: Stack): Promise<Map<string, string>> {
  const [id = '', key = ''] = (hub.environment['TOKEN_KEYS'] ?? '').split(':');
  const vault = TokenVault.over(
    { tokenKeys: [{ id, key: Buffer.from(key, 'base64') }], keyProvider: 'local' },
    dataKeysIn((sql, values) => hub.database.rows(sql, values)),
  );
  const rows = await hub.database.rows<Record<'id' | 'org_id' | 'provider' | 'access_token' | 'refresh_token', string>>(
    'select id, org_id, provider, access_token, refresh_token from public.integrations',
  );
  const tokens = new Map<string, string>();
  for (const row of rows) {
    const owner = { id: row.id as IntegrationId, orgId: row.org_id as OrgId, provider: row.provider as ProviderId };
    for (const column of ['access_token', 'refresh_token'] as const) {
      if (row[column] === null) continue;
      const token = (await vault.open(tokenCell(owner, column), row[column])).reveal();
      if (token.length >= SHORTEST) tokens.set(token, `${column} of ${row.provider}`);
    }
  }
  return tokens;
}

/** What secrets an answer tells. @param isTokenRead access tokens are what such an answer is for */
export function toldSecrets(text: string, secrets: ReadonlyMap<string, string>, isTokenRead = false): string[] {
  return [...secrets]
    .filter(([secret, what]) => text.includes(secret) && !(isTokenRead && what.startsWith('access_token')))
    .map(([, what]) => what);
}
