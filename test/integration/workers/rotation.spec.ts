import { randomBytes, randomUUID } from 'node:crypto';
import {
  appendEvents,
  AuditRepository,
  DataKeyRepository,
  DeliveryRepository,
  FIRST_PLACE,
  KeyRotationRepository,
  type HubDatabase,
} from '@hub/database';
import { SYSTEM_ORG, type IntegrationId, type OrgId, type ProviderId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import {
  asSealedDetail,
  AuditVault,
  deliveryDataCell,
  deliverySecretCell,
  PlainToken,
  tokenCell,
  TokenVault,
  type Cell,
  type EventPlace,
  type SealedDetail,
} from '@hub/token-vault';
import { whyStuck } from '../../../apps/cli/src/keys/rotate.command';
import { RotationService } from '../../../apps/refresh-worker/src/rotation/rotation.service';
import { hub, type Answered } from '../../support/command-line';
import { dataKeysIn } from '../../support/data-keys';
import { eventually } from '../../support/eventually';
import { sealedBefore } from '../../support/sealed-before';
import { refreshWorker } from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

const OPERATOR = { type: 'system', id: 'test' } as const;

let stand: WorkerStand;
let repository: KeyRotationRepository;
let gateway: HubDatabase;

beforeEach(async () => {
  stand = await WorkerStand.set();
  repository = new KeyRotationRepository(await stand.database.as('refreshWorker'));
  gateway = await stand.database.as('gateway');
});
afterEach(() => stand.clear());

const keys = () => stand.settings.environment['TOKEN_KEYS'] ?? '';
/** Two looks at an org's old keys, between which ten minutes pass. */
async function tenMinutesPass(orgId: OrgId): Promise<void> {
  await aWorker().rotate(orgId);
  await stand.database.sql(
    "update public.data_keys set unneeded_since = unneeded_since - interval '10 minutes' where org_id = $1",
    [orgId],
  );
  await aWorker().rotate(orgId);
}
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
  stand.database.sql<{ id: string; purpose: string; status: string; wrapping_key_id: string }>(
    'select id, purpose, status, wrapping_key_id from public.data_keys where org_id = $1 order by created_at, status desc',
    [orgId],
  );
const keyNow = async (orgId: OrgId, of = 'tokens') =>
  (await keysOf(orgId)).find(({ purpose, status }) => purpose === of && status === 'active')?.id ?? '';
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

/** Who has asked for rotations, and for which, as the trail of an org or of the system tells. */
const requestsOf = (orgId: OrgId) =>
  stand.database.sql(
    "select actor_id as actor, detail from public.audit_events where org_id = $1 and name = 'key.rotation_requested' order by seq",
    [orgId],
  );

/** What the events of each name tell, in their order. */
async function detailsOf(orgId: OrgId): Promise<Record<string, unknown[]>> {
  const rows = await stand.database.sql<{ name: string; detail: unknown }>(
    "select name, detail from public.audit_events where org_id = $1 and name like 'key.%' order by seq",
    [orgId],
  );
  const details: Record<string, unknown[]> = {};
  for (const { name, detail } of rows) (details[name] ??= []).push(detail);
  return details;
}

const auditVault = (): AuditVault =>
  AuditVault.over(stand.settings.workerConfig(), new DataKeyRepository(gateway, 'audit'));
const LABEL = 'ada@canary.example';

/** An event of the trail that tells of a person, sealed by a process that begins now. */
async function sealedInTheTrail(orgId: OrgId): Promise<{ event: EventPlace; account: SealedDetail; key: string }> {
  const actor = { type: 'user', id: 'ada' } as const;
  const vault = auditVault();
  await vault.withSealer(orgId, (sealer) =>
    gateway.withOrg(orgId, (manager) =>
      appendEvents(
        manager,
        [
          {
            name: 'integration.connected',
            provider: 'notion',
            integrationId: null,
            actor,
            personal: { account: LABEL },
          },
        ],
        sealer,
      ),
    ),
  );
  vault.close();
  const { events } = await new AuditRepository(gateway).page(orgId, { limit: 1 });
  const account = asSealedDetail(events[0]?.detail['account']);
  if (!events[0] || !account || !('sealed' in account)) throw new Error('the account is not sealed');
  return { event: events[0], account, key: account.sealed.split('.')[1] ?? '' };
}

it('both layers of an org are replaced, and its tokens stay what they are', async () => {
  const { orgId, all } = await anOrg();
  const before = await keyNow(orgId);
  const tokens = await tokensOf(all);
  expect(await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR)).toBe(1);
  await aWorker().rotate(orgId);
  const after = await keyNow(orgId);
  expect(after).not.toBe(before);
  expect(await keysInUse(orgId)).toEqual([after]);
  expect(await tokensOf(all)).toEqual(tokens);
  expect(await keysOf(orgId)).toEqual(
    expect.arrayContaining([expect.objectContaining({ id: before, status: 'retiring' })]),
  );
  // once nobody can seal with it any more
  await tenMinutesPass(orgId);
  expect((await keysOf(orgId)).find(({ id }) => id === before)?.status).toBe('retired');
  expect(await eventsOf(orgId)).toEqual([
    'key.rotation_requested',
    'key.rotation_started',
    'key.rewrapped',
    'key.rotated',
    'key.retired',
    'key.rotation_finished',
  ]);
  await tenMinutesPass(orgId);
  expect(await keyNow(orgId)).toBe(after);
});

