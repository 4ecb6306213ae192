import { permitsAddress, ruleFor, vouchedFor, type OutboundRules } from './address-rules';

const INWARD = [
  '127.0.0.1',
  '127.1.2.3',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '168.63.129.16',
  '::ffff:168.63.129.16',
  '192.0.0.170',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '::8.8.8.8',
  '64:ff9b::7f00:1',
  '64:ff9b::808:808',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '4000::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  'no address',
  '',
];

describe('addresses that tenants or providers influence', () => {
  it.each(INWARD)('refuses %j', (address) => {
    expect(permitsAddress('public', address)).toBe(false);
  });

  it.each(['8.8.8.8', '168.63.129.15', '140.82.121.3', '2606:4700::1111', '2a00:1450:4001:80b::200e'])(
    'permits %s',
    (address) => {
      expect(permitsAddress('public', address)).toBe(true);
    },
  );
});

describe('addresses with the sandbox allowed', () => {
  it.each(['127.0.0.1', '127.255.0.9', '::1', '8.8.8.8'])('permits %s', (address) => {
    expect(permitsAddress('public_or_loopback', address)).toBe(true);
  });

  it.each(INWARD.filter((address) => !['127.0.0.1', '127.1.2.3', '::1'].includes(address)))(
    'still refuses %j',
    (address) => {
      expect(permitsAddress('public_or_loopback', address)).toBe(false);
    },
  );
});

describe('the rule for a connection', () => {
  const strict = { allowPrivate: false, allowHosts: [] };
  const local = { allowPrivate: true, allowHosts: ['idp.internal'] };

  it.each([
    ['https to anywhere is for public addresses', strict, 'https:', 'api.example.com', 'public'],
    ['http goes nowhere', strict, 'http:', 'api.example.com', undefined],
    ['http goes to this machine only, once that is allowed', local, 'http:', 'api.example.com', 'loopback'],
    ['a vouched host may have any address', local, 'https:', 'idp.internal', 'any'],
    ['a vouched host still needs https', local, 'http:', 'idp.internal', 'loopback'],
    ['names are compared without case', local, 'https:', 'IDP.internal', 'any'],
    ['a longer name is another host', local, 'https:', 'idp.internal.evil.example', 'public_or_loopback'],
    ['other protocols go nowhere', local, 'ftp:', 'idp.internal', undefined],
  ])('%s', (_sentence, rules, protocol, hostname, rule) => {
    expect(ruleFor(rules, protocol, hostname)).toBe(rule);
  });
});

describe('other addresses', () => {
  it.each(['10.0.0.1', '169.254.169.254', 'no address'])(
    '%s is permitted where the operator vouches for the host',
    (address) => {
      expect(permitsAddress('any', address)).toBe(true);
    },
  );

  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['8.8.8.8', false],
    ['10.0.0.1', false],
  ])('%s, where only this machine may be called: %s', (address, isPermitted) => {
    expect(permitsAddress('loopback', address)).toBe(isPermitted);
  });
});

describe('a host that the operator vouches for', () => {
  it.each([
    ['https://Keys.Internal:8443/jwks', { allowPrivate: false, allowHosts: ['keys.internal'] }],
    ['http://localhost/jwks', { allowPrivate: true, allowHosts: ['localhost'] }],
    ['https://[FD00::1]/jwks', { allowPrivate: false, allowHosts: ['fd00::1'] }],
    ['https://10.0.0.1/jwks', { allowPrivate: false, allowHosts: ['10.0.0.1'] }],
  ])('is the only one that its client calls: %s', (url, rules) => {
    const proxy = { proxyUrl: 'http://proxy:3128', noProxy: ['a'] };
    const ofOthers: OutboundRules = { ...proxy, allowPrivate: true, allowHosts: ['other'] };
    expect(vouchedFor(ofOthers, url)).toEqual({ ...proxy, ...rules });
  });
});
