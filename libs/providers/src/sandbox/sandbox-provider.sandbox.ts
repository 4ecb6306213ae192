import { z } from 'zod';
import type { WireAnswer, WireRequest } from './wire.sandbox';

/**
 * What one provider's stand-in must tell the sandbox, and what the sandbox offers it in return.
 *
 * A `<id>.sandbox.ts` describes how its provider answers on the wire; codes, grants, rotation, history, faults and the
 * consent page are the sandbox's own. Handlers are synchronous, so what one call decides no other call can interleave.
 */

/** The doors of a provider at which faults can be set and calls are counted. */
export const ENDPOINTS = ['authorize', 'exchange', 'refresh', 'revoke', 'api'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** Knobs that every provider has; a provider adds its own with `commonSettings.extend({...})`. */
export const commonSettings = z.strictObject({
  /** What the consent page does by itself: ask the person, approve at once, or deny at once. */
  consent: z.enum(['ask', 'approve', 'deny']),
  /** The account that the consent page suggests when the request names none. */
  account: z.string().min(1),
  /** Display name of the account (shop, workspace, user); null derives one from the account. */
  accountName: z.string().nullable(),
  /** Client id that is accepted. */
  clientId: z.string(),
  /** Secrets that are accepted; the first one signs. Change them to make the hub's secret a wrong one. */
  clientSecrets: z.array(z.string()).min(1),
  /** Redirect URIs registered for the client, matched exactly; null accepts any http(s) URL. */
  redirectUris: z.array(z.string()).nullable(),
  /** The granted scopes, whatever was asked and ticked; null grants what was ticked. */
  grantScopes: z.array(z.string()).nullable(),
  /** Life of an authorization code in seconds. */
  codeSeconds: z.number().positive(),
  /** Presenting a used code again closes the grant that it was exchanged for (RFC 6749 section 4.1.2). */
  codeReuseEndsGrant: z.boolean(),
  /** Life of an access token in seconds; null never expires. */
  accessTokenSeconds: z.number().positive().nullable(),
  /** Life of a refresh token in seconds; null never expires. */
  refreshTokenSeconds: z.number().positive().nullable(),
  /** False: grants come without a refresh token. */
  issueRefreshToken: z.boolean(),
  /** How long a spent refresh token may be presented again: until its successor is used, for N seconds, or 0 never. */
  rotationGrace: z.union([z.literal('until_used'), z.number().nonnegative()]),
  /** Upper bound in seconds after the first use for `until_used`. */
  rotationGraceCapSeconds: z.number().positive(),
  /** What such a second presentation gets: the successor again, or a fresh pair that replaces it. */
  graceRetry: z.enum(['same_pair', 'new_pair']),
  /** Presenting a spent refresh token outside its grace closes the whole grant (RFC 9700 section 4.14.2). */
  reuseClosesGrant: z.boolean(),
  /** What a refresh does to the access tokens before it. */
  oldAccessToken: z.enum(['lives', 'dies']),
  /** True: every refresh is refused as if its token were dead, and nothing changes inside. */
  refuseRefreshes: z.boolean(),
  /** Token endpoint calls allowed in any one second, over all accounts; null is no limit. */
  tokenLimitPerSecond: z.number().positive().nullable(),
  /** API calls of one account allowed in any window of `perSeconds`; null is no limit. */
  apiLimit: z.strictObject({ calls: z.number().positive(), perSeconds: z.number().positive() }).nullable(),
  /** How far the provider's clock runs ahead of this machine's, in seconds. */
  clockOffsetSeconds: z.number(),
});
export type CommonSettings = z.infer<typeof commonSettings>;

/** Defaults of the knobs that mean the same everywhere; a provider overrides what its sheet says. */
export const commonDefaults: CommonSettings = {
  consent: 'ask',
  account: 'sandbox',
  accountName: null,
  clientId: '',
  clientSecrets: [''],
  redirectUris: null,
  grantScopes: null,
  codeSeconds: 600,
  codeReuseEndsGrant: false,
  accessTokenSeconds: 3600,
  refreshTokenSeconds: null,
  issueRefreshToken: true,
  rotationGrace: 0,
  rotationGraceCapSeconds: 30 * 86_400,
  graceRetry: 'same_pair',
  reuseClosesGrant: false,
  oldAccessToken: 'lives',
  refuseRefreshes: false,
  tokenLimitPerSecond: null,
  apiLimit: null,
  clockOffsetSeconds: 0,
};

/** What an authorization code remembers until it is redeemed. */
export interface CodeOrder {
  account: string;
  clientId: string;
  redirectUri: string;
  scopes: readonly string[];
  /** PKCE (RFC 7636); null when the request had no challenge or the provider ignores it. */
  challenge: { value: string; method: 'S256' | 'plain' } | null;
  /** The provider's own notes, handed back at redemption and kept on the grant. */
  details: Readonly<Record<string, string>>;
}

/** What a token request brings to prove that a code is its own. An undefined field is not checked. */
export interface CodeProof {
  clientId: string;
  redirectUri?: string | undefined;
  account?: string | undefined;
  verifier: string | undefined;
}

export type CodeRefusal =
  'unknown' | 'used' | 'expired' | 'foreign' | 'redirect_mismatch' | 'verifier_missing' | 'verifier_wrong';
export type RedeemedCode = { ok: true; order: CodeOrder } | { ok: false; reason: CodeRefusal };

/** A grant to be made at a code exchange. Lives are in seconds; null never expires. */
export interface GrantOrder {
  account: string;
  clientId: string;
  scopes: readonly string[];
  accessSeconds: number | null;
  /** `null` makes a grant without refresh token. */
  refresh: { seconds: number | null } | null;
  details: Readonly<Record<string, string>>;
  /** Hands back the tokens of the account's living grant, if there is one, instead of making new ones. */
  reuse?: boolean;
  /** The account's earlier refresh tokens die; their access tokens live on. */
  replacesRefreshTokens?: boolean;
  /** At most this many refresh tokens stay alive per account and client; the oldest is dropped without a word. */
  keepsRefreshTokens?: number;
}

/** What a token endpoint hands out. Times are milliseconds of the provider's clock. */
export interface IssuedTokens {
  grantId: string;
  account: string;
  scopes: readonly string[];
  details: Readonly<Record<string, string>>;
  accessToken: string;
  /** Whole seconds left; null never expires. */
  accessSeconds: number | null;
  /** Null: the answer carries none (none exists, or it was not rotated). */
  refreshToken: string | null;
  refreshSeconds: number | null;
}

export type RefreshRefusal =
  'missing' | 'unknown' | 'foreign' | 'spent' | 'expired' | 'idle' | 'closed' | 'replaced' | 'evicted' | 'setting';
export type RefreshOutcome = { ok: true; issued: IssuedTokens } | { ok: false; reason: RefreshRefusal };

/** How a provider refreshes. */
export interface RefreshManner {
  /** True: a successor comes with every refresh. */
  rotates: boolean;
  clientId: string;
  /** The account the request was addressed to, where the address says so (Shopify's host). */
  account?: string;
  /** A refresh token unused for longer than this is dead. */
  idleSeconds?: number;
}

/** A living access token's grant, as an API handler sees it. */
export interface LivingGrant {
  grantId: string;
  account: string;
  clientId: string;
  scopes: readonly string[];
  details: Readonly<Record<string, string>>;
  /** Milliseconds of the provider's clock. */
  issuedAt: number;
  expiresAt: number | null;
}

export type CloseReason = 'revoked' | 'uninstalled' | 'reuse' | 'admin';

/** A request that a webhook-like door took in (Zapier). */
export interface Delivery {
  account: string;
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  status: number;
}

/** What the sandbox does for a provider during one call. Everything that matters to a history is written by it. */
export interface SandboxDesk<S extends CommonSettings = CommonSettings> {
  /** Milliseconds of the provider's clock. */
  now(): number;
  /** The knobs as they stand for an account, or for all. */
  settings(account?: string): S;
  /** Changes knobs of one account, or of all, as the provider's own users would. */
  changeSettings(account: string | undefined, patch: Partial<S>): void;
  openCode(order: CodeOrder): string;
  redeemCode(code: string | undefined, proof: CodeProof): RedeemedCode;
  grant(order: GrantOrder): IssuedTokens;
  refresh(token: string | undefined, manner: RefreshManner): RefreshOutcome;
  /** Writes down a refusal that was decided before code or token were looked at (wrong client, wrong body). */
  refuse(endpoint: 'exchange' | 'refresh' | 'revoke', reason: string, token?: string): void;
  /** The account behind a code, an access or a refresh token, dead ones too; undefined when it was never seen. */
  accountOf(token: string | undefined): string | undefined;
  findAccess(token: string | undefined): LivingGrant | undefined;
  /** The living grant a token of either kind belongs to. */
  findGrant(token: string | undefined): { grantId: string; account: string } | undefined;
  hasLivingGrant(account: string): boolean;
  /** Scopes of all living grants of an account. */
  grantedScopes(account: string): readonly string[];
  /** Ends one grant, or all of an account; answers how many ended. */
  close(what: { grantId: string } | { account: string }, reason: CloseReason): number;
  keepDelivery(delivery: Delivery): void;
}

/** Whom a call is about, found before it is handled: for faults, limits and overlap. */
export interface CallIdentity {
  endpoint: Endpoint;
  account?: string | undefined;
  /** The refresh token presented, so that two refreshes in flight with the same one are noticed. */
  refreshToken?: string | undefined;
}

/** One door of a provider. */
export interface SandboxRoute<S extends CommonSettings = CommonSettings> {
  /** Name in the statistics, unique within the provider. */
  name: string;
  methods: readonly string[];
  /** Path below the provider's prefix, with `:name` parameters. */
  path: string;
  identify(request: WireRequest, desk: SandboxDesk<S>): CallIdentity;
  handle(request: WireRequest, desk: SandboxDesk<S>): WireAnswer;
}

/** Something on the consent page that the person may tick. */
export interface ConsentChoice {
  value: string;
  label: string;
  ticked: boolean;
}

/** A valid authorization request, as the consent page shows it. */
export interface ConsentAsk {
  clientId: string;
  redirectUri: string;
  /** Suggested account. */
  account: string;
  /** What the account field is called, such as "Shop". */
  accountLabel: string;
  choices: { legend: string; options: readonly ConsentChoice[] } | null;
  /** All that the provider's `approve` and `deny` need besides: the parameters as they came. */
  params: URLSearchParams;
}

export type ConsentReading =
  | { outcome: 'ask'; ask: ConsentAsk }
  /** The provider's own error page: the browser never returns. */
  | { outcome: 'page'; answer: WireAnswer }
  /** The provider returns the browser without asking anybody. */
  | { outcome: 'redirect'; url: string };

/** A provider's authorize endpoint. GET shows the page, POST to the same address decides. */
export interface ConsentManners<S extends CommonSettings = CommonSettings> {
  path: string;
  /** `params`: the authorization request; `request`: for path parameters. */
  read(params: URLSearchParams, request: WireRequest, desk: SandboxDesk<S>): ConsentReading;
  /** Opens a code and answers the callback URL with the provider's true parameters. */
  approve(ask: ConsentAsk, choice: { account: string; granted: readonly string[] }, desk: SandboxDesk<S>): string;
  /** The callback URL of a denial; null when this provider then never returns. */
  deny(ask: ConsentAsk, choice: { account: string }, desk: SandboxDesk<S>): string | null;
}

/** What a rate-limited answer is about. */
export interface RateHint {
  endpoint: Endpoint;
  request: WireRequest;
  retryAfterSeconds: number;
  /** One of the provider's own reasons; undefined takes its usual one. */
  reason?: string | undefined;
}

/** Where the hub finds a provider: one entry of PROVIDER_ENDPOINTS_FILE. */
export interface SandboxEndpoints {
  authorizeUrl?: string;
  tokenUrl?: string;
  revokeUrl?: string;
  apiBaseUrl: string;
}

/** One provider's stand-in. */
export interface ProviderSandbox<S extends CommonSettings = CommonSettings> {
  /** Provider id; also the path prefix. */
  readonly id: string;
  readonly label: string;
  /** Environment prefix of the hub's credentials, and the credentials that the sandbox accepts; null without OAuth. */
  readonly credentials: { prefix: string; clientId: string; clientSecret: string } | null;
  readonly defaults: S;
  /** Checks a full set of knobs; throws a ZodError that names what is wrong. */
  readSettings(candidate: unknown): S;
  /** `base` is the prefix's URL without a slash at its end. */
  endpoints(base: string): SandboxEndpoints;
  /** The provider's own id of an account (workspace id, permission id, shop), as the hub would read it. */
  accountId(account: string): string;
  mint: {
    code(): string;
    accessToken(): string;
    refreshToken(): string;
    /** The provider's own notes on a usual grant, for grants that an admin makes without a consent. */
    details(): Record<string, string>;
  };
  readonly consent: ConsentManners<S> | null;
  readonly routes: readonly SandboxRoute<S>[];
  rateLimited(hint: RateHint): WireAnswer;
  /** The provider's usual body for a failing status (5xx and the like). */
  failure(hint: { endpoint: Endpoint; status: number; request: WireRequest }): WireAnswer;
  unknownPath(request: WireRequest): WireAnswer;
  /** Scopes the hub asks for by default: those of grants that an admin makes. */
  readonly usualScopes: readonly string[];
  /** What an admin's revoke does beside closing grants (a hook turned off). */
  onRevoke?(account: string | undefined, desk: Pick<SandboxDesk<S>, 'changeSettings'>): void;
}

/** Only gives the description its type: `export const sandbox = defineSandbox<…>({...})`. */
export function defineSandbox<S extends CommonSettings>(sandbox: ProviderSandbox<S>): ProviderSandbox<S> {
  return sandbox;
}
