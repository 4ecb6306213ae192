import { addressKey, keyHash } from './limit-key';

describe('an address is counted', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2::1', '2001:db8:1:2::'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::'],
    ['2001:db8:1:3::1', '2001:db8:1:3::'],
    ['fe80::1%eth0', 'fe80::'],
    ['::1', '::'],
    ['unknown', 'unknown'],
    ['', ''],
  ])('%s as %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

it('is kept as a hash, another for each', () => {
  const hashes = ['203.0.113.7', '203.0.113.8', 'page 203.0.113.7'].map(keyHash);
  expect(new Set(hashes).size).toBe(3);
  for (const hash of hashes) expect(hash).toMatch(/^[A-Za-z0-9_-]{22}$/);
});
