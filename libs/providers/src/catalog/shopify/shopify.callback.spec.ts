import { createHmac } from 'node:crypto';
import type { CallbackQuery } from '@hub/domain';
import { normaliseShop, normaliseShopifyScopes, signedMessage, verifyShopifyCallback } from './shopify.callback';

describe('a shop', () => {
  it.each([
    ['some-shop'],
    ['Some-Shop'],
    ['  some-shop  '],
    ['some-shop.myshopify.com'],
    ['SOME-SHOP.MyShopify.com'],
    ['https://some-shop.myshopify.com'],
    ['http://some-shop.myshopify.com/'],
    ['https://some-shop.myshopify.com/admin/products?x=1#y'],
    ['some-shop.myshopify.com/admin'],
    ['https://admin.shopify.com/store/some-shop'],
    ['https://admin.shopify.com/store/some-shop/products?x=1'],
    ['admin.shopify.com/store/some-shop'],
  ])('is read from %j', (text) => {
    expect(normaliseShop(text)).toBe('some-shop.myshopify.com');
  });

  it.each([
    [''],
    [' '],
    ['-shop'],
    ['some_shop'],
    ['some shop'],
    ['www.brand.example'],
    ['https://www.brand.example'],
    ['myshopify.com'],
    ['.myshopify.com'],
    ['shop.myshopify.com.evil.example'],
    ['evil.example/shop.myshopify.com'],
    ['evil.example#.myshopify.com'],
    ['https://evil.example/?shop.myshopify.com'],
    ['https://shop.myshopify.com@evil.example/'],
    ['https://user@shop.myshopify.com/'],
    ['https://shop.myshopify.com:8443/'],
    ['a.b.myshopify.com'],
    ['shop.myshopify.com.'],
    ['shop.myshopify.com\n.evil.example'],
    ['shop.myshopify.com\0'],
    ['sh\u212Aop'],
    ['ｓｈｏｐ.myshopify.com'],
    ['https://ｓｈｏｐ.myshopify.com'],
    ['https://admin.shopify.com/store/'],
    ['https://admin.shopify.com/some-shop'],
    ['https://admin.shopify.com.evil.example/store/some-shop'],
    ['javascript:alert(1)'],
    ['{shop}'],
    ['a'.repeat(64)],
    [`https://shop.myshopify.com/${'a'.repeat(500)}`],
  ])('is not read from %j', (text) => {
    expect(normaliseShop(text)).toBeUndefined();
  });

  it('stays as it is once it is normalised', () => {
    expect(normaliseShop(normaliseShop('Some-Shop') ?? '')).toBe('some-shop.myshopify.com');
  });
});

describe('scopes', () => {
  it.each([
    [
      ['write_products', 'read_orders'],
      ['read_products', 'write_products', 'read_orders'],
    ],
    [
      ['read_products', 'write_products', 'read_orders'],
      ['read_products', 'write_products', 'read_orders'],
    ],
    [['unauthenticated_write_checkouts'], ['unauthenticated_read_checkouts', 'unauthenticated_write_checkouts']],
    [[], []],
  ])('%j mean %j', (scopes, rights) => {
    expect(normaliseShopifyScopes(scopes)).toEqual(rights);
  });
});

describe('the signature', () => {
  // Both vectors are signed with the secret `hush`; the first one is of Shopify's own documentation.
  const documented = {
    code: '0907a61c0c8d55e99db179b68161bc00',
    shop: 'some-shop.myshopify.com',
    state: '0.6784241404160823',
    timestamp: '1337178173',
    hmac: '700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf',
  };
  const withHost = {
    code: '0907a61c0c8d55e99db179b68161bc00',
    host: 'YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvc29tZS1zaG9w',
    shop: 'some-shop.myshopify.com',
    state: '0123456789abcdef',
    timestamp: '1337178173',
    hmac: '60a97c4ea856b529c134dd3caae96736f1086c4024f264f870e901491592de94',
  };

  const verify = (query: CallbackQuery, more: Partial<Parameters<typeof verifyShopifyCallback>[0]> = {}) =>
    verifyShopifyCallback({
      query,
      inputs: { shop: 'some-shop.myshopify.com' },
      clientSecrets: ['hush'],
      nowSeconds: 1_337_178_173,
      ...more,
    });

  const signed = (query: CallbackQuery, secret = 'hush'): CallbackQuery => ({
    ...query,
    hmac: createHmac('sha256', secret).update(signedMessage(query)).digest('hex'),
  });

  it.each([
    ["of Shopify's documentation", documented],
    ['with a host', withHost],
  ])('%s is good', (_what, query) => {
    expect(verify(query)).toBeUndefined();
  });

  it('covers parameters that nobody has heard of, in whatever order they come', () => {
    const query = signed({ zebra: 'a b', timestamp: '1337178173', shop: 'some-shop.myshopify.com', Alpha: 'ü&=%' });
    expect(signedMessage(query)).toBe(
      'Alpha=%C3%BC%26%3D%25&shop=some-shop.myshopify.com&timestamp=1337178173&zebra=a%20b',
    );
    expect(verify(query)).toBeUndefined();
    expect(verify({ ...query, zebra: 'a c' })).toMatchObject({ kind: 'not_authentic', reason: 'hmac' });
  });

  it('may be of any secret of the list', () => {
    expect(verify(documented, { clientSecrets: ['newer', 'hush'] })).toBeUndefined();
  });

  it.each([
    ['changed', { ...documented, hmac: documented.hmac.replace('7', '8') }],
    ['missing', { ...documented, hmac: '' }],
    ['in capitals', { ...documented, hmac: documented.hmac.toUpperCase() }],
    ['too short', { ...documented, hmac: documented.hmac.slice(1) }],
    ['of another parameter', { ...documented, code: 'another' }],
    ['of fewer parameters', { ...documented, extra: '1' }],
    ['of parameters that were run together', { ...documented, code: `${documented.code}&host=x` }],
  ])('is not authentic when it is %s', (_what, query) => {
    expect(verify(query)).toEqual({ kind: 'not_authentic', reason: 'hmac' });
  });

  it('is not authentic by another secret, or by none', () => {
    expect(verify(documented, { clientSecrets: ['other'] })).toEqual({ kind: 'not_authentic', reason: 'hmac' });
    expect(verify(documented, { clientSecrets: [] })).toEqual({ kind: 'not_authentic', reason: 'hmac' });
  });

  it.each(['some-shop.myshopify.com.evil.example', 'Some-Shop.myshopify.com', 'evil.example', ''])(
    'does not help %j, which is no shop',
    (shop) => {
      expect(verify(signed({ ...documented, shop }))).toEqual({ kind: 'not_authentic', reason: 'shop' });
    },
  );

  it.each<[number, boolean]>([
    [90, true],
    [-90, true],
    [91, false],
    [-91, false],
  ])('that is %i seconds old is good: %j', (age, good) => {
    expect(verify(documented, { nowSeconds: 1_337_178_173 + age }) === undefined).toBe(good);
  });

  it.each(['', 'soon', '-1337178173', '1337178173.5', '1e9'])('with the time %j is not authentic', (timestamp) => {
    expect(verify(signed({ ...documented, timestamp }))).toEqual({ kind: 'not_authentic', reason: 'timestamp' });
  });

  it('of another shop than the flow was started for names that shop', () => {
    expect(verify(documented, { inputs: { shop: 'old-name.myshopify.com' } })).toEqual({
      kind: 'other_account',
      account: 'some-shop.myshopify.com',
    });
    expect(verify(documented, { inputs: {} })).toMatchObject({ kind: 'other_account' });
  });
});
