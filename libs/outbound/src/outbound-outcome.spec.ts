import { noAnswerReason, notSentReason, type NoAnswerReason, type NotSentReason } from './outbound-outcome';

const withCode = (code: unknown) => Object.assign(new Error('an address, and perhaps a secret'), { code });

describe('why no byte has left', () => {
  it.each<[string, NotSentReason]>([
    ['HUB_BLOCKED_ADDRESS', 'blocked_address'],
    ['HUB_PROXY', 'proxy'],
    ['ENOTFOUND', 'dns'],
    ['EAI_AGAIN', 'dns'],
    ['ENODATA', 'dns'],
    ['EAI_FAIL', 'dns'],
    ['EAI_NODATA', 'dns'],
    ['EAI_NONAME', 'dns'],
    ['ECONNREFUSED', 'refused'],
    ['ETIMEDOUT', 'connect_timeout'],
    ['UND_ERR_CONNECT_TIMEOUT', 'connect_timeout'],
    ['EPROTO', 'tls'],
    ['UND_ERR_INVALID_ARG', 'bad_request'],
    ['UND_ERR_DESTROYED', 'closed'],
    ['UND_ERR_CLOSED', 'closed'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls'],
    ['UNABLE_TO_GET_ISSUER', 'tls'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['ECONNRESET', 'connect'],
    ['toString', 'connect'],
    ['__proto__', 'connect'],
    ['', 'connect'],
  ])('%s is %s', (code, reason) => {
    expect(notSentReason(withCode(code))).toBe(reason);
  });

  it('is told by the first of the addresses that were tried', () => {
    const group = new AggregateError([withCode('ECONNREFUSED'), withCode('ETIMEDOUT')]);
    expect(notSentReason(group)).toBe('refused');
    expect(notSentReason(new AggregateError([new AggregateError([withCode('ENOTFOUND')])]))).toBe('dns');
    expect(notSentReason(Object.assign(new AggregateError([withCode('ENOTFOUND')]), { code: 'EPROTO' }))).toBe('tls');
  });

  it.each([
    undefined,
    null,
    'ENOTFOUND',
    new Error('ENOTFOUND'),
    withCode(7),
    new AggregateError([]),
    { errors: 'many' },
  ])('is the connection where nothing says more: %p', (error) => {
    expect(notSentReason(error)).toBe('connect');
  });
});

describe('why there is no answer', () => {
  it.each<[string, NoAnswerReason]>([
    ['UND_ERR_DESTROYED', 'closed'],
    ['UND_ERR_CLOSED', 'closed'],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
    ['UND_ERR_BODY_TIMEOUT', 'timeout'],
    ['ETIMEDOUT', 'timeout'],
    ['ERR_TIMEOUT_OF_ANOTHER', 'connection_lost'],
    ['UND_ERR_SOCKET', 'connection_lost'],
    ['ECONNRESET', 'connection_lost'],
  ])('%s is %s', (code, reason) => {
    expect(noAnswerReason(withCode(code))).toBe(reason);
  });

  it('is a lost connection where nothing says more', () => {
    expect(noAnswerReason(undefined)).toBe('connection_lost');
  });
});
