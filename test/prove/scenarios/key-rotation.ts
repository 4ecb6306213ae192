import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { TokenKey } from '@hub/config';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { PlainToken, tokenCell, TokenVault, type GrantOwner } from '@hub/token-vault';
import { bearerOf } from '../../support/bearer';
import { dataKeysIn } from '../../support/data-keys';
import { sealedBefore } from '../../support/sealed-before';
import { KillLoop } from '../faults/kill-loop';
import type { ProveHub } from '../fleet/prove-hub';
import type { Row, Scenario, Surroundings } from '../scenario';
import { LIMITS_OF_A_MINUTE, noFlaps, rowOf, Trial } from '../trial';

/** Integrations of each org that is not refreshed: one that the gateway serves, and others of providers that it does not know. */
const PER_ORG = 20;
const SERVED = 'notion' as ProviderId;
/** Every so many of those orgs was sealed by a release before the data keys. */
const LEGACY_EVERY = 20;
/** Integrations that are refreshed meanwhile, each of an org of its own. */
const REFRESHED = 200;
const ROWS_AT_ONCE = 1_000;
const KILL_EVERY_MS = 4_000;
/** For so long workers are killed; what the last one had taken up is another's after a minute. */
const KILLING_MS = 14_000;
const LONG_KILLING_MS = 300_000;
const GATEWAY_READERS = 3;
const READERS_IN_PROCESS = 2;
/** Readers that asked again at once would take the whole machine. */
const PAUSE_MS = 10;
const FEWEST_READS = 1_000;
const COLUMNS = ['access_token', 'refresh_token'] as const;

/** An integration that is read meanwhile; what it holds follows from its id. */
type Held = GrantOwner;

const plainOf = ({ id }: Held, column: string): string => `${column} of ${id}`;

/** Reads that go on all the time, and what came of them. */
class Readers {
  reads = 0;
  readonly failures: string[] = [];
  private isOver = false;
  private running: Promise<void>[] = [];

