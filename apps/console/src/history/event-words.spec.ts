import { EVENT_NAMES } from '@hub/domain';
import { actorWords, detailFacts, eventTone, eventWords } from './event-words';

it.each(EVENT_NAMES)('has readable words for %s', (name) => {
  const words = eventWords(name, 'Notion');
  expect(words).toMatch(/^[A-Z]/);
  expect(words).not.toMatch(/[{}_]|[a-z]\.[a-z]/);
});

it('says each thing in its own words', () => {
  const all = EVENT_NAMES.map((name) => eventWords(name, 'Notion'));
  expect(new Set(all).size).toBe(all.length);
});

it('falls back to the name', () => {
  expect(eventWords('moon.rose', undefined)).toBe('moon.rose');
  expect(eventWords('moon.rose', 'Notion')).toBe('moon.rose (Notion)');
  expect(eventWords('constructor', undefined)).toBe('constructor');
  expect(eventWords('refresh.failed', undefined)).toBe('A refresh of a provider failed');
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
  expect(eventTone(name)).toBe(tone);
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
