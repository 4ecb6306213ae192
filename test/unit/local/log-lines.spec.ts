import { launcher } from '../../support/launcher';

let readable: (line: string) => string;
beforeAll(async () => {
  ({ readable } = await launcher<{ readable: typeof readable }>('log-lines'));
});

const time = new Date(2026, 0, 2, 3, 4, 5).toISOString();

it.each([
  [
    {
      level: 30,
      time,
      pid: 1,
      hostname: 'h',
      event: { name: 'refresh.succeeded' },
      msg: 'refreshed',
      provider: 'notion',
    },
    '03:04:05 info refresh.succeeded refreshed provider=notion',
  ],
  [{ level: 'warn', time, 'event.name': 'a.b', msg: 'text' }, '03:04:05 warn a.b text'],
  [{ level: 30, time, http: { method: 'GET', status: 200 } }, '03:04:05 info http.method=GET http.status=200'],
  [
    { level: 50, time, msg: 'no', err: { type: 'TypeError', message: 'x is null', stack: 's' } },
    '03:04:05 error no TypeError: x is null',
  ],
])('shortens %j', (entry, expected) => {
  expect(readable(JSON.stringify(entry))).toBe(expected);
});

it.each(['plain words', '{ not json', '{"no":"level"}', ''])('leaves %j as it is', (line) => {
  expect(readable(line)).toBe(line);
});

it('cuts a long field short', () => {
  expect(readable(JSON.stringify({ level: 30, time, url: 'x'.repeat(500) })).length).toBeLessThan(160);
});
