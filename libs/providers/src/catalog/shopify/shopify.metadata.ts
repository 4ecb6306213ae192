import { failure, type Failure } from '@hub/domain';
import { asList, field, idField, labelField, numberField, textField } from '../../json-fields';
import { isPage } from '../../wire-failure';
import type { MetadataContext, MetadataReading, WireAnswer } from '../../provider-definition';

/** Released quarterly, each supported for a year or more: https://shopify.dev/docs/api/usage/versioning */
const API_VERSION = '2026-10';

const SHOP_QUERY = '{ shop { name myshopifyDomain primaryDomain { host } plan { publicDisplayName } } }';

/** Shop name, plan and primary domain: https://shopify.dev/docs/api/admin-graphql/latest/queries/shop */
export async function readShop({ api, inputs }: MetadataContext): Promise<MetadataReading> {
  const answer = await api.post(`/admin/api/${API_VERSION}/graphql.json`, { query: SHOP_QUERY });
  if (!answer.ok) return answer;
  const shop = field(answer.json, 'data', 'shop');
  const shopName = labelField(shop, 'name');
  if (shopName === undefined) {
    const unusable = failure('bad_provider_response', 'no_shop_in_answer', { kind: 'transient' });
    return { ok: false, failure: unusable, status: 200 };
  }
  const domain = idField(shop, 'myshopifyDomain') ?? inputs['shop'];
  return {
    ok: true,
    metadata: {
      shopName,
      plan: labelField(shop, 'plan', 'publicDisplayName') ?? null,
      primaryDomain: labelField(shop, 'primaryDomain', 'host') ?? null,
    },
    account: domain === undefined ? null : { id: domain, label: domain },
  };
}

/** GraphQL says no by HTTP 200: https://shopify.dev/docs/api/admin-graphql#status_and_error_codes */
const GRAPHQL_ERRORS: ReadonlyMap<string, (answer: WireAnswer) => Failure> = new Map([
  ['THROTTLED', (answer: WireAnswer) => failure('rate_limited', 'THROTTLED', { retryAfterMs: throttleWaitMs(answer) })],
  ['ACCESS_DENIED', () => failure('insufficient_scope', 'ACCESS_DENIED')],
  ['SHOP_INACTIVE', () => failure('provider_unavailable', 'SHOP_INACTIVE')],
  ['INTERNAL_SERVER_ERROR', () => failure('provider_unavailable', 'INTERNAL_SERVER_ERROR')],
  ['MAX_COST_EXCEEDED', () => failure('provider_misconfigured', 'MAX_COST_EXCEEDED')],
]);

/** What the Admin API's refusals mean: https://shopify.dev/docs/api/usage/response-codes */
export function readAdminFailure(answer: WireAnswer): Failure | undefined {
  const { status } = answer;
  const reason = `http_${status}`;
  if (status === 200) return readGraphqlFailure(answer);
  if (status === 402) return failure('provider_unavailable', 'shop_frozen');
  if (status === 423) return failure('provider_unavailable', 'shop_locked');
  if (status === 430) return failure('rate_limited', reason);
  if (status === 401 && !isPage(answer)) return failure('invalid_grant', reason);
  if (status === 403 && /non-expiring|no longer accepted/i.test(errorText(answer)))
    return failure('provider_misconfigured', 'non_expiring_token', { concerns: 'integration' });
  if (status === 404) return failure('provider_misconfigured', reason);
  return undefined;
}

function readGraphqlFailure(answer: WireAnswer): Failure | undefined {
  for (const error of asList(field(answer.json, 'errors'))) {
    const read = GRAPHQL_ERRORS.get(textField(error, 'extensions', 'code') ?? '');
    if (read) return read(answer);
  }
  return undefined;
}

/** A throttled query tells its cost instead of a Retry-After: the bucket refills at a known rate. */
function throttleWaitMs(answer: WireAnswer): number {
  const cost = field(answer.json, 'extensions', 'cost');
  const needed = numberField(cost, 'requestedQueryCost') ?? 0;
  const available = numberField(cost, 'throttleStatus', 'currentlyAvailable') ?? 0;
  const perSecond = numberField(cost, 'throttleStatus', 'restoreRate') ?? 0;
  if (perSecond <= 0) return 1_000;
  return Math.max(1_000, Math.min(60_000, Math.ceil(((needed - available) / perSecond) * 1_000)));
}

/** `errors` is a text, a list or an object, as it comes. */
function errorText(answer: WireAnswer): string {
  const errors = field(answer.json, 'errors');
  return typeof errors === 'string' ? errors : (JSON.stringify(errors) ?? '');
}