  start(many: number, read: () => Promise<string | undefined>): void {
    this.running.push(...Array.from({ length: many }, () => this.go(read)));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  private async go(read: () => Promise<string | undefined>): Promise<void> {
    while (!this.isOver) {
      const failure = await read().catch(String);
      this.reads += 1;
      if (failure !== undefined) this.failures.push(failure);
      await sleep(PAUSE_MS);
    }
  }
}

async function proveRotation(surroundings: Surroundings, integrations: number): Promise<Row> {
  const newerKey: TokenKey = { id: 'prove2', key: randomBytes(32) };
  const trial = await Trial.prepare(surroundings, {
    servers: await surroundings.sharedServers(),
    workers: 3,
    gateways: 1,
    newerKey,
  });
  const { hub } = trial;
  const held = await seedHeld(hub, Math.round((integrations - REFRESHED) / PER_ORG));
  const spread = { lifeSeconds: 60, due: 'spread', knobs: { rotationGrace: 0 } } as const;
  await trial.seed({ provider: 'shopify', count: REFRESHED, ...spread });
  const cells = await countCells(hub);
  surroundings.say(`${cells.all} sealed cells`);
  await trial.begin();

  const byGateway = new Readers();
  const inProcess = new Readers();
  const served = held.filter(({ provider }) => provider === SERVED);
  const bearers = await Promise.all(served.slice(0, 200).map(({ orgId }) => bearerOf({ org: orgId })));
  byGateway.start(GATEWAY_READERS, () => readByGateway(hub, served, bearers));
  const opener = vaultOf(hub, [newerKey, oldKeyOf(hub)]);
  inProcess.start(READERS_IN_PROCESS, () => readInProcess(hub, opener, oneOf(held)));
  const kills = new KillLoop(hub.workers, { everyMs: KILL_EVERY_MS, manner: 'SIGKILL' });
  const startedMs = performance.now();
  await hubKeysRotate(surroundings, hub);
  kills.start();
  await sleep(surroundings.isLong ? LONG_KILLING_MS : KILLING_MS);
  await kills.stop();
  await untilNone(hub, 'resealed_at is null');
  const resealedMs = performance.now() - startedMs;
  await untilRetired(hub);
  const recoveryMs = await trial.recovery();
  await Promise.all([byGateway.stop(), inProcess.stop()]);
  await trial.settle();
  trial.interruptions.push(...kills.interruptions);

  const findings = await trial.findings('shopify', LIMITS_OF_A_MINUTE);
  const after = await countCells(hub);
  const unopened = await openAll(hub, held, vaultOf(hub, [newerKey]));
  const [keys] = await hub.database.rows<{ old: string; retiring: string; retired: string }>(
    `select count(*) filter (where wrapping_key_id <> $1) as old, count(*) filter (where status = 'retiring') as retiring,
       count(*) filter (where status = 'retired') as retired from public.data_keys`,
    [newerKey.id],
  );
  const failed = [...byGateway.failures, ...inProcess.failures];
  const lost = findings.familiesLost.filter(({ cause }) => cause === 'unexplained').length;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;
  return rowOf(findings, {
    faults: kills.interruptions.length,
    recoveryMs,
    note: `${after.all} cells under new keys in ${seconds(resealedMs)}, beside ${byGateway.reads + inProcess.reads} reads`,
    claims: [
      { holds: failed.length === 0, what: `no read failed (${failed.length} did${failed[0] ? `: ${failed[0]}` : ''})` },
      {
        holds: byGateway.reads >= FEWEST_READS && inProcess.reads >= FEWEST_READS,
        what: `at least ${FEWEST_READS} reads by the gateway (${byGateway.reads}) and as many in process (${inProcess.reads})`,
      },
      { holds: cells.all >= 2 * integrations && after.all >= cells.all, what: `all cells are there (${after.all})` },
      { holds: after.old === 0, what: `every cell is under its org's new key (${after.old} are not)` },
      { holds: unopened === 0, what: `all open without the old key of TOKEN_KEYS (${unopened} do not)` },
      { holds: Number(keys?.old) === 0, what: `no data key is wrapped by the old one (${keys?.old})` },
      {
        holds: Number(keys?.retiring) === 0 && Number(keys?.retired) > 0,
        what: `every old data key is retired (${keys?.retired} are, ${keys?.retiring} are not)`,
      },
      { holds: kills.interruptions.length >= 2, what: `workers were killed meanwhile (${kills.interruptions.length})` },
      { holds: findings.refreshes > 0 && lost === 0, what: `refreshes go on and lose nothing (${findings.refreshes})` },
      noFlaps(findings),
    ],
  });
}

/** Stores integrations as connects had, and one org in twenty as a release before the data keys had. */
async function seedHeld(hub: ProveHub, orgs: number): Promise<Held[]> {
  const others = Array.from({ length: PER_ORG - 1 }, (_, place) => `held_${place}` as ProviderId);
  await hub.database.rows('insert into public.providers select id, id from unnest($1::text[]) as id', [others]);
  const held: Held[] = [];
  const legacy = new Set<OrgId>();
  for (let place = 0; place < orgs; place += 1) {
    const orgId = randomUUID() as OrgId;
    if (place % LEGACY_EVERY === 0) legacy.add(orgId);
    for (const provider of [SERVED, ...others]) held.push({ orgId, provider, id: randomUUID() as IntegrationId });
  }
  const keyring = hub.workers[0]?.environment['TOKEN_KEYS']?.split(',')[1] ?? '';
  const sealed = (owner: Held, column: (typeof COLUMNS)[number]): Promise<string> =>
    legacy.has(owner.orgId)
      ? Promise.resolve(sealedBefore(keyring, tokenCell(owner, column), plainOf(owner, column)))
      : hub.vault.seal(tokenCell(owner, column), new PlainToken(plainOf(owner, column)));
  for (let start = 0; start < held.length; start += ROWS_AT_ONCE) {
    const rows = held.slice(start, start + ROWS_AT_ONCE);
    const column = (name: (typeof COLUMNS)[number]): Promise<string[]> =>
      Promise.all(rows.map((owner) => sealed(owner, name)));
    await hub.database.rows(
      `insert into public.integrations (id, org_id, provider, access_token, refresh_token)
       select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])`,
      [
        rows.map(({ id }) => id),
        rows.map(({ orgId }) => orgId),
        rows.map(({ provider }) => provider),
        await column('access_token'),
        await column('refresh_token'),
      ],
    );
  }
  await hub.database.rows('vacuum analyze public.integrations');
  return held;
}

async function countCells(hub: ProveHub): Promise<{ all: number; old: number }> {
  const [row] = await hub.database.rows<{ all: string; old: string }>(
    `select count(*) as all, count(*) filter (where k.status is distinct from 'active' or k.wrapping_key_id <> 'prove2') as old
     from (select org_id, split_part(unnest(array[access_token, refresh_token]), '.', 2) as key_id from public.integrations) c
     left join public.data_keys k on k.org_id = c.org_id and k.id::text = c.key_id where c.key_id is not null`,
  );
  return { all: Number(row?.all), old: Number(row?.old) };
}

function oldKeyOf(hub: ProveHub): TokenKey {
  const [id = '', key = ''] = hub.workers[0]?.environment['TOKEN_KEYS']?.split(',')[1]?.split(':') ?? [];
  return { id, key: Buffer.from(key, 'base64') };
}

/** A process of its own, as far as its keys go. */
function vaultOf(hub: ProveHub, tokenKeys: readonly TokenKey[]): TokenVault {
  return TokenVault.over(
    { tokenKeys, keyProvider: 'local' },
    dataKeysIn((sql, values) => hub.database.rows(sql, values)),
  );
}

async function readByGateway(
  hub: ProveHub,
  served: readonly Held[],
  bearers: readonly string[],
): Promise<string | undefined> {
  const place = Math.floor(Math.random() * bearers.length);
  const [one, bearer, gateway] = [served[place], bearers[place], hub.gateways[0]];
  if (!one || !bearer || !gateway) return 'nothing to read';
  const answer = await fetch(`${gateway.base}/functions/v1/integrations/${SERVED}/token`, {
    headers: { authorization: `Bearer ${bearer}` },
  });
  const body = (await answer.json()) as { accessToken?: string; code?: string };
  return body.accessToken === plainOf(one, 'access_token') ? undefined : `${answer.status} ${body.code ?? ''}`;
}

async function readInProcess(hub: ProveHub, vault: TokenVault, one: Held): Promise<string | undefined> {
  const column = COLUMNS[Math.floor(Math.random() * COLUMNS.length)] ?? 'access_token';
  const [row] = await hub.database.rows<{ sealed: string }>(
    `select ${column} as sealed from public.integrations where id = $1`,
    [one.id],
  );
  const opened = await vault.open(tokenCell(one, column), row?.sealed ?? '');
  return opened.reveal() === plainOf(one, column) ? undefined : `${one.id} holds something else`;
}

/** @returns how many do not open, or hold something else than what was sealed */
async function openAll(hub: ProveHub, held: readonly Held[], vault: TokenVault): Promise<number> {
  let failed = 0;
  for (let start = 0; start < held.length; start += ROWS_AT_ONCE) {
    const owners = new Map(held.slice(start, start + ROWS_AT_ONCE).map((owner) => [owner.id as string, owner]));
    const rows = await hub.database.rows<Record<(typeof COLUMNS)[number] | 'id', string>>(
      'select id, access_token, refresh_token from public.integrations where id = any($1)',
      [[...owners.keys()]],
    );
    failed += owners.size - rows.length;
    for (const row of rows)
      for (const column of COLUMNS) {
        const owner = owners.get(row.id) as Held;
        const opened = await vault.open(tokenCell(owner, column), row[column]).catch(() => undefined);
        if (opened?.reveal() !== plainOf(owner, column)) failed += 1;
      }
  }
  return failed;
}

/** The real command; it only wishes, the workers do the rest. */
async function hubKeysRotate({ dist, say }: Surroundings, hub: ProveHub): Promise<void> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: hub.database.urlFor('refreshWorker') };
  const command = [path.join(dist, 'apps/cli/src/main.js'), 'keys', 'rotate', '--detach'];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  say(stdout.trim());
}

