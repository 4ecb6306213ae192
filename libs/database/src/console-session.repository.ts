import {
  CONSOLE_LINK_LIFE_MS,
  CONSOLE_SESSION_IDLE_MS,
  CONSOLE_SESSION_LIFE_MS,
  isCallerScope,
  type Actor,
  type AuditEntry,
  type CallerScope,
  type ConsoleSession,
  type ConsoleSignIn,
  type EventName,
  type OrgId,
} from '@hub/domain';
import type { AuditVault } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents, withTrailKey } from './audit.repository';
import type { HubDatabase } from './hub-database';
import { affected, selectOne } from './statements';

/** Whom a link or a session is for. */
export interface ConsoleUser {
  readonly orgId: OrgId;
  readonly sub: string;
  readonly userLabel: string | null;
  readonly scopes: readonly CallerScope[];
}

/** A browser that signs in: the hash of the cookie that it is given, and where it is. */
export interface NewBrowser {
  readonly cookieHash: Buffer;
  readonly address: string;
}

/** What came of opening a link. */
export type OpenedLink =
  | { readonly kind: 'opened'; readonly session: ConsoleSession }
  | {
      readonly kind: 'rejected';
      readonly reason: 'unknown' | 'used' | 'expired';
      readonly orgId: OrgId | null;
    };

/** Why a session is over: its person has signed out, or another sign-in has taken its browser. */
export type SessionEnd = 'signed_out' | 'replaced';

interface SessionRow {
  readonly id: string;
  readonly org_id: string;
  readonly sub: string;
  readonly user_label: string | null;
  readonly scopes: string[];
  readonly sign_in: string;
  readonly expires_at: Date;
}

/** Links into the console, and sessions of browsers: each known by the hash of a secret that only the browser has. */
export class ConsoleSessionRepository {
  /** @param vault of what events tell of people; without one it is withheld */
  constructor(
    private readonly database: HubDatabase,
    private readonly vault?: AuditVault,
  ) {}

  /** Stores a link that may be opened once, within its life. @throws OrgForgotten */
  async createLink(user: ConsoleUser, linkHash: Buffer): Promise<void> {
    await this.database.withOrg(user.orgId, async (manager) => {
      const { id } = await selectOne<{ id: string }>(
        manager,
        `insert into public.console_links (org_id, sub, user_label, scopes, link_hash, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6)) returning id`,
        [user.orgId, user.sub, user.userLabel, user.scopes, linkHash, CONSOLE_LINK_LIFE_MS / 1000],
      );
      await appendEvents(manager, [entry(user, 'console.link_created', { link: id, scopes: user.scopes })]);
    });
  }

  /** Uses a link: of any number of browsers that open it at the same moment one is signed in. */
  async openLink(linkHash: Buffer, browser: NewBrowser): Promise<OpenedLink> {
    const [link]: { id: string; org_id: string }[] = await this.database.asSystem(
      'a link into the console by its hash',
      (manager) => manager.query('select * from hub.console_link($1)', [linkHash]),
    );
    if (!link) return { kind: 'rejected', reason: 'unknown', orgId: null };
    const orgId = link.org_id as OrgId;
    return withTrailKey(this.vault, orgId, true, (sealer) =>
      this.database.withOrg(orgId, async (manager): Promise<OpenedLink> => {
        const user = await useLink(manager, orgId, link.id);
        if (!user) return { kind: 'rejected', reason: await reasonOf(manager, link.id), orgId };
        const session = await insertSession(manager, user, 'link', browser.cookieHash);
        await appendEvents(manager, [signedIn(session, browser, { link: link.id })], sealer);
        return { kind: 'opened', session };
      }),
    );
  }

  /** Signs a browser in without a link, as `npm start` does. @throws OrgForgotten */
  async openLocal(user: ConsoleUser, browser: NewBrowser): Promise<ConsoleSession> {
    return withTrailKey(this.vault, user.orgId, true, (sealer) =>
      this.database.withOrg(user.orgId, async (manager) => {
        const session = await insertSession(manager, user, 'local', browser.cookieHash);
        await appendEvents(manager, [signedIn(session, browser, {})], sealer);
        return session;
      }),
    );
  }

