import { randomUUID } from 'node:crypto';
import { FIRST_PLACE, KeyRotationRepository } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { PlainToken, tokenCell, TokenVault } from '@hub/token-vault';
import { RotationService } from '../../../apps/refresh-worker/src/rotation/rotation.service';
import { hub, type Answered } from '../../support/command-line';
import { dataKeysIn } from '../../support/data-keys';
import { eventually } from '../../support/eventually';
import { sealedBefore } from '../../support/sealed-before';
import { refreshWorker } from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

const SETTLED_MS = 600_000;

let stand: WorkerStand;
let repository: KeyRotationRepository;

beforeEach(async () => {
  stand = await WorkerStand.set();
  repository = new KeyRotationRepository(await stand.database.as('refreshWorker'));
});
afterEach(() => stand.clear());

const keys = () => stand.settings.environment['TOKEN_KEYS'] ?? '';
/** A vault of a process that begins now, with these keys. */
const vaultWith = (TOKEN_KEYS = keys()): TokenVault =>
  TokenVault.over(
    stand.settings.workerConfig({ TOKEN_KEYS }),
    dataKeysIn((sql, values) => stand.database.sql(sql, values)),
  );
const aWorker = (TOKEN_KEYS = keys()): RotationService =>
  new RotationService(repository, vaultWith(TOKEN_KEYS), HubLogger.forApp('test', 'silent'));
const command = (...args: string[]): Promise<Answered> => hub(['keys', ...args], stand.settings.environment);

async function anOrg(): Promise<{ orgId: OrgId; all: Connected[] }> {
  const orgId = randomUUID() as OrgId;
  const all: Connected[] = [];
  for (const provider of ['google_drive', 'shopify', 'notion']) all.push(await stand.connected(provider, { orgId }));
  return { orgId, all };
}

const keysOf = (orgId: OrgId) =>
  stand.database.sql<{ id: string; status: string; wrapping_key_id: string }>(
    'select id, status, wrapping_key_id from public.data_keys where org_id = $1 order by created_at, status desc',
    [orgId],
  );
const keyNow = async (orgId: OrgId) => (await keysOf(orgId)).find(({ status }) => status === 'active')?.id ?? '';
const tokensOf = (all: readonly Connected[]) => Promise.all(all.map(({ stored }) => stored.tokens()));
/** Ids of the keys that the org's values are sealed with. */
const keysInUse = async (orgId: OrgId) => [...(await repository.cellsByKey(orgId)).keys()];

async function eventsOf(orgId: OrgId): Promise<string[]> {
  const rows = await stand.database.sql<{ name: string }>(
    "select name from public.audit_events where org_id = $1 and name like 'key.%' order by seq",
    [orgId],
  );
  return rows.map(({ name }) => name);
}

it('both layers of an org are replaced, and its tokens stay what they are', async () => {
  const { orgId, all } = await anOrg();
  const before = await keyNow(orgId);
  const tokens = await tokensOf(all);
  expect(await repository.request(orgId, { rewrap: true, reseal: true })).toBe(1);
  await aWorker().rotate(orgId, SETTLED_MS);
  const after = await keyNow(orgId);
  expect(after).not.toBe(before);
  expect(await keysInUse(orgId)).toEqual([after]);
  expect(await tokensOf(all)).toEqual(tokens);
  expect(await keysOf(orgId)).toEqual(
    expect.arrayContaining([expect.objectContaining({ id: before, status: 'retiring' })]),
  );
  // once nobody can seal with it any more
  await aWorker().rotate(orgId, 0);
  expect((await keysOf(orgId)).find(({ id }) => id === before)?.status).toBe('retired');
  expect(await eventsOf(orgId)).toEqual(['key.rotation_started', 'key.rewrapped', 'key.rotated', 'key.retired']);
  await aWorker().rotate(orgId, 0);
  expect(await keyNow(orgId)).toBe(after);
});

it('values of an earlier release, sealed under TOKEN_KEYS itself, get a data key', async () => {
  const { orgId, all } = await anOrg();
  const { stored } = all[0] as Connected;
  const { accessToken } = await stored.tokens();
  const legacy = sealedBefore(keys(), tokenCell(stored, 'access_token'), accessToken);
  await stand.database.sql('update public.integrations set access_token = $2 where id = $1', [stored.id, legacy]);
  expect((await command('status')).out).toMatch(/^k1 +1 +1 +needed$/m);
  await repository.request(null, { rewrap: false, reseal: true });
  await aWorker().rotateDue();
  expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
  expect((await stored.tokens()).accessToken).toBe(accessToken);
  expect((await command('status')).out).toMatch(/^k1 +2 +0 +needed$/m);
});

