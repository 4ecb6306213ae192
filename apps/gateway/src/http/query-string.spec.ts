import { doubledNames, parseQuery, singleValues } from './query-string';

describe('a query', () => {
  it('is decoded once, as browsers encode it', () => {
    const parameters = parseQuery('/path?a=1%2B1&b=x+y&c=%2525&d=%C3%A4&e');
    expect(singleValues(parameters)).toEqual({ a: '1+1', b: 'x y', c: '%25', d: 'ä', e: '' });
  });

  it('keeps doubles apart, in their order', () => {
    const parameters = parseQuery('/path?state=one&code=x&state=two');
    expect(parameters.get('state')).toEqual(['one', 'two']);
    expect(doubledNames(parameters)).toEqual(['state']);
    expect(singleValues(parameters)).toEqual({ state: 'one', code: 'x' });
  });

  it('sees a double behind another spelling of its name', () => {
    expect(doubledNames(parseQuery('/path?state=1&st%61te=2'))).toEqual(['state']);
  });

  it.each(['/path', '/path?', ''])('is empty in “%s”', (url) => {
    expect(parseQuery(url).size).toBe(0);
    expect(doubledNames(parseQuery(url))).toEqual([]);
  });

  it('has no name that is special', () => {
    const single = singleValues(parseQuery('/path?__proto__=x&constructor=y'));
    expect(Object.keys(single)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(single)).toBeNull();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('may hold question marks and broken escapes', () => {
    expect(singleValues(parseQuery('/path?next=/a?b=c&bad=%E0%A4%A'))).toMatchObject({ next: '/a?b=c' });
  });
});
