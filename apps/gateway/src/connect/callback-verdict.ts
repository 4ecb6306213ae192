import type { CallbackQuery, Endpoints, Flow } from '@hub/domain';
import type { CallbackRefusal, OAuthProvider } from '@hub/providers';

/** Why a callback is answered with the one plain page, as the audit trail words it. */
export type BadStateEvent =
  'flow.provider_mismatch' | 'flow.context_mismatch' | 'flow.issuer_mismatch' | 'flow.response_rejected';

/** What a callback comes to before its code is spent; binding comes after. */
export type CallbackVerdict =
  | { readonly kind: 'bad_state'; readonly event: BadStateEvent }
  | {
      readonly kind: 'refused';
      readonly code: RefusalCode;
      readonly event: 'flow.denied' | 'flow.response_rejected' | 'integration.account_mismatch';
      readonly reason: string;
    }
  /** Nothing that could be spent. What the browser hears of it depends on whether it is bound. */
  | { readonly kind: 'unusable_code' }
  | { readonly kind: 'code'; readonly code: string };

type RefusalCode =
  'access_denied' | 'invalid_request' | 'provider_unavailable' | 'provider_misconfigured' | 'account_mismatch';

/** What a flow was made for, and what the settings of today say of the provider that its code would go to. */
export interface FlowContext {
  readonly flow: Pick<Flow, 'provider' | 'endpoints' | 'clientId' | 'inputs'>;
  readonly definition: Pick<OAuthProvider, 'id' | 'issuer' | 'issuerPromised' | 'verifyCallback'>;
  /** Where the provider answers by today's settings, for the flow's inputs. */
  readonly endpoints: Endpoints;
  readonly clientId: string;
}

/** What the verdict stands on besides the query. */
export interface CallbackContext extends FlowContext {
  readonly clientSecrets: readonly string[];
  readonly nowSeconds: number;
  /** Parameters that came more than once. */
  readonly doubled: readonly string[];
}

const LONGEST_CODE = 2_048;

/** RFC 6749 §4.1.2.1 and OpenID Connect's errors that are no word of the person. Everything else is a denial. */
const ERROR_MEANINGS: Readonly<Record<string, RefusalCode>> = {
  temporarily_unavailable: 'provider_unavailable',
  server_error: 'provider_unavailable',
  invalid_request: 'provider_misconfigured',
  invalid_scope: 'provider_misconfigured',
  unauthorized_client: 'provider_misconfigured',
  unsupported_response_type: 'provider_misconfigured',
};

/**
 * Judges a callback whose state was just taken, in the contract's order: provider and frozen endpoints, the provider's
 * own verifier, `iss`, `error`, code. Who brought it is for the caller to weigh, before the code is: a browser that may not
 * come back at all is not told what was wrong with the code.
 */
export function judgeCallback(query: CallbackQuery, context: CallbackContext): CallbackVerdict {
  return (
    badState(contextProblem(context)) ??
    checkShape(query, context) ??
    checkAuthenticity(query, context) ??
    checkIssuer(query, context) ??
    checkError(query) ??
    readCode(query)
  );
}

function badState(event: BadStateEvent | undefined): CallbackVerdict | undefined {
  return event && { kind: 'bad_state', event };
}

/**
 * Mix-up and cross-app attacks: the flow was made for this provider, these addresses and this registration (RFC 9700 §4.4).
 *
 * @returns what is not as it was when the flow began; `undefined` if all is
 */
export function contextProblem({
  flow,
  definition,
  endpoints,
  clientId,
}: FlowContext): 'flow.provider_mismatch' | 'flow.context_mismatch' | undefined {
  if (flow.provider !== definition.id) return 'flow.provider_mismatch';
  const frozen = flow.endpoints;
  const isSame =
    frozen !== null &&
    flow.clientId === clientId &&
    frozen.authorizeUrl === endpoints.authorizeUrl &&
    frozen.tokenUrl === endpoints.tokenUrl &&
    frozen.revokeUrl === endpoints.revokeUrl &&
    frozen.apiBaseUrl === endpoints.apiBaseUrl;
  return isSame ? undefined : 'flow.context_mismatch';
}

function checkShape(query: CallbackQuery, { doubled }: CallbackContext): CallbackVerdict | undefined {
  // an issuer that comes twice is told as what it is
  const isDoubled = doubled.some((name) => name !== 'iss');
  // a token in a query is the implicit grant: never ours
  if (isDoubled || 'access_token' in query) return badState('flow.response_rejected');
  return undefined;
}

function checkAuthenticity(
  query: CallbackQuery,
  { definition, flow, clientSecrets, nowSeconds }: CallbackContext,
): CallbackVerdict | undefined {
  // a refusal that carries nothing to spend may come unsigned: believing it can only end the flow
  if ('error' in query && !('code' in query) && !('hmac' in query)) return undefined;
  const refusal: CallbackRefusal | undefined = definition.verifyCallback?.({
    query,
    inputs: flow.inputs,
    clientSecrets,
    nowSeconds,
  });
  if (!refusal) return undefined;
  if (refusal.kind === 'not_authentic') return badState('flow.response_rejected');
  return {
    kind: 'refused',
    code: 'account_mismatch',
    event: 'integration.account_mismatch',
    reason: 'the provider answered for another account than was asked for',
  };
}

/** RFC 9207 §2.4: compared as it stands, wherever it comes; where the provider promises it, it must come. */
function checkIssuer(query: CallbackQuery, { definition, doubled }: CallbackContext): CallbackVerdict | undefined {
  const { issuer, issuerPromised = false } = definition;
  const { iss } = query;
  const isGood =
    !doubled.includes('iss') && (iss === undefined ? !issuerPromised : issuer === undefined || iss === issuer);
  return isGood ? undefined : badState('flow.issuer_mismatch');
}

function checkError(query: CallbackQuery): CallbackVerdict | undefined {
  const { error } = query;
  if (error === undefined) return undefined;
  if ('code' in query)
    return { kind: 'refused', code: 'invalid_request', event: 'flow.response_rejected', reason: 'both error and code' };
  const code = (Object.hasOwn(ERROR_MEANINGS, error) ? ERROR_MEANINGS[error] : undefined) ?? 'access_denied';
  return {
    kind: 'refused',
    code,
    event: 'flow.denied',
    reason: /^[a-z_]{1,64}$/.test(error) ? error : 'unlisted error',
  };
}

function readCode({ code }: CallbackQuery): CallbackVerdict {
  const isUsable = code !== undefined && code !== '' && code.length <= LONGEST_CODE && /^[\x21-\x7e]+$/.test(code);
  return isUsable ? { kind: 'code', code } : { kind: 'unusable_code' };
}