it('what waits to be delivered, and the secrets that sign it, are sealed anew for their cells', async () => {
  const { orgId, all } = await anOrg();
  const integrationId = (all[0]?.stored.id ?? '') as IntegrationId;
  const provider = 'google_drive' as ProviderId;
  const row = randomUUID();
  const cells = {
    data: deliveryDataCell({ orgId, provider, id: row }),
    secret: deliverySecretCell({ orgId, provider, integrationId }),
  };
  const seal = (cell: Cell, text: string) => vaultWith().seal(cell, new PlainToken(text));
  const secret = await seal(cells.secret, 'whsec_new');
  const deliveries = new DeliveryRepository(gateway);
  const data = await seal(cells.data, '{"order":1}');
  await deliveries.accept(
    { orgId, integrationId, provider, secret },
    { id: row, eventId: randomUUID(), type: 'order.paid', data, source: 'posted' },
  );
  await stand.database.sql('update public.delivery_settings set previous_secret = $2 where id = $1', [
    integrationId,
    await seal(cells.secret, 'whsec_old'),
  ]);
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
  await aWorker().rotate(orgId);
  expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
  const [delivery] = await stand.database.sql<{ data: string }>('select data from public.deliveries where id = $1', [
    row,
  ]);
  const [settings] = await stand.database.sql<{ secret: string; previous_secret: string }>(
    'select secret, previous_secret from public.delivery_settings where id = $1',
    [integrationId],
  );
  const open = async (cell: Cell, sealed = '') => (await vaultWith().open(cell, sealed)).reveal();
  expect(delivery?.data).not.toBe(data);
  expect(await open(cells.data, delivery?.data)).toBe('{"order":1}');
  expect(await open(cells.secret, settings?.secret)).toBe('whsec_new');
  expect(await open(cells.secret, settings?.previous_secret)).toBe('whsec_old');
});

it('what is large is sealed anew some at a time, however much of it waits', async () => {
  const { orgId, all } = await anOrg();
  const integrationId = all[0]?.stored.id ?? '';
  await stand.database.sql(
    `insert into public.deliveries (org_id, integration_id, provider, event_id, seq, type, at, source, data)
     select $1, $2, 'google_drive', gen_random_uuid(), n, 'large', now(), 'posted', 'hub1.other.' || repeat('x', 1000000)
     from generate_series(1, 12) as n`,
    [orgId, integrationId],
  );
  const pages: number[] = [];
  for (let after = FIRST_PLACE; ;) {
    const cells = await repository.cellsNotUnder(orgId, await keyNow(orgId), after, 200);
    const last = cells.at(-1);
    if (!last) break;
    pages.push(cells.length);
    after = last;
  }
  expect(pages).toEqual([5, 5, 2]);
});

it('values of an earlier release, sealed under TOKEN_KEYS itself, get a data key', async () => {
  const { orgId, all } = await anOrg();
  const { stored } = all[0] as Connected;
  const { accessToken } = await stored.tokens();
  const legacy = sealedBefore(keys(), tokenCell(stored, 'access_token'), accessToken);
  await stand.database.sql('update public.integrations set access_token = $2 where id = $1', [stored.id, legacy]);
  expect((await command('status')).out).toMatch(/^k1 +1 +1 +needed +integrations\.access_token 1$/m);
  await repository.request(null, { rewrap: false, reseal: true }, OPERATOR);
  await aWorker().rotateDue();
  expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
  expect((await stored.tokens()).accessToken).toBe(accessToken);
  expect((await command('status')).out).toMatch(/^k1 +2 +0 +needed$/m);
});

