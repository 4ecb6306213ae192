import { STATUSES } from '@hub/domain';
import type { Integration } from '../wire/wire';
import { hasMoved, statusWords, troubleOf } from './status-words';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const TOKEN = { hasToken: true };
const LATER = '2026-11-28T12:30:00.000Z';
const EARLIER = '2026-11-28T11:30:00.000Z';

const anIntegration = (parts: Partial<Integration> = {}): Integration => ({
  provider: 'notion',
  configured: true,
  status: 'connected',
  scope: null,
  account: null,
  expiresAt: LATER,
  nextRefreshAt: null,
  lastSyncAt: null,
  metadata: {},
  failure: null,
  createdAt: null,
  updatedAt: null,
  ...parts,
});
const aFailure = (code: string) => ({ code, at: EARLIER, attempts: 2 });

it.each([
  [anIntegration(), 'good', 'Connected'],
  [anIntegration({ status: 'refresh_failing' }), 'warn', 'Connected, a refresh is being retried'],
  [anIntegration({ status: 'refresh_failing', expiresAt: null }), 'warn', 'Connected, a refresh is being retried'],
  [
    anIntegration({ status: 'refresh_failing', expiresAt: EARLIER }),
    'bad',
    'Access has lapsed, a refresh is being retried',
  ],
  [anIntegration({ metadata: { webhookStatus: 'reachable' } }), 'good', 'Connected'],
  [anIntegration({ metadata: { webhookStatus: 'failing' } }), 'warn', 'Connected, deliveries fail'],
  [anIntegration({ status: 'reauth_required' }), 'bad', 'Sign in again needed'],
  [anIntegration({ status: 'not_connected' }), 'idle', 'Not connected'],
  [anIntegration({ status: 'not_connected', configured: false }), 'idle', 'Not set up in this hub'],
])('shows %# by tone and words', (integration, tone, words) => {
  expect(statusWords(integration, NOW, TOKEN)).toEqual({ tone, words });
});

it('has different words for every status', () => {
  const words = [...STATUSES, 'not_connected' as const].map(
    (status) => statusWords(anIntegration({ status }), NOW, TOKEN).words,
  );
  expect(new Set(words).size).toBe(words.length);
});

it('has nothing to tell of an integration that is well', () => {
  expect(troubleOf(anIntegration(), TOKEN)).toBeUndefined();
  expect(troubleOf(anIntegration({ status: 'not_connected' }), TOKEN)).toBeUndefined();
});

it('asks for a sign-in only where nothing else helps', () => {
  expect(
    troubleOf(anIntegration({ status: 'reauth_required', failure: aFailure('invalid_grant') }), TOKEN),
  ).toMatchObject({
    tone: 'bad',
    what: 'The provider does not accept the earlier sign-in any more.',
    fix: expect.stringContaining('Reconnect'),
  });
  const retried = troubleOf(
    anIntegration({ status: 'refresh_failing', failure: aFailure('provider_unavailable') }),
    TOKEN,
  );
  expect(retried).toEqual({
    tone: 'warn',
    what: 'The last refresh failed: the provider cannot be reached just now.',
    fix: 'It is tried again by itself.',
  });
  expect(troubleOf(anIntegration({ failure: aFailure('bad_provider_response') }), TOKEN)?.what).toMatch(
    /^The last sync failed/,
  );
});

it('tells of a webhook that does not take deliveries, unless something worse is to be told', () => {
  const failing = anIntegration({ metadata: { webhookStatus: 'failing' } });
  expect(troubleOf(failing, { hasToken: false })).toMatchObject({
    tone: 'warn',
    what: 'The webhook does not take deliveries.',
  });
  expect(troubleOf({ ...failing, status: 'reauth_required' }, { hasToken: false })?.tone).toBe('bad');
  expect(troubleOf({ ...failing, status: 'not_connected' }, { hasToken: false })).toBeUndefined();
});

it('asks for another URL where the credential is one', () => {
  const gone = anIntegration({ status: 'reauth_required', failure: aFailure('invalid_grant') });
  expect(statusWords(gone, NOW, { hasToken: false }).words).toBe('New URL needed');
  expect(troubleOf(gone, { hasToken: false })?.fix).toMatch(/Reconnect with a URL/);
});

it('sees that work has shown', () => {
  const before = anIntegration({ lastSyncAt: EARLIER });
  expect(hasMoved(before, { ...before })).toBe(false);
  expect(hasMoved(before, { ...before, lastSyncAt: LATER })).toBe(true);
  expect(hasMoved(before, { ...before, failure: aFailure('internal') })).toBe(true);
  expect(hasMoved(before, { ...before, status: 'reauth_required' })).toBe(true);
});
