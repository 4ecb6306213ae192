import type {
  CommonSettings,
  ConsentAsk,
  ConsentManners,
  ProviderSandbox,
} from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { htmlPage, json, type WireAnswer, type WireRequest } from '../../../../libs/providers/src/sandbox/wire.sandbox';
import type { CallDesk } from '../wire/desk';
import { consentPage, FIELDS, leftPage } from './consent-page';

type Desk = CallDesk<CommonSettings>;

interface Choice {
  account: string;
  granted: readonly string[];
}

/** GET at the authorize address: the page, or at once what the `consent` knob decides. */
export function showConsent(provider: ProviderSandbox, request: WireRequest, desk: Desk): WireAnswer {
  const manners = mannersOf(provider);
  const reading = manners.read(request.query, request, desk);
  if (reading.outcome !== 'ask') return turnedAway(reading, desk);
  const { ask } = reading;
  const decision = desk.settings(ask.account).consent;
  if (decision === 'ask') {
    desk.recordAuthorize('asked', ask.account);
    return consentPage(provider.label, ask);
  }
  return decide(manners, ask, decision, { account: ask.account, granted: suggested(ask) }, desk);
}

/** POST to the same address: the page's form, or a test that sends the authorize query with `decision` straight away. */
export function decideConsent(provider: ProviderSandbox, request: WireRequest, desk: Desk): WireAnswer {
  const form = new URLSearchParams(request.body);
  const params = authorizationRequest(request.query, form);
  const manners = mannersOf(provider);
  const reading = manners.read(params, request, desk);
  if (reading.outcome !== 'ask') return turnedAway(reading, desk);
  const { ask } = reading;
  const decision = form.get(FIELDS.decision);
  if (decision !== 'approve' && decision !== 'deny') {
    return json(400, { error: 'decision must be "approve" or "deny"' });
  }
  const account = form.get(FIELDS.account)?.trim() || ask.account;
  const granted = form.has(FIELDS.shown) ? form.getAll(FIELDS.granted) : suggested(ask);
  return decide(manners, ask, decision, { account, granted }, desk);
}

/** A form without action posts to its own address, so the request may come in query and body alike: the body wins. */
function authorizationRequest(query: URLSearchParams, form: URLSearchParams): URLSearchParams {
  const carried = [...form].filter(([name]) => !OWN_FIELDS.has(name));
  const params = new URLSearchParams(query);
  for (const [name] of carried) params.delete(name);
  for (const [name, value] of carried) params.append(name, value);
  return params;
}

/** Fields of the page's form that are no part of the authorization request. */
const OWN_FIELDS: ReadonlySet<string> = new Set(Object.values(FIELDS));

function suggested(ask: ConsentAsk): string[] {
  return (ask.choices?.options ?? []).filter((option) => option.ticked).map((option) => option.value);
}

function mannersOf(provider: ProviderSandbox): ConsentManners {
  if (!provider.consent) throw new Error(`${provider.id} has no consent page`);
  return provider.consent;
}

function turnedAway(
  reading: { outcome: 'page'; answer: WireAnswer } | { outcome: 'redirect'; url: string },
  desk: Desk,
): WireAnswer {
  desk.recordAuthorize('refused', undefined);
  return reading.outcome === 'page' ? reading.answer : redirect(reading.url);
}

function decide(
  manners: ConsentManners,
  ask: ConsentAsk,
  decision: 'approve' | 'deny',
  choice: Choice,
  desk: Desk,
): WireAnswer {
  if (decision === 'deny') {
    desk.recordAuthorize('denied', choice.account);
    const url = manners.deny(ask, choice, desk);
    return url === null ? leftPage() : redirect(url);
  }
  const granted = desk.settings(choice.account).grantScopes ?? choice.granted;
  desk.recordAuthorize('approved', choice.account, granted);
  return redirect(manners.approve(ask, { account: choice.account, granted }, desk));
}

function redirect(url: string): WireAnswer {
  const page = htmlPage(302, 'Found', 'You are being sent back.');
  return { ...page, headers: { ...page.headers, location: url, 'referrer-policy': 'no-referrer' } };
}