it('data keys are wrapped by a new first key of TOKEN_KEYS, and the old one may go', async () => {
  const { orgId, all } = await anOrg();
  const tokens = await tokensOf(all);
  const fresh = randomBytes(32).toString('base64');
  await repository.request(null, { rewrap: true, reseal: false }, OPERATOR);
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
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
  await aWorker().rotate(orgId);
  await stand.database.sql(
    `insert into public.flows (id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at, verifier)
     values (gen_random_uuid(), $1, 'zapier', 'ada', 'open', 'https://a.example', 'c', '\\x', now() + interval '5 minutes', $2)`,
    [orgId, `hub1.${old}.x`],
  );
  await tenMinutesPass(orgId);
  const status = async () => (await keysOf(orgId)).find(({ id }) => id === old)?.status;
  expect(await status()).toBe('retiring');
  await stand.database.sql("update public.flows set status = 'cancelled', verifier = null where org_id = $1", [orgId]);
  await stand.database.sql('update public.key_rotations set next_at = now() where org_id = $1', [orgId]);
  await tenMinutesPass(orgId);
  expect(await status()).toBe('retired');
});

it('a value that does not open stays as it is, is counted, and the others go on', async () => {
  const { orgId, all } = await anOrg();
  const { stored } = all[1] as Connected;
  const torn = `hub1.${await keyNow(orgId)}.AAAA`;
  await stand.database.sql('update public.integrations set access_token = $2 where id = $1', [stored.id, torn]);
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
  await tenMinutesPass(orgId);
  expect((await stored.row()).access_token).toBe(torn);
  expect(await repository.progress(orgId)).toMatchObject({ unopenedCells: 1, resealedCells: 5, retiring: 1 });
  expect((await keysOf(orgId)).map(({ status }) => status).sort()).toEqual(['active', 'retiring']);
});

describe('a data key that does not unwrap', () => {
  const spoil = (id: string) =>
    stand.database.sql("update public.data_keys set wrapped_key = 'garbage' where id = $1", [id]);

  it('holds up no rotation: the others are wrapped anew once, and it is named until it is mended', async () => {
    const { orgId, all } = await anOrg();
    const tokens = await tokensOf(all);
    const [lost, before] = await rotatedOnce(orgId);
    const [row] = await stand.database.sql<{ wrapped: string }>(
      'select wrapped_key as wrapped from public.data_keys where id = $1',
      [lost],
    );
    await spoil(lost);
    await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
    await tenMinutesPass(orgId);
    await aWorker().rotateDue();
    expect(await keyNow(orgId)).not.toBe(before);
    expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
    expect(await tokensOf(all)).toEqual(tokens);
    const told = await detailsOf(orgId);
    expect(told['key.rewrapped']).toMatchObject([{ key: before }]);
    expect(told['key.rotation_finished']?.at(-1)).toEqual({
      rewrappedKeys: 1,
      resealedValues: 6,
      unopenedValues: 0,
      refusedKeys: 1,
    });
    const status = await command('status');
    expect(status.out).toMatch(
      new RegExp(`^✗ local has refused to unwrap ${orgId} ${lost} \\(tokens, retired\\) with k1 since `, 'm'),
    );
    expect(status.out).toContain('1 data keys did not unwrap.');
    expect(JSON.parse((await command('status', '--json')).out)).toMatchObject({ refusedKeys: [{ orgId, id: lost }] });

    await stand.database.sql('update public.data_keys set wrapped_key = $2 where id = $1', [lost, row?.wrapped]);
    await repository.request(orgId, { rewrap: true, reseal: false }, OPERATOR);
    await aWorker().rotate(orgId);
    expect(await repository.progress(orgId)).toMatchObject({ refusedKeys: 0, waiting: 0, resealing: 0 });
    expect((await command('status')).out).not.toContain('refused');
  });

  it('and seals for its org is replaced: what it has sealed is counted, and the org seals again', async () => {
    const { orgId, all } = await anOrg();
    const lost = await keyNow(orgId);
    await spoil(lost);
    await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    expect(await keyNow(orgId)).not.toBe(lost);
    expect(await repository.progress(orgId)).toMatchObject({ refusedKeys: 1, unopenedCells: 6, retiring: 1 });
    const cell = tokenCell((all[0] as Connected).stored, 'access_token');
    expect((await vaultWith().seal(cell, new PlainToken('new'))).split('.')[1]).toBe(await keyNow(orgId));
  });

  /** @returns the key before, which is retired, and the one that seals */
  async function rotatedOnce(orgId: OrgId): Promise<[string, string]> {
    const first = await keyNow(orgId);
    await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    await tenMinutesPass(orgId);
    return [first, await keyNow(orgId)];
  }
});

