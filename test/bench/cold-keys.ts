import { randomBytes, randomUUID } from 'node:crypto';
import type { HubConfig } from '@hub/config';
import { DataKeyRepository, type HubDatabase } from '@hub/database';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { PlainToken, tokenCell, TokenVault, type Cell } from '@hub/token-vault';
import type { Pool } from 'pg';
import { request } from 'undici';
import { vaultSettings } from '../support/data-keys';
import { VaultTransitServer } from '../support/vault-transit-server';
import { open, seal } from './floor';
import { eachOf, inTurns } from './load';
import { row, type Row } from './table';

/** So many orgs whose key is not at hand, in each round. */
const ORGS = 60;
/** So many before that are not counted. */
const WARM = 20;
const TEXT = `ya29.${'x'.repeat(128)}`;

/** Wraps and unwraps a key as plainly as can be. */
interface Wrapping {
  wrap(key: Buffer): Promise<string>;
  unwrap(wrapped: string): Promise<string>;
}

const BY_OWN_KEY: Wrapping = {
  wrap: (key) => Promise.resolve(seal(key.toString('base64'))),
  unwrap: (wrapped) => Promise.resolve(open(wrapped)),
};

/**
 * The first seal and the first open of orgs whose data key is not at hand: the key is made, wrapped and stored, or found
 * and unwrapped. The floor asks the database and the key provider the same, without org, policies, trail and binding.
 */
export async function measureColdKeys(database: HubDatabase, pool: Pool): Promise<Row[]> {
  const server = new VaultTransitServer();
  await server.start();
  try {
    await pool.query('create table floor_keys (org_id uuid primary key, wrapped text not null)');
    const address = { address: server.url, token: 's.root', tokenFile: null, namespace: null, caCert: null };
    const vaultTransit = { ...address, mount: 'transit', key: 'hub-data-keys' };
    const settings = vaultSettings();
    const local = await ofProvider('local', settings, BY_OWN_KEY, database, pool);
    const elsewhere = { ...settings, keyProvider: 'vault-transit', vaultTransit } as const;
    return [...local, ...(await ofProvider('Vault', elsewhere, byVault(server.url), database, pool))];
  } finally {
    await server.stop();
  }
}

async function ofProvider(
  name: string,
  settings: Pick<HubConfig, 'tokenKeys' | 'keyProvider'> & Partial<Pick<HubConfig, 'vaultTransit'>>,
  wrapping: Wrapping,
  database: HubDatabase,
  pool: Pool,
): Promise<Row[]> {
  const [sealer, opener] = [1, 2].map(() => TokenVault.over(settings, new DataKeyRepository(database)));
  if (!sealer || !opener) return [];
  const token = new PlainToken(TEXT);
  let sealed: { cell: Cell; value: string }[] = [];
  let stored: { org: string; value: string }[] = [];
  try {
    for (const org of orgs().slice(0, WARM)) await opener.open(cellOf(org), await sealer.seal(cellOf(org), token));
    const [leastSeal, hubSeal, leastOpen, hubOpen] = await inTurns([
      () => {
        stored = [];
        return eachOf(orgs(), async (org) => {
          await pool.query({ name: 'key', text: 'select wrapped from floor_keys where org_id = $1', values: [org] });
          const values = [org, await wrapping.wrap(randomBytes(32))];
          await pool.query({ name: 'new key', text: 'insert into floor_keys values ($1, $2)', values });
          stored.push({ org, value: seal(TEXT) });
        });
      },
      () => {
        sealed = [];
        return eachOf(orgs(), async (org) => {
          const cell = cellOf(org);
          sealed.push({ cell, value: await sealer.seal(cell, token) });
        });
      },
      () =>
        eachOf(stored, async ({ org, value }) => {
          const ask = { name: 'key', text: 'select wrapped from floor_keys where org_id = $1', values: [org] };
          const { rows } = await pool.query<{ wrapped: string }>(ask);
          await wrapping.unwrap(rows[0]?.wrapped ?? '');
          open(value);
        }),
      () => eachOf(sealed, async ({ cell, value }) => void (await opener.open(cell, value))),
    ]);
    if (!leastSeal || !hubSeal || !leastOpen || !hubOpen) return [];
    return [
      row(`an org's first seal, key provider ${name}, p50`, hubSeal.p50Ms, leastSeal.p50Ms, 'ms'),
      row(`an org's first open, key provider ${name}, p50`, hubOpen.p50Ms, leastOpen.p50Ms, 'ms'),
    ];
  } finally {
    sealer.close();
    opener.close();
  }
}

/** The two questions to Transit, and nothing around them. */
function byVault(url: string): Wrapping {
  const ask = async (act: string, sent: object): Promise<Record<string, string>> => {
    const { statusCode, body } = await request(`${url}/v1/transit/${act}/floor`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-vault-token': 's.root' },
      body: JSON.stringify(sent),
    });
    if (statusCode !== 200) throw new Error(`the stand-in answers ${statusCode}`);
    return ((await body.json()) as { data: Record<string, string> }).data;
  };
  return {
    wrap: async (key) => (await ask('encrypt', { plaintext: key.toString('base64') }))['ciphertext'] ?? '',
    unwrap: async (wrapped) => (await ask('decrypt', { ciphertext: wrapped }))['plaintext'] ?? '',
  };
}

function orgs(): string[] {
  return Array.from({ length: ORGS }, () => randomUUID());
}

function cellOf(org: string): Cell {
  const owner = { orgId: org as OrgId, provider: 'google_drive' as ProviderId, id: org as IntegrationId };
  return tokenCell(owner, 'access_token');
}
