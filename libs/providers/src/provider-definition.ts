import type { Account, CallbackQuery, Endpoints, Failure, ProviderId } from '@hub/domain';
import type { WireAnswer } from '@hub/outbound';

/** What hooks read, so that a definition finds its words in one place. */
export type { WireAnswer };

/** Something a person must tell before the provider can be asked, such as the shop. */
export interface InputDefinition {
  /** Name in the body of POST connect and in `inputs`. */
  readonly name: 'shop' | 'webhookUrl';
  readonly label: string;
  /** One line of help under the field of the hub's own page. */
  readonly help: string;
  readonly example: string;
  /** The one spelling that is kept, or `undefined` if the text cannot be such a thing. Anchored at both ends. */
  readonly normalise: (text: string) => string | undefined;
  /** The problem by which a bad value is refused. */
  readonly problem: 'invalid_request' | 'webhook_host_not_allowed';
  /** What a good value looks like, for the refusal. */
  readonly expected: string;
  /** True if the input is itself the credential, and is sealed instead of kept. */
  readonly secret: boolean;
}

/** Addresses with `{input}` placeholders, such as `https://{shop}/admin/oauth/authorize`. */
export interface EndpointTemplates {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string | null;
  /** Origin of the API; the provider's own paths are used below it. */
  readonly apiBaseUrl: string;
}

/** The browser's half: what the authorize URL carries beside RFC 6749 §4.1.1. PKCE goes off only for a stated reason. */
export type AuthorizeRules = { readonly params: Readonly<Record<string, string>> } & (
  { readonly pkce: 'S256' } | { readonly pkce: 'off'; readonly pkceOffBecause: string }
);

/** How the provider speaks of scopes. */
export interface ScopeRules {
  /** Asked by default; `<PREFIX>_SCOPES` replaces them. */
  readonly default: readonly string[];
  /** `null`: the provider knows no scopes, the parameter is not sent. */
  readonly separator: ',' | ' ' | null;
  /** One name for each right: aliases resolved, implied scopes added. Applied to what is asked and to what is granted. */
  readonly normalise: (scopes: readonly string[]) => string[];
}

