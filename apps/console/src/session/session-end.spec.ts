import { CONSOLE_SESSION_IDLE_MS } from '@hub/domain';
import { endOf, endWords, UNUSED_MS } from './session-end';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const LATER = '2026-11-28T18:00:00.000Z';
const MINUTE = 60_000;

it('counts the hour as the hub does', () => {
  expect(UNUSED_MS).toBe(CONSOLE_SESSION_IDLE_MS);
});

it.each([
  ['unused', LATER, 60],
  ['unused', LATER, 300],
  ['over', '2026-11-28T12:00:00.000Z', 300],
  ['over', '2026-11-28T11:59:00.000Z', 0],
  ['elsewhere', LATER, 0],
  ['elsewhere', LATER, 50],
] as const)('is %s where it would last until %s and was used %d minutes ago', (end, expiresAt, minutes) => {
  expect(endOf(expiresAt, NOW - minutes * MINUTE, NOW)).toBe(end);
});

it('says that it was the hour', () => {
  expect(endWords('unused')).toBe('You were signed out, since nobody has used this page for an hour.');
});
