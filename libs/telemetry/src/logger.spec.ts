import { HubLogger, type LogFields } from './logger';

/** The records that are written while `write` runs. */
function recordsOf(write: (logger: HubLogger) => void, level = 'trace'): Record<string, unknown>[] {
  const lines: string[] = [];
  write(HubLogger.forApp('gateway', level, { write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a record', () => {
  it('is one JSON line with app, time and the event as its handle', () => {
    const [record] = recordsOf((logger) => logger.info('refresh.succeeded', { integration: 'i-1', attempts: 2 }));
    expect(record).toMatchObject({
      app: 'gateway',
      'event.name': 'refresh.succeeded',
      integration: 'i-1',
      attempts: 2,
    });
    expect(record?.time).toMatch(/^\d{4}-\d{2}-\d{2}T.*Z$/);
  });

  it.each([
    ['info', 30],
    ['warning', 40],
  ] as const)('of %s has level %d', (method, level) => {
    expect(recordsOf((logger) => logger[method]('x.y'))).toMatchObject([{ level }]);
  });

  it('below the level is not written', () => {
    expect(recordsOf((logger) => logger.info('x.y'), 'warn')).toEqual([]);
    expect(recordsOf((logger) => logger.failure('x.y', new Error('z')), 'silent')).toEqual([]);
  });
});

describe('a secret that slips into a record', () => {
  it.each([
    ...['access_token', 'refresh_token', 'id_token', 'client_secret', 'code', 'code_verifier', 'state', 'password'],
    ...['authorization', 'cookie', 'accessToken', 'refreshToken', 'clientSecret'],
  ])('as %s is cut out, on the top and one level down', (name) => {
    const fields = { [name]: 'canary', nested: { [name]: 'canary' }, provider: 'notion' };
    const [record] = recordsOf((logger) => logger.info('x.y', fields as unknown as LogFields));
    expect(JSON.stringify(record)).not.toContain('canary');
    expect(record).toMatchObject({ [name]: '[redacted]', provider: 'notion' });
  });
});

describe('a failure', () => {
  it('is told with its kind, code, words, stack and cause', () => {
    const error = Object.assign(new TypeError('it broke', { cause: new Error('why') }), { code: 'E_X' });
    const [record] = recordsOf((logger) => logger.failure('worker.job_failed', error, { queue: 'token-refresh' }));
    expect(record).toMatchObject({
      level: 50,
      'event.name': 'worker.job_failed',
      queue: 'token-refresh',
      'error.type': 'TypeError',
      'error.code': 'E_X',
      'error.message': 'it broke',
      'error.cause': 'Error: why',
    });
    expect(record?.['error.stack']).toMatch(/logger\.spec/);
  });

  it('leaves out what a database adds, which may be data of a row', () => {
    const error = Object.assign(new Error('duplicate key'), { detail: 'Key (canary)', parameters: ['canary'] });
    const [record] = recordsOf((logger) => logger.failure('x.y', error));
    expect(JSON.stringify(record)).not.toContain('canary');
  });

  it.each([
    ['text', 'string'],
    [undefined, 'undefined'],
    [{ canary: 1 }, 'object'],
  ])('that is no Error (%j) is told by its type alone', (thrown, type) => {
    const [record] = recordsOf((logger) => logger.failure('x.y', thrown));
    expect(record).toMatchObject({ 'error.type': type });
    expect(JSON.stringify(record)).not.toContain('canary');
  });
});

describe('Nest’s own messages', () => {
  it.each([
    ['log', 20],
    ['debug', 20],
    ['verbose', 10],
    ['warn', 40],
    ['error', 50],
    ['fatal', 60],
  ] as const)('by %s come through the same door with level %d', (method, level) => {
    expect(recordsOf((logger) => logger[method]('Nest says', 'Context'))).toMatchObject([{ level, msg: 'Nest says' }]);
  });
});
