import { CALLER_SCOPES, parseOrgId, type Actor, type CallerScope, type OrgId } from '@hub/domain';

/** Who calls, by a verified token or by a session of the console. */
export interface Caller {
  readonly orgId: OrgId;
  /** User or service. */
  readonly sub: string;
  readonly scopes: ReadonlySet<CallerScope>;
  /** When what he proved himself by ends; `null`: it does not say. */
  readonly expiresAt: Date | null;
}

const LONGEST_SUB = 255;
/** PostgreSQL takes no NUL and no half of a character; what breaks lines or turns their direction makes pages and logs tell lies. */
const UNFIT_FOR_PAGES = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u;

/**
 * The caller that verified claims name; `undefined` if they name none, or one with control characters in his name.
 *
 * @param orgClaim path to the org's claim, such as `['app_metadata', 'org_id']`
 */
export function callerOfClaims(
  claims: Readonly<Record<string, unknown>>,
  orgClaim: readonly string[],
): Caller | undefined {
  const orgId = parseOrgId(valueAt(claims, orgClaim));
  const { sub, scope, exp } = claims;
  if (!orgId || !isSub(sub)) return undefined;
  const granted = new Set(typeof scope === 'string' ? scope.split(' ') : []);
  const scopes = new Set(CALLER_SCOPES.filter((known) => granted.has(known)));
  return { orgId, sub, scopes, expiresAt: typeof exp === 'number' ? timeOf(exp) : null };
}

/** @returns `null` for what no date can be, in some hundred thousand years */
function timeOf(seconds: number): Date | null {
  const time = new Date(seconds * 1_000);
  return Number.isNaN(time.getTime()) ? null : time;
}

function isSub(sub: unknown): sub is string {
  return typeof sub === 'string' && sub !== '' && sub.length <= LONGEST_SUB && isFitForPages(sub);
}

/** Whether a name can be stored and shown: no control characters, nothing that turns a line's direction. */
export function isFitForPages(name: string): boolean {
  return !UNFIT_FOR_PAGES.test(name);
}

function valueAt(claims: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    claims,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The caller as the audit trail names him. */
export function actorOf(caller: Pick<Caller, 'sub'>): Actor {
  return { type: 'user', id: caller.sub };
}
