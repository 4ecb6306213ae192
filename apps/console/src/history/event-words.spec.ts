import { EVENT_NAMES } from '@hub/domain';
import { actorWords, detailFacts, eventTone, eventWords, isForPeople } from './event-words';

const told = (name: string, detail = {}) => ({ name, detail });

it.each(EVENT_NAMES)('has readable words for %s', (name) => {
  const words = eventWords(told(name), 'Notion');
  expect(words).toMatch(/^[A-Z]/);
  expect(words).not.toMatch(/[{}_]|[a-z]\.[a-z]/);
});

it('says each thing in its own words', () => {
  const all = EVENT_NAMES.map((name) => eventWords(told(name), 'Notion'));
  expect(new Set(all).size).toBe(all.length);
});

it('falls back to the name', () => {
  expect(eventWords(told('moon.rose'), undefined)).toBe('moon.rose');
  expect(eventWords(told('moon.rose'), 'Notion')).toBe('moon.rose (Notion)');
  expect(eventWords(told('constructor'), undefined)).toBe('constructor');
  expect(eventWords(told('refresh.failed'), undefined)).toBe('A refresh of a provider failed');
});

it.each([
  ['integration.connected', 'good'],
  ['integration.disconnected', 'idle'],
  ['refresh.failed', 'bad'],
  ['integration.reauth_required', 'bad'],
  ['flow.denied', 'bad'],
  ['dead_letter.replayed', 'idle'],
  ['flow.state_replayed', 'bad'],
  ['sync.completed', 'good'],
  ['moon.rose', 'idle'],
])('%s is %s', (name, tone) => {
  expect(eventTone(told(name))).toBe(tone);
});

it('tells a connect that failed for missing rights as such, and no other change of rights', () => {
  const failed = told('grant.scope_changed', { missing: 'email', code: 'insufficient_scope', flow: 'f' });
  expect([eventWords(failed, 'Notion'), eventTone(failed)]).toEqual([
    'Notion was not connected: not all rights were granted',
    'bad',
  ]);
  const changed = told('grant.scope_changed', { missing: 'email', added: '' });
  expect([eventWords(changed, 'Notion'), eventTone(changed)]).toEqual([
    'Notion granted other rights than were asked for',
    'idle',
  ]);
});

it('names the event that a delivery was of', () => {
  const failed = told('delivery.failed', { type: 'order.paid', seq: 7, code: 'provider_unavailable' });
  expect(eventWords(failed, 'Zapier')).toBe('Event order.paid (no. 7) could not be delivered to Zapier');
});

it('leaves out how the hub keeps its keys, and nothing else', () => {
  const leftOut = EVENT_NAMES.filter((name) => !isForPeople({ name }));
  expect(leftOut.length).toBeGreaterThan(0);
  expect(leftOut).toEqual(EVENT_NAMES.filter((name) => name.startsWith('key.')));
});

it('says who did it', () => {
  expect(actorWords({ type: 'user', id: 'ada' }, 'ada')).toBe('you');
  expect(actorWords({ type: 'user', id: 'ada' }, 'bob')).toBe('ada');
  expect(actorWords({ type: 'worker', id: 'refresh-worker' }, 'ada')).toBe('the hub (refresh-worker)');
  expect(actorWords({ type: 'system', id: 'x' }, undefined)).toBe('the hub');
});

it('tells the facts that there are', () => {
  expect(detailFacts({ code: 'invalid_grant', attempts: 0, none: null, again: false, more: { a: 1 } })).toEqual([
    ['Code', 'invalid_grant'],
    ['Attempts', '0'],
    ['Again', 'false'],
    ['More', '{"a":1}'],
  ]);
});
