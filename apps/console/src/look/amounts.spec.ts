import { byteSize, counted } from './amounts';

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1 kB'],
  [999_600, '1 MB'],
  [1_234_567, '1.2 MB'],
  [15_000_000_000, '15 GB'],
  [104_857_600, '105 MB'],
  [5e15, '5 PB'],
  [5e18, '5000 PB'],
])('%s is %s', (bytes, words) => {
  expect(byteSize(bytes)).toBe(words);
});

it('counts', () => {
  expect([counted(1, 'try', 'tries'), counted(4, 'try', 'tries')]).toEqual(['1 try', '4 tries']);
});
