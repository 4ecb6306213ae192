import { warnOfPrivate } from './private-warning';

describe('OUTBOUND_ALLOW_PRIVATE', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function warned(allowPrivate: boolean): string[] {
    const events: string[] = [];
    warnOfPrivate({ allowPrivate, allowHosts: [] }, { warning: (event) => events.push(event) });
    return events;
  }

  it('is told at the start and each hour', () => {
    const events = warned(true);
    expect(events).toEqual(['hub.outbound.private_allowed']);
    jest.advanceTimersByTime(2 * 60 * 60_000);
    expect(events).toHaveLength(3);
  });

  it('is told with what mends it', () => {
    const told: unknown[] = [];
    warnOfPrivate({ allowPrivate: true, allowHosts: [] }, { warning: (_event, fields) => told.push(fields) });
    expect(told).toEqual([{ fix: expect.stringContaining('OUTBOUND_ALLOW_PRIVATE') }]);
  });

  it('is not told where it is not set', () => {
    const events = warned(false);
    jest.advanceTimersByTime(2 * 60 * 60_000);
    expect(events).toEqual([]);
  });
});