async function untilNone(hub: ProveHub, condition: string): Promise<void> {
  while ((await unfinished(hub, condition)) > 0) await sleep(200);
}

async function unfinished(hub: ProveHub, condition: string): Promise<number> {
  const [left] = await hub.database.rows<{ count: string }>(
    `select count(*) from public.key_rotations where ${condition}`,
  );
  return Number(left?.count);
}

/** An old data key retires once nothing has been sealed with it for ten minutes: here its time is set back instead, at every look. */
async function untilRetired(hub: ProveHub): Promise<void> {
  for (;;) {
    await hub.database.rows(
      `update public.data_keys set unneeded_since = unneeded_since - interval '10 minutes'
       where status = 'retiring' and unneeded_since > now() - interval '10 minutes'`,
    );
    // not those that a worker is at: it has them for a minute
    await hub.database.rows(
      "update public.key_rotations set next_at = now() where finished_at is null and next_at > now() + interval '1 minute'",
    );
    if ((await unfinished(hub, 'finished_at is null')) === 0) return;
    await sleep(200);
  }
}

function oneOf<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T;
}

export const keyRotation: readonly Scenario[] = [
  {
    name: 'key-rotation',
    proves:
      'both layers of 50,000 sealed cells are rotated while workers are killed: no read fails, no refresh is lost',
    weight: 2, // half of its time it waits for what a killed worker had taken up
    run: (surroundings) => proveRotation(surroundings, surroundings.isLong ? 500_000 : 25_000),
  },
];