it('a rotation that was put off is attended to, and one that nobody takes up is not', async () => {
  const { orgId } = await anOrg();
  await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
  expect(await repository.progress(orgId)).toMatchObject({ waiting: 1, attended: 0 });
  await repository.putOff(orgId, 60_000);
  expect(await repository.progress(orgId)).toMatchObject({ waiting: 1, attended: 1 });
  expect(whyStuck(true)).toContain('its log says why');
  expect(whyStuck(false)).toContain('is a refresh worker running?');
});

it('what is written meanwhile wins', async () => {
  const { orgId, all } = await anOrg();
  const { stored } = all[0] as Connected;
  const vault = vaultWith();
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
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
  await repository.request(null, { rewrap: true, reseal: true }, OPERATOR);
  await Promise.all(orgs.flatMap(({ orgId }) => [aWorker(), aWorker(), aWorker()].map((one) => one.rotate(orgId))));
  for (const [place, { orgId, all }] of orgs.entries()) {
    expect((await keysOf(orgId)).map(({ status }) => status).sort()).toEqual(['active', 'retiring']);
    expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
    expect(await tokensOf(all)).toEqual(tokens[place]);
  }
});

describe('a worker that dies', () => {
  const STEPS = ['begin', 'rewrapped', 'allRewrapped', 'replace', 'cellsNotUnder', 'reseal', 'settle'] as const;

  it.each(STEPS.flatMap((step) => (['before', 'after'] as const).map((when) => [when, step] as const)))(
    '%s the step %s leaves all readable, and the next one ends what it began',
    async (when, step) => {
      const { orgId, all } = await anOrg();
      await sealedInTheTrail(orgId);
      const tokens = await tokensOf(all);
      const before = await keyNow(orgId);
      await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
      const dying = new KeyRotationRepository(await stand.database.as('refreshWorker'));
      const act = dying[step].bind(dying) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(dying, {
        [step]: async (...args: unknown[]) => {
          if (when === 'after') await act(...args);
          throw new Error('died');
        },
      });
      const worker = new RotationService(dying, vaultWith(), HubLogger.forApp('test', 'silent'));
      await expect(worker.rotate(orgId)).rejects.toThrow('died');
      expect(await tokensOf(all)).toEqual(tokens);
      await aWorker().rotate(orgId);
      await tenMinutesPass(orgId);
      expect(await tokensOf(all)).toEqual(tokens);
      expect(await keysInUse(orgId)).toContain(await keyNow(orgId));
      expect(await keysInUse(orgId)).not.toContain(before);
      expect((await keysOf(orgId)).map(({ id, purpose, status }) => [id === before, purpose, status]).sort()).toEqual([
        [false, 'audit', 'active'],
        [false, 'audit', 'retiring'],
        [false, 'tokens', 'active'],
        [true, 'tokens', 'retired'],
      ]);
      // each told once, whoever died, and counted as often as it was done
      const told = await detailsOf(orgId);
      expect(told['key.rotation_started']).toEqual([{ rewrap: true, reseal: true, dataKeys: 2, values: 6 }]);
      expect(told['key.rewrapped']).toHaveLength(2);
      expect(told['key.rotated']).toMatchObject([{ purpose: 'tokens' }, { purpose: 'audit' }]);
      expect(told['key.retired']).toEqual([{ keys: [before] }]);
      expect(told['key.rotation_finished']).toEqual([
        { rewrappedKeys: 2, resealedValues: 6, unopenedValues: 0, refusedKeys: 0 },
      ]);
    },
  );
});