it('data keys are wrapped by a new first key of TOKEN_KEYS, and the old one may go', async () => {
  const { orgId, all } = await anOrg();
  const tokens = await tokensOf(all);
  const fresh = Buffer.from(Array.from({ length: 32 }, (_, place) => (place * 37 + 11) % 256)).toString('base64');
  await repository.request(null, { rewrap: true, reseal: false });
  await aWorker(`k2:${fresh},${keys()}`).rotateDue();
  expect(await keysOf(orgId)).toEqual([expect.objectContaining({ wrapping_key_id: 'k2', status: 'active' })]);
  const [cell, sealed] = [
    tokenCell((all[0] as Connected).stored, 'access_token'),
    (await (all[0] as Connected).stored.row()).access_token,
  ];
  expect((await vaultWith(`k2:${fresh}`).open(cell, sealed)).reveal()).toBe(tokens[0]?.accessToken);
  const status = await hub(['keys', 'status', '--json'], {
    ...stand.settings.environment,
    TOKEN_KEYS: `k2:${fresh},${keys()}`,
  });
  expect(JSON.parse(status.out)).toMatchObject({
    tokenKeys: [
      { id: 'k2', dataKeys: 1, isNeeded: true },
      { id: 'k1', dataKeys: 0, values: 0, isNeeded: false },
    ],
  });
});

it('a key that is needed by what is not sealed anew retires once that is over', async () => {
  const { orgId } = await anOrg();
  const old = await keyNow(orgId);
  await repository.request(orgId, { rewrap: false, reseal: true });
  await aWorker().rotate(orgId, SETTLED_MS);
  await stand.database.sql(
    `insert into public.flows (id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at, verifier)
     values (gen_random_uuid(), $1, 'zapier', 'ada', 'open', 'https://a.example', 'c', '\\x', now() + interval '5 minutes', $2)`,
    [orgId, `hub1.${old}.x`],
  );
  await aWorker().rotate(orgId, 0);
  const status = async () => (await keysOf(orgId)).find(({ id }) => id === old)?.status;
  expect(await status()).toBe('retiring');
  await stand.database.sql("update public.flows set status = 'cancelled', verifier = null where org_id = $1", [orgId]);
  await stand.database.sql('update public.key_rotations set next_at = now() where org_id = $1', [orgId]);
  await aWorker().rotate(orgId, 0);
  expect(await status()).toBe('retired');
});

it('a value that does not open stays as it is, is counted, and the others go on', async () => {
  const { orgId, all } = await anOrg();
  const { stored } = all[1] as Connected;
  const torn = `hub1.${await keyNow(orgId)}.AAAA`;
  await stand.database.sql('update public.integrations set access_token = $2 where id = $1', [stored.id, torn]);
  await repository.request(orgId, { rewrap: false, reseal: true });
  await aWorker().rotate(orgId, 0);
  expect((await stored.row()).access_token).toBe(torn);
  expect(await repository.progress(orgId)).toMatchObject({ unopenedCells: 1, resealedCells: 5, retiring: 1 });
  expect((await keysOf(orgId)).map(({ status }) => status).sort()).toEqual(['active', 'retiring']);
});

it('what is written meanwhile wins', async () => {
  const { orgId, all } = await anOrg();
  const { stored } = all[0] as Connected;
  const vault = vaultWith();
  await repository.request(orgId, { rewrap: false, reseal: true });
  const cells = await repository.cellsNotUnder(orgId, 'none', FIRST_PLACE, 200);
  const sealed = await vault.seal(tokenCell(stored, 'access_token'), new PlainToken('of the refresh'));
  await stand.database.sql('update public.integrations set access_token = $2 where id = $1', [stored.id, sealed]);
  const anew = cells
    .filter(({ id, place }) => id === stored.id && place === 0)
    .map((cell) => ({ ...cell, anew: 'late' }));
  expect(anew).toHaveLength(1);
  expect(await repository.reseal(orgId, anew)).toBe(0);
  expect((await stored.row()).access_token).toBe(sealed);
});

