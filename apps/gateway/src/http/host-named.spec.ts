import { hostNamed } from './host-named';

describe('the host that a browser named', () => {
  it.each([
    ['localhost:3000', 'localhost'],
    ['LOCALHOST', 'localhost'],
    ['[::1]:3000', '[::1]'],
    ['127.1', '127.0.0.1'],
    ['evil.example:80', 'evil.example'],
    ['localhost@evil.example', 'evil.example'],
    ['localhost:80@evil.example', 'evil.example'],
    ['a b', ''],
    ['', ''],
    [undefined, ''],
  ])('%s is %s', (header, host) => {
    expect(hostNamed(header)).toBe(host);
  });
});
