import { CALLER_SCOPES, type CallerScope } from './caller-scopes';
import type { Flow } from './flow';
import type { OrgId } from './ids';

/** A link that signs a browser in waits so long to be opened, by the database's clock: it is made to be followed at once. */
export const CONSOLE_LINK_LIFE_MS = 5 * 60_000;
/** A session of the console ends so long after its sign-in, whatever is done with it. */
export const CONSOLE_SESSION_LIFE_MS = 8 * 60 * 60_000;
/** It ends earlier once nobody has used it for so long: what a page asks by itself, untouched, is no use. */
export const CONSOLE_SESSION_IDLE_MS = 60 * 60_000;

/**
 * - `link`: somebody whom a product knows was handed a link, and opened it.
 * - `local`: with `npm start` the console signs itself in. It says nothing about who the person is.
 */
export const CONSOLE_SIGN_INS = ['link', 'local'] as const;
export type ConsoleSignIn = (typeof CONSOLE_SIGN_INS)[number];

/** A browser that is signed in to the console. */
export interface ConsoleSession {
  readonly id: string;
  readonly orgId: OrgId;
  /** The `sub` of the caller who made the link. */
  readonly sub: string;
  /** How the product calls the person; for the page alone. */
  readonly userLabel: string | null;
  readonly scopes: readonly CallerScope[];
  readonly signIn: ConsoleSignIn;
  readonly expiresAt: Date;
}

/** What a session may do of what its caller may: all but read tokens, since no secret reaches a page. */
export function consoleScopes(scopes: ReadonlySet<CallerScope>): CallerScope[] {
  return CALLER_SCOPES.filter((scope) => scope !== 'tokens:read' && scopes.has(scope));
}

/** Whether a browser with this session is known to be somebody else's than the flow's: of another org, or of another user. */
export function isForeignTo(
  { signIn, orgId, sub }: Pick<ConsoleSession, 'signIn' | 'orgId' | 'sub'>,
  flow: Pick<Flow, 'orgId' | 'startedBy'>,
): boolean {
  return signIn === 'link' && (orgId !== flow.orgId || sub !== flow.startedBy);
}