it('a second wish while the first is under way makes a key that is younger than itself', async () => {
  const { orgId } = await anOrg();
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
  await aWorker().rotate(orgId);
  const second = await keyNow(orgId);
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
  await aWorker().rotate(orgId);
  expect(await keyNow(orgId)).not.toBe(second);
  expect(await keysInUse(orgId)).toEqual([await keyNow(orgId)]);
});

it('a wish for the other layer, while a rotation waits for its old key to retire, is done as well', async () => {
  const { orgId } = await anOrg();
  await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
  await aWorker().rotate(orgId);
  expect((await detailsOf(orgId))['key.rewrapped']).toBeUndefined();
  await repository.request(orgId, { rewrap: true, reseal: false }, OPERATOR);
  await tenMinutesPass(orgId);
  const told = await detailsOf(orgId);
  expect(told['key.rewrapped']).toHaveLength(2);
  expect(told['key.rotation_finished']).toEqual([
    { rewrappedKeys: 2, resealedValues: 6, unopenedValues: 0, refusedKeys: 0 },
  ]);
});

it('a wish that comes while a worker ends the one before is not ended with it', async () => {
  const { orgId } = await anOrg();
  const actor = { type: 'worker', id: 'test' } as const;
  await repository.request(orgId, { rewrap: true, reseal: false }, OPERATOR);
  const rotation = await repository.begin(orgId, actor);
  if (!rotation) throw new Error('there is nothing to do');
  await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
  await repository.allRewrapped(orgId, rotation);
  await repository.settle(orgId, rotation, { unopened: 0, againInMs: 600_000 }, actor);
  await repository.finish(orgId, rotation, actor);
  expect(await repository.progress(orgId)).toMatchObject({ resealing: 1, retiring: 0 });
  await tenMinutesPass(orgId);
  const told = await detailsOf(orgId);
  expect(told['key.rotation_started']).toHaveLength(1);
  expect(told['key.rotation_finished']).toEqual([
    { rewrappedKeys: 1, resealedValues: 6, unopenedValues: 0, refusedKeys: 0 },
  ]);
});

describe('the key that seals what the trail tells of people', () => {
  it('is replaced with the others, and opens what it has sealed for as long as that is there', async () => {
    const { orgId } = await anOrg();
    const before = await sealedInTheTrail(orgId);
    expect(await keyNow(orgId, 'audit')).toBe(before.key);
    await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    await tenMinutesPass(orgId);
    expect(await repository.progress(orgId)).toMatchObject({ waiting: 0, resealing: 0, retiring: 0 });
    const after = await sealedInTheTrail(orgId);
    expect(after.key).toBe(await keyNow(orgId, 'audit'));
    expect(after.key).not.toBe(before.key);
    for (const { event, account } of [before, after])
      expect(await auditVault().open(orgId, event, 'account', account)).toEqual({ value: LABEL });
    const statusOf = async (key: string) => (await keysOf(orgId)).find(({ id }) => id === key)?.status;
    expect(await statusOf(before.key)).toBe('retiring');
    expect((await command('status', '--org', orgId)).out).toMatch(
      new RegExp(`^${orgId} +${before.key} +audit +retiring +1 +audit_events\\.detail 1$`, 'm'),
    );
  });

  it('is wrapped anew, and an old wrapping key goes once it wraps none of the trail either', async () => {
    const { orgId } = await anOrg();
    const first = await sealedInTheTrail(orgId);
    await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    const second = await sealedInTheTrail(orgId);
    const fresh = randomBytes(32).toString('base64');
    await repository.request(orgId, { rewrap: true, reseal: false }, OPERATOR);
    await aWorker(`k2:${fresh},${keys()}`).rotate(orgId);
    expect((await keysOf(orgId)).map(({ wrapping_key_id: by }) => by)).toEqual(['k2', 'k2', 'k2', 'k2']);
    const opening = AuditVault.over(
      stand.settings.workerConfig({ TOKEN_KEYS: `k2:${fresh}` }),
      new DataKeyRepository(gateway, 'audit'),
    );
    for (const { event, account } of [first, second])
      expect(await opening.open(orgId, event, 'account', account)).toEqual({ value: LABEL });
    opening.close();
    const status = await hub(['keys', 'status'], {
      ...stand.settings.environment,
      TOKEN_KEYS: `k2:${fresh},${keys()}`,
    });
    expect(status.out).toMatch(/^k1 +0 +0 +nothing needs it/m);
  });

  it('stays away where there is none: an org of which the trail tells nothing needs none', async () => {
    const { orgId } = await anOrg();
    await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    expect((await keysOf(orgId)).map(({ purpose }) => purpose)).toEqual(['tokens', 'tokens']);
  });

  it('retires with a later rotation, once the events that it has sealed are pruned', async () => {
    const { orgId } = await anOrg();
    const { key } = await sealedInTheTrail(orgId);
    await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    await stand.database.sql('alter table public.audit_events disable trigger user');
    const months = await stand.database.sql<{ name: string }>(
      "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'public.audit_events'::regclass",
    );
    for (const { name } of months) {
      await stand.database.sql(`alter table ${name} disable trigger user`);
      await stand.database.sql(`delete from ${name} where org_id = $1`, [orgId]);
    }
    await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    await tenMinutesPass(orgId);
    expect((await keysOf(orgId)).find(({ id }) => id === key)?.status).toBe('retired');
  });
});

