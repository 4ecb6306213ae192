import type { EventName } from '@hub/domain';
import { inWords } from '../integrations/facts';
import type { TrailEvent } from '../wire/wire';

/** Every name of the trail in words; `{it}` stands for the provider. */
const WORDS: Readonly<Record<EventName, string> & Record<string, string>> = {
  'integration.connected': '{it} was connected',
  'integration.disconnected': '{it} was disconnected',
  'integration.reauth_required': '{it} must be connected again',
  'integration.recovered': '{it} works again',
  'integration.reopened': '{it} was opened again by a late answer',
  'integration.account_mismatch': '{it} came back with another account, and was refused',
  'refresh.succeeded': 'Access to {it} was refreshed',
  'refresh.failed': 'A refresh of {it} failed',
  'refresh.in_doubt': 'A refresh of {it} got no usable answer',
  'sync.completed': 'The details of {it} were read',
  'sync.failed': 'The details of {it} could not be read',
  'token.read': 'A service took an access token of {it}',
  'delivery.succeeded': 'An event was delivered to {it}',
  'delivery.failed': 'An event could not be delivered to {it}',
  'delivery.secret_read': 'The secret that signs deliveries to {it} was shown',
  'delivery.settings_changed': 'What is delivered to {it} was changed',
  'dead_letter.replayed': 'A failed job of {it} was started again',
  'dead_letter.expired': 'A failed job of {it} was given up, since nobody started it again',
  'revocation.succeeded': 'The access was given back to {it}',
  'revocation.failed': 'Giving the access back to {it} failed',
  'revocation.skipped': 'The access to {it} was not given back',
  'flow.started': 'A connect of {it} was started',
  'flow.state_unknown': 'A connect with an unknown link was refused',
  'flow.state_malformed': 'A connect with a broken link was refused',
  'flow.state_replayed': 'A connect link of {it} was used twice, and refused',
  'flow.state_expired': 'A connect of {it} came too late, and was refused',
  'flow.provider_mismatch': 'A connect link was used for another provider, and refused',
  'flow.context_mismatch': 'A connect of {it} came under other settings, and was refused',
  'flow.issuer_mismatch': 'An answer from somebody else than {it} was refused',
  'flow.response_rejected': 'An answer that {it} did not sign was refused',
  'flow.redirect_rejected': 'A return address that is not allowed was refused',
  'flow.unbound': 'A connect of {it} went on in another browser',
  'flow.confirmed': 'A connect of {it} was confirmed by hand',
  'flow.confirm_rejected': 'The confirmation of a connect of {it} was refused',
  'flow.deferred': 'A connect of {it} waits for your product to complete it',
  'flow.handle_rejected': 'A wrong handle for a connect of {it} was refused',
  'flow.handle_replayed': 'A handle for a connect of {it} was used twice, and refused',
  'flow.user_mismatch': 'Another user tried to complete a connect of {it}',
  'flow.denied': 'Access was denied at {it}',
  'flow.cancelled': 'A connect of {it} was cancelled',
  'flow.abandoned': 'A connect of {it} was not finished',
  'flow.foreign': 'A connect link of {it} came back in another person’s browser, and was refused',
  'grant.rejected': 'The sign-in of {it} was not accepted',
  'grant.malformed': 'The sign-in of {it} could not be read',
  'grant.scope_changed': '{it} granted other rights than were asked for',
  'webhook.rejected': 'A webhook URL was refused',
  'proxy.rejected': 'A call through the proxy to {it} was refused',
  'console.link_created': 'A link to this page was made',
  'console.link_rejected': 'A link to this page was refused',
  'console.signed_in': 'Somebody signed in to this page',
  'console.signed_out': 'Somebody signed out of this page',
  'audit.exported': 'The history was exported',
  'audit.pruned': 'Old history was removed',
  'auth.failed': 'A call without a valid sign-in was refused',
  'auth.forbidden': 'A call without the right for it was refused',
  'auth.foreign_org': 'A call for another organisation was refused',
  'limit.reached': 'A limit of requests was reached',
  'egress.blocked': 'A call to an address that is not allowed was stopped',
  'denials.suppressed': 'More refusals of the same kind were counted',
  'request.invalid': 'A request that is not valid was refused',
  'seal.open_failed': 'Something sealed could not be opened',
  'key.created': 'An encryption key was made',
  'key.restored': 'An encryption key was restored',
  'key.rotation_requested': 'A change of encryption keys was asked for',
  'key.rotation_started': 'A change of encryption keys began',
  'key.rewrapped': 'An encryption key was wrapped anew',
  'key.rotated': 'An encryption key was changed',
  'key.retired': 'An encryption key was retired',
  'key.rotation_finished': 'A change of encryption keys was finished',
  'key.destroyed': 'An encryption key was destroyed',
  'org.forget_started': 'Forgetting this organisation began',
  'org.forgotten': 'This organisation was forgotten',
};

/** What is told of an event. */
type Told = Pick<TrailEvent, 'name' | 'detail'>;

/** Whether people of an org want to read it: how the hub keeps its own encryption keys is for who reads the trail itself. */
export function isForPeople({ name }: Pick<TrailEvent, 'name'>): boolean {
  return !name.startsWith('key.');
}

/** A connect whose grant had not all rights has no event of its own: it is told by what was missing, and by its problem. */
function isConnectWithoutRights({ name, detail }: Told): boolean {
  return name === 'grant.scope_changed' && detail['code'] === 'insufficient_scope';
}

/** What happened, in words; a name that this page does not know yet is shown as it is. @param label of the provider, if it is about one */
export function eventWords(event: Told, label: string | undefined): string {
  const { name } = event;
  if (isConnectWithoutRights(event)) return `${label ?? 'A provider'} was not connected: not all rights were granted`;
  if (!Object.hasOwn(WORDS, name)) return label === undefined ? name : `${name} (${label})`;
  const words = (WORDS[name] ?? name).replace('{it}', label ?? 'a provider');
  const { type, seq } = event.detail;
  const isOfDelivery = name.startsWith('delivery.') && typeof type === 'string' && typeof seq === 'number';
  return isOfDelivery ? words.replace('An event', () => `Event ${type} (no. ${seq})`) : words;
}

/** How it is marked: something good, something that failed or was refused, or neither. */
export function eventTone(event: Told): 'good' | 'bad' | 'idle' {
  const { name } = event;
  if (isConnectWithoutRights(event)) return 'bad';
  if (
    /(failed|rejected|mismatch|reauth_required|in_doubt|blocked|denied|malformed|replayed|expired|unknown|forbidden|foreign_org|invalid|reached|foreign)$/.test(
      name,
    )
  )
    return name === 'dead_letter.replayed' ? 'idle' : 'bad';
  return /(connected|recovered|succeeded|completed|reopened|confirmed)$/.test(name) && !name.endsWith('disconnected')
    ? 'good'
    : 'idle';
}

/** Who did it. @param you the reader's own `sub` */
export function actorWords({ type, id }: TrailEvent['actor'], you: string | undefined): string {
  if (type === 'user') return id === you ? 'you' : id;
  return type === 'worker' ? `the hub (${id})` : 'the hub';
}

/** The facts of an event as pairs of text, without those that say nothing. */
export function detailFacts(detail: TrailEvent['detail']): [name: string, value: string][] {
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => [inWords(name), typeof value === 'string' ? value : JSON.stringify(value)]);
}
