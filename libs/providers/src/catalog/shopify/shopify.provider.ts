import { failure, type Failure } from '@hub/domain';
import { readBearerGrant } from '../../grant-reading';
import { textField } from '../../json-fields';
import { defineProvider, type Conversation, type WireAnswer } from '../../provider-definition';
import { isPage, oauthFailure, readOutage } from '../../wire-failure';
import { readAdminFailure, readShop } from './shopify.metadata';
import { normaliseShop, normaliseShopifyScopes, verifyShopifyCallback } from './shopify.callback';

/** https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant */
export const provider = defineProvider({
  id: 'shopify',
  label: 'Shopify',
  mark: {
    path: 'M6 8h12l1.2 12H4.8zM8.6 8V7.4a3.4 3.4 0 0 1 6.8 0V8h-1.7v-.6a1.7 1.7 0 0 0-3.4 0V8z',
    colour: '#4a7328',
  },
  docsUrl: 'https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant',
  authMode: 'oauth2',
  credentialPrefix: 'SHOPIFY',
  inputs: [
    {
      name: 'shop',
      label: 'Shop',
      help: 'The name of your shop as it stands before .myshopify.com; you find it in your Shopify admin under Settings, Domains.',
      example: 'example-store.myshopify.com',
      normalise: normaliseShop,
      problem: 'invalid_request',
      expected: 'a shop such as example-store.myshopify.com',
      secret: false,
    },
  ],
  endpoints: {
    authorizeUrl: 'https://{shop}/admin/oauth/authorize',
    tokenUrl: 'https://{shop}/admin/oauth/access_token',
    revokeUrl: null,
    apiBaseUrl: 'https://{shop}',
  },
  accountFromInputs: ({ shop }) => (shop === undefined ? undefined : { id: shop, label: shop }),
  authorize: {
    params: {},
    pkce: 'off',
    pkceOffBecause:
      'Shopify documents no PKCE for confidential apps of the Admin API; its callback is signed with the client secret',
  },
  scopes: {
    default: ['read_products', 'write_products', 'read_orders'],
    separator: ',',
    normalise: normaliseShopifyScopes,
  },
  verifyCallback: verifyShopifyCallback,
  token: {
    clientAuth: 'body',
    body: 'form',
    // Asks for tokens that expire: public apps may have no others from 1 January 2027.
    exchangeParams: { expiring: '1' },
    sendsRedirectUri: false,
  },
  readGrant: (answer, conversation) =>
    readBearerGrant(answer, conversation, { tokenType: 'optional', normaliseScopes: normaliseShopifyScopes }),
  readFailure,
  // A refresh token may be presented again until its successor is used (changelog of 28 August 2026).
  refresh: { mode: 'proactive', retry: 'idempotent' },
  // There is no revocation but the app's removal: https://shopify.dev/docs/api/admin-rest/latest/resources/apipermission
  revoke: {
    manner: 'uninstall',
    request: ({ endpoints, accessToken }) => ({
      method: 'DELETE',
      url: `${endpoints.apiBaseUrl}/admin/api_permissions/current.json`,
      headers: { ...apiHeaders(accessToken), accept: 'application/json' },
    }),
  },
  apiHeaders,
  metadata: readShop,
});

function apiHeaders(accessToken: string): Record<string, string> {
  return { 'x-shopify-access-token': accessToken };
}

/** Shopify names most refusals `invalid_request`; what they are about stands in the description. */
function readFailure(answer: WireAnswer, conversation: Conversation): Failure | undefined {
  if (conversation === 'api') return readAdminFailure(answer);
  const { status } = answer;
  // Edges in front of Shopify answer with pages of many a status; the same refresh token may be sent again.
  if (status >= 500) return readOutage(answer);
  if (status < 400 || status === 429) return undefined;
  if (conversation === 'revoke') return readAdminFailure(answer);
  return isPage(answer) ? readPage(answer, conversation) : readTokenRefusal(answer);
}

/** What Shopify's own words mean, wherever they stand: in `error`, or in the title of a page. */
const OPERATOR_ERRORS = ['application_cannot_be_found', 'invalid_client', 'shop_not_permitted'];
/** Said to one shop, which the app may not be in; other shops are served. */
const ABOUT_ONE_SHOP = 'shop_not_permitted';
const DEAD_GRANT_ERRORS = ['invalid_subject_token', 'app_not_installed'];

function readTokenRefusal(answer: WireAnswer): Failure | undefined {
  const error = textField(answer.json, 'error') ?? '';
  const description = textField(answer.json, 'error_description') ?? '';
  if (description.includes('active refresh_token')) return failure('invalid_grant', 'inactive_refresh_token');
  if (description.includes('code was not found or was already used')) return failure('invalid_grant', 'spent_code');
  // Here `error` is an empty text.
  if (description.includes('code_verifier is invalid')) return failure('invalid_grant', 'code_verifier');
  if (DEAD_GRANT_ERRORS.includes(error)) return failure('invalid_grant', error);
  if (OPERATOR_ERRORS.includes(error)) return operatorFailure(error);
  return oauthFailure(error);
}

function operatorFailure(word: string): Failure {
  return failure('provider_misconfigured', word, word === ABOUT_ONE_SHOP ? { concerns: 'integration' } : {});
}

/** A page says something about the hub's registration at most, never about a grant. */
function readPage(answer: WireAnswer, conversation: Conversation): Failure | undefined {
  const named = OPERATOR_ERRORS.find((word) => answer.text.includes(word));
  if (named !== undefined) return operatorFailure(named);
  return answer.status === 404 && conversation === 'exchange'
    ? failure('provider_misconfigured', 'no_such_shop')
    : undefined;
}