  /**
   * The session of a cookie, of any org, while it lives.
   *
   * @param isUse whether somebody uses it, which is noted and keeps it alive; `false`: it is looked at
   */
  async find(cookieHash: Buffer, isUse = true): Promise<ConsoleSession | undefined> {
    const [row]: SessionRow[] = await this.database.asSystem('a session of the console by its cookie', (manager) =>
      manager.query(
        `select * from hub.${isUse ? 'console_session' : 'console_session_unseen'}($1, make_interval(secs => $2))`,
        [cookieHash, CONSOLE_SESSION_IDLE_MS / 1000],
      ),
    );
    return row && toSession(row);
  }

  /** Ends a session: its cookie is worth nothing from now on. @returns false if it was over before */
  async end(session: Pick<ConsoleSession, 'id' | 'orgId' | 'sub'>, because: SessionEnd): Promise<boolean> {
    return this.database.withOrg(session.orgId, async (manager) => {
      const ended = await affected(manager, 'delete from public.console_sessions where id = $1', [session.id]);
      if (ended === 1)
        await appendEvents(manager, [entry(session, 'console.signed_out', { session: session.id, because })]);
      return ended === 1;
    });
  }

  /** Removes sessions that are over, and links that nobody can open any more, of all orgs. @returns how many */
  async sweep(): Promise<number> {
    return this.database.asSystem(
      'sweep of the console',
      async (manager) => (await selectOne<{ swept: number }>(manager, 'select hub.sweep_console() as swept')).swept,
    );
  }
}

/** @returns whom it signs in; `undefined` if it is used or expired */
async function useLink(manager: EntityManager, orgId: OrgId, id: string): Promise<ConsoleUser | undefined> {
  const [[row]] = await manager.query<[Pick<SessionRow, 'sub' | 'user_label' | 'scopes'>[], number]>(
    `update public.console_links set used_at = now() where id = $1 and used_at is null and expires_at > now()
     returning sub, user_label, scopes`,
    [id],
  );
  return row && { orgId, sub: row.sub, userLabel: row.user_label, scopes: row.scopes.filter(isCallerScope) };
}

async function reasonOf(manager: EntityManager, id: string): Promise<'unknown' | 'used' | 'expired'> {
  const [row] = await manager.query<{ used: boolean }[]>(
    'select used_at is not null as used from public.console_links where id = $1',
    [id],
  );
  if (!row) return 'unknown';
  return row.used ? 'used' : 'expired';
}

async function insertSession(
  manager: EntityManager,
  user: ConsoleUser,
  signIn: ConsoleSignIn,
  cookieHash: Buffer,
): Promise<ConsoleSession> {
  const { orgId, sub, userLabel, scopes } = user;
  const { id, expiresAt } = await selectOne<{ id: string; expiresAt: Date }>(
    manager,
    `insert into public.console_sessions (org_id, sub, user_label, scopes, sign_in, cookie_hash, expires_at)
     values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)) returning id, expires_at as "expiresAt"`,
    [orgId, sub, userLabel, scopes, signIn, cookieHash, CONSOLE_SESSION_LIFE_MS / 1000],
  );
  return { id, orgId, sub, userLabel, scopes, signIn, expiresAt };
}

function toSession(row: SessionRow): ConsoleSession {
  return {
    id: row.id,
    orgId: row.org_id as OrgId,
    sub: row.sub,
    userLabel: row.user_label,
    scopes: row.scopes.filter(isCallerScope),
    signIn: row.sign_in as ConsoleSignIn,
    expiresAt: row.expires_at,
  };
}

function signedIn(
  session: ConsoleSession,
  { address }: NewBrowser,
  detail: Readonly<Record<string, unknown>>,
): AuditEntry {
  const { id, signIn } = session;
  return { ...entry(session, 'console.signed_in', { ...detail, session: id, signIn }), pseudonyms: { address } };
}

function entry(
  { sub }: Pick<ConsoleUser, 'sub'>,
  name: Extract<EventName, `console.${string}`>,
  detail: Readonly<Record<string, unknown>>,
): AuditEntry {
  const actor: Actor = { type: 'user', id: sub };
  return { name, provider: null, integrationId: null, actor, detail };
}