describe('hub keys status', () => {
  it('says of each key how many values it opens, and in which columns', async () => {
    const { orgId } = await anOrg();
    const old = await keyNow(orgId);
    await repository.request(orgId, { rewrap: false, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    await stand.database.sql(
      "update public.integrations set access_token = 'hub1.' || $2 || '.x' where org_id = $1 and provider = 'notion'",
      [orgId, old],
    );
    await stand.database.sql(
      "update public.integrations set access_token = 'hub1.gone.x' where org_id = $1 and provider = 'shopify'",
      [orgId],
    );
    await stand.database.sql(
      "update public.integrations set access_token = 'ya29.canary.abc' where org_id = $1 and provider = 'google_drive'",
      [orgId],
    );
    const { out, exitCode } = await command('status');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^local +k1 +tokens +active +1 +3 +integrations\.refresh_token 3$/m);
    expect(out).toMatch(/^local +k1 +tokens +retiring +1 +1 +integrations\.access_token 1$/m);
    expect(out).toMatch(new RegExp(`^${orgId} +${old} +tokens +retiring +1 +integrations\\.access_token 1$`, 'm'));
    expect(out).toContain('Values are not sealed: integrations.access_token 1\n');
    expect(out).not.toContain('canary');
    expect(out).toContain('Values name the key gone, which is not here: integrations.access_token 1');
    expect(JSON.parse((await command('status', '--json')).out)).toMatchObject({
      singleKeys: [{ orgId, id: old, status: 'retiring', opens: { 'integrations.access_token': 1 } }],
      missingKeys: expect.arrayContaining([
        { id: 'gone', places: { 'integrations.access_token': 1 } },
        { id: '', places: { 'integrations.access_token': 1 } },
      ]),
    });
  });
});

describe('hub keys destroy-retired', () => {
  const destroy = (...args: string[]): Promise<Answered> =>
    hub(['keys', 'destroy-retired', ...args], {
      ...stand.settings.environment,
      DATABASE_ADMIN_URL: stand.database.adminUrl,
    });
  /** An org whose first keys, of its tokens and of its trail, were retired so many days ago. */
  async function anOrgThatHasRotated(daysAgo: number): Promise<{ orgId: OrgId; old: string; oldOfTrail: string }> {
    const { orgId } = await anOrg();
    const { key: oldOfTrail } = await sealedInTheTrail(orgId);
    const old = await keyNow(orgId);
    await repository.request(orgId, { rewrap: true, reseal: true }, OPERATOR);
    await aWorker().rotate(orgId);
    await tenMinutesPass(orgId);
    await stand.database.sql(
      "update public.data_keys set status_changed_at = now() - make_interval(days => $2) where org_id = $1 and status <> 'active'",
      [orgId, daysAgo],
    );
    return { orgId, old, oldOfTrail };
  }
  const idsOf = async (orgId: OrgId) => (await keysOf(orgId)).map(({ id }) => id);

  it('deletes what was retired for so long, once, and keeps what still opens something', async () => {
    const { orgId, old, oldOfTrail } = await anOrgThatHasRotated(31);
    const young = await anOrgThatHasRotated(29);
    const dry = await destroy('--dry-run');
    expect(dry).toMatchObject({ exitCode: 0, out: expect.stringMatching(/\n1 key would go\.\n$/) });
    expect(dry.out).toContain(`${orgId} ${old} (tokens), retired `);
    expect(await idsOf(orgId)).toContain(old);
    expect(await destroy()).toMatchObject({ exitCode: 1, err: expect.stringContaining('say --yes') });
    expect(await destroy('--yes', '--audit-keys')).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/\n1 key destroyed\.\n$/),
    });
    expect(await idsOf(orgId)).not.toContain(old);
    expect(await idsOf(orgId)).toContain(oldOfTrail);
    expect(await idsOf(young.orgId)).toContain(young.old);
    expect((await detailsOf(orgId))['key.destroyed']).toMatchObject([{ keys: [{ key: old, purpose: 'tokens' }] }]);
    expect(await destroy('--yes')).toMatchObject({ exitCode: 0, out: '0 keys destroyed.\n' });
    expect((await detailsOf(orgId))['key.destroyed']).toHaveLength(1);
  });

  it('leaves keys of the trail alone unless they are asked for', async () => {
    const { orgId, old, oldOfTrail } = await anOrgThatHasRotated(31);
    // as if its events were pruned
    await stand.database.sql('alter table public.data_keys disable trigger needed');
    await stand.database.sql(
      "update public.data_keys set status = 'retired', id = gen_random_uuid(), unneeded_since = now() where id = $1",
      [oldOfTrail],
    );
    await stand.database.sql('alter table public.data_keys enable trigger needed');
    const ofTrail = async () => (await keysOf(orgId)).filter(({ purpose }) => purpose === 'audit').length;
    await destroy('--yes');
    expect(await idsOf(orgId)).not.toContain(old);
    expect(await ofTrail()).toBe(2);
    await destroy('--yes', '--audit-keys');
    expect(await ofTrail()).toBe(1);
  });

  it('refuses what is still needed, says where and what mends it, and does the rest', async () => {
    const needed = await anOrgThatHasRotated(31);
    const free = await anOrgThatHasRotated(31);
    await stand.database.sql(
      "update public.integrations set refresh_token = 'hub1.' || $2 || '.x' where org_id = $1 and provider = 'shopify'",
      [needed.orgId, needed.old],
    );
    const answer = await destroy('--yes', '--older-than', '30d');
    expect(answer.exitCode).toBe(1);
    expect(answer.err).toMatch(
      new RegExp(`${needed.old} \\(tokens\\), retired .*, is needed: integrations\\.refresh_token 1`),
    );
    expect(answer.err).toContain('hub keys rotate --layer data --org');
    expect(await idsOf(needed.orgId)).toContain(needed.old);
    expect(await idsOf(free.orgId)).not.toContain(free.old);
  });

  it('takes no time under 30 days, and needs an administrator', async () => {
    expect(await destroy('--older-than', '29d', '--yes')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('30d is the least'),
    });
    expect((await command('destroy-retired', '--yes')).err).toContain('DATABASE_ADMIN_URL');
  });
});

