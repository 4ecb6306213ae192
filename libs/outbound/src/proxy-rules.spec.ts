import { goesByProxy } from './proxy-rules';

const by = (noProxy: string[], host: string, port = '443') =>
  goesByProxy({ proxyUrl: 'http://proxy:3128', noProxy }, host, port);

describe('what goes through the proxy', () => {
  it.each([
    ['everything, if nothing is left out', [], 'api.example.com'],
    ['a name that only ends like one that is left out', ['example.com'], 'badexample.com'],
    ['a name above the one that is left out', ['api.example.com'], 'example.com'],
    ['another port than the one that is left out', ['example.com:8443'], 'example.com'],
    ['an address outside a network that is left out', ['10.0.0.0/8'], '11.1.2.3'],
    ['another address than the one that is left out', ['10.1.2.3'], '10.1.2.4'],
    ['an address, whatever names are left out', ['example.com', '3'], '10.1.2.3'],
    ['an address of the other family', ['10.0.0.0/8', '::/0'], '11.1.2.3'],
    ['a name, whatever networks are left out', ['0.0.0.0/0'], 'example.com'],
    ['all, if the entries are nonsense', ['', '.', '*.', '10.0.0.0/99', 'http://example.com'], 'example.com'],
  ])('%s', (_sentence, noProxy, host) => {
    expect(by(noProxy, host)).toBe(true);
  });
});

describe('what does not', () => {
  it.each([
    ['anything, by a star', ['*'], 'api.example.com'],
    ['the name itself', ['example.com'], 'example.com'],
    ['the name in other letters, with the dot of the root', ['EXAMPLE.com'], 'Example.COM.'],
    ['what is below the name', ['example.com'], 'a.b.example.com'],
    ['what is below a name with a dot before it', ['.example.com'], 'api.example.com'],
    ['what is below a name with a star before it', ['*.example.com'], 'api.example.com'],
    ['the port that is left out', ['example.com:443'], 'example.com'],
    ['an address', ['10.1.2.3'], '10.1.2.3'],
    ['an address with its port', ['10.1.2.3:443'], '10.1.2.3'],
    ['an address in IPv6', ['fd00::1'], 'fd00:0::1'],
    ['an address in IPv6 with its port', ['[fd00::1]:443'], 'fd00::1'],
    ['an address of a network', ['10.0.0.0/8'], '10.200.0.1'],
    ['an address of a network in IPv6', ['fd00::/8'], 'fd12::1'],
    ['an address mapped into IPv6', ['10.0.0.0/8'], '::ffff:10.1.2.3'],
    ['this machine by name', [], 'localhost'],
    ['this machine by address', [], '127.0.0.5'],
    ['this machine in IPv6', [], '::1'],
  ])('%s', (_sentence, noProxy, host) => {
    expect(by(noProxy, host)).toBe(false);
  });

  it('anything, where there is no proxy', () => {
    expect(goesByProxy({ proxyUrl: null }, 'example.com', '443')).toBe(false);
    expect(goesByProxy({}, 'example.com', '443')).toBe(false);
  });
});
