import { clockTime, howFar, isPast } from './times';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

it.each([
  [0, 'just now'],
  [-30, 'just now'],
  [5, 'just now'],
  [30, 'in less than a minute'],
  [-60, '1 minute ago'],
  [-90, '1 minute ago'],
  [38 * 60, 'in 38 minutes'],
  [-59 * 60 - 40, '1 hour ago'],
  [-3 * 3600, '3 hours ago'],
  [-23.8 * 3600, '1 day ago'],
  [9 * 86400, 'in 9 days'],
])('%s seconds away is %s', (seconds, words) => {
  expect(howFar(at(seconds), NOW)).toBe(words);
});

it('names the day only where it is another', () => {
  expect(clockTime(at(-3600), NOW, 'en-GB', 'UTC')).toBe('11:00');
  expect(clockTime(at(-86400), NOW, 'en-GB', 'UTC')).toMatch(/27 Nov 2026.*12:00/);
});

it('knows what has passed', () => {
  expect([isPast(at(-1), NOW), isPast(at(1), NOW)]).toEqual([true, false]);
});