it('a worker that was interrupted is followed by another', async () => {
  const { orgId } = await anOrg();
  await repository.request(null, { rewrap: true, reseal: true }, OPERATOR);
  const interrupted = aWorker();
  interrupted.interrupt();
  await interrupted.rotate(orgId);
  expect(await repository.progress(orgId)).toMatchObject({ resealing: 1, resealedCells: 0 });
  await aWorker().rotate(orgId);
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
      out: expect.stringMatching(/^1 org: 1 data key wrapped anew, 6 values sealed anew\.\nThe keys before retire/),
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
  expect(await requestsOf(SYSTEM_ORG)).toEqual([
    { actor: 'cli', detail: { rewrap: true, reseal: true, orgs: 1 } },
    { actor: 'cli', detail: { rewrap: true, reseal: true, orgs: 1 } },
  ]);
  expect((await command('rotate', '--org', orgId, '--layer', 'wrapping', '--detach')).exitCode).toBe(0);
  expect(await requestsOf(orgId)).toEqual([{ actor: 'cli', detail: { rewrap: true, reseal: false, orgs: 1 } }]);
  await eventually('the wish', async () => (await repository.progress(null)).orgs === 1);
  expect((await command('status')).out).toMatch(/Rotation: \d of 1 orgs wait/);
});
