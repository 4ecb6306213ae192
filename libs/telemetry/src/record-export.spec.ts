import { HubLogger } from './logger';
import { recordDestination, recordOf, sendRecordsBy } from './record-export';

afterEach(() => sendRecordsBy(undefined));

/** What is sent, and what stands on standard output, while `write` runs. */
function written(write: (logger: HubLogger) => void): { sent: string[]; standing: string[] } {
  const sent: string[] = [];
  const standing: string[] = [];
  sendRecordsBy((line) => sent.push(line));
  write(HubLogger.forApp('gateway', 'info', recordDestination({ write: (line) => standing.push(line) })));
  return { sent, standing };
}

it('records are written by pino alone while nobody sends them', () => {
  expect(recordDestination()).toBeUndefined();
});

it('a record is sent in place of standard output', () => {
  const { sent, standing } = written((logger) => logger.warning('hub.sync.failed'));
  expect([sent.length, standing.length]).toEqual([1, 0]);
});

it.each<[string, (logger: HubLogger) => void]>([
  ['a failure', (logger) => logger.failure('hub.worker.crashed', new Error('it broke'))],
  ['what telemetry says of itself', (logger) => logger.warning('hub.telemetry.export_failed')],
])('%s stands on standard output too', (_what, write) => {
  const { sent, standing } = written(write);
  expect(standing).toEqual(sent);
  expect(sent).toHaveLength(1);
});

it('records stand on standard output again once nothing is sent any more', () => {
  const { sent, standing } = written((logger) => {
    sendRecordsBy(undefined);
    logger.info('hub.worker.stopped');
  });
  expect([sent.length, standing.length]).toEqual([0, 1]);
});

it('what is cut out of a line is cut out of what is sent', () => {
  const { sent } = written((logger) => logger.info('x.y', { code: 'canary' }));
  expect(sent.join()).not.toContain('canary');
  expect(recordOf(sent[0]!).attributes).toMatchObject({ code: '[redacted]' });
});

it('a line is told with its time, its severity, its name and its fields', () => {
  const { sent } = written((logger) => logger.warning('hub.refresh.failed', { provider: 'notion', attempt: 2 }));
  const { timestamp, ...record } = recordOf(sent[0]!);
  expect(record).toEqual({
    severityNumber: 13,
    severityText: 'warn',
    eventName: 'hub.refresh.failed',
    body: 'hub.refresh.failed',
    attributes: { app: 'gateway', pid: process.pid, provider: 'notion', attempt: 2 },
  });
  expect(timestamp).toEqual(new Date((JSON.parse(sent[0]!) as { time: string }).time));
});

it.each([
  [10, 1],
  [20, 5],
  [30, 9],
  [40, 13],
  [50, 17],
  [60, 21],
])('level %d is severity %d', (level, severity) => {
  expect(recordOf(JSON.stringify({ level, time: 0, msg: 'Nest says' }))).toMatchObject({
    severityNumber: severity,
    body: 'Nest says',
  });
});
