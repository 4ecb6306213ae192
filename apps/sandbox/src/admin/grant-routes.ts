import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AccessToken, Grant, RefreshToken } from '../grants/tokens';
import { isAlive } from '../grants/tokens';
import type { ProviderState } from '../provider-state';
import type { World } from '../world';
import { adminBody, adminQuery } from './admin-request';

type ProviderParams = { Params: { provider: string } };

const account = z.string().min(1).optional();
const DEFAULT_LIMIT = 1000;
const MOST_SEEDED = 10_000;

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function shownAccess(token: AccessToken, now: number): object {
  const { print, generation, expiresAt, dead, grant } = token;
  const works = !dead && grant.closed === null && isAlive(token, now);
  return { print, generation, expiresAt: instant(expiresAt), works };
}

function shownRefresh(token: RefreshToken, now: number): object {
  const { print, generation, expiresAt, timesAccepted, firstUsedAt, dead, grant } = token;
  const fate = grant.closed ?? dead ?? (isAlive(token, now) ? (firstUsedAt === null ? 'unused' : 'used') : 'expired');
  return { print, generation, expiresAt: instant(expiresAt), timesAccepted, firstUsedAt: instant(firstUsedAt), fate };
}

function shownGrant(grant: Grant, state: ProviderState): object {
  const now = state.now();
  return {
    id: grant.id,
    account: grant.account,
    accountId: state.accountId(grant.account),
    clientId: grant.clientId,
    scopes: grant.scopes,
    openedAt: instant(grant.openedAt),
    generation: grant.generation,
    closed: grant.closed,
    details: grant.details,
    refresh: grant.refresh ? shownRefresh(grant.refresh, now) : null,
    spent: grant.spent.map((token) => shownRefresh(token, now)),
    access: grant.access.map((token) => shownAccess(token, now)),
  };
}

/** What was granted, and how it ends: list, revoke, expire, change, look up. */
export function grantRoutes(app: FastifyInstance, world: World): void {
  app.get<ProviderParams>('/grants/:provider', (request) => {
    const state = world.named(request.params.provider);
    const query = adminQuery(
      request,
      z.strictObject({ account, all: z.string().optional(), limit: z.coerce.number().int().positive().optional() }),
    );
    const grants = query.all === undefined ? state.grants.living(query.account) : state.grants.all(query.account);
    return {
      total: grants.length,
      grants: grants.slice(0, query.limit ?? DEFAULT_LIMIT).map((grant) => shownGrant(grant, state)),
    };
  });
  app.post<ProviderParams>('/grants/:provider', (request) => {
    const state = world.named(request.params.provider);
    const shape = z.strictObject({
      accounts: z.array(z.string().min(1)).min(1).max(MOST_SEEDED),
      scopes: z.array(z.string()).optional(),
    });
    const { accounts, scopes } = adminBody(request, shape);
    return {
      grants: accounts.map((one) => ({
        accountId: state.accountId(one),
        ...world.seed(state, one, scopes),
      })),
    };
  });
  app.patch<ProviderParams>('/grants/:provider', (request) => {
    const state = world.named(request.params.provider);
    const body = adminBody(request, z.strictObject({ account, scopes: z.array(z.string()) }));
    const changed = state.grants.rescope(body.scopes, body.account);
    world.noteAdmin(state, 'rescope', body.account, { scopes: body.scopes, grants: changed });
    return { changed };
  });
  app.post<ProviderParams>('/grants/:provider/revoke', (request) => {
    const state = world.named(request.params.provider);
    const body = adminBody(request, z.strictObject({ account, grant: z.string().optional() }));
    const what = body.grant === undefined ? { account: body.account } : { grantId: body.grant };
    return { revoked: world.revoke(state, what) };
  });
  app.post<ProviderParams>('/expire/:provider', (request) => {
    const state = world.named(request.params.provider);
    const shape = z.strictObject({ account, kind: z.enum(['access', 'refresh', 'both']).default('access') });
    const body = adminBody(request, shape);
    const expired = state.grants.expire(body.kind, body.account);
    world.noteAdmin(state, 'expire', body.account, { kind: body.kind, tokens: expired });
    return { expired };
  });
  app.post<ProviderParams>('/inspect/:provider', (request) => {
    const state = world.named(request.params.provider);
    const { token } = adminBody(request, z.strictObject({ token: z.string() }));
    const known = state.grants.inspect(token);
    if (!known) return { known: false };
    const about = { known: true, grant: known.grant.id, account: known.grant.account };
    return 'timesAccepted' in known
      ? { ...about, kind: 'refresh', ...shownRefresh(known, state.now()) }
      : { ...about, kind: 'access', ...shownAccess(known, state.now()) };
  });
}
