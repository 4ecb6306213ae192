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
  | { readonly kind: 'code'; readonly code: string };

type RefusalCode =
  'access_denied' | 'invalid_request' | 'provider_unavailable' | 'provider_misconfigured' | 'account_mismatch';

/** What the verdict stands on besides the query. */
export interface CallbackContext {
  readonly flow: Pick<Flow, 'provider' | 'endpoints' | 'clientId' | 'inputs'>;
  readonly definition: Pick<OAuthProvider, 'id' | 'issuer' | 'verifyCallback'>;
  /** Where the provider answers by today's settings, for the flow's inputs. */
  readonly endpoints: Endpoints;
  readonly clientId: string;
  readonly clientSecrets: readonly string[];
  readonly nowSeconds: number;
  /** Whether any parameter came more than once. */
  readonly doubled: boolean;
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
 * own verifier, `iss`, `error`, code.
 */
export function judgeCallback(query: CallbackQuery, context: CallbackContext): CallbackVerdict {
  return (
    checkContext(context) ??
    checkShape(query, context) ??
    checkAuthenticity(query, context) ??
    checkIssuer(query, context) ??
    checkError(query) ??
    readCode(query)
  );
}

/** Mix-up and cross-app attacks: the flow was made for this provider, these addresses and this registration (RFC 9700 §4.4). */
function checkContext({ flow, definition, endpoints, clientId }: CallbackContext): CallbackVerdict | undefined {
  if (flow.provider !== definition.id) return { kind: 'bad_state', event: 'flow.provider_mismatch' };
  const frozen = flow.endpoints;
  const isSame =
    frozen !== null &&
    flow.clientId === clientId &&
    frozen.authorizeUrl === endpoints.authorizeUrl &&
    frozen.tokenUrl === endpoints.tokenUrl &&
    frozen.revokeUrl === endpoints.revokeUrl &&
    frozen.apiBaseUrl === endpoints.apiBaseUrl;
  return isSame ? undefined : { kind: 'bad_state', event: 'flow.context_mismatch' };
}

function checkShape(query: CallbackQuery, { doubled }: CallbackContext): CallbackVerdict | undefined {
  // a token in a query is the implicit grant: never ours
  if (doubled || 'access_token' in query) return { kind: 'bad_state', event: 'flow.response_rejected' };
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
  if (refusal.kind === 'not_authentic') return { kind: 'bad_state', event: 'flow.response_rejected' };
  return {
    kind: 'refused',
    code: 'account_mismatch',
    event: 'integration.account_mismatch',
    reason: `the provider answered for ${refusal.account}`,
  };
}

/** RFC 9207 §2.4: compared as it stands, wherever it comes. */
function checkIssuer(query: CallbackQuery, { definition }: CallbackContext): CallbackVerdict | undefined {
  const { iss } = query;
  if (iss === undefined || definition.issuer === undefined || iss === definition.issuer) return undefined;
  return { kind: 'bad_state', event: 'flow.issuer_mismatch' };
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
  if (code === undefined || code === '' || code.length > LONGEST_CODE || !/^[\x21-\x7e]+$/.test(code)) {
    return { kind: 'refused', code: 'invalid_request', event: 'flow.response_rejected', reason: 'no usable code' };
  }
  return { kind: 'code', code };
}
