import { newSecret } from '../http/secrets';
import { csrfTokenOf, ownOrigins, proofProblem, type SentBy } from './browser-proof';

const OWN = ['https://hub.example'];
const cookie = newSecret();
const sent = (different: Partial<SentBy> = {}): SentBy => ({
  method: 'POST',
  origin: OWN[0],
  site: 'same-origin',
  csrf: csrfTokenOf(cookie),
  ...different,
});

describe('a request that brings the cookie of a session', () => {
  it.each<[string, Partial<SentBy>]>([
    ['the hub’s own page', {}],
    ['a browser that says nothing of itself', { origin: undefined, site: undefined }],
    ['a read of the hub’s own page', { method: 'GET', origin: undefined, csrf: undefined }],
    ['a read that was typed', { method: 'GET', origin: undefined, site: 'none', csrf: undefined }],
  ])('may use it: %s', (_what, different) => {
    expect(proofProblem(sent(different), cookie, OWN)).toBeUndefined();
  });

  it.each<[string, Partial<SentBy>, string]>([
    ['a page of another origin', { origin: 'https://evil.example' }, 'foreign_origin'],
    ['one of another scheme', { origin: 'http://hub.example' }, 'foreign_origin'],
    ['one of another port', { origin: 'https://hub.example:8443' }, 'foreign_origin'],
    ['one of a sibling', { origin: undefined, site: 'same-site' }, 'foreign_origin'],
    ['one of another site', { origin: undefined, site: 'cross-site' }, 'foreign_origin'],
    ['one of no origin', { origin: 'null', site: undefined }, 'foreign_origin'],
    ['a change that was typed', { site: 'none' }, 'foreign_origin'],
    ['a foreign read', { method: 'GET', origin: 'https://app.example' }, 'foreign_origin'],
    ['no proof', { csrf: undefined }, 'csrf_missing'],
    ['an empty proof', { csrf: '' }, 'csrf_wrong'],
    ['the proof of another cookie', { csrf: csrfTokenOf(newSecret()) }, 'csrf_wrong'],
    ['the cookie itself', { csrf: cookie }, 'csrf_wrong'],
    ['several proofs', { csrf: [csrfTokenOf(cookie)] }, 'csrf_wrong'],
    ['no proof of a method that nobody knows', { method: 'BREW', csrf: undefined }, 'csrf_missing'],
  ])('may not: %s', (_what, different, problem) => {
    expect(proofProblem(sent(different), cookie, OWN)).toBe(problem);
  });
});

describe('the hub’s own origins', () => {
  const config = { publicUrl: 'http://localhost:3000', local: { orgId: null } };

  it('are that of its public URL, whatever host is named', () => {
    for (const host of ['evil.example', '127.0.0.1:3000', undefined])
      expect(ownOrigins({ publicUrl: 'https://hub.example/at', local: null }, host)).toEqual(['https://hub.example']);
  });

  it.each([
    ['127.0.0.1:3000', ['http://localhost:3000', 'http://127.0.0.1:3000']],
    ['[::1]:3000', ['http://localhost:3000', 'http://[::1]:3000']],
    ['evil.example:3000', ['http://localhost:3000']],
    ['localhost.evil.example', ['http://localhost:3000']],
    ['localhost@evil.example', ['http://localhost:3000']],
    ['', ['http://localhost:3000']],
  ])('are those of this machine besides with npm start: %s', (host, own) => {
    expect(ownOrigins(config, host)).toEqual(own);
  });
});