it('several workers at the same orgs make one new key of each, and lose nothing', async () => {
  const orgs = await Promise.all([anOrg(), anOrg(), anOrg()]);
  const tokens = await Promise.all(orgs.map(({ all }) => tokensOf(all)));
  await repository.request(null, { rewrap: true, reseal: true });
  await Promise.all(
    orgs.flatMap(({ orgId }) => [aWorker(), aWorker(), aWorker()].map((one) => one.rotate(orgId, SETTLED_MS))),
  );
  for (const [place, { orgId, all }] of orgs.entries()) {
    expect((await keysOf(orgId)).map(({ status }) => status).sort()).toEqual(['active', 'retiring']);
    expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
    expect(await tokensOf(all)).toEqual(tokens[place]);
  }
});

describe('a worker that dies', () => {
  const STEPS = ['begin', 'rewrapped', 'replace', 'cellsNotUnder', 'reseal', 'settle'] as const;

  it.each(STEPS.flatMap((step) => (['before', 'after'] as const).map((when) => [when, step] as const)))(
    '%s the step %s leaves all readable, and the next one ends what it began',
    async (when, step) => {
      const { orgId, all } = await anOrg();
      const tokens = await tokensOf(all);
      const before = await keyNow(orgId);
      await repository.request(orgId, { rewrap: true, reseal: true });
      const dying = new KeyRotationRepository(await stand.database.as('refreshWorker'));
      const act = dying[step].bind(dying) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(dying, {
        [step]: async (...args: unknown[]) => {
          if (when === 'after') await act(...args);
          throw new Error('died');
        },
      });
      const worker = new RotationService(dying, vaultWith(), HubLogger.forApp('test', 'silent'));
      await expect(worker.rotate(orgId, SETTLED_MS)).rejects.toThrow('died');
      expect(await tokensOf(all)).toEqual(tokens);
      await aWorker().rotate(orgId, SETTLED_MS);
      await aWorker().rotate(orgId, 0);
      expect(await tokensOf(all)).toEqual(tokens);
      expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
      expect((await keysOf(orgId)).map(({ id, status }) => [id === before, status]).sort()).toEqual([
        [false, 'active'],
        [true, 'retired'],
      ]);
    },
  );
});

it('a second wish while the first is under way makes a key that is younger than itself', async () => {
  const { orgId } = await anOrg();
  await repository.request(orgId, { rewrap: false, reseal: true });
  await aWorker().rotate(orgId, SETTLED_MS);
  const second = await keyNow(orgId);
  await repository.request(orgId, { rewrap: false, reseal: true });
  await aWorker().rotate(orgId, SETTLED_MS);
  expect(await keyNow(orgId)).not.toBe(second);
  expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
});

it('a worker that was interrupted is followed by another', async () => {
  const { orgId } = await anOrg();
  await repository.request(null, { rewrap: true, reseal: true });
  const interrupted = aWorker();
  interrupted.interrupt();
  await interrupted.rotate(orgId, SETTLED_MS);
  expect(await repository.progress(orgId)).toMatchObject({ resealing: 1, resealedCells: 0 });
  await aWorker().rotate(orgId, SETTLED_MS);
  expect(await repository.progress(orgId)).toMatchObject({ retiring: 1, resealedCells: 6 });
});

it('hub keys rotate has a running worker do it, and says what came of it', async () => {
  const { orgId, all } = await anOrg();
  const tokens = await tokensOf(all);
  const worker = await refreshWorker(stand.settings.workerConfig());
  await worker.start();
  try {
    const answer = await command('rotate');
    expect(answer).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^1 org: 6 values sealed anew\.\nThe keys before retire/),
    });
  } finally {
    await worker.stop();
  }
  expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
  expect(await tokensOf(all)).toEqual(tokens);
  expect((await command('rotate', '--org', randomUUID(), '--detach')).exitCode).toBe(1);
  expect(await command('rotate', '--detach')).toMatchObject({
    exitCode: 0,
    out: 'Asked for: 1 org. See hub keys status.\n',
  });
  await eventually('the wish', async () => (await repository.progress(null)).orgs === 1);
  expect((await command('status')).out).toMatch(/Rotation: \d of 1 orgs wait/);
});
