import { isOpenedAhead } from './opened-ahead';

describe('an address that is asked for', () => {
  it.each([
    [{}],
    [{ 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-purpose': '' }],
  ])('is opened by somebody who goes there: %j', (headers) => {
    expect(isOpenedAhead(headers)).toBe(false);
  });

  it.each([
    [{ 'sec-purpose': 'prefetch' }],
    [{ 'sec-purpose': 'prefetch;prerender' }],
    [{ 'sec-purpose': 'prefetch;anonymous-client-ip', 'sec-fetch-dest': 'document' }],
    [{ purpose: 'prefetch' }],
    [{ 'x-purpose': 'preview' }],
    [{ 'x-moz': 'prefetch' }],
    [{ 'sec-fetch-dest': 'empty' }],
    [{ 'sec-fetch-dest': 'iframe' }],
    [{ 'sec-fetch-dest': 'image' }],
  ])('is fetched ahead, or by a page: %j', (headers) => {
    expect(isOpenedAhead(headers)).toBe(true);
  });
});
