import { MOST_DATA_BYTES, refusalOfData } from './posted-event';

/** Data whose JSON has exactly so many bytes. */
const ofBytes = (bytes: number, letter = 'x'): object => ({
  text: letter.repeat((bytes - '{"text":""}'.length) / Buffer.byteLength(letter)),
});
const nested = (levels: number): object => (levels === 1 ? {} : { inner: [nested(levels - 2)] });

describe('what can be the data of an event', () => {
  it.each([
    ['an empty object', {}],
    ['as many bytes as are taken', ofBytes(MOST_DATA_BYTES)],
    ['many things beside each other', { list: Array.from({ length: 1_000 }, (_, place) => ({ place })) }],
    ['what is nested as deep as is taken', nested(63)],
    ['nulls, numbers and texts', { a: null, b: 1.5, c: 'ä', d: [true] }],
  ])('%s can', (_what, data) => expect(refusalOfData(data)).toBeUndefined());

  it.each([
    ['a byte too many', ofBytes(MOST_DATA_BYTES + 1), /at most 262144 bytes/],
    ['fewer letters than bytes, if those are too many', ofBytes(MOST_DATA_BYTES + 1, 'ä'), /at most 262144 bytes/],
    ['a level too many', nested(65), /more than 64 levels/],
    [
      'so many levels that no walk would come to their end',
      JSON.parse(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
      /levels/,
    ],
  ])('%s cannot', (_what, data, why) => expect(refusalOfData(data)).toMatch(why));
});
