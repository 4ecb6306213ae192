import { handshakeProblem } from './handshake';

const GOOD = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
const problemOf = (headers: object) => handshakeProblem({ ...GOOD, ...headers }, 'hub.v1');

describe('a handshake', () => {
  it.each([
    ['without subprotocols', {}],
    ['with the one that is spoken', { 'sec-websocket-protocol': 'hub.v1' }],
    ['with a bearer beside it', { 'sec-websocket-protocol': 'hub.v1, bearer.a-b_c.d.e' }],
  ])('is good %s', (_what, headers) => {
    expect(problemOf(headers)).toBeUndefined();
  });

  it.each([
    ['no version', 426, { 'sec-websocket-version': undefined }],
    ['another version', 426, { 'sec-websocket-version': '8' }],
    ['no key', 400, { 'sec-websocket-key': undefined }],
    ['a short key', 400, { 'sec-websocket-key': 'abc=' }],
    ['other subprotocols alone', 400, { 'sec-websocket-protocol': 'bearer.a.b.c' }],
    ['an empty list of subprotocols', 400, { 'sec-websocket-protocol': '' }],
    ['a subprotocol twice', 400, { 'sec-websocket-protocol': 'hub.v1, hub.v1' }],
    ['a subprotocol that is no token', 400, { 'sec-websocket-protocol': 'hub.v1, a b' }],
  ])('is refused with %s, and no word of what was sent', (_what, status, headers) => {
    const problem = problemOf(headers);
    expect([problem?.status, problem?.code]).toEqual([status, 'invalid_request']);
    expect(problem?.message).not.toContain('a.b.c');
  });
});
