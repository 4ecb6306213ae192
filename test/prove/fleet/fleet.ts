import { randomUUID } from 'node:crypto';
import { firstRefreshAt, type IntegrationId, type OrgId, type ProviderId } from '@hub/domain';
import { PlainToken, tokenCell } from '@hub/token-vault';
import type { SeededGrant } from '../../support/sandbox';
import { fingerprint, type SeededToken } from '../history/history';
import type { ProveHub } from './prove-hub';

const GRANTS_AT_ONCE = 1_000;
const ROWS_AT_ONCE = 200;
/** How old a spread fleet's oldest token is: its refresh falls due some seconds later, when the workers have started. */
const OLDEST_OF_LIFE = 0.3;

/** A fleet of integrations, each of an org of its own, with one provider. */
export interface FleetOrder {
  readonly provider: string;
  readonly count: number;
  /** Life of an access token; `null` where the provider announces no end. */
  readonly lifeSeconds: number | null;
  /** More knobs of the sandbox, such as `rotationGrace`. */
  readonly knobs?: Readonly<Record<string, unknown>>;
  /**
   * When the first refreshes fall due:
   *
   * - `spread`: one after another, from some seconds after the start on.
   * - a number: all at once, with so many seconds of life left.
   * - `fresh`: all were granted just now.
   */
  readonly due: 'spread' | 'fresh' | number;
  /** Part of the accounts' names, so that two fleets of a provider do not meet. */
  readonly name?: string;
  /** Seconds until the first metadata sync; none unless given. */
  readonly syncInSeconds?: number;
}

/** One integration as it was seeded. */
export interface Member extends SeededToken {
  readonly id: string;
  readonly orgId: string;
  readonly provider: string;
  /** Whose grant it is, as the sandbox's log names it. */
  readonly account: string;
}

/** Has the sandbox grant, and stores each grant as a connect would have. */
export async function seedFleet(hub: ProveHub, order: FleetOrder): Promise<Member[]> {
  const { provider, count, lifeSeconds, knobs = {} } = order;
  await hub.sandbox.set(provider, { accessTokenSeconds: lifeSeconds, ...knobs });
  const accounts = Array.from({ length: count }, (_, place) => accountName(provider, `${order.name ?? 'p'}${place}`));
  const grants: SeededGrant[] = [];
  for (let start = 0; start < count; start += GRANTS_AT_ONCE) {
    const slice = accounts.slice(start, start + GRANTS_AT_ONCE);
    const answer = await hub.sandbox.call<{ grants: SeededGrant[] }>('POST', `/grants/${provider}`, {
      accounts: slice,
    });
    grants.push(...answer.grants);
  }
  const now = await hub.database.now();
  const members: Member[] = [];
  for (let start = 0; start < grants.length; start += ROWS_AT_ONCE) {
    const drafts = await Promise.all(
      grants.slice(start, start + ROWS_AT_ONCE).map((grant, place) => draft(hub, order, grant, now, start + place)),
    );
    await insert(
      hub,
      drafts.map(({ columns }) => columns),
    );
    members.push(...drafts.map(({ member }) => member));
  }
  return members;
}

function accountName(provider: string, name: string): string {
  if (provider === 'shopify') return `${name}.myshopify.com`;
  return provider === 'google_drive' ? `${name}@example.com` : name;
}

async function draft(
  hub: ProveHub,
  order: FleetOrder,
  grant: SeededGrant,
  now: number,
  place: number,
): Promise<{ member: Member; columns: Record<string, unknown> }> {
  const owner = {
    id: randomUUID() as IntegrationId,
    orgId: randomUUID() as OrgId,
    provider: order.provider as ProviderId,
  };
  const times = timesOf(order, now, (place + 0.5) / order.count);
  const refreshExpiresAt = grant.refreshSeconds === null ? null : new Date(now + grant.refreshSeconds * 1000);
  const member = {
    ...owner,
    account: grant.account,
    accessPrint: fingerprint(grant.accessToken),
    refreshPrint: grant.refreshToken === null ? null : fingerprint(grant.refreshToken),
    issuedAt: times.issuedAt.getTime(),
    expiresAt: times.expiresAt?.getTime() ?? null,
  };
  const seal = (column: 'access_token' | 'refresh_token', token: string): Promise<string> =>
    hub.vault.seal(tokenCell(owner, column), new PlainToken(token));
  const columns = {
    id: owner.id,
    org_id: owner.orgId,
    provider: order.provider,
    access_token: await seal('access_token', grant.accessToken),
    refresh_token: grant.refreshToken === null ? null : await seal('refresh_token', grant.refreshToken),
    scope: grant.scopes.join(' '),
    inputs: JSON.stringify(order.provider === 'shopify' ? { shop: grant.account } : {}),
    account_id: grant.accountId,
    account_label: grant.account,
    issued_at: times.issuedAt,
    connected_at: times.issuedAt,
    expires_at: times.expiresAt,
    refresh_expires_at: refreshExpiresAt,
    next_refresh_at:
      times.nextRefreshAt ?? firstRefreshAt({ ...times, refreshExpiresAt }, new Date(now), Math.random()),
    next_sync_at: order.syncInSeconds === undefined ? null : new Date(now + order.syncInSeconds * 1000),
  };
  return { member, columns };
}

/** @param share where in the fleet the member stands, between 0 and 1 */
function timesOf(
  { lifeSeconds, due }: FleetOrder,
  now: number,
  share: number,
): { issuedAt: Date; expiresAt: Date | null; nextRefreshAt?: Date } {
  if (lifeSeconds === null) return { issuedAt: new Date(now), expiresAt: null };
  const life = lifeSeconds * 1000;
  if (typeof due === 'number') {
    const expiresAt = now + due * 1000;
    return { issuedAt: new Date(expiresAt - life), expiresAt: new Date(expiresAt), nextRefreshAt: new Date(now) };
  }
  const age = due === 'fresh' ? 0 : life * OLDEST_OF_LIFE * share;
  return { issuedAt: new Date(now - age), expiresAt: new Date(now - age + life) };
}

async function insert(hub: ProveHub, rows: readonly Record<string, unknown>[]): Promise<void> {
  const names = Object.keys(rows[0] ?? {});
  const values = rows.flatMap((row) => Object.values(row));
  const tuples = rows.map(
    (_, row) => `(${names.map((_name, column) => `$${row * names.length + column + 1}`).join(', ')})`,
  );
  await hub.database.rows(`insert into public.integrations (${names.join(', ')}) values ${tuples.join(', ')}`, values);
}
