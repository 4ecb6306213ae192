import { PROBLEMS } from '@hub/domain';
import type { Integration } from '../wire/wire';
import { isOver, outcomeMessage, readOutcome, withoutOutcome } from './outcome';
import { problemWords, sentence } from './problem-words';

const LABELS = new Map([['notion', 'Notion']]);
const shown = (search: string) => {
  const outcome = readOutcome(search);
  return outcome && outcomeMessage(outcome, LABELS, 'of_cards', undefined);
};
const aListed = (parts: Partial<Integration>) =>
  [
    { provider: 'notion', status: 'connected', lastSyncAt: null, failure: null, metadata: {}, ...parts },
  ] as Integration[];

it('says that a provider is connected', () => {
  expect(shown('?success=notion')).toMatchObject({ tone: 'good', title: 'Notion is connected.' });
});

it('tells of details below to nobody but who will see them there, and for no longer than they are awaited', () => {
  const success = { kind: 'success', provider: 'notion' } as const;
  const awaited = aListed({});
  expect(outcomeMessage(success, LABELS, 'of_cards', awaited)?.text).toMatch(/details.* below/);
  expect(outcomeMessage(success, LABELS, 'of_nothing', undefined)?.text).toBe('You can close this page.');
  expect(outcomeMessage(success, LABELS, 'unknown', undefined)?.text).toBe('');
  for (const parts of [
    { lastSyncAt: '2026-11-28T12:00:00.000Z' },
    { failure: { code: 'provider_unavailable', at: '2026-11-28T12:00:00.000Z', attempts: 1 } },
  ])
    expect(outcomeMessage(success, LABELS, 'of_cards', aListed(parts))?.text).toBe('');
});

it('says why one was not, and what to do', () => {
  expect(shown('?error=access_denied&provider=notion')).toEqual({
    tone: 'bad',
    title: 'Notion was not connected: access was denied at the provider.',
    text: problemWords('access_denied').fix,
    again: 'notion',
    mayChangeAccount: false,
  });
});

it.each(Object.keys(PROBLEMS))('has words of its own for %s', (code) => {
  const { what, fix } = problemWords(code);
  expect(what).toMatch(/^[a-z].*[^.]$/);
  expect(fix).toMatch(/^[A-Z].*[.]$/);
  if (code !== 'internal') expect(what).not.toBe(problemWords('internal').what);
});

it('offers the change of account where that was the trouble, and nothing where a connect would not help', () => {
  expect(shown('?error=account_mismatch&provider=notion')).toMatchObject({ again: 'notion', mayChangeAccount: true });
  expect(shown('?error=provider_misconfigured&provider=notion')).toMatchObject({ again: null });
});

it('names nothing that a link could make up', () => {
  const evil = '<b>Your account is locked</b>';
  expect(shown(`?success=${encodeURIComponent(evil)}`)).toBeUndefined();
  expect(shown('?success=constructor')).toBeUndefined();
  for (const search of [
    `?error=${encodeURIComponent(evil)}`,
    `?error=access_denied&provider=${encodeURIComponent(evil)}`,
  ])
    expect(JSON.stringify(shown(search))).not.toMatch(/locked|<b>/);
  expect(shown('?error=constructor&provider=constructor')).toMatchObject({
    title: expect.stringMatching(/^The account was not connected/),
  });
});

it('is over once it is undone', () => {
  const list = (status: Integration['status']) => aListed({ status });
  const success = { kind: 'success', provider: 'notion' } as const;
  expect(isOver(success, list('not_connected'))).toBe(true);
  expect(isOver(success, list('reauth_required'))).toBe(true);
  expect(isOver(success, aListed({ metadata: { webhookStatus: 'failing' } }))).toBe(true);
  for (const known of [undefined, [], list('connected'), list('refresh_failing')])
    expect(isOver(success, known)).toBe(false);
  expect(isOver({ kind: 'error', code: 'access_denied', provider: 'notion' }, list('not_connected'))).toBe(false);
});

it('says nothing of an address without an outcome', () => {
  expect(readOutcome('')).toBeUndefined();
  expect(readOutcome('?provider=notion')).toBeUndefined();
});

it('leaves the rest of the address as it was', () => {
  expect(withoutOutcome('https://hub.example/integrations?error=x&a=b&provider=notion#c')).toBe(
    'https://hub.example/integrations?a=b#c',
  );
  expect(withoutOutcome('https://hub.example/integrations?success=notion')).toBe('https://hub.example/integrations');
});

it('makes a sentence', () => {
  expect(sentence('you may not do this')).toBe('You may not do this.');
});