/** A grant as the token endpoint answers it, read and checked (RFC 6749 §5.1), in the clear: it is sealed at once. */
export interface Grant {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresInSeconds: number | null;
  readonly refreshExpiresInSeconds: number | null;
  /** Normalised; `undefined`: the answer does not say. */
  readonly scopes: readonly string[] | undefined;
  /** Whose account it is, where the token endpoint tells it. */
  readonly account: Account | undefined;
  /** Metadata that only the token endpoint tells. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What a grant reader makes of a 2xx answer; a reason (fixed words) where it is no usable grant. */
export type GrantReading =
  { readonly ok: true; readonly grant: Grant } | { readonly ok: false; readonly reason: string };

/** Which conversation a failure comes from: the same words can mean different things. */
export type Conversation = GrantConversation | 'revoke' | 'api';

/** The conversations that end with a grant. */
export type GrantConversation = 'exchange' | 'refresh';

/** How the token endpoint wants to be asked. */
export interface TokenRules {
  readonly clientAuth: 'basic' | 'body';
  readonly body: 'form' | 'json';
  readonly headers?: Readonly<Record<string, string>>;
  /** Added to the exchange of a code. */
  readonly exchangeParams?: Readonly<Record<string, string>>;
  /** Whether the exchange repeats `grant_type` and `redirect_uri` (RFC 6749 §4.1.3). */
  readonly sendsRedirectUri: boolean;
}

/**
 * What may be done after an answer was lost (reliability reference §3): the old refresh token surely stays good; it may
 * be presented again until its successor is used; for so many seconds; only after a probe with the access token; never
 * but once.
 */
export type RefreshRetry = 'nonRotating' | 'idempotent' | `grace:${number}` | 'probe' | 'none';

/**
 * - `proactive`: the token has an end, it is refreshed before it.
 * - `reactive`: no end is announced: the API is asked, and a refresh follows only on 401.
 * - `recheck`: no token at all: the stored credential is checked by the hub's own rules, nobody is called.
 */
export type RefreshMode = 'proactive' | 'reactive' | 'recheck';

export interface RefreshRules {
  readonly mode: RefreshMode;
  readonly retry: RefreshRetry;
  /** Life of an access token whose answer does not say, in seconds; OAuthClient puts it into the grant. */
  readonly defaultLifeSeconds?: number;
  /** Most refreshes that the provider takes in a second from one registration, if its pages say so. */
  readonly perSecond?: number;
}

/** How a grant is given back. */
export interface RevokeRules {
  /**
   * - `token`: an endpoint takes a token; other grants of the account live on.
   * - `grant`: an endpoint takes a token and ends everything of that account: never while another integration stands on it.
   * - `uninstall`: only by removing the app at the provider, on explicit wish.
   * - `none`: the provider has no way.
   */
  readonly manner: 'token' | 'grant' | 'uninstall' | 'none';
  /** The request that gives the grant back; absent for `none`. */
  readonly request?: (grant: RevocableGrant) => ApiRequest;
  /** Whether a refusal means that nothing is left to revoke. */
  readonly isAlreadyRevoked?: (answer: WireAnswer) => boolean;
}

/** What a revocation may use. */
export interface RevocableGrant {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly endpoints: Endpoints;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** One HTTP request of a definition's making. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What an API call answers: the JSON, or what the refusal means. */
export type ApiAnswer =
  | { readonly ok: true; readonly json: unknown; readonly headers: WireAnswer['headers'] }
  | { readonly ok: false; readonly failure: Failure; readonly status: number | null };

/** A provider's API with the token put in. Paths start with `/` and are taken below `apiBaseUrl`. */
export interface ApiClient {
  get(path: string): Promise<ApiAnswer>;
  post(path: string, body: unknown): Promise<ApiAnswer>;
}

/** What is known of the integration when its metadata is read. */
export interface MetadataContext {
  readonly api: ApiClient;
  readonly inputs: Readonly<Record<string, string>>;
  /** The metadata in hand: what a provider tells only once stays. */
  readonly known: Readonly<Record<string, unknown>>;
}

export type MetadataReading =
  | {
      readonly ok: true;
      readonly metadata: Readonly<Record<string, unknown>>;
      readonly account: Account | null;
      /** Nobody was asked, and it only fills in what is not known: what stands in the row by then is newer. */
      readonly onlyFillsIn?: true;
    }
  | { readonly ok: false; readonly failure: Failure; readonly status: number | null };

export type IdentityReading =
  { readonly ok: true; readonly account: Account } | { readonly ok: false; readonly failure: Failure };

/** What a provider's own verifier sees of a callback. */
export interface CallbackToVerify {
  readonly query: CallbackQuery;
  readonly inputs: Readonly<Record<string, string>>;
  /** Any of these may have signed it. */
  readonly clientSecrets: readonly string[];
  /** Unix time in seconds by the database's clock. */
  readonly nowSeconds: number;
}

/** What is wrong with a callback beyond its state: not the provider's word at all, or about another account than asked. */
export type CallbackRefusal =
  | { readonly kind: 'not_authentic'; readonly reason: string }
  | { readonly kind: 'other_account'; readonly account: string };

/** How a provider is told from others at a glance: a drawing of our own, no trademark. */
export interface ProviderMark {
  /** An SVG path in a field of 24 by 24, filled white by the even-odd rule. */
  readonly path: string;
  /** What it stands on, as `#rrggbb`; dark enough for white to be seen on it. */
  readonly colour: string;
}

/** What every provider has, however it is connected. */
interface ProviderBase {
  readonly id: string;
  readonly label: string;
  /** Absent: pages show the first letter of the label. */
  readonly mark?: ProviderMark;
  /** The provider's own page about connecting. */
  readonly docsUrl: string;
  readonly inputs: readonly InputDefinition[];
  /** What the person may call this provider's account on the confirm page before the grant tells it; from the inputs. */
  readonly accountFromInputs?: (inputs: Readonly<Record<string, string>>) => Account | undefined;
}

/** A provider that speaks OAuth 2.0's code grant. A deviation is a hook named for what it bends. */
export interface OAuthProvider extends ProviderBase {
  readonly authMode: 'oauth2';
  /** `<prefix>_CLIENT_ID`, `<prefix>_CLIENT_SECRET`, `<prefix>_SCOPES`. */
  readonly credentialPrefix: string;
  readonly endpoints: EndpointTemplates;
  readonly authorize: AuthorizeRules;
  readonly scopes: ScopeRules;
  /** RFC 9207: compared exactly wherever the callback brings `iss`. */
  readonly issuer?: string;
  /** Whether its metadata promises `iss` (`authorization_response_iss_parameter_supported`): then a callback without it is none. */
  readonly issuerPromised?: boolean;
  /**
   * How long an authorization code lives, in seconds, if the provider's pages say so: a parked one waits no longer. At
   * least 30, so that a person has time to press a button.
   */
  readonly codeLifeSeconds?: number;
  readonly verifyCallback?: (callback: CallbackToVerify) => CallbackRefusal | undefined;
  readonly token: TokenRules;
  /** A refresh must keep every token that can be read: its answer is hardly ever given twice. */
  readonly readGrant: (answer: WireAnswer, conversation: GrantConversation) => GrantReading;
  /**
   * What an answer means that is no success: any but 2xx, a 2xx that `readGrant` refused, and every answer of the API,
   * since some say no by 200. `undefined` leaves it to the reading that holds for all (wire-failure).
   */
  readonly readFailure: (answer: WireAnswer, conversation: Conversation) => Failure | undefined;
  readonly refresh: RefreshRules;
  readonly revoke: RevokeRules;
  /** Headers that carry the token to the API. */
  readonly apiHeaders: (accessToken: string) => Readonly<Record<string, string>>;
  /** Asks whose account it is, where the token endpoint does not tell. */
  readonly identify?: (api: ApiClient) => Promise<IdentityReading>;
  /** Asks the API whether the token still works; needed by reactive providers. */
  readonly probe?: (api: ApiClient) => Promise<ApiAnswer>;
  /** Reads the metadata that the contract names for this provider, and whose account it is. */
  readonly metadata: (context: MetadataContext) => Promise<MetadataReading>;
}

/** How often something may be sent that shares a key: so many at once, and then one in each interval. */
export interface SendPace {
  /** A hash: what it is of may be a secret, or name a customer. */
  readonly key: string;
  readonly burst: number;
  readonly everyMs: number;
}

/** A provider whose credential is a URL that the person pastes: no OAuth, no token. */
export interface WebhookProvider extends ProviderBase {
  readonly authMode: 'webhook_url';
  readonly credentialPrefix: null;
  /** Origin that hooks are sent to. */
  readonly endpoints: Pick<EndpointTemplates, 'apiBaseUrl'>;
  readonly refresh: { readonly mode: 'recheck'; readonly retry: 'none'; readonly perSecond?: number };
  /** The account that a hook URL stands for: a hash, since the URL is a secret. */
  readonly accountOfWebhook: (webhookUrl: string) => Account;
  /** What the provider takes of sends to a hook URL; each pace is shared by all hooks of its key. */
  readonly sendPaces: (webhookUrl: string) => readonly SendPace[];
  /** What the answer to a delivery means; `undefined` leaves it to the reading that holds for all APIs. */
  readonly readDelivery: (answer: WireAnswer) => Failure | undefined;
  /** The metadata, from what is known: nobody is called. */
  readonly metadata: (context: Omit<MetadataContext, 'api'>) => Promise<MetadataReading>;
}

export type ProviderDefinition = OAuthProvider | WebhookProvider;

/** Marks a definition as checked; its only job is the type. */
export function defineProvider<const T extends ProviderDefinition>(definition: T): T {
  return definition;
}

/** A definition's id as the domain's brand. */
export function providerId(definition: ProviderDefinition): ProviderId {
  return definition.id as ProviderId;
}
