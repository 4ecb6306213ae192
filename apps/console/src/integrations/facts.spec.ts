import type { Integration } from '../wire/wire';
import { factsOf, inWords } from './facts';

const AT = '2026-11-28T12:30:00.000Z';

const aConnected = (metadata: Integration['metadata'], parts: Partial<Integration> = {}): Integration => ({
  provider: 'x',
  configured: true,
  status: 'connected',
  scope: null,
  account: { id: '1', label: 'Ada' },
  expiresAt: null,
  nextRefreshAt: null,
  lastSyncAt: AT,
  metadata,
  failure: null,
  createdAt: AT,
  updatedAt: AT,
  ...parts,
});
const shown = (integration: Integration, hasToken = true) =>
  factsOf(integration, { hasToken }).map((fact) => `${fact.label}: ${fact.kind === 'time' ? fact.at : fact.text}`);

it.each([
  [
    { plan: 'Basic', shopName: 'Teas', primaryDomain: 'teas.example' },
    ['Shop: Teas', 'Plan: Basic', 'Domain: teas.example'],
  ],
  [{ workspaceName: 'Work', botId: 'b', memberCount: 1234 }, ['Workspace: Work', 'Bot: b', 'Members: 1,234']],
  [{ rootFolderId: '0A', quota: { limit: 15e9, usage: 3e9 } }, ['Root folder: 0A', 'Storage: 3 GB of 15 GB used']],
  [{ quota: { limit: null, usage: 3e9 } }, ['Storage: 3 GB used, no limit']],
  [{ quota: { limit: null, usage: null } }, []],
  [{ webhookStatus: 'unverified', lastDeliveryAt: null }, ['Webhook: Not tried yet']],
  [{ webhookStatus: 'gone', lastDeliveryAt: AT }, ['Webhook: Gone: connect a new URL', `Last delivery: ${AT}`]],
  [{ teamName: 'Red', seats: 3, odd: { a: 1 } }, ['Team name: Red', 'Seats: 3']],
])('tells %j', (metadata, facts) => {
  expect(shown(aConnected(metadata))).toEqual(['Account: Ada', ...facts, `Last sync: ${AT}`]);
});

it('draws how full something is', () => {
  expect(factsOf(aConnected({ quota: { limit: 10, usage: 4 } }), { hasToken: true })[1]).toMatchObject({
    kind: 'meter',
    value: 4,
    max: 10,
  });
});

it('tells what comes next where something does', () => {
  expect(shown(aConnected({}, { nextRefreshAt: AT, expiresAt: AT, lastSyncAt: null }))).toEqual([
    'Account: Ada',
    'Last sync: Not yet',
    `Next refresh: ${AT}`,
    `Access until: ${AT}`,
  ]);
  expect(shown(aConnected({}), false)).toContain(`Last check: ${AT}`);
});

it('promises no access where a new sign-in is needed first, whatever is left of the token', () => {
  const ended = aConnected({}, { status: 'reauth_required', expiresAt: AT });
  expect(shown(ended)).toEqual(['Account: Ada', `Last sync: ${AT}`]);
  expect(shown({ ...ended, status: 'refresh_failing' })).toContain(`Access until: ${AT}`);
});

it('tells nothing of what is not connected', () => {
  expect(factsOf(aConnected({}, { status: 'not_connected' }), { hasToken: true })).toEqual([]);
});

it('puts a key into words', () => {
  expect([inWords('teamName'), inWords('team_name')]).toEqual(['Team name', 'Team name']);
});
